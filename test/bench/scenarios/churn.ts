/**
 * Clients that subscribe to a live topic and unsubscribe again, as pages are turned: each waits for the RECEIPT of the one before it asks for
 * the other. One more subscriber stays. Latency: from the SUBSCRIBE to its RECEIPT.
 */
import { micros } from '../generator/clock.ts'
import { Connection } from '../generator/connection.ts'
import { crowd } from '../generator/crowd.ts'
import { Histogram } from '../generator/histogram.ts'
import type { Target } from '../peers/peer.ts'
import { type Load, patiently, type Scenario, SLACK_MS, type Tally } from './scenario.ts'

export function churn(clients: number): Scenario {
  return {
    name: `churn, ${clients} clients on a live topic`,
    group: 'churn',
    unit: 'subscribe + unsubscribe',
    needs: [],
    quick: true,
    slackMs: SLACK_MS,
    async open(target, place) {
      const load = new Churn(`${target.topics}${place}`)
      await load.open(target, clients)
      return load
    },
  }
}

class Churn implements Load {
  readonly #destination: string
  readonly #stack = new DisposableStack()
  readonly #histogram = new Histogram()
  #clients: readonly Connection[] = []
  #begun = 0
  #done = 0

  constructor(destination: string) {
    this.#destination = destination
  }

  async open(target: Target, clients: number): Promise<void> {
    const standing = this.#stack.use(await Connection.open(target, 'standing subscriber'))
    await standing.subscribe(this.#destination)
    this.#clients = await crowd(clients, async (index) =>
      this.#stack.use(await Connection.open(target, `client ${index}`)),
    )
  }

  async run(ms: number): Promise<Tally> {
    const end = performance.now() + ms
    this.#begun = this.#done = 0
    this.#histogram.clear()
    await patiently(ms, (done) => {
      void Promise.all(this.#clients.map((client) => this.#turnPages(client, end))).then(done)
    })
    return {
      units: this.#done,
      lost: this.#begun - this.#done,
      disordered: 0,
      latency: this.#histogram.summary(),
    }
  }

  [Symbol.dispose](): void {
    this.#stack.dispose()
  }

  async #turnPages(client: Connection, end: number): Promise<void> {
    while (performance.now() < end) {
      this.#begun++
      const asked = micros()
      await client.subscribe(this.#destination)
      this.#histogram.record(micros() - asked)
      await client.ask('UNSUBSCRIBE', { id: 'sub-0' })
      this.#done++
    }
  }
}
