/**
 * One flush per event-loop turn: whoever has written marks itself, and all that were marked are flushed together at the end of the turn.
 * One per process, injected like the clock, so that tests can end a turn when they like.
 */
import type { Clock } from '../broker/clock.ts'

export interface Flushable {
  flush(): void
}

export interface Turn {
  /** `dirty.flush()` is called once at the end of this turn, in the order of marking. Mark once per turn: the caller keeps the flag. */
  mark(dirty: Flushable): void
  /**
   * Now, in ticks (broker/clock.ts), never less than before; read once for all that happens between the first mark of a turn and its end: what is
   * timed by it is exact to a turn, and a clock read for each message would cost more than all that is counted of it.
   */
  ticks(): number
}

export class ImmediateTurn implements Turn {
  readonly #clock: Pick<Clock, 'ticks'>
  #dirty: Flushable[] = []
  /** What the clock said in this turn. */
  #now = 0
  #isRead = false

  constructor(clock: Pick<Clock, 'ticks'>) {
    this.#clock = clock
  }

  mark(dirty: Flushable): void {
    if (this.#dirty.push(dirty) === 1) setImmediate(() => this.#flush())
  }

  ticks(): number {
    if (this.#isRead) return this.#now
    this.#now = this.#clock.ticks()
    // Without a mark nobody would say when the turn is over.
    this.#isRead = this.#dirty.length > 0
    return this.#now
  }

  #flush(): void {
    const dirty = this.#dirty
    this.#dirty = []
    this.#isRead = false
    for (const each of dirty) each.flush()
  }
}
