/** What a message is made of, from browsers to mosquitto_sub and from mosquitto_pub to browsers: QoS, octets, properties, retain. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client as RawClient } from '../faults/driver.ts'
import { MqttPlace, printed, refusedSend } from './mqtt.place.ts'

/** Every octet there is: no UTF-8, and a NUL that ends no body. */
const octets = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet))

let place: MqttPlace

beforeAll(async () => {
  place = await MqttPlace.open({
    routes: [
      'destination: "/sure/{path+}", topic: "sure/{path+}", qos: 1',
      'destination: "/board/{path+}", topic: "board/{path+}", retain: true',
    ],
    mosquitto: { acl: ['topic readwrite #', 'topic deny vault/#'] },
  })
})

afterAll(() => place?.[Symbol.asyncDispose]())

describe('QoS and RECEIPT', () => {
  test('0 to nobody’s concern, 1 with a receipt, persistent, or where the route says so', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    const device = await place.listens('qos/#', 'sure/#')
    browser.send('/qos/plain', '')
    browser.send('/qos/persistent', '', { persistent: 'true' })
    browser.send('/sure/thing', '')
    await scene.sends(browser, '/qos/receipt', '')
    const seen = (await printed(device, 4)).map(({ topic, qos }) => [topic, qos])
    expect(Object.fromEntries(seen)).toEqual({
      'qos/plain': 0,
      'qos/persistent': 1,
      'sure/thing': 1,
      'qos/receipt': 1,
    })
  })

  test('what a device publishes at QoS 1 is persistent to a browser, and at QoS 0 is not', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    const { messages } = await scene.subscribes(browser, '/qos/in')
    await place.publishes('qos/in', 'at 1', '-q', '1')
    await place.publishes('qos/in', 'at 0', '-q', '0')
    expect((await messages.next()).headers.persistent).toBe('true')
    expect((await messages.next()).headers).not.toHaveProperty('persistent')
  })

  test('a RECEIPT is a PUBACK: none comes while the broker stands still', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    const device = await place.listens('lamp/still')
    place.mosquitto.freeze()
    try {
      browser.send('/lamp/still', 'on', { receipt: 'of the broker' })
      // It is answered by the bridge alone, so by now the bridge has written the one before.
      expect(await refusedSend(scene, browser, '/lamp/*')).toBe('bad-destination')
      expect(browser.ears.receipts.all).toEqual([])
    } finally {
      place.mosquitto.thaw()
    }
    await browser.ears.receipt('of the broker')
    expect(await printed(device, 1)).toMatchObject([{ payload: 'on' }])
  })

  test('a PUBACK that says no is an ERROR that says why', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    expect(await refusedSend(scene, browser, '/vault/door')).toBe('forbidden')
    expect(browser.ears.errors.all[0]!.body).toContain('not authorized')
    await scene.sends(browser, '/hall/door', 'open')
  })
})

describe('bodies', () => {
  test('octets from a device arrive as they are', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    const { messages } = await scene.subscribes(browser, '/camera/1')
    const picture = Buffer.concat(Array.from({ length: 1024 }, () => octets))
    for (const body of [octets, picture]) await place.mosquitto.pub(['-t', 'camera/1', '-s'], body)
    await place.mosquitto.pub(['-t', 'camera/1', '-n'])
    for (const body of [octets, picture, Buffer.alloc(0)]) expect((await messages.next()).bytes.equals(body)).toBe(true)
  })

  test('octets from a browser arrive as they are', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    await using device = await place.mosquitto.sub(['-t', 'printer/1', '-F', '%x'])
    await scene.sends(browser, '/printer/1', octets)
    expect(await device.heard(1)).toEqual([octets.toString('hex')])
  })
})

