/**
 * One SUBSCRIBE of one client: where its deliveries come from (an upstream subscription of its own, or a membership in a shared one), and
 * which of them the client still owes an ACK.
 *
 *   starting ── live ──▶ open ── UNSUBSCRIBE ──▶ stopping ── settled, or grace over ──▶ ended
 *
 * Deliveries that come before the RECEIPT of the SUBSCRIBE is written are held; those that come after UNSUBSCRIBE are released.
 */
import type { Delivery, Link, Outcome, Sink, SubscribeOptions, Subscription } from '../broker/broker.ts'
import type { Timer } from '../broker/clock.ts'
import type { BrokerError } from '../broker/errors.ts'
import type { Membership } from '../broker/fanout.ts'
import type { Place } from '../routing/route.ts'
import type { Framing } from '../transports/wire.ts'
import type { Audience, Member } from './audience.ts'
import { GAP, MessageView } from './delivery.ts'
import { PolicyError } from './failure.ts'
import { type Claim, Ledger } from './ledger.ts'
import type { SentListener } from './outlet.ts'
import type { Session } from './session.ts'
import { Starvation } from './starvation.ts'

export type AckMode = 'auto' | 'client' | 'client-individual'

export interface SubscriptionRequest {
  /** 1, 2, 3 … within the session. */
  readonly number: number
  /** The `id` header; undefined in STOMP 1.0 without one. */
  readonly id: string | undefined
  readonly place: Place
  readonly ack: AckMode
  readonly options: SubscribeOptions
}

export class ClientSubscription implements Sink, SentListener, Member {
  readonly number: number
  readonly id: string | undefined
  readonly place: Place
  readonly ack: AckMode
  readonly view: MessageView
  readonly #session: Session
  readonly #options: SubscribeOptions
  readonly #ledger: Ledger | undefined
  #own: Subscription | undefined
  #membership: Membership<Audience> | undefined
  #state: 'starting' | 'open' | 'stopping' | 'ended' = 'starting'
  #held: Delivery[] = []
  /** `ack:auto`, own: written and not yet taken by the kernel. */
  #leaving = 0
  #gap = false
  #endedEarly: BrokerError | undefined
  /** It is open, or has ended: what an UNSUBSCRIBE that comes too early waits for. */
  readonly #started: Promise<void>
  #settleStarted: () => void = () => {}
  #grace: Timer | undefined
  /** The close that a gap has called for. */
  #leaveTaking: Timer | undefined
  readonly #starvation: Starvation

