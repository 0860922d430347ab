/** Publishing to a real Mosquitto: what leaves at which QoS, with which properties, what is refused before it leaves, and what waits. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { MqttTarget } from '../../src/adapters/mqtt/index.ts'
import { type Mosquitto, startMosquitto } from '../support/mosquitto.ts'
import { text, texts } from '../support/sink.ts'
import { until } from '../support/until.ts'
import { MqttStage } from './mqtt.stage.ts'
import { message, numbered, Scene } from './scene.ts'

let mosquitto: Mosquitto
let stage: MqttStage
let scene: Scene

beforeAll(async () => {
  mosquitto = await startMosquitto({ config: ['max_inflight_messages 5'] })
})
afterAll(() => mosquitto[Symbol.asyncDispose]())

beforeEach(async () => {
  stage = await MqttStage.open({ port: mosquitto.port, broker: { heldMessages: 4, heldBytes: 1_000 } })
  scene = new Scene(stage)
})
afterEach(() => scene[Symbol.asyncDispose]())

const AS_ASKED = { qos: undefined }
const topicOf = ({ target }: { target: unknown }): string => (target as MqttTarget).topic
const retain = (value: string): Record<string, string> => Object.assign(Object.create(null), { retain: value })
const codeOf = (publish: Promise<void>): Promise<string> =>
  publish.then(
    () => 'confirmed',
    (error) => error.code,
  )

describe('what a device sees', () => {
  test.each([
    ['a SEND', {}, {}, false, '0'],
    ['one with a receipt', {}, {}, true, '1'],
    ['one with persistent:true', {}, { persistent: true }, false, '1'],
    ['one of a route with qos: 1', { qos: 1 }, {}, false, '1'],
    ['one with a receipt of a route with qos: 0', { qos: 0 }, {}, true, '1'],
  ])('%s', async (_, options, properties, receipt, qos) => {
    const spot = stage.spot({ ...AS_ASKED, topic: 'qos/{name}', ...options }, { name: stage.name('qos') })
    await using device = await mosquitto.sub(['-t', topicOf(spot), '-q', '1', '-F', '%q %p'])
    await scene.publish(spot, message('hello', [], properties), { receipt })
    expect(await device.heard(1)).toEqual([`${qos} hello`])
  })

  test('properties in MQTT’s own words, the rest as user properties', async () => {
    const [spot, answers] = [await stage.topic(), await stage.topic()]
    await using device = await mosquitto.sub(['-t', topicOf(spot), '-F', '%C|%D|%E|%R|%F|%P|%p'])
    const properties = {
      contentType: 'text/plain',
      correlationId: 'c1',
      expirationMs: 59_001,
      replyTo: answers.target,
      type: 'order',
      userId: 'nobody could check it',
    }
    await scene.publish(spot, message('hello', ['colour', 'red', 'colour', 'blue'], properties), { receipt: false })
    expect(await device.heard(1)).toEqual([`text/plain|c1|60|${topicOf(answers)}|1|type:order colour:red|hello`])
  })

  test('binary data arrives octet for octet', async () => {
    const spot = await stage.topic()
    await using device = await mosquitto.sub(['-t', topicOf(spot), '-F', '%x'])
    await scene.publish(spot, message(Buffer.from([0, 255, 10, 13, 128])))
    expect(await device.heard(1)).toEqual(['00ff0a0d80'])
  })

  test('a retained message, where the route lets clients retain', async () => {
    const spot = stage.spot({ topic: 'retained/{name}', retain: true }, { name: stage.name('r') })
    expect(spot.route.arguments).toEqual(['retain'])
    await scene.publish(spot, 'kept', { arguments: retain('true') })
    await scene.publish(spot, 'passing', { arguments: retain('false') })
    await using device = await mosquitto.sub(['-t', topicOf(spot), '-F', '%r %p'])
    expect(await device.heard(1)).toEqual(['1 kept'])
    expect(await codeOf(scene.publish(spot, 'x', { arguments: retain('maybe') }))).toBe('bad-message')
    expect(await codeOf(scene.publish(await stage.topic(), 'x', { arguments: retain('true') }))).toBe('forbidden')
  })
})

describe('refused before it leaves', () => {
  test.each([
    ['LF', 'a\nb'],
    ['CR', 'a\rb'],
    ['TAB', 'a\tb'],
    ['U+0001', '\u0001'],
    ['U+0000', '\u0000'],
    ['U+009F', '\u009f'],
    ['a lone surrogate', '\ud800'],
    ['a non-character', '\uffff'],
    ['65,536 bytes', 'x'.repeat(65_536)],
  ])('%s in a header, its name or a content type; the neighbour hears nothing of it', async (_, hostile) => {
    const [mallory, alice] = [await scene.link(), await scene.link()]
    const spot = await stage.topic()
    const listener = await scene.consumer(spot, { settle: 'presettled' })
    const attacks = [
      message('x', ['header', hostile]),
      message('x', [hostile, 'value']),
      message('x', [], { contentType: hostile }),
      message('x', [], { type: hostile }),
    ]
    for (const attack of attacks) {
      for (const receipt of [true, false])
        expect(await codeOf(scene.publishOn(mallory, spot, attack, { receipt }))).toBe('bad-message')
      await scene.publishOn(alice, spot, 'homely')
      expect(text(await listener.next())).toBe('homely')
    }
    expect(listener.events).toEqual([])
  })

  test('a correlation id may hold anything, but not 65,536 bytes of it', async () => {
    const spot = await stage.topic()
    const listener = await scene.consumer(spot)
    await scene.publish(spot, message('x', [], { correlationId: 'a\nb\u0001' }))
    expect((await listener.next()).message.properties.correlationId).toBe('a\nb\u0001')
    const long = message('x', [], { correlationId: 'x'.repeat(65_536) })
    expect(await codeOf(scene.publish(spot, long))).toBe('bad-message')
  })

  test('65,535 bytes in a header are not too many', async () => {
    const spot = await stage.topic()
    const listener = await scene.consumer(spot)
    await scene.publish(spot, message('x', ['long', 'x'.repeat(65_535)]))
    expect((await listener.next()).message.headers[1]).toHaveLength(65_535)
  })

  test('a wildcard', async () => {
    const { pattern } = await stage.wildcard()
    expect(await codeOf(scene.publish(pattern, 'x'))).toBe('bad-destination')
  })
})

describe('what the broker answers', () => {
  test('nobody subscribes: a fault only where the route says mandatory, and only with a receipt', async () => {
    const strict = stage.spot({ topic: 'strict/{name}', mandatory: true }, { name: stage.name('m') })
    expect(await codeOf(scene.publish(strict, 'x'))).toBe('not-found')
    expect(await codeOf(scene.publish(strict, 'x', { receipt: false }))).toBe('confirmed')
    expect(await codeOf(scene.publish(await stage.topic(), 'x'))).toBe('confirmed')
    await scene.consumer(strict)
    expect(await codeOf(scene.publish(strict, 'x'))).toBe('confirmed')
  })

  test('its receive window of 5 is kept, whoever publishes how much', async () => {
    const spot = await stage.topic()
    const listener = await scene.consumer(spot, { settle: 'presettled' })
    const link = await scene.link()
    await Promise.all(numbered(9).map((body) => scene.publishOn(link, spot, body)))
    expect(texts(await listener.take(9))).toEqual(numbered(9))
  })
})

describe('while the broker is away', () => {
  const down = async (): Promise<void> => {
    await stage.faults.down()
    await until('health down', () => stage.broker.health.state === 'down')
  }

  test('nothing is held without holdMs, and QoS 0 never is', async () => {
    const [held, asked] = [await stage.topic(), stage.spot({ ...AS_ASKED, topic: 'held/{name}' }, { name: 'a' })]
    await down()
    expect(await codeOf(scene.publish(held, 'x', { holdMs: 0 }))).toBe('broker-unavailable')
    expect(await codeOf(scene.publish(asked, 'x', { receipt: false }))).toBe('broker-unavailable')
  })

  test('what is held has a bound in messages and one in bytes', async () => {
    const spot = await stage.topic()
    const link = await scene.link()
    const listener = await scene.consumer(spot, { settle: 'presettled' })
    await down()
    const large = scene.publishOn(link, spot, message(Buffer.alloc(1_001)))
    expect(await codeOf(large)).toBe('limit')
    const kept = numbered(4).map((body) => scene.publishOn(link, spot, body))
    expect(await codeOf(scene.publishOn(link, spot, 'm5'))).toBe('limit')
    await stage.faults.up()
    await Promise.all(kept)
    expect(texts(await listener.take(4))).toEqual(numbered(4))
  })

  test('expiration runs while it is held', async () => {
    const spot = await stage.topic()
    await down()
    const stale = scene.publish(spot, message('stale', [], { expirationMs: 30 }))
    expect(await codeOf(stale)).toBe('broker-unavailable')
  })
})

test('what is sent twice has the same bridge-id and says so', async () => {
  const spot = await stage.topic()
  const link = await scene.link()
  const listener = await scene.consumer(spot)
  await stage.faults.mute()
  const confirm = scene.publishOn(link, spot, 'once or twice')
  await stage.faults.sever()
  await confirm
  const seen = [await listener.next()]
  const header = (name: string): string | undefined => {
    const { headers } = seen.at(-1)!.message
    const at = headers.indexOf(name)
    return at < 0 ? undefined : headers[at + 1]
  }
  const id = header('bridge-id')
  expect(id).toEqual(expect.any(String))
  while (header('bridge-resent') === undefined) seen.push(await listener.next())
  expect([header('bridge-id'), header('bridge-resent')]).toEqual([id, 'true'])
})

test('the status topic says online, and offline when the bridge is gone, politely or not', async () => {
  const topic = `status/${stage.name('s')}`
  await using device = await mosquitto.sub(['-t', topic, '-F', '%p'])
  const first = await MqttStage.open({ port: mosquitto.port, broker: { status: topic } })
  await device.heard(1)
  first.proxy.sever()
  // the will, and the return
  await device.heard(3)
  await first[Symbol.asyncDispose]()
  expect(await device.heard(4)).toEqual(['online', 'offline', 'online', 'offline'])
})
