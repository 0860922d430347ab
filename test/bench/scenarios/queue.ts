/**
 * One publisher and one consumer of a queue, a connection each. A window of messages is under way: one that has been received (and, where
 * receipts are asked for, one whose receipt has come too) makes room for the next.
 */
import { Connection } from '../generator/connection.ts'
import { ackIdOf, frame, numberOf, RING, Sends } from '../generator/stomp.ts'
import type { Target } from '../peers/peer.ts'
import { type Load, PATIENCE_MS, type Scenario, type Tally } from './scenario.ts'

export interface QueueOptions {
  readonly ack: 'auto' | 'client-individual'
  /** Of each SEND; then messages are persistent, else transient. */
  readonly receipts: boolean
  /** Of a body. */
  readonly bytes: number
  readonly window: number
}

export function queue(options: QueueOptions): Scenario {
  const { ack, receipts, bytes, window } = options
  const kind = receipts ? 'persistent, receipts' : 'transient, no receipts'
  const pace = window === 1 ? 'one at a time' : `window ${window}`
  return {
    name: `queue, ${bytes} B, ack:${ack}, ${kind}, ${pace}`,
    unit: 'round trip',
    async open(target, place) {
      const load = new Queue(options, `${target.queues}${place}`)
      await load.open(target)
      return load
    },
  }
}

class Queue implements Load {
  readonly #options: QueueOptions
  readonly #destination: string
  readonly #sends: Sends
  readonly #acks: Buffer[] = []
  #publisher!: Connection
  #consumer!: Connection
  #published = 0
  #received = 0
  #confirmed = 0
  #disordered = 0
  #next = 0
  #end = 0
  #complete: () => void = () => {}

  constructor(options: QueueOptions, destination: string) {
    this.#options = options
    this.#destination = destination
    this.#sends = new Sends({ destination, ...options })
  }

  async open(target: Target): Promise<void> {
    const message = (bytes: Buffer, start: number, end: number): void => this.#message(bytes, start, end)
    this.#consumer = await Connection.open(target, { message, pause: () => this.#goOn() })
    await this.#consumer.ask('SUBSCRIBE', { id: 'sub-0', destination: this.#destination, ack: this.#options.ack })
    this.#publisher = await Connection.open(target, { receipt: () => this.#confirmed++, pause: () => this.#goOn() })
  }

  async run(ms: number): Promise<Tally> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timeout = setTimeout(resolve, ms + PATIENCE_MS)
    this.#published = this.#received = this.#confirmed = this.#disordered = 0
    this.#complete = resolve
    this.#end = performance.now() + ms
    this.#goOn()
    await promise
    clearTimeout(timeout)
    return { units: this.#done, lost: this.#published - this.#done, disordered: this.#disordered }
  }

  [Symbol.dispose](): void {
    this.#consumer[Symbol.dispose]()
    this.#publisher[Symbol.dispose]()
  }

  get #done(): number {
    return this.#options.receipts ? Math.min(this.#received, this.#confirmed) : this.#received
  }

  #message(bytes: Buffer, start: number, end: number): void {
    const number = numberOf(bytes, end, this.#options.bytes)
    if (number !== this.#next) this.#disordered++
    this.#next = (number + 1) % RING
    this.#received++
    if (this.#options.ack !== 'auto') this.#acks.push(frame('ACK', { id: ackIdOf(bytes, start) }))
  }

  /** After each read: its acks in one write, and as many new messages as there is room for in another. */
  #goOn(): void {
    if (this.#acks.length > 0) this.#consumer.send(this.#acks.splice(0))
    if (performance.now() < this.#end) {
      const room = this.#options.window - (this.#published - this.#done)
      if (room === 0) return
      this.#published += room
      this.#publisher.send(this.#sends.take(room))
    } else if (this.#done === this.#published) {
      this.#complete()
    }
  }
}
