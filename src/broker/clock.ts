/** Time as an argument, so that tests can own it. */
export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Microseconds on a clock that nobody sets, modulo 2³²: only what is between two of them means something (see `elapsed`). Allocates nothing. */
  ticks(): number
  /** Calls `run` once after `ms` milliseconds; never keeps the process alive. */
  after(ms: number, run: () => void): Timer
}

export const systemClock: Clock = {
  now: () => Date.now(),
  ticks: () => (performance.now() * 1000) | 0,
  after(ms, run) {
    const timer = setTimeout(run, ms)
    timer.unref()
    return new SystemTimer(timer)
  },
}

/** Microseconds between two `ticks`, as long as there are less than 71 minutes. */
export function elapsed(from: number, to: number): number {
  return (to - from) >>> 0
}

class SystemTimer implements Timer {
  readonly #timer: NodeJS.Timeout

  constructor(timer: NodeJS.Timeout) {
    this.#timer = timer
  }

  cancel(): void {
    clearTimeout(this.#timer)
  }
}
