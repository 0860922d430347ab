/** A Sink that remembers everything and can be waited on, so that no test sleeps and none misses a delivery. */
import type { Delivery, Sink } from '../../src/broker/broker.ts'
import type { BrokerError } from '../../src/broker/errors.ts'
import { until } from './until.ts'

/** Milliseconds that a test waits for something that should come at once, on a slow machine. */
export const PATIENCE_MS = 10_000

export class RecordingSink implements Sink {
  /** Every delivery, in order. */
  readonly all: Delivery[] = []
  /** `lost` · `resumed` · `resumed with gap` · `end <code>`, in order. */
  readonly events: string[] = []
  ended: BrokerError | undefined
  readonly #patienceMs: number
  #read = 0
  #wake: (() => void) | undefined

  constructor(patienceMs = PATIENCE_MS) {
    this.#patienceMs = patienceMs
  }

  deliver(delivery: Delivery): void {
    this.all.push(delivery)
    this.#wake?.()
  }

  lost(): void {
    this.events.push('lost')
  }

  resumed(gap: boolean): void {
    this.events.push(gap ? 'resumed with gap' : 'resumed')
  }

  end(reason: BrokerError): void {
    this.ended = reason
    this.events.push(`end ${reason.code}`)
  }

  /** Deliveries that `next` and `take` have not given out yet. */
  get unread(): readonly Delivery[] {
    return this.all.slice(this.#read)
  }

  /** The first delivery not yet read, now or as soon as it comes; rejects after `ms` milliseconds. One waiter at a time. */
  async next(ms = this.#patienceMs): Promise<Delivery> {
    if (this.#read === this.all.length) await this.#arrival(ms)
    return this.all[this.#read++]!
  }

  /** The next `count` deliveries. */
  async take(count: number, ms = this.#patienceMs): Promise<Delivery[]> {
    const taken: Delivery[] = []
    while (taken.length < count) taken.push(await this.next(ms))
    return taken
  }

  /** Resolves when `event` (see `events`; a prefix is enough) stands among the events from the `from`th on. */
  async event(event: string, from = 0, ms = this.#patienceMs): Promise<void> {
    await until(`the event "${event}"`, () => this.events.slice(from).some((each) => each.startsWith(event)), ms)
  }

  #arrival(ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no delivery within ${ms} ms; had ${this.all.length}`)), ms)
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
    })
  }
}

/** The body as text. */
export function text(delivery: Delivery): string {
  return delivery.message.body.toString('utf8')
}

/** The bodies as texts. */
export function texts(deliveries: readonly Delivery[]): string[] {
  return deliveries.map(text)
}
