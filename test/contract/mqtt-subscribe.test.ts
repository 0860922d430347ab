/** Subscribing on a real Mosquitto: one copy per subscription, retained messages, deferred acknowledgements and what they cost nobody else. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Delivery } from '../../src/broker/broker.ts'
import { type Mosquitto, startMosquitto } from '../support/mosquitto.ts'
import { text, texts } from '../support/sink.ts'
import { until } from '../support/until.ts'
import { MqttStage } from './mqtt.stage.ts'
import { type Consumer, message, numbered, Scene } from './scene.ts'

let mosquitto: Mosquitto

beforeAll(async () => {
  mosquitto = await startMosquitto()
})
afterAll(() => mosquitto[Symbol.asyncDispose]())

describe.each([5, 4] as const)('protocol %i', (protocol) => {
  let stage: MqttStage
  let scene: Scene

  beforeEach(async () => {
    stage = await MqttStage.open({ port: mosquitto.port, protocol, broker: { keepalive: 1_000 } })
    scene = new Scene(stage)
  })
  afterEach(() => scene[Symbol.asyncDispose]())

  const at = (path: string, options: Readonly<Record<string, unknown>> = {}) =>
    stage.spot({ topic: '{path}', ...options }, { path })

  async function listener(path: string): Promise<Consumer> {
    return await scene.consumer(at(path), { settle: 'presettled' })
  }

  describe('overlapping filters', () => {
    test('give each subscription one copy, and only what is its own', async () => {
      const base = stage.name('overlap')
      const filters = [`${base}/a/b`, `${base}/a/*`, `${base}/#`, `${base}/*/b`, `${base}/a/b`]
      const listeners: Consumer[] = []
      for (const filter of filters) listeners.push(await listener(filter))
      await scene.publish(at(`${base}/a/b`), 'ab')
      await scene.publish(at(`${base}/a/c`), 'ac')
      await scene.publish(at(`${base}/end`), 'end')
      expect(texts(await listeners[2]!.take(3))).toEqual(['ab', 'ac', 'end'])
      expect(texts(await listeners[1]!.take(2))).toEqual(['ab', 'ac'])
      for (const index of [0, 3, 4]) expect(texts(await listeners[index]!.take(1))).toEqual(['ab'])
      await scene.publish(at(`${base}/a/b`), 'last')
      for (const each of listeners) expect(text(await each.next())).toBe('last')
    })

    test('survive a lost connection, and say what they missed', async () => {
      const base = stage.name('overlap')
      const listeners = [await listener(`${base}/*`), await listener(`${base}/#`)]
      await stage.faults.sever()
      for (const each of listeners) await each.event('resumed with gap')
      await scene.publish(at(`${base}/x`), 'after')
      for (const each of listeners) expect(text(await each.next())).toBe('after')
      expect(listeners.map(({ events }) => events)).toEqual(Array(2).fill(['lost', 'resumed with gap']))
    })
  })

  describe('what is retained', () => {
    async function kept(path: string): Promise<Delivery[]> {
      const link = await scene.link()
      const copies: Delivery[] = []
      await link.kept!(at(path).target, (delivery) => copies.push(delivery))
      return copies
    }

    test('reaches who comes when the filter has been subscribed to for long, and nobody else', async () => {
      const base = stage.name('retained')
      await mosquitto.pub(['-t', `${base}/one`, '-r', '-q', '1', '-m', '1'])
      const early = await listener(`${base}/*`)
      await mosquitto.pub(['-t', `${base}/two`, '-r', '-q', '1', '-m', '2'])
      expect(text(await early.next())).toBe('2')
      const late = await kept(`${base}/*`)
      expect(texts(late).sort()).toEqual(['1', '2'])
      for (const { message: each } of late) expect(each.headers).toEqual(['retain', 'true'])
      expect(early.unread).toEqual([])
    })

    test('is asked for once for many, and again for those who come later', async () => {
      const base = stage.name('retained')
      await mosquitto.pub(['-t', `${base}/x`, '-r', '-q', '1', '-m', 'x'])
      await listener(`${base}/#`)
      const crowd = await Promise.all(Array.from({ length: 20 }, () => kept(`${base}/#`)))
      for (const copies of crowd) expect(texts(copies)).toEqual(['x'])
      await until('the side connection to be all that is left', () => stage.holdings.filters === 1)
    })

    test('is left out where something newer was heard meanwhile', async () => {
      const base = stage.name('retained')
      await mosquitto.pub(['-t', `${base}/old`, '-r', '-q', '1', '-m', 'old'])
      const early = await listener(`${base}/#`)
      const asked = kept(`${base}/#`)
      await scene.publish(at(`${base}/old`), 'live')
      expect(text(await early.next())).toBe('live')
      // Either it was delivered before the live one came, or it is left out.
      expect(['old', '']).toContain(texts(await asked).join())
    })

    test('comes with a subscription of its own connection', async () => {
      const base = stage.name('retained')
      await mosquitto.pub(['-t', `${base}/x`, '-r', '-q', '1', '-m', 'x'])
      const worker = await scene.consumer(at(`${base}/#`))
      expect(text(await worker.next())).toBe('x')
    })
  })

  describe('acknowledged late', () => {
    test('what is settled behind an unsettled one waits, and comes again with it when the connection is lost', async () => {
      const spot = await stage.topic()
      const worker = await scene.consumer(spot)
      for (const body of numbered(3)) await scene.publish(spot, body)
      const [m1, m2, m3] = await worker.take(3)
      expect(await worker.accept(m2!, m3!)).toEqual([])
      const deferred = (): boolean[] => [1, 2, 3].map((tag) => worker.subscription.isDeferred!(tag))
      expect(deferred()).toEqual([false, true, true])
      await stage.faults.sever()
      await worker.event('resumed')
      expect((await worker.take(3)).map((each) => [text(each), each.redelivered])).toEqual([
        ['m1', true],
        ['m2', true],
        ['m3', true],
      ])
      expect(await worker.accept(m1!)).toEqual([1])
      expect(worker.events).toEqual(['lost', 'resumed'])
    })

    test('what was settled in order is gone for good', async () => {
      const spot = await stage.topic()
      const worker = await scene.consumer(spot)
      for (const body of numbered(3)) await scene.publish(spot, body)
      const [m1, m2] = await worker.take(3)
      await worker.accept(m2!)
      await worker.accept(m1!)
      expect(worker.subscription.isDeferred!(2)).toBe(false)
      // a PUBACK has no answer: what came after it on the same connection has passed it
      await scene.publish(spot, 'm4')
      await worker.next()
      await stage.faults.sever()
      await worker.event('resumed')
      expect(texts(await worker.take(2))).toEqual(['m3', 'm4'])
    })

    test('200 unacknowledged hold up nobody, for twice the keepalive', async () => {
      const [slow, brisk] = [await stage.topic(), await stage.topic()]
      const link = await scene.link()
      const sleeper = await scene.consumer(slow, { credit: 1_000 }, link)
      const worker = await scene.consumer(brisk, {}, link)
      const window = protocol === 5 ? 200 : 20
      for (const body of numbered(200)) await scene.publish(slow, body, { receipt: false })
      await until('the window to be full', () => sleeper.all.length === window)
      const until2 = Date.now() + 2_500
      let rounds = 0
      while (Date.now() < until2) {
        await scene.publish(brisk, `round ${++rounds}`)
        expect(texts(await worker.consume(1))).toEqual([`round ${rounds}`])
      }
      expect([sleeper.events, worker.events]).toEqual([[], []])
      await sleeper.accept(...sleeper.all)
      expect(texts(await sleeper.take(window)).at(-1)).toBe(`m${window}`)
    })

    test('a head that is never acknowledged is delivered again, or dropped, as the route says', async () => {
      const patience = { ackTimeout: 100 }
      const again = at(stage.name('again'), patience)
      const dropped = at(stage.name('dropped'), { ...patience, nack: 'reject' })
      const [hoper, dropper] = [await scene.consumer(again), await scene.consumer(dropped)]
      await scene.publish(again, 'm1')
      await scene.publish(dropped, 'm1')
      const [first, second] = await hoper.take(2)
      expect([first, second].map((each) => [each!.tag, each!.redelivered])).toEqual([
        [1, false],
        [2, true],
      ])
      const m1 = await dropper.next()
      await until(
        'the head to be given up',
        async () => (await dropper.subscription.settle([m1.tag], 'accepted')).length === 1,
      )
      expect(await hoper.subscription.settle([1], 'accepted')).toEqual([1])
    })

    test('emulated, the broker is told at once and the bridge keeps count', async () => {
      const spot = at(stage.name('emulated'), { ack: 'emulate' })
      const worker = await scene.consumer(spot, { credit: 2 })
      for (const body of numbered(3)) await scene.publish(spot, body)
      const [m1, m2] = await worker.take(2)
      await worker.release(m1!)
      await stage.faults.sever()
      await worker.event('resumed')
      expect(await worker.accept(m2!)).toEqual([])
      // A PUBACK that was still on its way may have been lost: then the broker gives that one again, and says so.
      const rest = await worker.consume(1)
      while (text(rest.at(-1)!) !== 'm3') rest.push(...(await worker.consume(1)))
      expect(text(rest[0]!)).toBe('m1')
      expect(rest.slice(0, -1).every(({ redelivered }) => redelivered)).toBe(true)
    })

    test('refused, it is unsupported', async () => {
      const spot = at(stage.name('refused'), { ack: 'refuse' })
      expect(stage.broker.traits(spot.target as never).defers).toBe(false)
      const refused = scene.subscribe(spot, {}, await scene.link())
      await expect(refused.subscription.live).rejects.toMatchObject({ code: 'unsupported' })
    })
  })

  test('a durable subscription outlives the bridge', async () => {
    const [clientId, name] = [stage.name('bridge'), stage.name('durable')]
    const options = { port: mosquitto.port, protocol, broker: { clientId } }
    const spotOf = (each: MqttStage) => each.spot({ topic: 'durable/{name}' }, { name })
    const before = new Scene(await MqttStage.open(options))
    const first = await before.consumer(spotOf(before.stage as MqttStage), { durable: 'ann' })
    await before.publish(spotOf(before.stage as MqttStage), 'm1')
    await first.next()
    await before[Symbol.asyncDispose]()
    await mosquitto.pub(['-t', `durable/${name}`, '-q', '1', '-m', 'm2'])
    const after = new Scene(await MqttStage.open(options))
    const second = await after.consumer(spotOf(after.stage as MqttStage), { durable: 'ann' })
    expect((await second.consume(2)).map((each) => [text(each), each.redelivered])).toEqual([
      ['m1', true],
      ['m2', false],
    ])
    await second.subscription.stop(true)
    await after[Symbol.asyncDispose]()
  })

  test('queues split, over bridges too; each message goes to one', async () => {
    const other = new Scene(await MqttStage.open({ port: mosquitto.port, protocol }))
    const name = stage.name('split')
    const spotOf = (each: MqttStage) => each.spot({ topic: 'split/{name}', group: 'g' }, { name })
    const auto = { settle: 'presettled' } as const
    const members = [
      await scene.consumer(spotOf(stage), auto),
      await scene.consumer(spotOf(stage), auto),
      await scene.consumer(spotOf(stage)),
      await other.consumer(spotOf(other.stage as MqttStage), auto),
    ]
    for (const body of numbered(40)) await scene.publish(spotOf(stage), body)
    await until('all of them', () => members.reduce((sum, { all }) => sum + all.length, 0) === 40)
    expect(members.flatMap(({ all }) => texts(all)).sort()).toEqual(numbered(40).sort())
    for (const { all } of members) expect(all.length).toBeGreaterThan(0)
    await other[Symbol.asyncDispose]()
  })
})

describe('a broker that sends more than the window', () => {
  test('is left with what exceeds the cap, and gives it again when there is room; in order, none lost, none twice', async () => {
    const stage = await MqttStage.open({ port: mosquitto.port })
    const scene = new Scene(stage)
    const spot = await stage.topic()
    const worker = await scene.consumer(spot, { credit: 4, creditBytes: 200_000 })
    const link = await scene.link()
    // 1 MiB is the least cap in bytes: Mosquitto 2.0 sends a window of messages more for each PUBACK.
    const bodies = Array.from({ length: 60 }, (_, index) => `${index}:`.padEnd(100_000, '.'))
    await Promise.all(bodies.map((body) => scene.publishOn(link, spot, message(body))))
    const seen: string[] = []
    while (seen.length < 60) seen.push(...texts(await worker.consume(1)))
    expect(seen.map((body) => Number.parseInt(body, 10))).toEqual(bodies.map((_, index) => index))
    expect(scene.violations).toEqual([])
    await scene[Symbol.asyncDispose]()
  })
})

test('responses go both ways: a response topic is a reply-to, and the other way about', async () => {
  const stage = await MqttStage.open({ port: mosquitto.port })
  const scene = new Scene(stage)
  const [questions, answers] = [await stage.topic(), await stage.topic()]
  const worker = await scene.consumer(questions)
  await using device = await mosquitto.sub(['-t', 'device/answers', '-F', '%D %p'])
  const { topic } = questions.target as { topic: string }
  const asked = ['-D', 'publish', 'response-topic', 'device/answers', '-D', 'publish', 'correlation-data', '42']
  await mosquitto.pub(['-t', topic, '-m', 'ping?', ...asked])
  const { replyTo, correlationId } = (await worker.next()).message.properties
  await scene.publish({ ...answers, target: replyTo }, message('pong', [], { correlationId }))
  expect(await device.heard(1)).toEqual(['42 pong'])
  await scene[Symbol.asyncDispose]()
})

test('what a device says about a message reaches the bridge: first of repeated headers, expiry, text', async () => {
  const stage = await MqttStage.open({ port: mosquitto.port })
  const scene = new Scene(stage)
  const spot = await stage.topic()
  const worker = await scene.consumer(spot)
  const { topic } = spot.target as { topic: string }
  const said = [
    ['user-property', 'colour', 'red'],
    ['user-property', 'colour', 'blue'],
    ['user-property', 'priority', '7'],
    ['user-property', '__proto__', 'polluted'],
    ['message-expiry-interval', '60'],
    ['payload-format-indicator', '1'],
  ]
  await mosquitto.pub(
    ['-t', topic, '-q', '1', '-s', ...said.flatMap((each) => ['-D', 'publish', ...each])],
    Buffer.from('ä'),
  )
  const { headers, properties, body } = (await worker.next()).message
  expect(headers).toEqual(['colour', 'red', '__proto__', 'polluted'])
  expect(properties).toMatchObject({ priority: 7, contentType: 'text/plain;charset=utf-8', persistent: true })
  expect([properties.expirationMs! > 50_000, body.toString()]).toEqual([true, 'ä'])
  await scene[Symbol.asyncDispose]()
})
