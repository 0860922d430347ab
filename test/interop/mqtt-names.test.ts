/**
 * Names both ways: what a browser writes as `/topic/plant.7.temp` or `/plant/7/temp`, a device knows as `plant/7/temp`; and whatever MQTT
 * cannot express is an ERROR.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MqttPlace, printed, refusedSend, refusedSubscribe } from './mqtt.place.ts'
import { bodies } from './scene.ts'

let place: MqttPlace

beforeAll(async () => {
  place = await MqttPlace.open({
    routes: [
      'destination: "/system/{path+}", topic: "$SYS/{path+}"',
      'destination: "/site/{path+}", topic: "hq/{path+}"',
    ],
    // So that it is MQTT's own bound that a name meets, and not that of a header.
    rest: 'limits: { headerBytes: 256KiB }',
  })
})

afterAll(() => place?.[Symbol.asyncDispose]())

describe('from a device to browsers', () => {
  test('a topic reaches those who write it with dots and those who write it with slashes', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    const destinations = ['/topic/plant.7.temp', '/topic/plant/7/temp', '/plant/7/temp']
    const subscriptions = []
    for (const destination of destinations) subscriptions.push(await scene.subscribes(browser, destination))
    await place.publishes('plant/7/temp', '21.5')
    for (const [index, { messages }] of subscriptions.entries()) {
      const { body, headers } = await messages.next()
      expect(body).toBe('21.5')
      expect(headers.destination).toBe(destinations[index])
    }
  })

  test('a route of one’s own gives a topic another name, and finds the way back', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    const { messages } = await scene.subscribes(browser, '/site/*/door')
    await place.publishes('hq/north/door', 'open')
    expect((await messages.next()).headers.destination).toBe('/site/north/door')
  })

  test('a dot within a level is %2F to those who write dots, so that they can answer there', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    const device = await place.listens('firmware/#')
    const { messages } = await scene.subscribes(browser, '/topic/firmware.*.state')
    await place.publishes('firmware/v1.2/state', 'running')
    const { destination } = (await messages.next()).headers
    expect(destination).toBe('/topic/firmware.v1%2F2.state')
    await scene.sends(browser, destination!, 'stop')
    expect((await printed(device, 2)).map(({ topic }) => topic)).toEqual(['firmware/v1.2/state', 'firmware/v1.2/state'])
  })

  test('topics with characters of every script keep their names', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    const { messages } = await scene.subscribes(browser, '/topic/büro.#')
    await place.publishes('büro/温度/😀 100%: a\\b', '1')
    const { destination } = (await messages.next()).headers
    expect(destination).toBe('/topic/büro.温度.😀 100%25: a\\b')
    await scene.sends(browser, destination!, '2')
    expect((await messages.next()).headers.destination).toBe(destination)
  })
})

describe('from a browser to devices', () => {
  test.each([
    ['/topic/lamp.1.set', 'lamp/1/set'],
    ['/topic/lamp/2/set', 'lamp/2/set'],
    ['/lamp/3/set', 'lamp/3/set'],
    ['/lamp/v1.2/set', 'lamp/v1.2/set'],
    ['/topic/lamp.v1%2F2.set', 'lamp/v1.2/set'],
    ['/site/north/lamp', 'hq/north/lamp'],
    ['/lamp/a b/100%', 'lamp/a b/100%'],
  ])('%s is the topic %s', async (destination, topic) => {
    await using scene = place.scene()
    const browser = await scene.client()
    const device = await place.listens(topic)
    await scene.sends(browser, destination, 'on')
    expect(await printed(device, 1)).toMatchObject([{ topic, payload: 'on' }])
  })
})