  constructor(session: Session, request: SubscriptionRequest) {
    this.#session = session
    this.number = request.number
    this.id = request.id
    this.place = request.place
    this.ack = request.ack
    this.#options = request.options
    this.#ledger = request.ack === 'auto' ? undefined : new Ledger(request.ack)
    this.#starvation = new Starvation(session.house.clock, () =>
      session.house.observer.starved(session.label, this.name, this.place.destination),
    )
    this.view = new MessageView(session.snapshot.router, request.place, request.id, session.version)
    this.#started = new Promise((resolve) => {
      this.#settleStarted = resolve
    })
  }

  /** How the log and ERROR frames name it. */
  get name(): string {
    return this.id ?? this.place.destination
  }

  /** Deliveries its client has not acknowledged. */
  get unacked(): number {
    return this.#ledger?.size ?? 0
  }

  /** Something of it is written and not yet taken by the kernel: that is settled when it is taken, and then no sooner released. */
  get isLeaving(): boolean {
    return this.#leaving > 0
  }

  get framing(): Framing {
    return this.#session.wire.framing
  }

  get groupKey(): string {
    return `${this.view.version}\0${this.place.destination}\0${this.id ?? ''}`
  }

  /**
   * Subscribes upstream: shared where the link says that others receive the same, on its own else. The promise is the broker's consent;
   * deliveries are held until `open`.
   */
  start(link: Link): Promise<void> {
    const { place } = this
    const key = this.#options.settle === 'presettled' ? link.shareKey(place.target, this.#options) : undefined
    if (key === undefined) {
      this.#own = link.subscribe(place.target, this.#options, this)
      return this.#own.live
    }
    this.#membership = this.#session.house.fanout.join(place.route.broker.name, key, link, place.target, this.#options)
    return this.#membership.live
  }

  /** The RECEIPT is written: deliveries may follow. `link` is asked for what is kept for new subscribers, of which a shared one brings nothing. */
  open(link: Link): void {
    if (this.#state !== 'starting') return
    this.#state = 'open'
    if (this.#endedEarly !== undefined) {
      this.end(this.#endedEarly)
      return
    }
    if (this.#membership !== undefined) {
      this.#membership.audience.add(this)
      // For this member alone: its own numbers are free, for a shared subscription has those of its audience.
      void link.kept?.(this.place.target, (delivery) => this.#state === 'open' && this.#write(delivery))
    }
    for (const delivery of this.#held.splice(0)) this.deliver(delivery)
    this.#settleStarted()
  }

  deliver(delivery: Delivery): void {
    if (this.#state === 'starting') this.#held.push(delivery)
    else if (this.#state === 'open') this.#write(delivery)
    // PROMISES §2, UNSUBSCRIBE: what was not yet written to the socket is released at once.
    else if (this.#options.settle === 'each') void this.#own?.settle([delivery.tag], 'released')
  }

  receive(packed: Buffer, delivery: Delivery, messageId: string): void {
    if (this.#gap) {
      this.#gap = false
      this.#session.outlet.frame(this.view.encode(delivery, messageId, GAP))
    } else {
      this.#session.outlet.packed(packed)
    }
    if (delivery.message.properties.replyTo !== undefined)
      this.#session.addresses.add(this.view.replyDestination(delivery))
  }

  lost(): void {
    this.#ledger?.lost()
    this.#starvation.end()
    // Stale before they were written: the broker gives them again, and twice would be once too many.
    if (this.#options.settle === 'each') this.#held = []
  }

  resumed(gap: boolean): void {
    // Before its RECEIPT it was promised nothing.
    if (!gap || this.#state !== 'open') return
    if (this.place.route.policy.onGap === 'mark') {
      this.#gap = true
      return
    }
    const { clock, snapshot } = this.#session.house
    const error = new PolicyError('gap', `messages of ${this.place.destination} may have been lost: fetch anew`)
    this.#leaveTaking ??= clock.after(Math.random() * snapshot.spreadMs, () =>
      this.#session.fail(error, { subscription: this.id }),
    )
  }

  end(reason: BrokerError): void {
    if (this.#state === 'ended') return
    if (this.#state === 'starting') {
      // Its SUBSCRIBE is answered first: `live` rejects, or `open` comes at once.
      this.#endedEarly = reason
      return
    }
    const told = this.#state === 'open'
    this.#ledger?.lost()
    this.#dispose()
    // Its id is free. Its ack ids are stale and not unknown, for as long as they would have been valid after UNSUBSCRIBE.
    this.#session.subscriptions.release(this)
    this.#expire()
    if (told) this.#session.fail(reason, { subscription: this.id }, this.place.route.policy.errors)
  }

  /** The kernel has taken them: `ack:auto` is settled. */
  sent(tags: readonly number[]): void {
    this.#leaving -= tags.length
    void this.#own?.settle(tags, 'accepted')
    if (this.#state === 'stopping') this.#retire()
  }

  /** Settled, and the broker will not hear of it before an older delivery is. */
  isDeferred(tag: number): boolean {
    return this.#own?.isDeferred?.(tag) ?? false
  }

  look(tag: number): 'unknown' | 'stale' | 'out' {
    return this.#ledger?.look(tag) ?? 'unknown'
  }

  claim(tag: number): Claim {
    return this.#ledger?.claim(tag) ?? 'unknown'
  }

  /** @returns the tags that turned out stale */
  async settle(tags: readonly number[], outcome: Outcome): Promise<readonly number[]> {
    this.#starvation.end()
    const stale = (await this.#own?.settle(tags, outcome)) ?? []
    if (this.#state === 'stopping') this.#retire()
    return stale
  }

  /**
   * UNSUBSCRIBE: resolves when no MESSAGE can follow. What the client has been given stays settleable for the grace. One that is not open yet
   * is opened first, so that the SUBSCRIBE has its answer.
   * @param forget a durable subscription ends for good
   */
  async stop(forget: boolean): Promise<void> {
    if (this.#state === 'starting') await this.#started
    if (this.#state !== 'open') return
    this.#state = 'stopping'
    this.#starvation.end()
    this.#leave()
    try {
      await this.#own?.stop(forget)
    } catch (error) {
      this.finish()
      throw error
    }
    if (this.#isOver()) return
    this.#expire()
    this.#retire()
  }

  /** The session has ended, or the SUBSCRIBE has failed, or nothing is owed any more: what is unsettled goes back to the broker. Idempotent. */
  finish(): void {
    this.#grace?.cancel()
    this.#dispose()
    this.#session.subscriptions.remove(this)
  }

  #dispose(): void {
    if (this.#isOver()) return
    this.#state = 'ended'
    this.#settleStarted()
    this.#leaveTaking?.cancel()
    this.#starvation.end()
    this.#leave()
    this.#held = []
    void this.#own?.[Symbol.asyncDispose]()
  }

  #isOver(): boolean {
    return this.#state === 'ended'
  }

  #write(delivery: Delivery): void {
    const messageId = `${this.number}-${delivery.tag}`
    // STOMP 1.2, MESSAGE: "the MESSAGE frame MUST also contain an ack header" when the subscription needs explicit acknowledgement
    let marks = this.#ledger !== undefined && this.view.version === '1.2' ? `ack:${messageId}\n` : ''
    if (this.#gap) {
      this.#gap = false
      marks += GAP
    }
    if (delivery.message.properties.replyTo !== undefined)
      this.#session.addresses.add(this.view.replyDestination(delivery))
    const frame = this.view.encode(delivery, messageId, marks)
    if (this.#ledger !== undefined) {
      this.#ledger.add(delivery.tag)
      if (this.#ledger.size >= this.#options.credit) this.#starvation.begin()
      this.#session.outlet.frame(frame)
    } else if (this.#options.settle === 'each') {
      this.#leaving++
      this.#session.outlet.delivery(frame, this, delivery.tag)
    } else {
      this.#session.outlet.frame(frame)
    }
  }

  #leave(): void {
    this.#membership?.audience.remove(this)
    this.#membership?.leave()
  }

  /** After UNSUBSCRIBE: nothing is owed any more. */
  #retire(): void {
    if (this.unacked === 0 && this.#leaving === 0) this.finish()
  }

  /** Ack ids are valid for the grace and no longer. */
  #expire(): void {
    const { house, snapshot } = this.#session
    this.#grace?.cancel()
    this.#grace = house.clock.after(snapshot.limits.unsubscribeGraceMs, () => this.finish())
  }
}
