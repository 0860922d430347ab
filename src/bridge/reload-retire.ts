/**
 * What a reload has taken out of the configuration, until it is gone: brokers have `drain.grace` for what they were sent, authenticators for
 * the logins that they look at. In the background: the reload is over when the new configuration holds.
 */
import type { Broker } from '../broker/broker.ts'
import type { Logger } from '../ops/log.ts'
import type { House } from '../session/house.ts'
import { leaveBroker } from '../session/review.ts'
import type { Sessions } from '../session/sessions.ts'

export class Retirement implements AsyncDisposable {
  readonly #log: Pick<Logger, 'error'>
  readonly #leaving = new Set<AsyncDisposable>()

  constructor(log: Pick<Logger, 'error'>) {
    this.#log = log
  }

  /** Nobody sends it anything new. @param graceMs milliseconds for what was sent before */
  broker(broker: Broker, house: House, sessions: Sessions, graceMs: number): void {
    house.fanout.drop(broker)
    this.#retire(broker, () => leaveBroker(house, sessions.all(), broker, graceMs))
  }

  /** Anything else that may be in use for `graceMs` milliseconds. */
  part(part: AsyncDisposable, { clock }: House, graceMs: number): void {
    this.#retire(part, () => new Promise((resolve) => clock.after(graceMs, resolve)))
  }

  /** What has not gone goes now. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#leaving].map((part) => part[Symbol.asyncDispose]()))
  }

  #retire(part: AsyncDisposable, left: () => Promise<void>): void {
    this.#leaving.add(part)
    left()
      .then(() => part[Symbol.asyncDispose]())
      .catch((error: unknown) => this.#log.error({ err: error }, 'what a reload has removed did not go cleanly'))
      .finally(() => this.#leaving.delete(part))
  }
}
