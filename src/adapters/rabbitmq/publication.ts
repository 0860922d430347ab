/**
 * One publish on its way: what goes to the broker, and who waits for the answer. Settled exactly once, after which it is never written
 * again.
 */
import type { BrokerError } from '../../broker/errors.ts'
import { exchangeKey } from './declare.ts'
import type { Draft } from './draft.ts'
import { unavailableError, unknownError } from './failure.ts'
import { Outbound, setHeader } from './properties.ts'

/** Who hands publications over in order, and gets back those that a lost connection left open. */
export interface Owner {
  settled(publication: Publication): void
  /** In their original order, before everything newer. */
  giveBack(publications: readonly Publication[]): void
  /** No queue took it: to be handed over once more, in its place in the order. */
  again(publication: Publication): void
}

export class Publication {
  readonly draft: Draft
  readonly owner: Owner
  readonly promise: Promise<void>
  readonly #resolve: () => void
  readonly #reject: (reason: BrokerError) => void
  readonly #createdAt: number
  /** Milliseconds since 1970 when holding ends; Infinity while it has never been held. */
  #deadline = Number.POSITIVE_INFINITY
  #wasHeld = false
  #writtenAt = 0
  #settled = false
  /** It was given to a connection: the broker may have it. */
  #written = false
  /** basic.return came: no queue took it. */
  isReturned = false
  #cameBack = false
  /** Its place in its owner's order. */
  sequence = 0

  constructor(draft: Draft, owner: Owner, now: number) {
    this.draft = draft
    this.owner = owner
    this.#createdAt = now
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.promise = promise
    this.#resolve = resolve
    this.#reject = reject
  }

  get isSettled(): boolean {
    return this.#settled
  }

  get wasWritten(): boolean {
    return this.#written
  }

  /** Key of the answer about its exchange. */
  get exchangeKey(): string {
    return exchangeKey(this.draft.exchange)
  }

  /** Exchange and routing key: what order is kept for. */
  get place(): string {
    return `${this.draft.exchange}\0${this.draft.key}`
  }

  /**
   * It cannot be written now. Holding is counted from the first time on and never starts anew, so that a flapping broker cannot prolong it.
   * "`expiration` runs while held": what would be stale when it is published fails instead.
   * @param isAway the broker cannot be written to; else something has to be found out first
   */
  hold(now: number, isAway: boolean): void {
    this.#wasHeld ||= isAway
    if (this.#deadline !== Number.POSITIVE_INFINITY) return
    const { expiration } = this.draft.options
    const stale = expiration === undefined ? Number.POSITIVE_INFINITY : this.#createdAt + Number(expiration)
    this.#deadline = Math.min(now + this.draft.holdMs, stale)
  }

  isOverdue(now: number, graceMs = 0): boolean {
    return now >= this.#deadline + graceMs
  }

  /** It was written that long ago. */
  wasWrittenBefore(then: number): boolean {
    return this.#written && this.#writtenAt <= then
  }

  /** The options for a write now. What was written before goes again with the same id, marked. */
  prepare(now: number): Outbound {
    const { options, replyQueue } = this.draft
    if (replyQueue?.queueName !== undefined) options.replyTo = replyQueue.queueName
    if (this.#written) setHeader(options.headers, 'bridge-resent', 'true')
    this.#written = true
    this.#writtenAt = now
    this.isReturned = false
    if (options.expiration === undefined || !this.#wasHeld) return options
    const left = Math.max(0, this.#createdAt + Number(options.expiration) - now)
    return Object.assign(new Outbound(options.headers), options, { expiration: String(left) })
  }

  /** It was returned, so that the broker does not have it. False: for the second time. */
  comeBack(): boolean {
    if (this.#cameBack) return false
    this.#cameBack = true
    this.#written = false
    return true
  }

  resolve(): void {
    if (this.#settle()) this.#resolve()
  }

  reject(reason: BrokerError): void {
    if (this.#settle()) this.#reject(reason)
  }

  /** Gives up. Of what was written before nobody knows whether the broker has it. */
  abandon(cause?: Error): void {
    this.reject(this.#written ? unknownError(cause) : unavailableError(cause))
  }

  #settle(): boolean {
    if (this.#settled) return false
    this.#settled = true
    this.owner.settled(this)
    return true
  }
}
