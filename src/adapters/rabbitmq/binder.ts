/**
 * The bindings of one queue, brought to what is wanted of them: a few at a time, each on a channel where a refusal ends nothing else. What is
 * wanted may change back and forth while the broker is asked; only the last word counts.
 */
import type { BrokerError } from '../../broker/errors.ts'
import type { Opened } from './channels.ts'
import { refusal } from './failure.ts'
import { OWN_EXCHANGE } from './targets.ts'

export interface BinderEvents {
  /** Messages of this key come now. */
  bound(key: string): void
  refused(key: string, reason: BrokerError): void
}

/** Channels that bind side by side: the broker's answer is a transaction of its database, and each of them waits for its own. */
const WORKERS = 4

export class Binder {
  readonly #opened: Opened
  readonly #queue: string
  readonly #events: BinderEvents
  readonly #wanted = new Set<string>()
  readonly #bound = new Set<string>()
  /** Keys to look at, in their order. */
  readonly #due = new Set<string>()
  /** A worker is at it. */
  readonly #busy = new Set<string>()
  readonly #idle: (Opened | undefined)[] = new Array(WORKERS).fill(undefined)
  #isClosed = false

  /** @param opened where the queue is consumed: it belongs to that connection */
  constructor(opened: Opened, queue: string, events: BinderEvents) {
    this.#opened = opened
    this.#queue = queue
    this.#events = events
  }

  /** Messages of this key come. */
  has(key: string): boolean {
    return this.#bound.has(key) && this.#wanted.has(key)
  }

  want(key: string): void {
    this.#wanted.add(key)
    this.#look(key)
  }

  drop(key: string): void {
    this.#wanted.delete(key)
    this.#look(key)
  }

  /** The queue has gone, and its bindings with it. */
  close(): void {
    this.#isClosed = true
    this.#due.clear()
    for (const worker of this.#idle.splice(0)) worker?.channel.close().catch(() => {})
  }

  #look(key: string): void {
    if (this.#isClosed || this.#busy.has(key)) return
    // Unwanted and wanted again before anybody was asked.
    if (this.has(key)) this.#events.bound(key)
    if (this.#wanted.has(key) === this.#bound.has(key)) this.#due.delete(key)
    else this.#due.add(key)
    if (this.#due.size > 0 && this.#idle.length > 0) void this.#work(this.#idle.pop())
  }

  async #work(kept: Opened | undefined): Promise<void> {
    let worker = kept
    for (;;) {
      const [key] = this.#due
      if (key === undefined || this.#isClosed) break
      this.#due.delete(key)
      this.#busy.add(key)
      try {
        worker ??= await this.#opened.sibling()
        await this.#settle(worker, key)
      } catch (error) {
        worker?.channel.close().catch(() => {})
        worker = undefined
        this.#failed(key, error)
      }
      this.#busy.delete(key)
      this.#look(key)
    }
    if (this.#isClosed) worker?.channel.close().catch(() => {})
    else this.#idle.push(worker)
  }

  async #settle({ channel }: Opened, key: string): Promise<void> {
    if (this.#wanted.has(key)) {
      await channel.bindQueue(this.#queue, OWN_EXCHANGE, key)
      this.#bound.add(key)
      if (this.#wanted.has(key) && !this.#isClosed) this.#events.bound(key)
    } else {
      await channel.unbindQueue(this.#queue, OWN_EXCHANGE, key)
      this.#bound.delete(key)
    }
  }

  /** A refusal is the key's; whatever else it was concerns the whole queue. */
  #failed(key: string, error: unknown): void {
    if (this.#isClosed || !this.#opened.isOpen) return
    const reason = refusal(error, `exchange "${OWN_EXCHANGE}"`)
    if (reason === undefined || !this.#wanted.has(key)) {
      this.#opened.channel.close().catch(() => {})
      return
    }
    this.#wanted.delete(key)
    this.#events.refused(key, reason)
  }
}
