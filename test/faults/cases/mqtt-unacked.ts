/** Clients that acknowledge late, out of order or never: MQTT acknowledges in order only, and the bridge says what that means. */
import { describe, expect, test } from 'vitest'
import { startTestBridge, type TestBridge } from '../../support/bridge.ts'
import type { Mosquitto } from '../../support/mosquitto.ts'
import { TcpProxy } from '../../support/proxy.ts'
import { until } from '../../support/until.ts'
import { bodies, Client, type Heard } from '../driver.ts'
import { health, inFrontOfMqtt, plant, type Shore } from '../mqtt-place.ts'
import { fresh } from '../place.ts'

const HELD = 200
/** MQTT's, in milliseconds: the least that there is. */
const KEEPALIVE = 1_000
/** `ackTimeout` of the routes, in milliseconds. */
const ACK_TIMEOUT = 1_000

export function mqttUnacked(shore: Shore): void {
  describe('messages that are not acknowledged', () => {
    test('200 of them hold back nobody else, and no keepalive', async () => {
      await using proxy = await TcpProxy.to(shore().port)
      const broker = `keepalive: ${KEEPALIVE}ms`
      await using bridge = await startTestBridge(inFrontOfMqtt(proxy.port, { broker }))
      await using client = await Client.connect(bridge.url)
      const [held, busy] = [`/topic/${fresh('held')}`, `/topic/${fresh('busy')}`]
      const heard: Record<string, Heard[]> = { held: [], busy: [] }
      client.onMessage = (message) => heard[message.headers.subscription!]!.push(message)
      await client.do('SUBSCRIBE', { id: 'held', destination: held, ack: 'client-individual' })
      await client.do('SUBSCRIBE', { id: 'busy', destination: busy, ack: 'client-individual' })
      await Promise.all(Array.from({ length: HELD }, (_, at) => client.do('SEND', { destination: held }, `${at}`)))
      await client.until('all are held', () => heard.held!.length === HELD)

      const connections = proxy.connections
      // Both ends give a connection up that is silent for one and a half of it.
      const enough = Date.now() + 3 * KEEPALIVE
      let count = 0
      while (Date.now() < enough) {
        await client.do('SEND', { destination: busy }, `${count++}`)
        await client.until('its message', () => heard.busy!.length === count)
        await client.acks(heard.busy!.at(-1)!)
      }
      expect(heard.busy!.map(({ body }) => Number(body))).toEqual(Array.from({ length: count }, (_, at) => at))
      // What is held back holds back nothing of its own subscription either.
      await client.do('SEND', { destination: held }, 'one more')
      await client.until('one more', () => heard.held!.length === HELD + 1)

      // All on the connection that they came on.
      const receipts = await Promise.all(heard.held!.toReversed().map((message) => client.acks(message)))
      expect(receipts.filter(({ headers }) => headers['bridge-stale'] !== undefined)).toEqual([])
      expect(heard.held!.filter(({ headers }) => headers.redelivered === 'true')).toEqual([])
      expect(proxy.connections).toBe(connections)
      expect(client.errors).toEqual([])
    })

    test('acknowledged out of order: told, and after a loss they come again', async () => {
      await using scene = await openScene(shore(), inFrontOfMqtt)
      const { client, proxy, bridge, topic } = scene
      const [one, two, three, four, five] = await scene.sends('1', '2', '3', '4', '5')
      expect(marks(await client.acks(two!))).toEqual({ 'bridge-deferred': 'true' })
      expect(marks(await client.acks(three!))).toEqual({ 'bridge-deferred': 'true' })
      // The head: with it go the two.
      expect(marks(await client.acks(one!))).toEqual({})
      expect(marks(await client.acks(five!))).toEqual({ 'bridge-deferred': 'true' })
      // The broker has what left before this, which came on the same connection.
      await client.do('SEND', { destination: topic }, '6')
      await client.message(6)
      proxy.sever()
      await client.message(9)
      const again = client.messages.slice(6)
      expect(bodies(again)).toEqual(['4', '5', '6'])
      expect(again.map(({ headers }) => headers.redelivered)).toEqual(['true', 'true', 'true'])
      // No gap: the broker has kept the session.
      expect(again.filter(({ headers }) => headers['bridge-gap'] !== undefined)).toEqual([])
      expect(marks(await client.acks(four!))).toEqual({ 'bridge-stale': 'true' })
      for (const message of again) expect(marks(await client.acks(message))).toEqual({})
      await health(bridge, 'up')
      await client.do('SEND', { destination: topic }, '7')
      expect((await client.message(10)).body.toString()).toBe('7')
    })

    test('with ack:client all up to one are acknowledged, and none of them comes again', async () => {
      await using scene = await openScene(shore(), inFrontOfMqtt, { ack: 'client' })
      const { client, proxy } = scene
      const sent = await scene.sends('1', '2', '3', '4')
      expect(marks(await client.acks(sent[2]!))).toEqual({})
      await scene.sends('5')
      proxy.sever()
      await client.message(7)
      expect(bodies(client.messages.slice(5))).toEqual(['4', '5'])
      expect(client.messages.slice(5).map(({ headers }) => headers.redelivered)).toEqual(['true', 'true'])
    })
  })

  describe('a head that is older than ackTimeout', () => {
    test('nack: redeliver: it is given again', async () => {
      await using scene = await openScene(shore(), withNack('redeliver'))
      const { client } = scene
      const [head, second] = await scene.sends('head', 'second')
      expect(marks(await client.acks(second!))).toEqual({ 'bridge-deferred': 'true' })
      const again = await client.message(3)
      expect([again.body.toString(), again.headers.redelivered]).toEqual(['head', 'true'])
      expect(marks(await client.acks(head!))).toEqual({ 'bridge-stale': 'true' })
      await until('the latest is acknowledged in time', async () => {
        const receipt = await client.ask('ACK', { id: client.messages.at(-1)!.headers.ack! })
        return receipt.command === 'RECEIPT' && marks(receipt)['bridge-stale'] === undefined
      })
      expect(bodies(client.messages.slice(2)).filter((body) => body !== 'head')).toEqual([])
      await scene.areSettled('head', 'second')
    })

    test('nack: reject: it is dropped', async () => {
      await using scene = await openScene(shore(), withNack('reject'), { 'prefetch-count': '2' })
      const { client } = scene
      const [head, second] = await scene.sends('head', 'second')
      expect(marks(await client.acks(second!))).toEqual({ 'bridge-deferred': 'true' })
      // One of them takes the place of the second, the other one can only have that of the head.
      await scene.sends('third', 'fourth')
      expect(marks(await client.acks(head!))).toEqual({ 'bridge-stale': 'true' })
      await scene.areSettled('head', 'second')
    })

    test('nack: a destination: it goes there', async () => {
      await using scene = await openScene(shore(), withNack('dead/{path+}'))
      const { client, topic, bridge } = scene
      await using undertaker = await Client.connect(bridge.url)
      const grave = topic.replace('/plant/', '/dead/')
      await undertaker.do('SUBSCRIBE', { id: 'dead', destination: grave, ack: 'auto' })
      const [head, second] = await scene.sends('head', 'second')
      expect(marks(await client.acks(second!))).toEqual({ 'bridge-deferred': 'true' })
      expect((await undertaker.message()).body.toString()).toBe('head')
      expect(marks(await client.acks(head!))).toEqual({ 'bridge-stale': 'true' })
      // Its confirm comes after that of the dead letter.
      await undertaker.do('SEND', { destination: grave }, 'after')
      await scene.areSettled('head', 'second')
      expect(bodies(undertaker.messages)).toEqual(['head', 'after'])
    })
  })
}

