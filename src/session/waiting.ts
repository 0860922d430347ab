/** Waiting that always has an end: a deadline, or the end of whoever waits. */
import type { Clock } from '../broker/clock.ts'
import { BrokerError } from '../broker/errors.ts'

/**
 * What `promise` settles to, but not later than `ms` from now and not beyond `ended`.
 * @throws BrokerError `broker-unavailable` when the time is over, `closed` when `ended` is aborted
 */
export function within<T>(clock: Clock, ms: number, ended: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const over = (): void => {
      late.cancel()
      ended.removeEventListener('abort', stop)
    }
    const stop = (): void => {
      over()
      reject(new BrokerError('closed', 'the session has ended'))
    }
    const late = clock.after(ms, () => {
      over()
      reject(new BrokerError('broker-unavailable', `the broker did not agree within ${ms} ms`))
    })
    ended.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject)
    promise.then(over, over)
  })
}

export function whenAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
