/** PROMISES §1 on a real RabbitMQ: what may be published, what survives what, and that nobody pays for a neighbour's message. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Link } from '../../src/broker/broker.ts'
import type { Properties } from '../../src/broker/message.ts'
import { silentBrokerObserver } from '../../src/broker/observer.ts'
import { type Rabbit, startRabbit } from '../support/rabbitmq.ts'
import { text, texts } from '../support/sink.ts'
import { until } from '../support/until.ts'
import type { Spot } from './harness.ts'
import { ACCOUNT, RabbitStage } from './rabbitmq.stage.ts'
import { message, numbered, Scene } from './scene.ts'

let rabbit: Rabbit
let stage: RabbitStage
let scene: Scene
/** What the adapter told of shared channels that died. */
let deaths: string[]
let resent: number

const LARGEST = 300_000

beforeAll(async () => {
  rabbit = await startRabbit({ config: [`max_message_size = ${LARGEST}`] })
  await rabbit.addUser(ACCOUNT.name, ACCOUNT.password, ACCOUNT.rights)
}, 120_000)
afterAll(() => rabbit[Symbol.asyncDispose]())

beforeEach(async () => {
  deaths = []
  resent = 0
  stage = await RabbitStage.open(rabbit, {
    observer: {
      ...silentBrokerObserver,
      channelLost: (_, cause) => void deaths.push(cause.message),
      recovered: (_, __, count) => {
        resent += count
      },
    },
  })
  scene = new Scene(stage)
})
afterEach(() => scene[Symbol.asyncDispose]())

const codeOf = (publish: Promise<void>): Promise<string> =>
  publish.then(
    () => 'confirmed',
    (error) => error.code,
  )

/** Publishes of a neighbour before, while and after `attack` runs: all of them must be confirmed. */
async function besideANeighbour(attack: (mallory: Link) => Promise<void>): Promise<void> {
  const [mallory, alice] = [await scene.link(), await scene.link()]
  const homely = await stage.queue()
  const confirms = numbered(200).map((body) => scene.publishOn(alice, homely, body))
  const attacked = attack(mallory)
  confirms.push(...numbered(200).map((body) => scene.publishOn(alice, homely, body)))
  await attacked
  confirms.push(scene.publishOn(alice, homely, 'last'))
  await Promise.all(confirms)
}

