/** A clock that stands still until a test moves it. Implements the Clock of src/broker/clock.ts. */
import type { Clock, Timer } from '../../src/broker/clock.ts'

interface Alarm {
  readonly at: number
  readonly run: () => void
}

export class FakeClock implements Clock {
  #now: number
  readonly #alarms = new Set<Alarm>()

  /** @param start milliseconds since 1970 */
  constructor(start = 1_800_000_000_000) {
    this.#now = start
  }

  now(): number {
    return this.#now
  }

  ticks(): number {
    return (this.#now * 1000) | 0
  }

  after(ms: number, run: () => void): Timer {
    const alarm: Alarm = { at: this.#now + Math.max(0, ms), run }
    this.#alarms.add(alarm)
    return { cancel: () => void this.#alarms.delete(alarm) }
  }

  /** Timers that are set and neither ran nor were cancelled: a test of "nothing left behind" expects 0. */
  get pending(): number {
    return this.#alarms.size
  }

  /**
   * Moves time on by `ms` milliseconds. Timers that fall due run in the order of their times (equal times: as set), each with `now()` at its own
   * time; what they set runs too when it falls within the same span.
   */
  advance(ms: number): void {
    const end = this.#now + ms
    for (let due = this.#next(end); due !== undefined; due = this.#next(end)) {
      this.#alarms.delete(due)
      this.#now = due.at
      due.run()
    }
    this.#now = end
  }

  #next(end: number): Alarm | undefined {
    let first: Alarm | undefined
    for (const alarm of this.#alarms) {
      if (alarm.at <= end && (first === undefined || alarm.at < first.at)) first = alarm
    }
    return first
  }
}
