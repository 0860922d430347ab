/**
 * Clients that come and go: TCP, WebSocket and CONNECT to CONNECTED, then the socket is closed; so many under way at any time. Latency: from
 * the SYN to CONNECTED.
 */
import { micros } from '../generator/clock.ts'
import { Connection } from '../generator/connection.ts'
import { Histogram } from '../generator/histogram.ts'
import type { Target } from '../peers/peer.ts'
import { type Load, patiently, type Scenario, SLACK_MS, type Tally } from './scenario.ts'

export function connecting(atOnce: number): Scenario {
  return {
    name: `connect, ${atOnce} at once`,
    group: 'connect',
    unit: 'connection',
    needs: [],
    quick: true,
    slackMs: SLACK_MS,
    open: async (target) => new Connecting(target, atOnce),
  }
}

class Connecting implements Load {
  readonly #target: Target
  readonly #atOnce: number
  readonly #histogram = new Histogram()
  #begun = 0

  constructor(target: Target, atOnce: number) {
    this.#target = target
    this.#atOnce = atOnce
  }

  async run(ms: number): Promise<Tally> {
    const end = performance.now() + ms
    this.#begun = 0
    this.#histogram.clear()
    await patiently(ms, (done) => {
      void Promise.all(Array.from({ length: this.#atOnce }, () => this.#comeAndGo(end))).then(done)
    })
    const units = this.#histogram.size
    return { units, lost: this.#begun - units, disordered: 0, latency: this.#histogram.summary() }
  }

  [Symbol.dispose](): void {}

  async #comeAndGo(end: number): Promise<void> {
    while (performance.now() < end) {
      const begun = micros()
      using _connection = await Connection.open(this.#target, `client ${this.#begun++}`)
      this.#histogram.record(micros() - begun)
    }
  }
}