describe('no header of a client closes a channel that others use', () => {
  const bad: readonly (readonly [string, Partial<Properties>, readonly string[]])[] = [
    ['expiration:abc', { expirationMs: Number.NaN }, []],
    ['expiration:-1', { expirationMs: -1 }, []],
    ['expiration over 32 bits', { expirationMs: 2 ** 32 }, []],
    ['priority:256', { priority: 256 }, []],
    ['priority:-1', { priority: -1 }, []],
    ['timestamp:now', { timestampMs: Number.NaN }, []],
    ['timestamp before 1970', { timestampMs: -1 }, []],
    ['a content-type of 256 bytes', { contentType: 'é'.repeat(128) }, []],
    ['CC', {}, ['CC', 'elsewhere']],
    ['BCC', {}, ['BCC', 'elsewhere']],
    ['x-death', {}, ['x-death', 'forged']],
    ['amq.rabbitmq.x', {}, ['amq.rabbitmq.x', '1']],
    ['__proto__', {}, ['__proto__', 'polluted']],
    ['a header name of 256 bytes', {}, ['n'.repeat(256), 'x']],
    ['61 KiB of headers', {}, ['a', 'x'.repeat(31_000), 'b', 'x'.repeat(31_000)]],
  ]

  for (const [name, properties, headers] of bad) {
    it(`${name}: bad-message`, async () => {
      const target = await stage.queue()
      await besideANeighbour(async (mallory) => {
        expect(await codeOf(scene.publishOn(mallory, target, message('x', headers, properties)))).toBe('bad-message')
      })
      expect([deaths, resent]).toEqual([[], 0])
    })
  }

  it('a header name of 255 bytes and 59 KiB of headers pass', async () => {
    const target = await stage.queue()
    const headers = ['n'.repeat(255), 'x', 'a', 'x'.repeat(60_000)]
    await scene.publish(target, message('x', headers))
    expect((await (await scene.consumer(target)).next()).message.headers.slice(0, 4)).toEqual(headers)
  })

  it('a foreign user-id is dropped, the own one passes', async () => {
    const target = await stage.queue()
    await besideANeighbour(async (mallory) => {
      await scene.publishOn(mallory, target, message('forged', [], { userId: 'somebody' }))
      await scene.publishOn(mallory, target, message('own', [], { userId: ACCOUNT.name }))
    })
    const received = await (await scene.consumer(target)).take(2)
    expect(received.map((each) => each.message.properties.userId)).toEqual([undefined, ACCOUNT.name])
    expect([deaths, resent]).toEqual([[], 0])
  })

  it('reply-to:amq.rabbitmq.reply-to: bad-message', async () => {
    const target = await stage.queue()
    const direct = stage.spot({ queue: '{name}', reply: true }, { name: 'amq.rabbitmq.reply-to' })
    await besideANeighbour(async (mallory) => {
      const request = message('x', [], { replyTo: direct.target })
      expect(await codeOf(scene.publishOn(mallory, target, request))).toBe('bad-message')
    })
    expect([deaths, resent]).toEqual([[], 0])
  })

  it('a missing exchange: not-found, every time', async () => {
    const missing = stage.spot({ exchange: '{exchange}' }, { exchange: stage.name('missing') })
    await besideANeighbour(async (mallory) => {
      const codes = await Promise.all(numbered(5).map(() => codeOf(scene.publishOn(mallory, missing, 'x'))))
      expect(codes).toEqual(Array(5).fill('not-found'))
    })
    expect([deaths, resent]).toEqual([[], 0])
  })

  it('an exchange that is internal, or that the account may not write to: forbidden', async () => {
    const internal = stage.name('internal')
    await stage.control.assertExchange(internal, 'topic', { internal: true, autoDelete: true })
    const spots = [stage.spot({ exchange: '{exchange}' }, { exchange: internal }), await stage.forbidden()]
    await besideANeighbour(async (mallory) => {
      for (const spot of spots) {
        const codes = await Promise.all(numbered(5).map(() => codeOf(scene.publishOn(mallory, spot, 'x'))))
        expect(codes).toEqual(Array(5).fill('forbidden'))
      }
    })
    expect([deaths, resent]).toEqual([[], 0])
    await stage.control.deleteExchange(internal)
  })

  it('reserved names are no destinations, with line ends in them neither', () => {
    const names = ['amq.rabbitmq.trace', 'amq.\nrabbitmq.trace', 'stomp-bridge', 'x'.repeat(256)]
    const exchange = stage.route({ exchange: '{name}' })
    for (const name of names)
      expect(() => exchange.target({ name })).toThrow(expect.objectContaining({ code: 'bad-destination' }))
    const queue = stage.route({ queue: '{name}' })
    for (const name of [
      'amq.gen-1',
      'amq.rabbitmq.reply-to',
      'stomp-bridge.sub.1',
      'stomp\r-bridge.sub.1',
      'é'.repeat(128),
    ]) {
      expect(() => queue.target({ name })).toThrow(expect.objectContaining({ code: 'bad-destination' }))
    }
  })
})

