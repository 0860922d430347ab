/** One browser on two brokers, one of which is killed: the other one's order, stalls and books are its own. */
import { afterEach, describe, expect, test } from 'vitest'
import { startTestBridge } from '../../support/bridge.ts'
import { TcpProxy } from '../../support/proxy.ts'
import { until } from '../../support/until.ts'
import { Client, type Heard } from '../driver.ts'
import { Ledger } from '../ledger.ts'
import { plant, type Shore, saved } from '../mqtt-place.ts'
import { fresh, LONG_MS, type Place } from '../place.ts'

/** SENDs that wait for their RECEIPT, of each broker: far less than makes the bridge stop reading. */
const WINDOW = 10
const PHASE = 200

export function bothBrokers(shore: Shore, place: Place): void {
  describe('one browser on RabbitMQ and Mosquitto', () => {
    afterEach(async () => {
      await shore().start()
      await place().start()
    })

    test('each is killed in turn: the other one goes on, and neither loses anything', {
      timeout: LONG_MS,
    }, async () => {
      const [mosquitto, rabbit] = [shore(), place()]
      await using proxy = await TcpProxy.to(mosquitto.port)
      await using bridge = await startTestBridge(both(`mqtt://127.0.0.1:${proxy.port}`, rabbit.url))
      await using client = await Client.connect(bridge.url)
      const traffic = {
        rabbit: new Traffic(client, `/queue/${fresh('both')}`),
        plant: new Traffic(client, `/sensors/${fresh('both')}/temp`),
      }
      client.onMessage = (message) =>
        (message.headers.subscription === traffic.rabbit.destination ? traffic.rabbit : traffic.plant).consume(message)
      await traffic.rabbit.start('client')
      await traffic.plant.start('client-individual')
      await Promise.all([traffic.rabbit.goesOn(), traffic.plant.goesOn()])

      // RabbitMQ's database keeps what it should write for up to two seconds: the queue would be gone with the server.
      expect(await rabbit.eval('mnesia:sync_log().')).toContain('ok')
      await rabbit.kill()
      await traffic.plant.goesOn()
      await rabbit.start()
      await traffic.rabbit.goesOn()

      proxy.mute()
      await saved(mosquitto)
      await mosquitto.kill()
      await traffic.rabbit.goesOn()
      await mosquitto.start()
      await traffic.plant.goesOn()

      await Promise.all([traffic.rabbit.finish(), traffic.plant.finish()])
      expect(client.errors).toEqual([])
      expect(client.closed).toBeUndefined()
    })
  })
}

/** As config/both.yaml, but for what tests cannot wait for. */
function both(mqtt: string, rabbit: string): string {
  return [
    `brokers: { ${plant(mqtt)}, rabbit: { adapter: rabbitmq, url: "${rabbit}", reconnectMax: 500ms } }`,
    'routes:',
    '  - { destination: "/sensors/{path+}", broker: plant, topic: "plant/{path+}", holdMs: 60s }',
    '  - { preset: rabbitmq, broker: rabbit, holdMs: 60s }',
  ].join('\n')
}

/** What a client sends to one destination and consumes from it. */
class Traffic {
  readonly destination: string
  readonly #client: Client
  readonly #ledger = new Ledger()
  readonly #lanes: Promise<void>[] = []
  /** Numbers of messages that came for the first time, as they came. */
  readonly #order: number[] = []
  #goesOn = true
  #sent = 0

  constructor(client: Client, destination: string) {
    this.#client = client
    this.destination = destination
  }

  async start(ack: string): Promise<void> {
    const { destination } = this
    await this.#client.do('SUBSCRIBE', { id: destination, destination, ack, 'prefetch-count': '50' })
    for (let lane = 0; lane < WINDOW; lane++) {
      const sending = this.#send()
      // Looked at in `finish`; a connection that ends earlier is no crash of the test.
      sending.catch(() => {})
      this.#lanes.push(sending)
    }
  }

  consume(message: Heard): void {
    const { headers, body } = message
    this.#ledger.consumes(message)
    if (headers.redelivered !== 'true' && headers['bridge-resent'] !== 'true') this.#order.push(Number(body))
    this.#client.ack(message)
  }

  /** So many more RECEIPTs, and as many messages. */
  async goesOn(): Promise<void> {
    const [receipted, consumed] = [this.#ledger.receipted + PHASE, this.#ledger.consumed + PHASE]
    const goesOn = (): boolean => this.#ledger.receipted >= receipted && this.#ledger.consumed >= consumed
    await this.#client.until(`${this.destination} goes on`, goesOn)
  }

  async finish(): Promise<void> {
    this.#goesOn = false
    await Promise.all(this.#lanes)
    await until('all is consumed', () => this.#ledger.outstanding.length === 0, 30_000).catch(() => {})
    this.#ledger.check()
    expect(this.#order).toEqual(this.#order.toSorted((one, other) => one - other))
  }

  async #send(): Promise<void> {
    while (this.#goesOn) {
      const body = String(++this.#sent)
      this.#ledger.sends(body)
      await this.#client.do('SEND', { destination: this.destination }, body)
      this.#ledger.hasReceipt(body)
    }
  }
}
