/**
 * Somebody whom it does not concern: while others come and go, it publishes and receives on a topic of its own by an open loop, and now and
 * then subscribes to something new. It has a thread of its own, so that what keeps the generator busy is not charged to the server.
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Target } from '../peers/peer.ts'
import type { Latency } from './histogram.ts'
import type { Heard } from './open-loop.ts'

const THREAD = new URL('./neighbour-thread.ts', import.meta.url)

export interface Home {
  readonly target: Target
  /** Its topics begin so. */
  readonly place: string
}

export type Request = 'start' | 'stop'

/** Of one period, from `start` to `stop`. */
export interface Experience extends Heard {
  /** From each SUBSCRIBE to its RECEIPT. */
  readonly subscribing: Latency | undefined
}

export class Neighbour implements Disposable {
  readonly #thread: Worker

  /** Resolves when it is subscribed. */
  static async open(home: Home): Promise<Neighbour> {
    const thread = new Worker(THREAD, { workerData: home })
    thread.on('error', (error) => {
      throw error
    })
    await once(thread, 'message')
    return new Neighbour(thread)
  }

  private constructor(thread: Worker) {
    this.#thread = thread
  }

  start(): void {
    this.#thread.postMessage('start' satisfies Request)
  }

  /** Resolves when everything that it sent or asked has been answered, or too much time has passed. */
  async stop(): Promise<Experience> {
    const told = once(this.#thread, 'message')
    this.#thread.postMessage('stop' satisfies Request)
    const [experience] = (await told) as [Experience]
    return experience
  }

  [Symbol.dispose](): void {
    void this.#thread.terminate()
  }
}