describe('when a shared channel dies all the same', () => {
  it('a message that the broker finds too large is found out, and its neighbours are confirmed', async () => {
    const target = await stage.queue()
    await besideANeighbour(async (mallory) => {
      await scene.publishOn(mallory, target, 'small')
      expect(await codeOf(scene.publishOn(mallory, target, message(Buffer.alloc(LARGEST + 1))))).toBe('bad-message')
    })
    expect(deaths).toHaveLength(1)
    await besideANeighbour(async (mallory) => {
      expect(await codeOf(scene.publishOn(mallory, target, message(Buffer.alloc(LARGEST + 1))))).toBe('bad-message')
      await scene.publishOn(mallory, target, message(Buffer.alloc(LARGEST)))
    })
    expect(deaths, 'the broker’s bound is known now').toHaveLength(1)
  })

  it('an exchange that went away behind a kept answer: not-found for it alone', async () => {
    const name = stage.name('fleeting')
    await stage.control.assertExchange(name, 'fanout', {})
    const fleeting = stage.spot({ exchange: '{exchange}' }, { exchange: name })
    await besideANeighbour(async (mallory) => {
      await scene.publishOn(mallory, fleeting, 'm1')
      await stage.control.deleteExchange(name)
      const codes = await Promise.all(numbered(3).map(() => codeOf(scene.publishOn(mallory, fleeting, 'x'))))
      expect(codes).toEqual(Array(3).fill('not-found'))
    })
    expect(deaths).toHaveLength(1)
  })

  it('what goes again is marked, with the id it had, and in order', async () => {
    const [target, homely] = [await stage.queue(), await stage.queue()]
    const [mallory, alice] = [await scene.link(), await scene.link()]
    await scene.publishOn(mallory, target, 'both are known')
    await scene.publishOn(alice, homely, 'm0')
    const attack = codeOf(scene.publishOn(mallory, target, message(Buffer.alloc(LARGEST + 1))))
    await Promise.all(numbered(50).map((body) => scene.publishOn(alice, homely, body)))
    expect(await attack).toBe('bad-message')
    const worker = await scene.consumer(homely)
    const seen = new Map<string, string>()
    const order: string[] = []
    while (order.at(-1) !== 'm50') {
      const [delivery] = await worker.consume(1)
      const { headers } = delivery!.message
      const id = headers[headers.indexOf('bridge-id') + 1]!
      if (seen.has(id)) expect(headers).toContain('bridge-resent')
      else order.push(text(delivery!))
      seen.set(id, text(delivery!))
    }
    expect(order).toEqual(['m0', ...numbered(50)])
  })
})

describe('what a confirm means', () => {
  it('a queue that is full and says reject-publish: refused', async () => {
    const full = await stage.queue({ 'x-max-length': 2, 'x-overflow': 'reject-publish' })
    const codes = []
    for (const body of numbered(4)) codes.push(await codeOf(scene.publish(full, body)))
    expect(codes).toEqual(['confirmed', 'confirmed', 'refused', 'refused'])
  })

  it('no queue takes it: not-found with a receipt, nothing without', async () => {
    const nowhere = await stage.nowhere()
    expect(await codeOf(scene.publish(nowhere, 'x'))).toBe('not-found')
    expect(await codeOf(scene.publish(nowhere, 'x', { receipt: false }))).toBe('confirmed')
  })

  it('its queue was deleted behind a kept answer: made anew where the route makes queues, in order; else not-found', async () => {
    const name = stage.name('fleeting')
    const [made, lent] = (['missing', 'never'] as const).map((declare) =>
      stage.spot({ queue: '{name}', declare }, { name }),
    ) as [Spot, Spot]
    const alice = await scene.link()
    await scene.publishOn(alice, made, 'before')
    await stage.control.deleteQueue(name)
    expect(await codeOf(scene.publishOn(alice, lent, 'x'))).toBe('not-found')
    await Promise.all(numbered(20).map((body) => scene.publishOn(alice, made, body)))
    const worker = await scene.consumer(made)
    expect((await worker.take(20)).map((each) => text(each))).toEqual(numbered(20))
  })

  it('mandatory: true and false overrule that', async () => {
    const name = stage.name('nowhere')
    const lax = stage.spot({ queue: '{name}', mandatory: false }, { name })
    const strict = stage.spot({ exchange: 'amq.topic', routingKey: '{key}', mandatory: true }, { key: name })
    expect(await codeOf(scene.publish(lax, 'x'))).toBe('confirmed')
    expect(await codeOf(scene.publish(strict, 'x'))).toBe('not-found')
    expect(await codeOf(scene.publish(strict, 'x', { receipt: false }))).toBe('not-found')
  })

  it('a receipt on a queue makes a message persistent, unless frame or route say otherwise', async () => {
    const spot = await stage.queue()
    const { name } = spot.target as { name: string }
    const asSent = stage.spot({ queue: '{name}', persistent: 'as-sent' }, { name })
    await scene.publish(spot, 'receipt')
    await scene.publish(spot, 'no receipt', { receipt: false })
    await scene.publish(spot, message('says no', [], { persistent: false }))
    await scene.publish(spot, message('says yes', [], { persistent: true }), { receipt: false })
    await scene.publish(asSent, 'as sent')
    const received = await (await scene.consumer(spot)).take(5)
    expect(received.map((each) => [text(each), each.message.properties.persistent ?? false])).toEqual([
      ['receipt', true],
      ['no receipt', false],
      ['says no', false],
      ['says yes', true],
      ['as sent', false],
    ])
  })

  it('a publish with a receipt has an id of its own, one without has none', async () => {
    const spot = await stage.queue()
    await scene.publish(spot, 'm1')
    await scene.publish(spot, 'm2')
    await scene.publish(spot, 'm3', { receipt: false })
    const [m1, m2, m3] = (await (await scene.consumer(spot)).take(3)).map((each) => each.message.headers)
    expect(m1![0]).toBe('bridge-id')
    expect(m1![1]).not.toBe(m2![1])
    expect(m3).toEqual([])
  })
})

