/**
 * A publisher that keeps to a schedule fixed in advance, whatever comes back: the sending half of an open loop. It has a thread of its own,
 * which sleeps to the microsecond and blocks nobody.
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Target } from '../peers/peer.ts'
import type { SendOptions } from './stomp.ts'

const THREAD = new URL('./metronome-thread.ts', import.meta.url)

export interface Score {
  readonly target: Target
  readonly sends: SendOptions
  readonly intervalUs: number
}

/** What the thread is told: when to begin, by `micros()`; undefined: to stop. */
export type Baton = { readonly startUs: number } | undefined

export interface Played {
  readonly sent: number
  /** Microseconds by which it was itself behind the schedule; they are in the latency, but not the server's fault. */
  readonly lateP99: number
}

export class Metronome implements Disposable {
  readonly #thread: Worker

  /** Resolves when it is connected. */
  static async open(score: Score): Promise<Metronome> {
    const thread = new Worker(THREAD, { workerData: score })
    thread.on('error', (error) => {
      throw error
    })
    await once(thread, 'message')
    return new Metronome(thread)
  }

  private constructor(thread: Worker) {
    this.#thread = thread
  }

  /** Frame n of this run leaves at `startUs` + n × the interval, by `micros()`. */
  start(startUs: number): void {
    this.#thread.postMessage({ startUs } satisfies Baton)
  }

  async stop(): Promise<Played> {
    const played = once(this.#thread, 'message')
    this.#thread.postMessage(undefined satisfies Baton)
    const [figures] = (await played) as [Played]
    return figures
  }

  [Symbol.dispose](): void {
    void this.#thread.terminate()
  }
}
