/** A sign of life after a time in which nothing was written, so that nobody on the way thinks the connection is dead. */
import type { Clock, Timer } from '../../broker/clock.ts'

export class Heart {
  readonly #clock: Clock
  readonly #ms: number
  readonly #beat: () => void
  #spokeAt: number
  #timer: Timer | undefined

  /** @param ms of silence before each beat; 0 = none */
  constructor(clock: Clock, ms: number, beat: () => void) {
    this.#clock = clock
    this.#ms = ms
    this.#beat = beat
    this.#spokeAt = clock.now()
    if (ms > 0) this.#wait(ms)
  }

  /** Something was written. */
  spoke(): void {
    this.#spokeAt = this.#clock.now()
  }

  /** Idempotent. */
  stop(): void {
    this.#timer?.cancel()
  }

  #wait(ms: number): void {
    this.#timer = this.#clock.after(ms, () => {
      const rest = this.#spokeAt + this.#ms - this.#clock.now()
      this.#wait(rest > 0 ? rest : this.#ms)
      if (rest <= 0) this.#beat()
    })
  }
}
