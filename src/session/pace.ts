/**
 * Things that must not happen all at once, evenly over a time: a thousand clients that are sent away, and that all come back after the same five
 * seconds. Knows nothing of what happens.
 *
 * The time is cut into as many slots as there are things, and one happens in each, at a random point of it. Who is not ready yet takes a slot
 * that comes later. A slot that nobody was ready for stays open until somebody is, and from there on the slots are counted anew; so at no
 * time does more happen than the pace allows, and all is over when the same time has passed since the last one got ready.
 */
import type { Clock, Timer } from '../broker/clock.ts'

/** Milliseconds of the longest slot: a few clients are no stampede, and whoever stops the bridge waits for them. NATS does the same. */
const LONGEST_MS = 1_000

export interface PaceOptions {
  /** Milliseconds in which all is to happen; 0 = at once. */
  readonly overMs: number
  /** How many things there are, as far as is known. */
  readonly count: number
  /** From 0 to below 1: where in its slot a thing happens. */
  readonly random?: () => number
}

export class Pace<T> {
  readonly #clock: Clock
  readonly #slotMs: number
  readonly #random: () => number
  readonly #happen: (thing: T) => void
  /** Ready, in the order in which they got so. */
  readonly #ready = new Set<T>()
  /** Goes on where it was: from the start it would pass all that have been deleted. */
  #order = this.#ready.values()
  #timer: Timer | undefined
  /** When slot 0 began; milliseconds since 1970. */
  #begin: number
  #slot = 0
  /** When the next thing may happen. */
  #due: number

  /** @param happen called once for each thing, unless it is deleted before */
  constructor(clock: Clock, { overMs, count, random = Math.random }: PaceOptions, happen: (thing: T) => void) {
    this.#clock = clock
    this.#slotMs = Math.min(overMs / Math.max(1, count), LONGEST_MS)
    this.#random = random
    this.#happen = happen
    this.#begin = clock.now()
    this.#due = this.#begin + random() * this.#slotMs
  }

  /** It is ready: it happens in the next free slot, never before this returns. */
  add(thing: T): void {
    const now = this.#clock.now()
    if (this.#ready.size === 0 && this.#due <= now) {
      this.#begin = now
      this.#slot = 0
      this.#due = now
    }
    this.#ready.add(thing)
    this.#wait()
  }

  /** It does not happen any more; its slot is another's. */
  delete(thing: T): void {
    this.#ready.delete(thing)
    if (this.#ready.size > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #wait(): void {
    if (this.#ready.size === 0) return
    const ms = this.#due - this.#clock.now()
    // No slot is further away than the end of the next one, unless somebody has set the clock back.
    this.#timer ??= this.#clock.after(Math.max(0, Math.min(ms, 2 * this.#slotMs)), () => this.#run())
  }

  /** All whose slots have come: slots may be shorter than a timer is exact, and the process may have been busy. */
  #run(): void {
    this.#timer = undefined
    do {
      if (this.#ready.size === 0) break
      const thing = this.#next()
      this.#ready.delete(thing)
      this.#slot++
      this.#due = this.#begin + (this.#slot + this.#random()) * this.#slotMs
      this.#happen(thing)
    } while (this.#due <= this.#clock.now())
    this.#wait()
  }

  /** The one that has been ready for longest. */
  #next(): T {
    let { done, value } = this.#order.next()
    if (done) {
      this.#order = this.#ready.values()
      value = this.#order.next().value
    }
    return value as T
  }
}
