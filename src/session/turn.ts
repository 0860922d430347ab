/**
 * One flush per event-loop turn: whoever has written marks itself, and all that were marked are flushed together at the end of the turn.
 * One per process, injected like the clock, so that tests can end a turn when they like.
 */
export interface Flushable {
  flush(): void
}

export interface Turn {
  /** `dirty.flush()` is called once at the end of this turn, in the order of marking. Mark once per turn: the caller keeps the flag. */
  mark(dirty: Flushable): void
}

export class ImmediateTurn implements Turn {
  #dirty: Flushable[] = []

  mark(dirty: Flushable): void {
    if (this.#dirty.push(dirty) === 1) setImmediate(() => this.#flush())
  }

  #flush(): void {
    const dirty = this.#dirty
    this.#dirty = []
    for (const each of dirty) each.flush()
  }
}
