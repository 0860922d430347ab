/**
 * Many clients that connect, subscribe and then do nothing: what it takes to get them there, and the memory that each keeps (`rssBytes`, open
 * less before). One message to every topic at the end shows that all of them are served. Latency: from the SYN to the RECEIPT of the SUBSCRIBE.
 */
import { micros } from '../generator/clock.ts'
import { Connection } from '../generator/connection.ts'
import { crowd } from '../generator/crowd.ts'
import { Histogram } from '../generator/histogram.ts'
import { frame } from '../generator/stomp.ts'
import type { Target } from '../peers/peer.ts'
import { CROWD_SLACK_MS, type Load, patiently, type Scenario, type Tally } from './scenario.ts'

export interface IdleOptions {
  readonly connections: number
  readonly topics: 'the same' | 'own'
}

const BODY = 'x'.repeat(128)

export function idle(options: IdleOptions, quick = false): Scenario {
  const { connections, topics } = options
  return {
    name: `idle, ${connections} connections, ${topics === 'own' ? 'each its own topic' : 'the same topic'}`,
    group: 'idle',
    unit: 'connection',
    needs: topics === 'own' ? ['topics'] : [],
    quick,
    opening: true,
    slackMs: CROWD_SLACK_MS,
    open: async (target, place) => new Idle(target, place, options),
  }
}

class Idle implements Load {
  readonly #target: Target
  readonly #place: string
  readonly #options: IdleOptions
  readonly #stack = new DisposableStack()
  readonly #histogram = new Histogram()
  #reached = 0
  #complete: () => void = () => {}

  constructor(target: Target, place: string, options: IdleOptions) {
    this.#target = target
    this.#place = place
    this.#options = options
  }

  /** Once; `ms` does not matter. */
  async run(): Promise<Tally> {
    const { connections } = this.#options
    await crowd(connections, (index) => this.#settle(index))
    await this.#reachAll()
    return {
      units: connections,
      lost: connections - this.#reached,
      disordered: 0,
      latency: this.#histogram.summary(),
    }
  }

  [Symbol.dispose](): void {
    this.#stack.dispose()
  }

  async #settle(index: number): Promise<void> {
    const message = (): void => {
      if (++this.#reached === this.#options.connections) this.#complete()
    }
    const begun = micros()
    const connection = this.#stack.use(await Connection.open(this.#target, `client ${index}`, { message }))
    await connection.subscribe(this.#topic(index))
    this.#histogram.record(micros() - begun)
  }

  async #reachAll(): Promise<void> {
    const { topics, connections } = this.#options
    using publisher = await Connection.open(this.#target, 'publisher')
    await patiently(0, (done) => {
      this.#complete = done
      const sends = Array.from({ length: topics === 'own' ? connections : 1 }, (_, index) =>
        frame('SEND', { destination: this.#topic(index), 'content-type': 'text/plain' }, BODY),
      )
      publisher.send(sends)
    })
  }

  #topic(index: number): string {
    const { topics } = this.#options
    return `${this.#target.topics}${this.#place}${topics === 'own' ? `-${index}` : ''}`
  }
}
