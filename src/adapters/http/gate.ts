/**
 * Who may ask now: so many requests at a time, and none while nobody is there. Who may not waits, first come, first served, and not longer than he
 * wants to. Knows no request; a place is taken by `enter` and given back by `leave`.
 */
import type { Clock, Timer } from '../../broker/clock.ts'
import { BrokerError } from '../../broker/errors.ts'

/** Somebody in front of the gate. */
export interface Waiting {
  /** Resolves when a place is his; rejects with a BrokerError. */
  readonly entered: Promise<void>
  /** He waits no longer; nothing when he has entered. */
  cancel(reason: BrokerError): void
}

class Waiter implements Waiting {
  readonly #outcome = Promise.withResolvers<void>()
  readonly #over: (waiter: Waiter) => void
  timer: Timer | undefined

  /** @param over called once, when he waits no longer */
  constructor(over: (waiter: Waiter) => void) {
    this.#over = over
  }

  get entered(): Promise<void> {
    return this.#outcome.promise
  }

  admit(): void {
    this.#end()
    this.#outcome.resolve()
  }

  cancel(reason: BrokerError): void {
    this.#end()
    this.#outcome.reject(reason)
  }

  #end(): void {
    this.timer?.cancel()
    this.#over(this)
  }
}

export class Gate {
  readonly #width: number
  readonly #clock: Clock
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiter>()
  #inside = 0
  #isOpen = false
  #closed: BrokerError | undefined
  #empty: (() => void)[] | undefined

  /** Shut until it is opened. @param width how many at a time */
  constructor(width: number, clock: Clock) {
    this.#width = width
    this.#clock = clock
  }

  /** Places that are taken. */
  get inside(): number {
    return this.#inside
  }

  /**
   * @param deadline milliseconds since 1970, of him who has to wait; Infinity: he has patience
   * @returns rejected with `broker-unavailable` or `limit` at the deadline, `closed` when the gate is
   */
  enter(deadline: number): Waiting {
    const waiter = new Waiter((each) => this.#waiting.delete(each))
    if (this.#closed !== undefined) waiter.cancel(this.#closed)
    else if (this.#isFree && this.#waiting.size === 0) this.#admit(waiter)
    else this.#queue(waiter, deadline)
    return waiter
  }

  leave(): void {
    this.#inside--
    this.#next()
    if (this.#inside > 0) return
    for (const resolve of this.#empty ?? []) resolve()
    this.#empty = undefined
  }

  /** Resolves when nobody is inside. */
  whenEmpty(): Promise<void> {
    if (this.#inside === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#empty ??= []
      this.#empty.push(resolve)
    })
  }

  /** Somebody is there. */
  open(): void {
    this.#isOpen = true
    this.#next()
  }

  /** Nobody is: those inside may find out for themselves. */
  shut(): void {
    this.#isOpen = false
  }

  /** Nobody enters any more. */
  close(reason: BrokerError): void {
    this.#closed = reason
    for (const waiter of this.#waiting) waiter.cancel(reason)
  }

  get #isFree(): boolean {
    return this.#isOpen && this.#inside < this.#width
  }

  #queue(waiter: Waiter, deadline: number): void {
    const ms = deadline - this.#clock.now()
    if (ms <= 0) {
      waiter.cancel(this.#late())
      return
    }
    this.#waiting.add(waiter)
    if (ms !== Number.POSITIVE_INFINITY) waiter.timer = this.#clock.after(ms, () => waiter.cancel(this.#late()))
  }

  #late(): BrokerError {
    return this.#isOpen
      ? new BrokerError('limit', 'the handlers have too much to do: nothing was sent')
      : new BrokerError('broker-unavailable', 'the handlers cannot be reached: nothing was sent')
  }

  #next(): void {
    for (const waiter of this.#waiting) {
      if (!this.#isFree) return
      this.#admit(waiter)
    }
  }

  #admit(waiter: Waiter): void {
    this.#inside++
    waiter.admit()
  }
}
