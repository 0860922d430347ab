/**
 * Retained messages: whoever subscribes gets what the broker keeps, whether the bridge has subscribed to it long ago for somebody else or
 * not. "A retained copy is dropped if this subscription already got a live message of that topic."
 */
import { connectAsync } from 'mqtt'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client, Message } from './client.ts'
import { MqttPlace } from './mqtt.place.ts'
import { bodies, type Scene } from './scene.ts'

const places = new AsyncDisposableStack()
const byVersion = new Map<string, MqttPlace>()

beforeAll(async () => {
  byVersion.set('MQTT 5', places.use(await MqttPlace.open()))
  byVersion.set('MQTT 3.1.1', places.use(await MqttPlace.open({ broker: 'protocol: 4' })))
})

afterAll(() => places.disposeAsync())

describe.each(['MQTT 5', 'MQTT 3.1.1'])('over %s', (version) => {
  const place = (): MqttPlace => byVersion.get(version)!
  const retains = (topic: string, body: string): Promise<void> => place().publishes(topic, body, '-r', '-q', '1')

  test('the first subscriber gets it, marked, and what is live is not marked', async () => {
    await using scene = place().scene()
    const browser = await scene.client()
    await retains('tank/level', '70 %')
    const { messages } = await scene.subscribes(browser, '/topic/tank.level')
    const kept = await messages.next()
    await retains('tank/level', '71 %')
    const live = await messages.next()
    expect([kept.body, kept.headers.retain, live.body, live.headers.retain]).toEqual([
      '70 %',
      'true',
      '71 %',
      undefined,
    ])
  })

  test('late ones get it too, each once, and those who are there already get nothing', async () => {
    await using scene = place().scene()
    const early = await scene.client()
    const first = await scene.subscribes(early, '/topic/boiler.temp')
    await retains('boiler/temp', '60')
    expect(await first.messages.next()).toMatchObject({ body: '60' })
    const late = await Promise.all(Array.from({ length: 5 }, () => joins(scene, '/topic/boiler.temp')))
    for (const { messages } of late) expect(await messages.next()).toMatchObject({ body: '60', headers: KEPT })
    await retains('boiler/temp', '61')
    for (const { messages } of [first, ...late]) expect(await messages.next()).toMatchObject({ body: '61' })
    expect(bodies(first.messages.all)).toEqual(['60', '61'])
    for (const { messages } of late) expect(bodies(messages.all)).toEqual(['60', '61'])
  })

  test('a wildcard brings everything that is kept below it, each under its name', async () => {
    await using scene = place().scene()
    const rooms = ['1', '2', '3']
    const early = await joins(scene, '/topic/room.*.temp')
    for (const room of rooms) await retains(`room/${room}/temp`, `in ${room}`)
    await early.messages.take(rooms.length)
    const { messages } = await joins(scene, '/topic/room.*.temp')
    const kept = await messages.take(rooms.length)
    expect(kept.map(({ headers, body }) => [headers.destination, body]).toSorted()).toEqual(
      rooms.map((room) => [`/topic/room.${room}.temp`, `in ${room}`]),
    )
  })

  test('of many none is missing, also when the bridge has to stop for breath', async () => {
    await using scene = place().scene()
    const count = 500
    const device = await connectAsync(place().mosquitto.url, { protocolVersion: 5, reconnectPeriod: 0 })
    const value = 'x'.repeat(1_000)
    const machines = Array.from({ length: count }, (_, machine) => `mine/${machine}`)
    await Promise.all(machines.map((topic) => device.publishAsync(topic, value, { qos: 1, retain: true })))
    await device.endAsync()
    const early = await joins(scene, '/mine/#')
    await early.messages.take(count)
    const browser = await scene.client()
    const { messages } = browser.subscribe('/mine/#')
    while (messages.all.length < count) {
      const before = messages.all.length
      stall(200)
      await messages.find('more of them', () => true, before + 1)
    }
    expect(new Set(messages.all.map(({ headers }) => headers.destination)).size).toBe(count)
  })

  test('one who leaves and comes back gets it again, from a subscription that has lingered', async () => {
    await using scene = place().scene()
    await retains('valve/state', 'open')
    const browser = await scene.client()
    for (const _ of [1, 2]) {
      const subscription = await scene.subscribes(browser, '/valve/state')
      expect(await subscription.messages.next()).toMatchObject({ body: 'open', headers: KEPT })
      subscription.unsubscribe()
    }
  })

  test('what was cleared is not kept', async () => {
    await using scene = place().scene()
    const early = await joins(scene, '/cleared/#')
    await retains('cleared/a', 'was here')
    await retains('cleared/b', 'is here')
    await place().mosquitto.pub(['-t', 'cleared/a', '-r', '-n', '-q', '1'])
    await early.messages.take(3)
    const { messages } = await joins(scene, '/cleared/#')
    expect(await messages.next()).toMatchObject({ body: 'is here', headers: { destination: '/cleared/b' } })
  })

  test('those who acknowledge get it as well', async () => {
    await using scene = place().scene()
    await retains('ledger/total', '42')
    const browser = await scene.client()
    const { messages } = await scene.subscribes(browser, '/ledger/total', { ack: 'client' })
    const kept = await messages.next()
    expect(kept).toMatchObject({ body: '42', headers: KEPT })
    await scene.acks(browser, kept)
  })

  test('a queue gives out work, and no memories', async () => {
    await using scene = place().scene()
    await retains('chores/next', 'an old one')
    const browser = await scene.client()
    const { messages } = await scene.subscribes(browser, '/queue/chores/next')
    await place().publishes('chores/next', 'a new one', '-q', '1')
    expect((await messages.next()).body).toBe('a new one')
  })

  test('while a device retains one value after the other, nobody who joins is given an old one after a new one', async () => {
    await using scene = place().scene()
    const count = 1_000
    const early = await joins(scene, '/topic/pulse')
    const values = Array.from({ length: count }, (_, index) => String(index + 1))
    const device = place().mosquitto.pub(['-t', 'pulse', '-r', '-q', '1', '-l'], Buffer.from(`${values.join('\n')}\n`))
    const late = []
    for (let joined = 0; joined < 10; joined++) {
      const seen = early.messages.all.length
      late.push(await joins(scene, '/topic/pulse'))
      await early.messages.find('some more', () => true, Math.min(count, seen + 20))
    }
    await device
    expect(bodies(await early.messages.take(count))).toEqual(values)
    for (const { messages } of late) {
      await messages.find('the last value', ({ body }) => body === String(count))
      inOrder(messages.all)
    }
  })
})

/** The process does nothing else for so many milliseconds, as in a long garbage collection. */
function stall(ms: number): void {
  const end = Date.now() + ms
  while (Date.now() < end);
}

const KEPT = { retain: 'true' }

async function joins(scene: Scene, destination: string): Promise<Awaited<ReturnType<Scene['subscribes']>>> {
  const browser: Client = await scene.client()
  return await scene.subscribes(browser, destination)
}

/** At most one copy, and before all that is live, which is whole from there on. */
function inOrder(messages: readonly Message[]): void {
  const copies = messages.filter(({ headers }) => headers.retain === 'true')
  expect(copies.length).toBeLessThanOrEqual(1)
  if (copies.length === 1) expect(messages[0]).toBe(copies[0])
  const live = messages.filter(({ headers }) => headers.retain === undefined).map(({ body }) => Number(body))
  expect(live).toEqual(live.map((_, index) => live[0]! + index))
}
