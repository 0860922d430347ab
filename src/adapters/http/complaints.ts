/** Lines for the operator about what no client's ERROR tells him of: each text not more often than once a minute, and so many texts at a time. */
import type { Clock } from '../../broker/clock.ts'

const MINUTE_MS = 60_000
/** Paths are chosen by clients: no more of them are remembered, nor told, in one minute. */
const MOST = 20

export class Complaints {
  readonly #clock: Clock
  readonly #tell: (text: string) => void
  readonly #told = new Set<string>()
  #since = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, tell: (text: string) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  hear(text: string): void {
    const now = this.#clock.now()
    if (now - this.#since >= MINUTE_MS) {
      this.#since = now
      this.#told.clear()
    }
    if (this.#told.size >= MOST || this.#told.has(text)) return
    this.#told.add(text)
    this.#tell(text)
  }
}