describe('properties of MQTT 5', () => {
  test('from a device: content type, correlation, answers, expiry, and of a repeated user property the first', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    const { messages } = await scene.subscribes(browser, '/topic/meter.7')
    await place.publishes(
      'meter/7',
      '{"v":1}',
      ...property('content-type', 'application/json'),
      ...property('correlation-data', 'c-1'),
      ...property('response-topic', 'answers/7'),
      ...property('message-expiry-interval', '60'),
      ...property('user-property', 'unit', '°C'),
      ...property('user-property', 'unit', '°F'),
      ...property('user-property', 'x-path', 'a\\b: c'),
    )
    const { body, headers } = await messages.next()
    expect(body).toBe('{"v":1}')
    expect(headers).toMatchObject({
      destination: '/topic/meter.7',
      'content-type': 'application/json',
      'correlation-id': 'c-1',
      'reply-to': '/topic/answers/7',
      expiration: '60000',
      unit: '°C',
      'x-path': 'a\\b: c',
    })
  })

  test('from a device: a payload that says it is text is text', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    const { messages } = await scene.subscribes(browser, '/text/1')
    await place.publishes('text/1', 'Grüße', ...property('payload-format-indicator', '1'))
    expect((await messages.next()).headers['content-type']).toBe('text/plain;charset=utf-8')
  })

  test('from a device: nobody writes the headers that are the bridge’s own', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    const { messages } = await scene.subscribes(browser, '/forged/1')
    const own = ['destination', 'subscription', 'message-id', 'ack', 'redelivered', 'content-length', 'receipt']
    const prefixed = ['bridge-gap', 'bridge-stale', 'stomp-user']
    const forged = [...own, ...prefixed, 'retain'].flatMap((name) => property('user-property', name, 'forged'))
    await place.publishes('forged/1', 'x', ...forged, ...property('user-property', 'mine', 'is here'))
    const { headers } = await messages.next()
    expect(Object.values(headers)).not.toContain('forged')
    expect(headers).toMatchObject({ destination: '/forged/1', mine: 'is here' })
  })

  test('from a browser: the same words, and all other headers as user properties', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    const device = await place.listens('order/7')
    await scene.sends(browser, '/topic/order.7', '{}', {
      'content-type': 'application/json',
      'correlation-id': 'c-1',
      'reply-to': '/topic/answers.b1',
      expiration: '1500',
      type: 'order',
      priority: '4',
      unit: '°C',
      'x-path': 'a\\b: c',
    })
    const [{ properties }] = (await printed(device, 1)) as [Awaited<ReturnType<typeof printed>>[number]]
    expect(properties).toMatchObject({
      'content-type': 'application/json',
      'correlation-data': 'c-1',
      'response-topic': 'answers/b1',
      'payload-format-indicator': 1,
      // MQTT counts in seconds: rounded up.
      'message-expiry-interval': 2,
      'user-properties': { type: 'order', priority: '4', unit: '°C', 'x-path': 'a\\b: c' },
    })
    // STOMP's own affairs are none of a device's.
    const names = Object.keys(properties!['user-properties']!)
    expect(names).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(?:destination|receipt|content-length)$/)]),
    )
    expect(properties!['user-properties']!['bridge-id']).toMatch(/./)
  })

  test('from a browser: of a repeated header the first counts', async () => {
    const device = await place.listens('twice/1')
    await using browser = await RawClient.connect(place.bridge.url)
    await browser.do('SEND', ['destination', '/twice/1', 'unit', '°C', 'unit', '°F'], 'x')
    const lines = await device.heard(1)
    expect(lines[0]).toContain('"unit":"°C"')
    expect(lines[0]).not.toContain('°F')
  })
})

describe('retain:true', () => {
  test('where the route allows it, the broker keeps the message for those who come later', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    await scene.sends(browser, '/board/menu', 'soup', { retain: 'true' })
    await scene.sends(browser, '/board/news', 'gone at once', { retain: 'false' })
    const device = await place.listens('board/#')
    await place.publishes('board/end', 'end')
    const heard = await printed(device, 2)
    expect(heard.map(({ topic, payload, retain }) => [topic, payload, retain])).toEqual([
      ['board/menu', 'soup', 1],
      ['board/end', 'end', 0],
    ])
    // It is a matter between us and the broker, and no header.
    expect(heard[0]!.properties?.['user-properties']).not.toHaveProperty('retain')
  })

  test('anything but true and false is refused', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    expect(await refusedSend(scene, browser, '/board/menu', { retain: 'please' })).toBe('bad-message')
  })

  test('where the route does not allow it, it is refused', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    expect(await refusedSend(scene, browser, '/elsewhere/menu', { retain: 'true' })).toBe('forbidden')
    const device = await place.listens('elsewhere/#')
    await scene.sends(browser, '/elsewhere/end', 'end')
    expect(await printed(device, 1)).toMatchObject([{ payload: 'end', retain: 0 }])
  })
})

function property(...words: readonly string[]): string[] {
  return ['-D', 'publish', ...words]
}
