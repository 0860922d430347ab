/** Brokers go and come back under load: what MQTT promises across that, and that one broker’s outage is not the other’s. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startTestBridge, type TestBridge } from '../support/bridge.ts'
import { type Mosquitto, startMosquitto } from '../support/mosquitto.ts'
import { type Rabbit, startRabbit } from '../support/rabbitmq.ts'
import { until } from '../support/until.ts'
import { Client, type Heard } from './driver.ts'
import { Ledger } from './ledger.ts'

let things: AsyncDisposable[] = []

beforeEach(() => {
  things = []
})
afterEach(async () => {
  for (const thing of things.reverse()) await thing[Symbol.asyncDispose]()
})

const keep = <T extends AsyncDisposable>(thing: T): T => {
  things.push(thing)
  return thing
}

const connected = async ({ url }: TestBridge): Promise<Client> => keep(await Client.connect(url))

/** SENDs with receipts, one after the other, until told to stop. */
class Source {
  readonly #client: Client
  readonly #destination: string
  readonly #name: string
  readonly #ledger: Ledger
  #stopped = false
  readonly done: Promise<void>

  constructor(client: Client, destination: string, name: string, ledger: Ledger) {
    this.#client = client
    this.#destination = destination
    this.#name = name
    this.#ledger = ledger
    this.done = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.done
  }

  async #run(): Promise<void> {
    for (let number = 1; !this.#stopped; number++) {
      const body = `${this.#name}-${number}`
      this.#ledger.sends(body)
      await this.#client.do('SEND', { destination: this.#destination }, body)
      this.#ledger.hasReceipt(body)
    }
  }
}

describe('Mosquitto restarts under load', () => {
  test('10 clients consume with acks, 10 publish with receipts: all that was receipted is consumed, all that was unacknowledged comes again', async () => {
    const mosquitto: Mosquitto = keep(await startMosquitto())
    const bridge = keep(
      await startTestBridge(`
brokers: { plant: { adapter: mqtt, url: "${mosquitto.url}", reconnectMin: 20ms, reconnectMax: 200ms } }
routes: [{ preset: mqtt, broker: plant, holdMs: 60s, ackTimeout: 0 }]
`),
    )
    const ledger = new Ledger()
    const unacked: string[] = []
    const again = new Set<string>()
    let lenient = true
    const sources: Source[] = []
    for (let number = 1; number <= 10; number++) {
      const consumer = await connected(bridge)
      consumer.onMessage = (message: Heard): void => {
        const body = message.body.toString()
        ledger.consumes(message)
        if (message.headers.redelivered === 'true') again.add(body)
        // Every 20th is left unacknowledged until the broker has been away.
        if (lenient && body.endsWith('7') && Number(body.split('-')[1]) % 20 === 7) unacked.push(body)
        else consumer.ack(message)
      }
      const destination = `/topic/ledger.${number}`
      await consumer.do('SUBSCRIBE', { id: 's', destination, ack: 'client-individual' })
      sources.push(new Source(await connected(bridge), destination, String(number), ledger))
    }
    await until('traffic', () => ledger.receipted > 300 && unacked.length > 10)
    lenient = false
    const before = [...unacked]
    await mosquitto.stop()
    const receipted = ledger.receipted
    await mosquitto.start()
    await until('traffic again', () => ledger.receipted > receipted + 300, 60_000)
    await Promise.all(sources.map((source) => source.stop()))
    await until('everything', () => ledger.outstanding.length === 0, 60_000)
    ledger.check()
    expect(before.filter((body) => !again.has(body))).toEqual([])
  })
})

describe('RabbitMQ and MQTT behind one endpoint', () => {
  test('each is killed in turn under load: the other’s receipts and messages go on, on the same connection; the books are exact', async () => {
    const [mosquitto, rabbit]: [Mosquitto, Rabbit] = [keep(await startMosquitto()), keep(await startRabbit())]
    const bridge = keep(
      await startTestBridge(`
brokers:
  rabbit: { adapter: rabbitmq, url: "${rabbit.url}", reconnectMin: 50ms, reconnectMax: 500ms }
  plant: { adapter: mqtt, url: "${mosquitto.url}", reconnectMin: 50ms, reconnectMax: 500ms }
routes:
  - { destination: "/sensors/{path+}", broker: plant, topic: "plant/{path+}", holdMs: 60s, ackTimeout: 0 }
  - { preset: rabbitmq, broker: rabbit, holdMs: 60s }
`),
    )
    const page = await connected(bridge)
    const books = { rabbit: new Ledger(), plant: new Ledger() }
    page.onMessage = (message: Heard): void => {
      books[message.headers.subscription as keyof typeof books].consumes(message)
      page.ack(message)
    }
    await page.do('SUBSCRIBE', { id: 'plant', destination: '/sensors/7', ack: 'client-individual' })
    await page.do('SUBSCRIBE', { id: 'rabbit', destination: '/queue/work', ack: 'client-individual' })
    const sources = [
      new Source(page, '/sensors/7', 'plant', books.plant),
      new Source(page, '/queue/work', 'rabbit', books.rabbit),
    ]
    const moves = async (name: keyof typeof books): Promise<void> => {
      const { receipted, consumed } = books[name]
      const book = books[name]
      await until(`${name} to go on`, () => book.receipted > receipted + 50 && book.consumed > consumed + 50, 60_000)
    }
    await Promise.all([moves('plant'), moves('rabbit')])
    await mosquitto.stop()
    await moves('rabbit')
    await mosquitto.start()
    await moves('plant')
    await rabbit.kill()
    await moves('plant')
    await rabbit.start()
    await moves('rabbit')
    await Promise.all(sources.map((source) => source.stop()))
    for (const book of Object.values(books)) {
      await until('everything', () => book.outstanding.length === 0, 60_000)
      book.check()
    }
    expect(page.errors).toEqual([])
  })
})
