/**
 * One publisher, many subscribers of one topic, a connection each. A burst of messages is sent when every subscriber has had all of the one
 * before; a burst of one is what is called lock-step.
 */
import { Connection } from '../generator/connection.ts'
import { numberOf, RING, Sends } from '../generator/stomp.ts'
import type { Target } from '../peers/peer.ts'
import { type Load, PATIENCE_MS, type Scenario, type Tally } from './scenario.ts'

export interface FanOutOptions {
  readonly subscribers: number
  /** Of a body. */
  readonly bytes: number
  readonly burst: number
}

export function fanOut(options: FanOutOptions): Scenario {
  const { subscribers, bytes, burst } = options
  const pace = burst === 1 ? 'lock-step' : `bursts of ${burst}`
  return {
    name: `fan-out 1 → ${subscribers}, ${bytes} B, ${pace}`,
    unit: 'delivery',
    async open(target, place) {
      const load = new FanOut(options, `${target.topics}${place}`)
      await load.open(target)
      return load
    },
  }
}

class FanOut implements Load {
  readonly #options: FanOutOptions
  readonly #destination: string
  readonly #sends: Sends
  readonly #connections: Connection[] = []
  #publisher!: Connection
  #expected = 0
  #received = 0
  #disordered = 0
  #complete: () => void = () => {}

  constructor(options: FanOutOptions, destination: string) {
    this.#options = options
    this.#destination = destination
    this.#sends = new Sends({ destination, bytes: options.bytes, receipts: false })
  }

  async open(target: Target): Promise<void> {
    const subscribers = Array.from({ length: this.#options.subscribers }, () => this.#subscribe(target))
    this.#connections.push(...(await Promise.all(subscribers)))
    this.#publisher = await Connection.open(target, {})
    this.#connections.push(this.#publisher)
  }

  async run(ms: number): Promise<Tally> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timeout = setTimeout(resolve, ms + PATIENCE_MS)
    const end = performance.now() + ms
    this.#expected = this.#received = this.#disordered = 0
    this.#complete = () => {
      if (performance.now() < end) this.#publish()
      else resolve()
    }
    this.#publish()
    await promise
    clearTimeout(timeout)
    return { units: this.#received, lost: this.#expected - this.#received, disordered: this.#disordered }
  }

  [Symbol.dispose](): void {
    for (const connection of this.#connections) connection[Symbol.dispose]()
  }

  async #subscribe(target: Target): Promise<Connection> {
    const { bytes } = this.#options
    let next = 0
    const message = (frame: Buffer, _start: number, end: number): void => {
      const number = numberOf(frame, end, bytes)
      if (number !== next) this.#disordered++
      next = (number + 1) % RING
      if (++this.#received === this.#expected) this.#complete()
    }
    const connection = await Connection.open(target, { message })
    await connection.ask('SUBSCRIBE', { id: 'sub-0', destination: this.#destination, ack: 'auto' })
    return connection
  }

  #publish(): void {
    const { burst, subscribers } = this.#options
    this.#expected += burst * subscribers
    this.#publisher.send(this.#sends.take(burst))
  }
}