describe('a broker that is there and does not confirm', () => {
  it('outcome-unknown after confirmTimeout, and never again', async () => {
    const impatient = await RabbitStage.open(rabbit, { broker: { confirmTimeout: 300 } })
    await using other = new Scene(impatient)
    const queue = await impatient.queue()
    const link = await other.link()
    await other.publishOn(link, queue, 'm1')
    await impatient.faults.mute()
    expect(await codeOf(other.publishOn(link, queue, 'm2', { holdMs: 60_000 }))).toBe('outcome-unknown')
    await impatient.faults.sever()
    await other.publishOn(link, queue, 'm3', { holdMs: 10_000 })
    expect(texts(await (await other.consumer(queue)).take(3))).toEqual(numbered(3))
  })
})

describe('a memory alarm', () => {
  it('holds publishes, lets consumers settle, and ends without a loss', async () => {
    const queue = await stage.queue()
    const link = await scene.link()
    const worker = await scene.consumer(queue)
    await scene.publishOn(link, queue, 'before')
    const before = await worker.next()
    await rabbit.alarm(true)
    // RabbitMQ tells a connection that it is blocked when it publishes the next time.
    const first = scene.publishOn(link, queue, 'm1', { holdMs: 60_000 })
    await until('health blocked', () => stage.broker.health.state === 'blocked')
    const later = [
      first,
      ...numbered(20)
        .slice(1)
        .map((body) => scene.publishOn(link, queue, body, { holdMs: 60_000 })),
    ]
    const given = scene.publishOn(link, queue, 'given up', { holdMs: 100 })
    expect(await codeOf(given)).toBe('broker-unavailable')
    expect(await worker.accept(before)).toEqual([])
    expect(
      await codeOf(
        (await scene.link()).publish(queue.target, message('at once'), {
          receipt: true,
          holdMs: 0,
          resend: true,
          arguments: undefined,
        }),
      ),
    ).toBe('broker-unavailable')
    await rabbit.alarm(false)
    await Promise.all(later)
    expect(texts(await worker.consume(20))).toEqual(numbered(20))
    expect(worker.unread).toEqual([])
    expect(stage.broker.health.state).toBe('up')
  })

  it('what was written before it was told, and stays unconfirmed for too long: outcome-unknown', async () => {
    const queue = await stage.queue()
    const link = await scene.link()
    await scene.publishOn(link, queue, 'before')
    await rabbit.alarm(true)
    expect(await codeOf(scene.publishOn(link, queue, 'm1', { holdMs: 200 }))).toBe('outcome-unknown')
    await rabbit.alarm(false)
    await until('health up', () => stage.broker.health.state === 'up')
    await scene.publishOn(link, queue, 'after', { holdMs: 10_000 })
  })
})

describe('expiration', () => {
  it('runs while the message is held', async () => {
    const queue = await stage.queue()
    const link = await scene.link()
    await scene.publishOn(link, queue, 'before')
    stage.proxy.down()
    await until('health down', () => stage.broker.health.state === 'down')
    const stale = scene.publishOn(link, queue, message('stale', [], { expirationMs: 50 }), { holdMs: 30_000 })
    const fresh = scene.publishOn(link, queue, message('fresh', [], { expirationMs: 600_000 }), { holdMs: 30_000 })
    expect(await codeOf(stale)).toBe('broker-unavailable')
    stage.proxy.up()
    await fresh
    const [, held] = await (await scene.consumer(queue)).take(2)
    expect(text(held!)).toBe('fresh')
    expect(held!.message.properties.expirationMs).toBeLessThan(600_000)
  })
})