describe('wildcards', () => {
  const readings = ['hall', 'hall/1', 'hall/1/temp', 'hall/2/temp', 'hall/2/rpm', 'hall/2/a/temp', 'yard/1/temp']
  const all = readings.slice(0, -1)

  test.each([
    ['/topic/hall.*.temp', ['hall/1/temp', 'hall/2/temp']],
    ['/topic/hall/*/temp', ['hall/1/temp', 'hall/2/temp']],
    ['/hall/*/temp', ['hall/1/temp', 'hall/2/temp']],
    ['/hall/+/temp', ['hall/1/temp', 'hall/2/temp']],
    ['/*/*/temp', ['hall/1/temp', 'hall/2/temp', 'yard/1/temp']],
    ['/topic/hall.#', all],
    ['/topic/hall.**', all],
    ['/topic/hall.>', all],
    ['/hall/#', all],
    ['/hall/**', all],
    ['/hall/>', all],
    ['/#', readings],
    // For MQTT a plain name is one topic, and nothing below it.
    ['/hall', ['hall']],
  ])('%s hears %j', async (destination, heard) => {
    await using scene = place.scene()
    const browser = await scene.client()
    const { messages } = await scene.subscribes(browser, destination)
    const end = await scene.subscribes(browser, '/wildcards/end')
    for (const topic of [...readings, 'wildcards/end']) await place.publishes(topic, topic, '-q', '1')
    await end.messages.next()
    expect(bodies(messages.all).filter((body) => body !== 'wildcards/end')).toEqual(heard)
  })

  test('what a wildcard brings has the name that its subscriber would write', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    const written = ['/topic/shed.*.temp', '/topic/shed/*/temp', '/shed/*/temp', '/topic/shed.#', '/shed/#']
    const destinations = []
    for (const destination of written) {
      const { messages } = await scene.subscribes(browser, destination)
      await place.publishes('shed/7/temp', '4')
      destinations.push((await messages.next()).headers.destination)
    }
    expect(destinations).toEqual([
      '/topic/shed.7.temp',
      '/topic/shed/7/temp',
      '/shed/7/temp',
      '/topic/shed.7.temp',
      '/shed/7/temp',
    ])
  })

  test.each([
    '/topic/a.#.c',
    '/a/#/c',
    '/a/**/c',
    '/topic/a.**.c',
    '/#/c',
    '/a/b*',
    '/a/*b/c',
    '/topic/a.b+.c',
    '/a/b#',
    '/a/***',
  ])('%s is not expressible, and an ERROR', async (destination) => {
    await using scene = place.scene()
    const browser = await scene.client()
    expect(await refusedSubscribe(scene, browser, destination)).toBe('bad-destination')
    await scene.subscribes(browser, '/still/here')
  })
})

describe('what is not for clients', () => {
  test.each([
    '/$SYS/broker/uptime',
    '/topic/$SYS.broker.uptime',
    '/topic/$SYS/#',
    '/$share/others/jobs',
    '/topic/$share.others.jobs',
    '/$share%2Fothers%2Fjobs',
    '/queue/$SYS/broker',
    '/$queue/x',
    '/stomp-bridge/anything',
    '/topic/stomp-bridge.anything',
  ])('%s is refused, to SUBSCRIBE and to SEND', async (destination) => {
    await using scene = place.scene()
    const browser = await scene.client()
    expect(await refusedSubscribe(scene, browser, destination)).toBe('bad-destination')
    expect(await refusedSend(scene, browser, destination)).toBe('bad-destination')
  })

  test('a wildcard at the beginning does not bring the broker’s own topics', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    const { messages } = await scene.subscribes(browser, '/*/broker/version')
    await place.publishes('any/broker/version', 'a topic like any other')
    expect((await messages.next()).body).toBe('a topic like any other')
    expect(messages.all).toHaveLength(1)
  })

  test('a route that says $SYS opens it', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    const { messages } = await scene.subscribes(browser, '/system/broker/version')
    const { body, headers } = await messages.next()
    expect(body).toMatch(/^mosquitto version 2/)
    expect(headers).toMatchObject({ destination: '/system/broker/version', retain: 'true' })
  })
})

describe('SEND needs one topic, whole and of MQTT’s length', () => {
  test.each([
    ['a wildcard for a level', '/a/+'],
    ['STOMP’s word for it', '/topic/a.*.b'],
    ['a wildcard for many levels', '/a/#'],
    ['the same in Ant’s words', '/a/**'],
    ['half a wildcard', '/a/b+c'],
    ['a # within a level', '/a/b#c'],
    ['an empty level', '/topic/a..b'],
    ['an empty level at the beginning', '/topic/.a'],
    ['an empty level at the end', '/topic/a.'],
    ['NUL', '/a/\u0000b'],
    ['a control character', '/a/b\u0001'],
    ['a line feed', '/a/b\n'],
    ['65,536 bytes', `/a/${'x'.repeat(65_534)}`],
  ])('%s is refused', async (_, destination) => {
    await using scene = place.scene()
    const browser = await scene.client()
    expect(await refusedSend(scene, browser, destination)).toBe('bad-destination')
    await scene.sends(browser, '/still/here', '')
  })

  test.each(['/a//b', '/a/', '//a', '/topic//a'])('%s has an empty segment, and no route', async (destination) => {
    await using scene = place.scene()
    const browser = await scene.client()
    expect(await refusedSend(scene, browser, destination)).toBe('no-route')
  })
})
