/**
 * What src/adapters/mqtt/deferred.ts leans on and the mqtt library does not promise. When the library is updated and one of these fails, that
 * file must be thought through again before the pin in package.json may move.
 */
import { connect, type IPublishPacket, type MqttClient } from 'mqtt'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { intercept, puback } from '../../src/adapters/mqtt/deferred.ts'
import { type Mosquitto, startMosquitto } from '../support/mosquitto.ts'
import { until } from '../support/until.ts'

let mosquitto: Mosquitto
const clients: MqttClient[] = []

beforeAll(async () => {
  mosquitto = await startMosquitto()
})
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.endAsync(true)))
})
afterAll(() => mosquitto[Symbol.asyncDispose]())

interface Deferring {
  readonly client: MqttClient
  readonly packets: IPublishPacket[]
  readonly sent: string[]
}

let names = 0

/** A client that acknowledges nothing by itself; subscribed to `topic` unless it resumes. */
async function deferring(
  topic: string,
  options: { clientId?: string; clean?: boolean; keepalive?: number } = {},
): Promise<Deferring> {
  const client = connect({
    protocol: 'mqtt',
    hostname: '127.0.0.1',
    port: mosquitto.port,
    protocolVersion: 5,
    reconnectPeriod: 0,
    clientId: `library-${++names}`,
    properties: { sessionExpiryInterval: 60, receiveMaximum: 1_000 },
    ...options,
  })
  clients.push(client)
  const packets: IPublishPacket[] = []
  const sent: string[] = []
  intercept(client, (packet) => {
    packets.push(packet)
    return 'defer'
  })
  client.on('packetsend', ({ cmd }) => sent.push(cmd))
  client.on('error', () => {})
  await until('CONNACK', () => client.connected)
  if (options.clean !== false) await client.subscribeAsync(topic, { qos: 1 })
  return { client, packets, sent }
}

test('the version is pinned exactly', () => {
  expect(manifest.dependencies.mqtt).toMatch(/^\d+\.\d+\.\d+$/)
})

test('deferred, a PUBLISH is not acknowledged, and the pump goes on: later ones, own publishes, PINGs', async () => {
  const { client, packets, sent } = await deferring('library/flow', { keepalive: 1 })
  let pings = 0
  client.on('packetreceive', ({ cmd }) => void (cmd === 'pingresp' && pings++))
  for (let count = 0; count < 50; count++) await client.publishAsync('library/flow', String(count), { qos: 1 })
  await until('all of them', () => packets.length === 50)
  await until('two PINGRESPs', () => pings >= 2)
  expect(sent).not.toContain('puback')
  expect(client.connected).toBe(true)
})

test('a PUBACK sent later is one: what it names does not come again, the rest does, marked and in order', async () => {
  const clientId = `library-${++names}`
  const first = await deferring('library/later', { clientId })
  for (const body of ['m1', 'm2', 'm3']) await first.client.publishAsync('library/later', body, { qos: 1 })
  await until('three messages', () => first.packets.length === 3)
  puback(first.client, first.packets[0]!.messageId!)
  await until('the PUBACK', () => first.sent.includes('puback'))
  await first.client.endAsync(false)
  const second = await deferring('library/later', { clientId, clean: false })
  await until('two messages', () => second.packets.length === 2)
  expect(second.packets.map(({ payload, dup }) => [String(payload), dup])).toEqual([
    ['m2', true],
    ['m3', true],
  ])
})

test('without a connection a PUBACK is not kept for the next one', async () => {
  const { client, packets } = await deferring('library/offline')
  await client.publishAsync('library/offline', 'm1', { qos: 1 })
  await until('the message', () => packets.length === 1)
  client.stream.destroy()
  await until('the end', () => !client.connected)
  puback(client, packets[0]!.messageId!)
  expect(client.queue).toEqual([])
})
