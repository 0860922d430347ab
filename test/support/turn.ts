/** A turn of the event loop that ends when a test says so. Implements the Turn of src/session/turn.ts. */
import type { Clock } from '../../src/broker/clock.ts'
import type { Flushable, Turn } from '../../src/session/turn.ts'

export class FakeTurn implements Turn {
  readonly #clock: Clock
  #dirty: Flushable[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  mark(dirty: Flushable): void {
    this.#dirty.push(dirty)
  }

  ticks(): number {
    return this.#clock.ticks()
  }

  /** Flushes what was marked, in that order. @returns whether anything was */
  end(): boolean {
    const dirty = this.#dirty
    this.#dirty = []
    for (const each of dirty) each.flush()
    return dirty.length > 0
  }
}
