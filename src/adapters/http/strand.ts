/**
 * Tasks of one client in the order in which they came, so many at a time: with one at a time a handler hears a client's second message when the first
 * has been dealt with. Knows nothing of what a task does.
 */
import type { BrokerError } from '../../broker/errors.ts'

interface Waiter {
  start(): void
  fail(reason: BrokerError): void
}

export class Strand {
  readonly #width: number
  #running = 0
  /** undefined while nobody waits: most clients never do. */
  #waiting: Waiter[] | undefined

  /** @param width how many run at a time */
  constructor(width: number) {
    this.#width = width
  }

  /** Starts `task` now, or when those before it have left room. As the task settles. */
  run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running < this.#width) return this.#start(task)
    return new Promise((resolve, reject) => {
      this.#waiting ??= []
      this.#waiting.push({ start: () => this.#start(task).then(resolve, reject), fail: reject })
    })
  }

  /** Those that have not begun never will. */
  drop(reason: BrokerError): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    for (const each of waiting ?? []) each.fail(reason)
  }

  #start<T>(task: () => Promise<T>): Promise<T> {
    this.#running++
    return task().finally(() => {
      this.#running--
      const next = this.#waiting?.shift()
      if (this.#waiting?.length === 0) this.#waiting = undefined
      next?.start()
    })
  }
}
