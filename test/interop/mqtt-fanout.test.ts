/** One device, many listeners: overlapping filters, MQTT 3.1.1 and what is lost there, and those who come and go. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MqttPlace, printed } from './mqtt.place.ts'
import { bodies } from './scene.ts'

const places = new AsyncDisposableStack()
const byVersion = new Map<string, MqttPlace>()

beforeAll(async () => {
  byVersion.set('MQTT 5', places.use(await MqttPlace.open()))
  byVersion.set('MQTT 3.1.1', places.use(await MqttPlace.open({ broker: 'protocol: 4' })))
})

afterAll(() => places.disposeAsync())

describe.each(['MQTT 5', 'MQTT 3.1.1'])('over %s', (version) => {
  const place = (): MqttPlace => byVersion.get(version)!

  test('filters that overlap deliver once to each subscription', async () => {
    await using scene = place().scene()
    const filters = ['/mill/1/rpm', '/topic/mill.1.rpm', '/mill/*/rpm', '/mill/1/*', '/mill/#', '/topic/mill.1.#']
    const subscriptions = []
    for (const _ of [1, 2]) {
      const browser = await scene.client()
      for (const filter of filters) subscriptions.push(await scene.subscribes(browser, filter))
    }
    const readings = ['1', '2', '3', 'end']
    for (const reading of readings) await place().publishes('mill/1/rpm', reading, '-q', '1')
    for (const { messages } of subscriptions) {
      await messages.find('the end', ({ body }) => body === 'end')
      expect(bodies(messages.all)).toEqual(readings)
    }
  })

  test("a wildcard brings nothing of the bridge's own topics", async () => {
    await using scene = place().scene()
    const shared = await scene.subscribes(await scene.client(), '/topic/#')
    const own = await scene.subscribes(await scene.client(), '/topic/#', { ack: 'client' })
    await place().publishes('stomp-bridge/taken-over/x', 'not for clients', '-q', '1')
    await place().publishes('open/1', 'for everybody', '-q', '1')
    for (const { messages } of [shared, own]) {
      await messages.find('the open one', ({ body }) => body === 'for everybody')
      expect(bodies(messages.all)).not.toContain('not for clients')
    }
  })

  test('who has left hears nothing, and the others go on', async () => {
    await using scene = place().scene()
    const [one, two] = [await scene.client(), await scene.client()]
    const leaving = await scene.subscribes(one, '/topic/well.#')
    const staying = await scene.subscribes(two, '/topic/well.#')
    await place().publishes('well/1', 'both', '-q', '1')
    await Promise.all([leaving.messages.next(), staying.messages.next()])
    leaving.unsubscribe()
    await scene.sends(one, '/somewhere/else', 'so that UNSUBSCRIBE was read')
    await place().publishes('well/1', 'one', '-q', '1')
    expect((await staying.messages.next()).body).toBe('one')
    await scene.sends(one, '/somewhere/else', 'so that everything before has come')
    expect(bodies(leaving.messages.all)).toEqual(['both'])
    expect(one.ears.strays.all).toEqual([])
  })

  test('a thousand readings in one go arrive whole and in order at everybody', async () => {
    await using scene = place().scene()
    const readings = Array.from({ length: 1_000 }, (_, index) => `reading ${index}`)
    const subscriptions = []
    for (let count = 0; count < 3; count++)
      subscriptions.push(await scene.subscribes(await scene.client(), '/topic/burst.*'))
    await place().mosquitto.pub(['-t', 'burst/1', '-q', '1', '-l'], Buffer.from(`${readings.join('\n')}\n`))
    for (const { messages } of subscriptions) expect(bodies(await messages.take(readings.length))).toEqual(readings)
  })
})

test('MQTT 3.1.1 has no words for headers: they are dropped, and body and receipt stay', async () => {
  const place = byVersion.get('MQTT 3.1.1')!
  await using scene = place.scene()
  const browser = await scene.client()
  const device = await place.listens('old/lamp')
  const { messages } = await scene.subscribes(browser, '/old/lamp')
  await scene.sends(browser, '/old/lamp', 'on', {
    'content-type': 'text/plain',
    'correlation-id': 'c-1',
    'reply-to': '/topic/answers',
    expiration: '1000',
    unit: '°C',
  })
  const [seen] = await printed(device, 1)
  expect(seen).toMatchObject({ payload: 'on', qos: 1 })
  expect(seen).not.toHaveProperty('properties')
  const { body, headers } = await messages.next()
  expect(body).toBe('on')
  expect(Object.keys(headers).toSorted()).toEqual([
    'content-length',
    'destination',
    'message-id',
    'persistent',
    'subscription',
  ])
})
