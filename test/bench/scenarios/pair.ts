/**
 * A publisher and a consumer of one queue, a connection each. A window of messages is under way: one that has been received (and, where
 * receipts are asked for, one whose RECEIPT has come too) makes room for the next.
 */

import { micros } from '../generator/clock.ts'
import { Connection } from '../generator/connection.ts'
import type { Histogram } from '../generator/histogram.ts'
import { ackIdOf, frame, type Headers, hasHeaders, numberOf, RING, receiptNumberOf, Sends } from '../generator/stomp.ts'
import type { Target } from '../peers/peer.ts'

export interface PairOptions {
  /** `client`: every tenth message is acknowledged, and with it the nine before. */
  readonly ack: 'auto' | 'client' | 'client-individual'
  /** For each SEND, of which `persistent` says what they promise. */
  readonly receipts: boolean
  readonly persistent: boolean
  /** Of a body. */
  readonly bytes: number
  readonly window: number
  /** Of each SEND; checked in the first MESSAGE. */
  readonly headers?: Headers
}

const TOGETHER = 10

export class Pair implements Disposable {
  readonly #options: PairOptions
  readonly #destination: string
  readonly #confirming: Histogram
  readonly #sends: Sends
  readonly #stack = new DisposableStack()
  /** By number: when it was sent; NaN when its RECEIPT has come. */
  readonly #sentAt = new Float64Array(RING).fill(Number.NaN)
  #acks: Buffer[] = []
  /** The last message that is not acknowledged, and how many there are. */
  #unacked = ''
  #unackedCount = 0
  #publisher!: Connection
  #consumer!: Connection
  #published = 0
  #received = 0
  #confirmed = 0
  #disordered = 0
  #next = 0
  #checked: boolean
  #end = 0
  #complete: () => void = () => {}

  /** @param confirming takes the time from each SEND to its RECEIPT */
  constructor(options: PairOptions, destination: string, confirming: Histogram) {
    this.#options = options
    this.#destination = destination
    this.#confirming = confirming
    this.#checked = options.headers === undefined
    this.#sends = new Sends({ destination, ...options })
  }

  get units(): number {
    return this.#options.receipts ? Math.min(this.#received, this.#confirmed) : this.#received
  }

  get lost(): number {
    return this.#published - this.units
  }

  get disordered(): number {
    return this.#disordered
  }

  async open(target: Target, index: number): Promise<void> {
    const consumer = await Connection.open(target, `consumer ${index}`, {
      message: (bytes, start, end) => this.#message(bytes, start, end),
      pause: () => this.#goOn(),
    })
    this.#consumer = this.#stack.use(consumer)
    await consumer.subscribe(this.#destination, 'sub-0', this.#options.ack)
    const publisher = await Connection.open(target, `publisher ${index}`, {
      receipt: (bytes, start, end) => this.#receipt(receiptNumberOf(bytes, start, end)),
      pause: () => this.#goOn(),
    })
    this.#publisher = this.#stack.use(publisher)
  }

  /** Publishes until `end` of `performance.now()`; then calls `complete` when nothing is under way any more. */
  start(end: number, complete: () => void): void {
    this.#published = this.#received = this.#confirmed = this.#disordered = 0
    this.#complete = complete
    this.#end = end
    this.#goOn()
  }

  [Symbol.dispose](): void {
    this.#stack.dispose()
  }

  #message(bytes: Buffer, start: number, end: number): void {
    const number = numberOf(bytes, end, this.#options.bytes)
    if (number !== this.#next) this.#disordered++
    this.#next = (number + 1) % RING
    this.#received++
    if (!this.#checked) {
      if (!hasHeaders(bytes, start, end, this.#options.headers!))
        throw new Error(`no headers: ${bytes.subarray(start, end)}`)
      this.#checked = true
    }
    const { ack } = this.#options
    if (ack === 'auto') return
    this.#unacked = ackIdOf(bytes, start)
    this.#unackedCount++
    if (ack === 'client-individual' || this.#unackedCount === TOGETHER) this.#acknowledge()
  }

  #acknowledge(): void {
    this.#acks.push(frame('ACK', { id: this.#unacked }))
    this.#unackedCount = 0
  }

  #receipt(number: number): void {
    const sentAt = this.#sentAt[number]!
    if (Number.isNaN(sentAt)) this.#disordered++
    else this.#confirming.record(micros() - sentAt)
    this.#sentAt[number] = Number.NaN
    this.#confirmed++
  }

  /** After each read: its acks in one write, and as many new messages as there is room for in another. */
  #goOn(): void {
    const isOver = performance.now() >= this.#end
    if (isOver && this.#unackedCount > 0) this.#acknowledge()
    if (this.#acks.length > 0) {
      this.#consumer.send(this.#acks)
      this.#acks = []
    }
    if (!isOver) this.#publish(this.#options.window - (this.#published - this.units))
    else if (this.units === this.#published) this.#finish()
  }

  #publish(count: number): void {
    if (count <= 0) return
    this.#published += count
    if (this.#options.receipts) {
      const now = micros()
      for (let number = this.#sends.next, left = count; left > 0; left--, number++) this.#sentAt[number % RING] = now
    }
    this.#publisher.send(this.#sends.take(count))
  }

  /** Once a run. */
  #finish(): void {
    const complete = this.#complete
    this.#complete = () => {}
    complete()
  }
}
