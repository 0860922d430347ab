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
import type { Place, RoutePolicy } from '../routing/route.ts'
import type { Audience, Member } from './audience.ts'
import { MessageView } from './delivery.ts'
import type { SentListener } from './departures.ts'
import { PolicyError } from './failure.ts'
import { type Claim, Ledger } from './ledger.ts'
import type { Session } from './session.ts'
import { Starvation } from './starvation.ts'
import { markLines, Stream, type StreamOwner, slowPolicy } from './stream.ts'

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

export class ClientSubscription implements Sink, SentListener, Member, StreamOwner {
  readonly number: number
  readonly id: string | undefined
  readonly place: Place
  readonly ack: AckMode
  readonly stream: Stream
  readonly #session: Session
  readonly options: SubscribeOptions
  readonly #ledger: Ledger | undefined
  #own: Subscription | undefined
  #membership: Membership<Audience> | undefined
  #state: 'starting' | 'open' | 'stopping' | 'ended' = 'starting'
  /** Deliveries that came before the RECEIPT. */
  #held: Delivery[] | undefined
  /** `ack:auto`, own: written and not yet taken by the kernel. */
  #leaving = 0
  #endedEarly: BrokerError | undefined
  /** It is open, or has ended: made by an UNSUBSCRIBE that comes too early. */
  #started: PromiseWithResolvers<void> | undefined
  #grace: Timer | undefined
  /** The close that a gap has called for. */
  #leaveTaking: Timer | undefined
  readonly #starvation: Starvation | undefined

  constructor(session: Session, request: SubscriptionRequest) {
    this.#session = session
    this.number = request.number
    this.id = request.id
    this.place = request.place
    this.ack = request.ack
    this.options = request.options
    if (request.ack !== 'auto') {
      const { clock, observer } = session.house
      this.#ledger = new Ledger(request.ack)
      this.#starvation = new Starvation(clock, () => observer.starved(session.label, this.name, this.place.destination))
    }
    const view = new MessageView(session.snapshot.router, request.place, request.id, session.version)
    this.stream = new Stream(session, view, slowPolicy(this.#policy.slow, request.options.settle), this)
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

  /**
   * Subscribes upstream: shared where the link says that others receive the same, on its own else. The promise is the broker's consent;
   * deliveries are held until `open`.
   */
  start(link: Link): Promise<void> {
    const { place } = this
    const shares = this.options.settle === 'presettled' && this.#policy.share
    const key = shares ? link.shareKey(place.target, this.options) : undefined
    if (key === undefined) {
      this.#own = link.subscribe(place.target, this.options, this)
      return this.#own.live
    }
    this.#membership = this.#session.house.fanout.join(place.route.broker.name, key, link, place.target, this.options)
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
    const held = this.#held ?? []
    this.#held = undefined
    for (const delivery of held) this.deliver(delivery)
    this.#started?.resolve()
  }

  deliver(delivery: Delivery): void {
    if (this.#state === 'starting') this.#hold(delivery)
    else if (this.#state === 'open') this.#write(delivery)
    // PROMISES §2, UNSUBSCRIBE: what was not yet written to the socket is released at once.
    else if (this.options.settle === 'each') void this.#own?.settle([delivery.tag], 'released')
  }

  lost(): void {
    this.#ledger?.lost()
    this.#starvation?.end()
    // Stale before they were written: the broker gives them again, and twice would be once too many.
    if (this.options.settle !== 'each') return
    this.#held = undefined
    this.stream.outlet.withdraw(this.stream)
  }

  resumed(gap: boolean): void {
    // Before its RECEIPT it was promised nothing.
    if (!gap || this.#state !== 'open') return
    if (this.#policy.onGap === 'mark') {
      this.stream.mark({ dropped: 0, gap: true })
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
    if (told)
      this.#session.fail(reason, { subscription: this.id, route: this.place.route.pattern }, this.#policy.errors)
  }

  give(delivery: Delivery): void {
    const { outlet, view, slow } = this.stream
    const messageId = `${this.number}-${delivery.tag}`
    // STOMP 1.2, MESSAGE: "the MESSAGE frame MUST also contain an ack header" when the subscription needs explicit acknowledgement
    const ack = this.#ledger !== undefined && view.version === '1.2' ? `ack:${messageId}\n` : ''
    const marks = this.stream.isMarked ? ack + markLines(this.stream.takeMarks()) : ack
    this.stream.asked(view.replyDestination(delivery))
    const frame = view.encode(delivery, messageId, marks)
    if (this.#ledger === undefined) {
      this.#leaving++
    } else {
      this.#ledger.add(delivery.tag)
      if (this.#ledger.size >= this.options.credit) this.#starvation?.begin()
    }
    outlet.delivery(frame, this.#ledger === undefined ? this : undefined, delivery.tag, slow.kind === 'pause')
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
    this.#starvation?.end()
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
    if (this.#state === 'starting') {
      this.#started ??= Promise.withResolvers()
      await this.#started.promise
    }
    if (this.#state !== 'open') return
    this.#state = 'stopping'
    this.#starvation?.end()
    const unwritten = this.#leave()
    try {
      await this.#own?.stop(forget)
    } catch (error) {
      this.finish()
      throw error
    }
    if (this.#isOver()) return
    // PROMISES §2, UNSUBSCRIBE: what was not yet written to the socket is released at once.
    if (unwritten.length > 0) void this.#own?.settle(unwritten, 'released')
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
    this.#started?.resolve()
    this.#leaveTaking?.cancel()
    this.#starvation?.end()
    this.#leave()
    this.#held = undefined
    void this.#own?.[Symbol.asyncDispose]()
  }

  #isOver(): boolean {
    return this.#state === 'ended'
  }

  #write(delivery: Delivery): void {
    const { outlet } = this.stream
    if (this.options.settle === 'presettled') outlet.message(this.stream, delivery, `${this.number}-${delivery.tag}`)
    else if (outlet.isLagging) outlet.hold(this.stream, delivery)
    else this.give(delivery)
  }

  #hold(delivery: Delivery): void {
    this.#held ??= []
    this.#held.push(delivery)
  }

  /** @returns tags of what waits to be written and never will be */
  #leave(): number[] {
    this.#membership?.audience.remove(this)
    this.#membership?.leave()
    return this.stream.outlet.withdraw(this.stream).map(({ tag }) => tag)
  }

  get #policy(): RoutePolicy {
    return this.place.route.policy
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
