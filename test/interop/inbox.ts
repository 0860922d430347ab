/** What came, in order, and waiting for what has yet to come: nothing is missed, nothing sleeps. Knows no client. */

/** Milliseconds that a test waits for something that should come at once, on a slow machine. */
const PATIENCE_MS = 15_000

export class Inbox<T> {
  /** Everything that came. */
  readonly all: T[] = []
  readonly #what: string
  readonly #waiting = new Set<() => void>()
  #read = 0

  /** @param what comes here, for the error when it does not */
  constructor(what: string) {
    this.#what = what
  }

  put(item: T): void {
    this.all.push(item)
    for (const wake of this.#waiting) wake()
  }

  /** What neither `next` nor `take` has given out yet. */
  get unread(): readonly T[] {
    return this.all.slice(this.#read)
  }

  /** The first one not yet read, now or when it comes. */
  async next(): Promise<T> {
    await this.#until('another', () => this.all.length > this.#read)
    return this.all[this.#read++]!
  }

  async take(count: number): Promise<T[]> {
    await this.#until(`${count} more`, () => this.all.length >= this.#read + count)
    this.#read += count
    return this.all.slice(this.#read - count, this.#read)
  }

  /** The `nth` of those that match, read or not, now or when it comes. */
  async find(which: string, matches: (item: T) => boolean, nth = 1): Promise<T> {
    const found = (): T | undefined => this.all.filter(matches)[nth - 1]
    await this.#until(which, () => found() !== undefined)
    return found()!
  }

  #until(which: string, holds: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(look)
      }
      const look = (): void => {
        if (!holds()) return
        done()
        resolve()
      }
      const timer = setTimeout(() => {
        done()
        reject(new Error(`waited ${PATIENCE_MS} ms for ${which} of ${this.#what}; came: ${this.all.length}`))
      }, PATIENCE_MS)
      this.#waiting.add(look)
      look()
    })
  }
}
