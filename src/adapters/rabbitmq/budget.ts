/** "At most 20 new queue names per session and minute." */
import type { Clock } from '../../broker/clock.ts'
import { BrokerError } from '../../broker/errors.ts'

const MINUTE_MS = 60_000

export class NameBudget {
  readonly #most: number
  readonly #clock: Clock
  /** When each of the last names was spent, oldest first; at most `most`. */
  #spent: { readonly name: string; readonly at: number }[] = []

  constructor(most: number, clock: Clock) {
    this.#most = most
    this.#clock = clock
  }

  /** The same name again costs nothing. Throws BrokerError `limit`. */
  spend(name: string): void {
    const now = this.#clock.now()
    this.#spent = this.#spent.filter(({ at }) => now - at < MINUTE_MS)
    if (this.#spent.some((each) => each.name === name)) return
    if (this.#spent.length >= this.#most) {
      throw new BrokerError('limit', `a client may have ${this.#most} new queues declared per minute`)
    }
    this.#spent.push({ name, at: now })
  }
}
