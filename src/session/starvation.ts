/** How long a subscription has been without credit: told once when that is too long, again only after it had some. */
import type { Clock, Timer } from '../broker/clock.ts'

const TOO_LONG_MS = 60_000

export class Starvation {
  readonly #clock: Clock
  readonly #tell: () => void
  #timer: Timer | undefined

  /** @param tell called when the time is over */
  constructor(clock: Clock, tell: () => void) {
    this.#clock = clock
    this.#tell = tell
  }

  /** There is no credit left. Again while it lasts: nothing. */
  begin(): void {
    this.#timer ??= this.#clock.after(TOO_LONG_MS, this.#tell)
  }

  /** There is some, or nobody needs it any more. */
  end(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
