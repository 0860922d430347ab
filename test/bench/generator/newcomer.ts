/**
 * How long a SUBSCRIBE to a new topic takes, asked every so often, whether or not the one before has been answered: nothing waits for an
 * answer, so a server that is slow to give one is not asked less.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Target } from '../peers/peer.ts'
import { micros } from './clock.ts'
import { Connection } from './connection.ts'
import { Histogram, type Latency } from './histogram.ts'
import { frame, receiptNumberOf, receiptOf } from './stomp.ts'

const EVERY_MS = 50
const POLL_MS = 5

export class Newcomer implements Disposable {
  readonly #place: string
  readonly #histogram = new Histogram()
  readonly #asked = new Map<number, number>()
  #connection!: Connection
  #timer: NodeJS.Timeout | undefined
  #number = 0

  static async open(target: Target, place: string): Promise<Newcomer> {
    const newcomer = new Newcomer(place)
    newcomer.#connection = await Connection.open(target, 'newcomer', {
      receipt: (bytes, start, end) => newcomer.#answered(receiptNumberOf(bytes, start, end)),
    })
    return newcomer
  }

  private constructor(place: string) {
    this.#place = place
  }

  start(): void {
    this.#histogram.clear()
    this.#timer = setInterval(() => this.#ask(), EVERY_MS)
  }

  /** Waits for what has been asked. */
  async stop(patienceMs: number): Promise<{ readonly lost: number; readonly latency: Latency | undefined }> {
    clearInterval(this.#timer)
    const deadline = performance.now() + patienceMs
    while (this.#asked.size > 0 && performance.now() < deadline) await sleep(POLL_MS)
    return { lost: this.#asked.size, latency: this.#histogram.summary() }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#connection[Symbol.dispose]()
  }

  #ask(): void {
    const id = String(++this.#number)
    const destination = `${this.#place}${id}`
    this.#asked.set(this.#number, micros())
    this.#connection.send([frame('SUBSCRIBE', { id, destination, ack: 'auto', receipt: receiptOf(this.#number) })])
  }

  #answered(number: number): void {
    const asked = this.#asked.get(number)
    if (asked === undefined) throw new Error(`a RECEIPT that nobody asked for: ${number}`)
    this.#asked.delete(number)
    this.#histogram.record(micros() - asked)
    this.#connection.send([frame('UNSUBSCRIBE', { id: String(number) })])
  }
}
