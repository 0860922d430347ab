/** Mosquitto is killed, and stopped, under load: what has a RECEIPT arrives, what was not acknowledged comes again, no browser is sent away. */
import { afterEach, describe, expect, test } from 'vitest'
import { startTestBridge, type TestBridge } from '../../support/bridge.ts'
import { TcpProxy } from '../../support/proxy.ts'
import { until } from '../../support/until.ts'
import { Client, type Heard } from '../driver.ts'
import { Ledger } from '../ledger.ts'
import { inFrontOfMqtt, type Shore, saved } from '../mqtt-place.ts'
import { fresh, LONG_MS } from '../place.ts'

/** Consumers, and publishers. */
const CLIENTS = 10
const TOPICS = 5
/** SENDs of one publisher that wait for their RECEIPT. */
const WINDOW = 3
/** Receipts of all publishers in each phase. */
const PHASE = 300
/** Messages that each consumer leaves unacknowledged when the broker goes. */
const WITHHELD = 15

export function mqttKilled(shore: Shore): void {
  describe('Mosquitto goes and comes back', () => {
    afterEach(() => shore().start())

    test('10 consume and 10 publish: nothing is lost, and nothing twice unmarked', { timeout: LONG_MS }, async () => {
      const mosquitto = shore()
      await using proxy = await TcpProxy.to(mosquitto.port)
      await using bridge = await startTestBridge(inFrontOfMqtt(proxy.port, { route: 'holdMs: 60000' }))
      const topics = Array.from({ length: TOPICS }, () => `/topic/${fresh('ledger')}`)
      const numbers = Array.from({ length: CLIENTS }, (_, number) => number)
      const consumers = await Promise.all(
        numbers.map((number) => Consumer.open(bridge, topics[number % TOPICS]!, number)),
      )
      const publishers = await Promise.all(
        numbers.map((number) => publisher(bridge, topics[number % TOPICS]!, number, consumers)),
      )
      const receipts = (): number => publishers.reduce((sum, each) => sum + each.receipts(), 0)
      const phase = async (): Promise<void> => {
        const enough = receipts() + PHASE
        await until('receipts', () => receipts() >= enough || gone(consumers).length > 0, LONG_MS)
      }

      for (const end of ['killed', 'stopped'] as const) {
        await phase()
        for (const consumer of consumers) consumer.withhold()
        await until('enough is not acknowledged', () => consumers.every(({ owing }) => owing >= WITHHELD))
        if (end === 'killed') {
          // No confirm reaches the bridge of what is not on disk yet.
          proxy.mute()
          await saved(mosquitto)
          await mosquitto.kill()
        } else await mosquitto.stop()
        for (const consumer of consumers) consumer.acknowledge()
        await mosquitto.start()
        await until(`what was not acknowledged when it was ${end}`, () => consumers.every(({ owing }) => owing === 0))
      }
      await phase()
      await Promise.all(publishers.map(({ finish }) => finish()))
      const arrived = (): boolean => consumers.every(({ ledger }) => ledger.outstanding.length === 0)
      await until('all is consumed', arrived, 30_000).catch(() => {})
      for (const { ledger, client } of consumers) {
        ledger.check()
        expect(client.errors).toEqual([])
      }
      expect(gone([...consumers, ...publishers])).toEqual([])
      for (const { client } of [...consumers, ...publishers]) await client[Symbol.asyncDispose]()
    })
  })
}

/** Every consumer of a topic gets all that is published to it. */
class Consumer {
  readonly client: Client
  readonly topic: string
  readonly ledger = new Ledger()
  readonly #owed = new Set<string>()
  #withholds = false

  static async open(bridge: TestBridge, topic: string, number: number): Promise<Consumer> {
    const consumer = new Consumer(await Client.connect(bridge.url), topic)
    // Two on each topic: one of each kind.
    const ack = number < TOPICS ? 'client' : 'client-individual'
    await consumer.client.do('SUBSCRIBE', { id: 's', destination: topic, ack, 'prefetch-count': '50' })
    return consumer
  }

  private constructor(client: Client, topic: string) {
    this.client = client
    this.topic = topic
    client.onMessage = (message) => this.#consume(message)
  }

  /** Messages withheld that have not come again, marked. */
  get owing(): number {
    return this.#owed.size
  }

  withhold(): void {
    this.#withholds = true
  }

  acknowledge(): void {
    this.#withholds = false
  }

  #consume(message: Heard): void {
    const body = message.body.toString()
    this.ledger.consumes(message)
    if (this.#withholds) {
      this.#owed.add(body)
      return
    }
    if (message.headers.redelivered === 'true') this.#owed.delete(body)
    this.client.ack(message)
  }
}

interface Publisher {
  readonly client: Client
  receipts(): number
  /** Sends no more; resolves when everything has its RECEIPT. */
  finish(): Promise<void>
}

async function publisher(
  bridge: TestBridge,
  destination: string,
  number: number,
  consumers: readonly Consumer[],
): Promise<Publisher> {
  const client = await Client.connect(bridge.url)
  const ledgers = consumers.filter(({ topic }) => topic === destination).map(({ ledger }) => ledger)
  let goesOn = true
  let sent = 0
  let receipts = 0
  const lane = async (): Promise<void> => {
    while (goesOn) {
      const body = `${number}-${++sent}`
      for (const ledger of ledgers) ledger.sends(body)
      await client.do('SEND', { destination }, body)
      for (const ledger of ledgers) ledger.hasReceipt(body)
      receipts++
    }
  }
  const lanes = Array.from({ length: WINDOW }, lane)
  // Looked at in `finish`; a connection that ends earlier is no crash of the test.
  for (const each of lanes) each.catch(() => {})
  return {
    client,
    receipts: () => receipts,
    finish: async () => {
      goesOn = false
      await Promise.all(lanes)
    },
  }
}

function gone(all: readonly { readonly client: Client }[]): Client[] {
  return all.map(({ client }) => client).filter(({ closed }) => closed !== undefined)
}