/** Routes to `/plant`, where who acknowledges late meets `nack`, and to its dead letters. */
function withNack(nack: string): (port: number) => string {
  const [own, dead] = [
    `destination: "/plant/{path+}", topic: "plant/{path+}", ackTimeout: ${ACK_TIMEOUT}ms, nack: "${nack}"`,
    'destination: "/dead/{path+}", topic: "dead/{path+}"',
  ].map((route) => `{ broker: plant, errors: keep, ${route} }`)
  return (port) => `brokers: { ${plant(`mqtt://127.0.0.1:${port}`)} }\nroutes: [${own}, ${dead}]`
}

/** One client that subscribes to a topic and publishes to it. */
class Scene implements AsyncDisposable {
  readonly topic = `/plant/${fresh('unacked')}`
  readonly proxy: TcpProxy
  readonly bridge: TestBridge
  readonly client: Client

  constructor(proxy: TcpProxy, bridge: TestBridge, client: Client) {
    this.proxy = proxy
    this.bridge = bridge
    this.client = client
  }

  /** Resolves with the messages when they have come. */
  async sends(...texts: readonly string[]): Promise<Heard[]> {
    const { client, topic } = this
    const before = client.messages.length
    for (const text of texts) await client.do('SEND', { destination: topic }, text)
    await client.message(before + texts.length)
    return client.messages.slice(before)
  }

  /** The connection is lost: whatever comes again, it is none of these. */
  async areSettled(...texts: readonly string[]): Promise<void> {
    const { client, proxy, bridge, topic } = this
    await this.sends('before')
    const before = client.messages.length
    proxy.sever()
    await health(bridge, 'up')
    await until(
      'it is published',
      async () => (await client.ask('SEND', { destination: topic }, 'last')).command === 'RECEIPT',
    )
    const came = (): string[] => bodies(client.messages.slice(before))
    await client.until('what comes after what comes again', () => came().includes('last'))
    expect(came().filter((text) => texts.includes(text))).toEqual([])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]()
    await this.bridge[Symbol.asyncDispose]()
    await this.proxy[Symbol.asyncDispose]()
  }
}

async function openScene(
  mosquitto: Mosquitto,
  yaml: (port: number) => string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Scene> {
  const proxy = await TcpProxy.to(mosquitto.port)
  const bridge = await startTestBridge(yaml(proxy.port))
  const scene = new Scene(proxy, bridge, await Client.connect(bridge.url))
  await scene.client.do('SUBSCRIBE', { id: 's', destination: scene.topic, ack: 'client-individual', ...headers })
  return scene
}

/** What a RECEIPT says beside its id. */
function marks({ headers: { 'receipt-id': _, ...rest } }: Heard): Readonly<Record<string, string>> {
  return rest
}
