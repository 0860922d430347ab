/** Waiting that always has an end: a deadline, or the end of whoever waits. */
import type { Clock } from '../broker/clock.ts'
import { BrokerError } from '../broker/errors.ts'

/**
 * An end that comes once: of a session, of a period of grace. Not an AbortSignal, which is as large as the rest of a session's fields, and
 * whose abort makes an exception with a stack trace.
 */
export class Ending {
  #isOver = false
  #waiting: Set<() => void> | undefined

  get isOver(): boolean {
    return this.#isOver
  }

  /** Calls `run` once when the end comes; never when it has come already. */
  add(run: () => void): void {
    if (this.#isOver) return
    this.#waiting ??= new Set()
    this.#waiting.add(run)
  }

  remove(run: () => void): void {
    this.#waiting?.delete(run)
    if (this.#waiting?.size === 0) this.#waiting = undefined
  }

  /** The end is here. Idempotent. */
  come(): void {
    this.#isOver = true
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting !== undefined) for (const run of waiting) run()
  }
}

/** Runs what takes an AbortSignal, which is aborted if the end comes first. */
export async function abortedBy<T>(ended: Ending, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  if (ended.isOver) abort()
  ended.add(abort)
  try {
    return await run(controller.signal)
  } finally {
    ended.remove(abort)
  }
}

/**
 * What `promise` settles to, but not later than `ms` from now and not beyond `ended`.
 * @throws BrokerError `broker-unavailable` when the time is over, `closed` when the end comes
 */
export function within<T>(clock: Clock, ms: number, ended: Ending, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const over = (): void => {
      late.cancel()
      ended.remove(stop)
    }
    const stop = (): void => {
      over()
      reject(new BrokerError('closed', 'the session has ended'))
    }
    const late = clock.after(ms, () => {
      over()
      reject(new BrokerError('broker-unavailable', `the broker did not agree within ${ms} ms`))
    })
    ended.add(stop)
    promise.then(resolve, reject)
    promise.then(over, over)
  })
}

export function whenOver(ending: Ending): Promise<void> {
  if (ending.isOver) return Promise.resolve()
  return new Promise((resolve) => ending.add(resolve))
}