describe('queues have owners', () => {
  const missing = (name: string): Spot => stage.spot({ queue: '{name}', declare: 'missing' }, { name })
  const withArguments = (texts: Record<string, string>): Record<string, string> =>
    Object.assign(Object.create(null), texts)

  it('declare: missing makes a durable queue for a publish, once', async () => {
    const name = stage.name('made')
    await scene.publish(missing(name), 'm1')
    await scene.publish(missing(name), 'm2')
    await expect(stage.control.assertQueue(name, { durable: true, autoDelete: false })).resolves.toMatchObject({
      messageCount: 2,
    })
    await stage.control.deleteQueue(name)
  })

  it('declare: missing leaves a queue with other properties as it is', async () => {
    const queue = await stage.queue({ 'x-message-ttl': 600_000 })
    const { name } = queue.target as { name: string }
    await scene.publish(missing(name), 'm1')
    expect(text(await (await scene.consumer(missing(name))).next())).toBe('m1')
  })

  it('arguments force a declare, whose contradiction is told', async () => {
    const name = stage.name('limited')
    const limited = withArguments({ 'x-max-length': '1', 'x-overflow': 'reject-publish' })
    expect(await codeOf(scene.publish(missing(name), 'm1', { arguments: limited }))).toBe('confirmed')
    expect(await codeOf(scene.publish(missing(name), 'm2', { arguments: limited }))).toBe('refused')
    const other = withArguments({ 'x-max-length': '2' })
    expect(await codeOf(scene.publish(missing(name), 'm2', { arguments: other }))).toBe('precondition-failed')
    expect(deaths).toEqual([])
    await stage.control.deleteQueue(name)
  })

  it('malformed arguments are refused before anybody sees them', async () => {
    for (const [name, value] of [
      ['x-message-ttl', '1.5'],
      ['x-max-length', 'many'],
      ['x-max-age', 'old'],
      ['x-single-active-consumer', 'yes'],
    ] as const) {
      const publish = scene.publish(missing(stage.name('never')), 'x', { arguments: withArguments({ [name]: value }) })
      await expect(publish).rejects.toMatchObject({ code: 'bad-message', message: expect.stringContaining(name) })
    }
    const exclusive = scene.publish(missing(stage.name('never')), 'x', {
      arguments: withArguments({ exclusive: 'true' }),
    })
    expect(await codeOf(exclusive)).toBe('unsupported')
  })

  it('twenty new names per link and minute, and not one more', async () => {
    const link = await scene.link()
    const names = numbered(21).map(() => stage.name('flood'))
    const codes = await Promise.all(names.map((name) => codeOf(scene.publishOn(link, missing(name), 'x'))))
    expect(codes).toEqual([...Array(20).fill('confirmed'), 'limit'])
    expect(await codeOf(scene.publishOn(link, missing(names[0]!), 'known'))).toBe('confirmed')
    expect(await codeOf(scene.publish(missing(names[20]!), 'another client'))).toBe('confirmed')
    for (const name of names) await stage.control.deleteQueue(name)
  })
})

describe('what AMQP clients send arrives as text', () => {
  it('whatever type a header has', async () => {
    const queue = await stage.queue()
    const { name } = queue.target as { name: string }
    const worker = await scene.consumer(queue)
    stage.control.sendToQueue(name, Buffer.from('x'), {
      headers: {
        text: 'as it is',
        integer: -7,
        double: 1.5,
        yes: true,
        nothing: null,
        bytes: Buffer.from('bytes'),
        time: { '!': 'timestamp', value: 1_700_000_000 },
        price: { '!': 'decimal', value: { digits: 1999, places: 2 } },
        list: [1, 'two', { three: 3 }],
        table: { nested: { deep: true } },
      },
    })
    expect((await worker.next()).message.headers).toEqual([
      ...['text', 'as it is', 'integer', '-7', 'double', '1.5', 'yes', 'true', 'nothing', '', 'bytes', 'bytes'],
      ...['time', '1700000000', 'price', '19.99', 'list', '[1,"two",{"three":3}]', 'table', '{"nested":{"deep":true}}'],
    ])
  })

  it('x-death of a dead-lettered message', async () => {
    const { queue, dead } = await stage.deadLetter()
    await scene.publish(queue, 'poison')
    const worker = await scene.consumer(queue)
    await worker.reject(await worker.next())
    const { headers } = (await (await scene.consumer(dead)).next()).message
    expect(JSON.parse(headers[headers.indexOf('x-death') + 1]!)).toMatchObject([{ reason: 'rejected', count: 1 }])
  })
})
