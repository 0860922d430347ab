/** The examples in config/, and the flag that stands for one of them, as a user starts them: a process, and the brokers' URLs from outside. */
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { connectAsync } from 'mqtt'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EXIT } from '../../src/commands/command.ts'
import { run } from '../../src/commands/run.ts'
import { FakeHost } from '../commands/host.ts'
import { BridgeProcess, spawnBridge } from '../faults/process.ts'
import { type Mosquitto, startMosquitto } from '../support/mosquitto.ts'
import { type Rabbit, startRabbit } from '../support/rabbitmq.ts'
import { until } from '../support/until.ts'
import type { Client } from './client.ts'
import { stompjs } from './drivers/stompjs.ts'
import { printed } from './mqtt.place.ts'

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname
const started = new AsyncDisposableStack()
let mosquitto: Mosquitto

beforeAll(async () => {
  mosquitto = started.use(await startMosquitto())
})

afterAll(() => started.disposeAsync())

const example = (name: string): Promise<string> =>
  readFile(new URL(`../../config/${name}.yaml`, import.meta.url), 'utf8')

/** SEND, and its RECEIPT. */
async function sends(
  client: Client,
  destination: string,
  body: string,
  receipt = `${destination} ${body}`,
): Promise<void> {
  client.send(destination, body, { receipt })
  await client.ears.receipt(receipt)
}

/** SUBSCRIBE, and its RECEIPT. */
async function subscribes(client: Client, destination: string): Promise<ReturnType<Client['subscribe']>> {
  const subscription = client.subscribe(destination, { receipt: destination })
  await client.ears.receipt(destination)
  return subscription
}

/** What the comments of config/mqtt.yaml say. */
async function says(client: Client): Promise<void> {
  const device = await mosquitto.sub(['-t', 'plant/7/set', '-F', '%j'])
  const dotted = await subscribes(client, '/topic/plant.*.temp')
  const plain = await subscribes(client, '/plant/7/temp')
  const jobs = await subscribes(client, '/queue/jobs')
  await mosquitto.pub(['-t', 'plant/7/temp', '-m', '21.5'])
  expect(await dotted.messages.next()).toMatchObject({ body: '21.5', headers: { destination: '/topic/plant.7.temp' } })
  expect(await plain.messages.next()).toMatchObject({ body: '21.5', headers: { destination: '/plant/7/temp' } })
  await mosquitto.pub(['-t', 'jobs', '-m', 'sweep'])
  expect((await jobs.messages.next()).body).toBe('sweep')
  await sends(client, '/topic/plant.7.set', '22')
  await sends(client, '/plant/7/set', '23')
  expect((await printed(device, 2)).map(({ payload }) => payload)).toEqual(['22', '23'])
}

test('config/mqtt.yaml', async () => {
  await using bridge = await spawnBridge(await example('mqtt'), { MQTT_URL: mosquitto.url })
  await using client = await stompjs('1.2').open(bridge.url)
  await says(client)
})

test('stomp-bridge --mqtt URL', async () => {
  const env = { PATH: process.env.PATH, STOMP_BRIDGE_OPS_PORT: '0', STOMP_BRIDGE_LOG_FORMAT: 'json' }
  const child = spawn(process.execPath, [MAIN, '--mqtt', mosquitto.url, '--port', '0'], { env })
  await using bridge = new BridgeProcess(child)
  await until('the bridge listens', () => bridge.listens || bridge.exit !== undefined, 30_000)
  await using client = await stompjs('1.2').open(bridge.url)
  await says(client)
})

describe('config/both.yaml', () => {
  let rabbit: Rabbit
  let bridge: BridgeProcess

  beforeAll(async () => {
    rabbit = started.use(await startRabbit())
    bridge = started.use(
      await spawnBridge(await example('both'), { MQTT_URL: mosquitto.url, RABBITMQ_URL: rabbit.url }),
    )
  })

  test('one connection has the readings of devices, and the queues of RabbitMQ', async () => {
    await using client = await stompjs('1.2').open(bridge.url)
    const readings = await subscribes(client, '/sensors/*/temp')
    const queue = await subscribes(client, '/queue/orders')
    await mosquitto.pub(['-t', 'plant/7/temp', '-m', '21.5'])
    await sends(client, '/queue/orders', 'one')
    expect(await readings.messages.next()).toMatchObject({ body: '21.5', headers: { destination: '/sensors/7/temp' } })
    expect((await queue.messages.next()).body).toBe('one')
  })

  test('check --connect dials both, and knows a wrong password', async () => {
    const file = new URL('../../config/both.yaml', import.meta.url).pathname
    const check = async (url: string) => {
      const host = new FakeHost({ MQTT_URL: mosquitto.url, RABBITMQ_URL: url })
      return { code: await run(['check', file, '--connect'], host), out: host.out, err: host.err }
    }
    const right = await check(rabbit.url)
    expect(right).toMatchObject({ code: EXIT.ok, err: '' })
    expect(right.out).toContain('broker rabbit: up')
    expect(right.out).toContain('broker plant: up')
    const wrong = await check(Object.assign(new URL(rabbit.url), { password: 'not-this-one' }).href)
    expect(wrong.code).toBe(EXIT.failed)
    expect(wrong.err).toContain('broker rabbit: down: ')
    expect(wrong.out).toContain('broker plant: up')
    expect(wrong.err).not.toContain('not-this-one')
    const open = await check(`amqp://${new URL(rabbit.url).host}`)
    expect(open.code).toBe(EXIT.ok)
    expect(open.out).toContain('broker rabbit: answers')
  })

  test('a command has its RECEIPT when a device is there, and is not-found when none is', async () => {
    await using client = await stompjs('1.2').open(bridge.url)
    const device = await connectAsync(mosquitto.url, { protocolVersion: 5, reconnectPeriod: 0 })
    const heard: string[] = []
    device.on('message', (topic: string, body: Buffer) => heard.push(`${topic} ${body}`))
    await device.subscribeAsync('plant/7/command', { qos: 1 })
    await sends(client, '/commands/7', 'open')
    await until('the command', () => heard.length > 0)
    expect(heard).toEqual(['plant/7/command open'])
    await device.endAsync()
    client.send('/commands/7', 'close', { receipt: 'r' })
    expect((await client.ears.errors.next()).headers).toMatchObject({ 'receipt-id': 'r', 'bridge-code': 'not-found' })
  })

  test('with Mosquitto away RabbitMQ’s destinations go on, on the same connection, and the readings come back', async () => {
    await using client = await stompjs('1.2').open(bridge.url)
    const readings = await subscribes(client, '/sensors/9/temp')
    const queue = await subscribes(client, '/queue/meanwhile')
    await mosquitto.kill()
    await until('the bridge to notice', () => bridge.log().includes('"state":"down"'))
    for (const order of ['one', 'two', 'three']) await sends(client, '/queue/meanwhile', order)
    expect((await queue.messages.take(3)).map(({ body }) => body)).toEqual(['one', 'two', 'three'])
    await mosquitto.start()
    await until('the bridge is back', () => bridge.log().includes('broker has recovered'))
    await subscribes(client, '/sensors/10/temp')
    await mosquitto.pub(['-t', 'plant/9/temp', '-m', '4'])
    expect(await readings.messages.next()).toMatchObject({ body: '4', headers: { 'bridge-gap': 'true' } })
    await sends(client, '/queue/meanwhile', 'four')
    expect((await queue.messages.next()).body).toBe('four')
    expect(client.ears.connected.all).toHaveLength(1)
  })
})
