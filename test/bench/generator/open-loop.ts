/**
 * Latency without coordinated omission: a Metronome publishes by its schedule, and the time of each delivery counts from when its message was
 * to be sent. A server that stops for a second is charged for every message that was due in it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Target } from '../peers/peer.ts'
import { micros } from './clock.ts'
import { Connection } from './connection.ts'
import { crowd } from './crowd.ts'
import { Histogram, type Latency } from './histogram.ts'
import { Metronome } from './metronome.ts'
import { numberOf, RING, type SendOptions } from './stomp.ts'

/** For the thread to get ready. */
const LEAD_US = 20_000
const POLL_MS = 5

export interface OpenLoopOptions {
  readonly sends: SendOptions
  readonly perSecond: number
  /** Each on a connection of its own. */
  readonly subscribers: number
  /** Silence for so long after the end is a loss. */
  readonly patienceMs: number
}

export interface Heard {
  /** Deliveries. */
  readonly units: number
  readonly lost: number
  readonly disordered: number
  /** From the scheduled sending to the reading. */
  readonly latency: Latency | undefined
  /** See Played. */
  readonly lateP99: number
}

export class OpenLoop implements Disposable {
  readonly #options: OpenLoopOptions
  readonly #intervalUs: number
  readonly #histogram = new Histogram()
  readonly #stack = new DisposableStack()
  #metronome!: Metronome
  /** Of the present run: which number it began with, and when that was due. */
  #first = 0
  #startUs = 0
  #received = 0
  #disordered = 0
  /** Makes every subscriber forget the run before. */
  #run = 0

  /** Resolves when a message would reach all. */
  static async open(target: Target, options: OpenLoopOptions): Promise<OpenLoop> {
    const loop = new OpenLoop(options)
    await crowd(options.subscribers, (index) => loop.#subscribe(target, index))
    const { sends } = options
    loop.#metronome = loop.#stack.use(await Metronome.open({ target, sends, intervalUs: loop.#intervalUs }))
    return loop
  }

  private constructor(options: OpenLoopOptions) {
    this.#options = options
    this.#intervalUs = 1e6 / options.perSecond
  }

  start(): void {
    this.#run++
    this.#received = this.#disordered = 0
    this.#histogram.clear()
    this.#startUs = micros() + LEAD_US
    this.#metronome.start(this.#startUs)
  }

  /** Waits for what is under way. */
  async stop(): Promise<Heard> {
    const { subscribers, patienceMs } = this.#options
    const { sent, lateP99 } = await this.#metronome.stop()
    const expected = sent * subscribers
    const deadline = performance.now() + patienceMs
    while (this.#received < expected && performance.now() < deadline) await sleep(POLL_MS)
    this.#first = (this.#first + sent) % RING
    const lost = Math.max(expected - this.#received, 0)
    const latency = this.#histogram.summary()
    return { units: this.#received, lost, disordered: this.#disordered, latency, lateP99 }
  }

  [Symbol.dispose](): void {
    this.#stack.dispose()
  }

  async #subscribe(target: Target, index: number): Promise<void> {
    const { bytes, destination } = this.#options.sends
    let run = 0
    let seen = 0
    const message = (frame: Buffer, _start: number, end: number): void => {
      if (run !== this.#run) {
        run = this.#run
        seen = 0
      }
      // how far it is from the one that should come: 0, unless something was lost, came twice, or overtook another
      const ahead = (((numberOf(frame, end, bytes) - this.#first - seen) % RING) + RING) % RING
      if (ahead !== 0) this.#disordered++
      this.#received++
      if (ahead > RING / 2) return
      seen += ahead
      this.#histogram.record(micros() - (this.#startUs + seen * this.#intervalUs))
      seen++
    }
    const subscriber = this.#stack.use(await Connection.open(target, `subscriber ${index}`, { message }))
    await subscriber.subscribe(destination)
  }
}
