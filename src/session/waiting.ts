/** Waiting that always has an end: a deadline, or the end of whoever waits. */
import type { Clock } from '../broker/clock.ts'
import { BrokerError } from '../broker/errors.ts'

/**
 * What `promise` settles to, but not later than `ms` from now and not beyond `ended`.
 * @throws BrokerError `broker-unavailable` when the time is over, `closed` when `ended` is aborted
 */
export function within<T>(clock: Clock, ms: number, ended: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = clock.after(ms, () => {
      reject(new BrokerError('broker-unavailable', `the broker did not agree within ${ms} ms`))
    })
    const stop = (): void => reject(new BrokerError('closed', 'the session has ended'))
    ended.addEventListener('abort', stop, { once: true })
    const settled = (): void => {
      late.cancel()
      ended.removeEventListener('abort', stop)
    }
    promise.then(resolve, reject)
    promise.then(settled, settled)
  })
}

export function whenAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
