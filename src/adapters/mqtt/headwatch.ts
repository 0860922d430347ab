/** PROMISES §6: "A head older than `ackTimeout` meets the route's `nack` action": it would keep back the PUBACK of all that came after it. */
import type { Clock, Timer } from '../../broker/clock.ts'
import type { Held } from './inflight.ts'

export class HeadWatch {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #head: () => Held<unknown> | undefined
  readonly #late: (tag: number) => void
  #timer: Timer | undefined

  /**
   * @param timeoutMs 0 = for ever
   * @param head the oldest message
   * @param late called with its tag when it has been out for too long
   */
  constructor(clock: Clock, timeoutMs: number, head: () => Held<unknown> | undefined, late: (tag: number) => void) {
    this.#clock = clock
    this.#timeoutMs = timeoutMs
    this.#head = head
    this.#late = late
  }

  /** Something was delivered or settled. */
  check(): void {
    const head = this.#head()
    if (this.#timeoutMs === 0 || this.#timer !== undefined || head === undefined) return
    this.#timer = this.#clock.after(Math.max(1, this.#timeoutMs - this.#age(head)), () => {
      this.#timer = undefined
      const now = this.#head()
      if (now?.state === 'out' && this.#age(now) >= this.#timeoutMs) this.#late(now.tag)
      this.check()
    })
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #age(held: Held<unknown>): number {
    return held.state === 'out' ? this.#clock.now() - held.since : 0
  }
}
