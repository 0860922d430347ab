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
import { unsubscribed } from './chronicle.ts'
import { MessageView } from './delivery.ts'
import type { SentListener } from './departures.ts'
import type { PolicyError } from './failure.ts'
import { type Tell, takeLeave } from './gap.ts'
import { type Claim, Ledger } from './ledger.ts'
import type { AckMode, SubscriptionRequest } from './request.ts'
import type { Session } from './session.ts'
import { Starvation } from './starvation.ts'
import { markLines, Stream, type StreamOwner, slowPolicy } from './stream.ts'
import { subscribeTraced } from './traced.ts'

export class ClientSubscription implements Sink, SentListener, Member, StreamOwner {
  readonly number: number
  readonly id: string | undefined
  readonly ack: AckMode
  readonly stream: Stream
  readonly #session: Session
  readonly options: SubscribeOptions
  /** The chronicle was told of it. */
  isKnown = false
  readonly #ledger: Ledger | undefined
  #own: Subscription | undefined
  #membership: Membership<Audience> | undefined
  #state: 'starting' | 'open' | 'stopping' | 'ended' = 'starting'
  /** Deliveries that came before the RECEIPT. */
  #held: Delivery[] | undefined
  /** `ack:auto`, own: written and not yet taken by the kernel. */
  #leaving = 0
  #endedEarly: BrokerError | PolicyError | undefined
  /** It is open, or has ended: made by an UNSUBSCRIBE that comes too early. */
  #started: PromiseWithResolvers<void> | undefined
  #grace: Timer | undefined
  /** The close that a gap has called for. */
  #leaveTaking: Timer | undefined

  constructor(session: Session, request: SubscriptionRequest) {
    this.#session = session
    this.number = request.number
    this.id = request.id
    this.ack = request.ack
    this.options = request.options
    if (request.ack !== 'auto') {
      const { clock, observer } = session.house
      const starved = (): void => observer.starved(session.label, this.name, this.place.destination)
      this.#ledger = new Ledger(request.ack, request.options.credit, new Starvation(clock, starved))
    }
    const view = new MessageView(session, request.place, request.id)
    this.stream = new Stream(session, view, slowPolicy(view.place.route.policy.slow, request.options.settle), this)
  }

  /** Where its messages come from, through the current routes. */
  get place(): Place {
    return this.stream.view.place
  }

  /** How the log and ERROR frames name it. */
  get name(): string {
    return this.id ?? this.place.destination
  }

  /** Deliveries its client has not acknowledged. */
  get unacked(): number {
    return this.#ledger?.size ?? 0
  }

  /** Subscriptions that get what one subscription at the broker brings; undefined: it has its own. */
  get shared(): number | undefined {
    return this.#membership?.shared
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
      this.#own = subscribeTraced(this.#session.house.spans, this.stream.view, link, this.options, this)
      return this.#own.live
    }
    const { fanout } = this.#session.house
    this.#membership = fanout.join(place.route.broker, key, link, place.target, this.options, this.#policy.lingers)
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
      void link.kept?.(this.place.target, (delivery) => this.deliver(delivery))
    }
    const held = this.#held ?? []
    this.#held = undefined
    for (const delivery of held) this.#pass(delivery)
    this.#started?.resolve()
  }

  deliver(delivery: Delivery): void {
    this.place.traffic.broker.arrived(delivery.message.body.length)
    if (this.#state !== 'starting') this.#pass(delivery)
    else if (this.#held === undefined) this.#held = [delivery]
    else this.#held.push(delivery)
  }

  #pass(delivery: Delivery): void {
    if (this.#state === 'open') this.#write(delivery)
    // PROMISES §2, UNSUBSCRIBE: what was not yet written to the socket is released at once.
    else if (this.options.settle === 'each') void this.#own?.settle([delivery.tag], 'released')
  }

  /** After a reload: its destination still means the same, through a route that may say something else about it. */
  adopt(place: Place): void {
    this.stream.view.adopt(this.#session.snapshot.router, place)
    this.#membership?.audience.adopt(this)
  }

  lost(): void {
    this.#ledger?.lost()
    // Stale before they were written: the broker gives them again, and twice would be once too many.
    if (this.options.settle !== 'each') return
    this.#held = undefined
    this.stream.outlet.withdraw(this.stream)
  }

  resumed(gap: boolean): void {
    // Before its RECEIPT it was promised nothing.
    if (!gap || this.#state !== 'open') return
    if (this.#policy.onGap === 'mark') this.stream.mark({ dropped: 0, gap: true })
    else this.#leaveTaking ??= takeLeave(this.#session, this)
  }

  /** @param tell what the client is to hear, instead of telling it at once */
  end(reason: BrokerError | PolicyError, tell: Tell = (...told) => this.#session.fail(...told)): void {
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
    unsubscribed(this.#session, this)
    this.#expire()
    if (told) tell(reason, { subscription: this.id, route: this.place.route.pattern }, this.#policy.errors)
  }

  give(delivery: Delivery): void {
    const { outlet, view } = this.stream
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
    }
    outlet.delivery(this.stream, frame, this.#ledger === undefined ? this : undefined, delivery.tag)
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
    const stale = (await this.#own?.settle(tags, outcome)) ?? []
    if (this.#state === 'stopping') this.#retire()
    return stale
  }

  /**
   * UNSUBSCRIBE: resolves when no MESSAGE can follow. What the client has been given stays settleable for the grace. One that is not open yet
   * is opened first, so that the SUBSCRIBE has its answer.
   * @param forget a durable subscription ends for good
   * @param graceMs milliseconds; that of UNSUBSCRIBE when left out
   */
  async stop(forget: boolean, graceMs?: number): Promise<void> {
    if (this.#state === 'starting') {
      this.#started ??= Promise.withResolvers()
      await this.#started.promise
    }
    if (this.#state !== 'open') return
    this.#state = 'stopping'
    this.#ledger?.close()
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
    this.#expire(graceMs)
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
    this.#ledger?.close()
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
  #expire(graceMs = this.#session.snapshot.limits.unsubscribeGraceMs): void {
    this.#grace?.cancel()
    this.#grace = this.#session.house.clock.after(graceMs, () => this.finish())
  }
}
