/** Subscriptions on a real RabbitMQ: channels, queues the bridge makes, streams, byte credit, and how a subscription can end. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Link } from '../../src/broker/broker.ts'
import { type Rabbit, startRabbit } from '../support/rabbitmq.ts'
import { RecordingSink, text, texts } from '../support/sink.ts'
import { until } from '../support/until.ts'
import type { Spot } from './harness.ts'
import { ACCOUNT, RabbitStage } from './rabbitmq.stage.ts'
import { type Consumer, message, numbered, Scene } from './scene.ts'

let rabbit: Rabbit
let stage: RabbitStage
let scene: Scene

const CHANNEL_MAX = 256

beforeAll(async () => {
  rabbit = await startRabbit({ config: [`channel_max = ${CHANNEL_MAX}`] })
  await rabbit.addUser(ACCOUNT.name, ACCOUNT.password, ACCOUNT.rights)
}, 120_000)
afterAll(() => rabbit[Symbol.asyncDispose]())

beforeEach(async () => {
  stage = await RabbitStage.open(rabbit)
  scene = new Scene(stage)
})
afterEach(() => scene[Symbol.asyncDispose]())

const args = (texts: Record<string, string>): Record<string, string> => Object.assign(Object.create(null), texts)
const missing = (name: string): Spot => stage.spot({ queue: '{name}', declare: 'missing' }, { name })
const nameOf = (spot: Spot): string => (spot.target as { name: string }).name

/** Queues that no test has declared by itself. */
async function ownQueues(): Promise<string[]> {
  return (await rabbit.queues()).filter((name) => name.startsWith('amq.gen-') || name.startsWith('stomp-bridge.'))
}

async function refusalOf(spot: Spot, options: Parameters<Scene['subscribe']>[1] = {}): Promise<string> {
  const consumer = scene.subscribe(spot, options, await scene.link())
  return consumer.subscription.live.then(
    () => 'live',
    (error) => error.code,
  )
}

describe('channels', () => {
  it('a thousand subscriptions that acknowledge, with channel_max 256', async () => {
    const topic = await stage.topic()
    const links = await Promise.all(numbered(50).map(() => scene.link()))
    const workers: Consumer[] = []
    for (const link of links) {
      for (let count = 0; count < 20; count++) workers.push(scene.subscribe(topic, { credit: 10 }, link))
    }
    await Promise.all(workers.map((worker) => worker.subscription.live))
    expect((await rabbit.census()).consumers).toBe(1_000)
    await scene.publish(topic, 'm1')
    for (const worker of workers) {
      const delivery = await worker.next()
      expect([text(delivery), await worker.accept(delivery)]).toEqual(['m1', []])
    }
    expect(stage.broker.health.state).toBe('up')
    await Promise.all(links.map((link) => link[Symbol.asyncDispose]()))
    await until('all queues gone', async () => (await ownQueues()).length === 0)
    expect((await rabbit.census()).consumers).toBe(0)
  }, 60_000)

  it('they are all back after the connections broke', async () => {
    const topic = await stage.topic()
    const link = await scene.link()
    const workers = numbered(300).map(() => scene.subscribe(topic, { settle: 'presettled' }, link))
    await Promise.all(workers.map((worker) => worker.subscription.live))
    stage.proxy.sever()
    await Promise.all(workers.map((worker) => worker.event('resumed with gap', 0, 30_000)))
    await scene.publish(topic, 'm1', { holdMs: 10_000 })
    for (const worker of workers) expect(text(await worker.next())).toBe('m1')
  }, 60_000)
})

describe('queues that the bridge makes', () => {
  it('are server-named, exclusive and auto-delete, and go with their subscription', async () => {
    const topic = await stage.topic()
    const link = await scene.link()
    const workers = [await scene.consumer(topic, {}, link), await scene.consumer(topic, { settle: 'presettled' }, link)]
    const printed = await rabbit.ctl('list_queues', 'name', 'exclusive', 'auto_delete', 'durable', '--no-table-headers')
    const rows = printed.split('\n').filter((row) => row.startsWith('amq.gen-'))
    expect(rows.map((row) => row.split('\t').slice(1))).toEqual(Array(2).fill(['true', 'true', 'false']))
    for (const worker of workers) await worker.subscription[Symbol.asyncDispose]()
    await until('gone', async () => (await ownQueues()).length === 0)
  })

  it('leave nothing behind when the exchange is missing', async () => {
    const spot = stage.spot(
      { exchange: '{exchange}', routingKey: '{key}' },
      { exchange: stage.name('missing'), key: 'k' },
    )
    for (let round = 0; round < 5; round++) expect(await refusalOf(spot)).toBe('not-found')
    await until('gone', async () => (await ownQueues()).length === 0)
  })

  it('leave nothing behind when the subscription goes before it is live', async () => {
    const topic = await stage.topic()
    const link = await scene.link()
    const early = numbered(20).map(() => scene.subscribe(topic, {}, link))
    await Promise.all(early.map((consumer) => consumer.subscription[Symbol.asyncDispose]()))
    await until('gone', async () => (await ownQueues()).length === 0)
  })

  it('are nobody else’s: their names are refused, as a reply queue too', async () => {
    const link = await scene.link()
    await scene.consumer(await stage.topic(), {}, link)
    const [name] = await ownQueues()
    expect(() => stage.spot({ queue: '{name}' }, { name: name! })).toThrow(
      expect.objectContaining({ code: 'bad-destination' }),
    )
    expect(await refusalOf(stage.spot({ queue: '{name}', reply: true }, { name: name! }))).toBe('forbidden')
  })

  it('x-queue-name gives it a name that others may share, for as long as one of them stays', async () => {
    const topic = await stage.topic()
    const named = { arguments: args({ 'x-queue-name': stage.name('shared') }), credit: 1 }
    const [ann, bob] = [await scene.consumer(topic, named), await scene.consumer(topic, named)]
    await scene.publish(topic, 'm1')
    await scene.publish(topic, 'm2')
    expect([text(await ann.next()), text(await bob.next())].sort()).toEqual(['m1', 'm2'])
    for (const worker of [ann, bob]) await worker.subscription[Symbol.asyncDispose]()
    await until('gone', async () => !(await rabbit.queues()).includes(named.arguments['x-queue-name']!))
  })

  it('take arguments', async () => {
    const topic = await stage.topic()
    const last = await scene.consumer(topic, { credit: 1, arguments: args({ 'x-max-length': '1' }) })
    await scene.publish(topic, 'm1')
    const m1 = await last.next()
    for (const body of ['m2', 'm3', 'm4']) await scene.publish(topic, body)
    await last.accept(m1)
    expect(text(await last.next())).toBe('m4')
  })

  it('a durable one is deleted when it is forgotten, and only then', async () => {
    const topic = await stage.topic()
    const before = await scene.consumer(topic, { durable: 'ann' })
    await before.subscription.stop()
    await before.subscription[Symbol.asyncDispose]()
    expect(await ownQueues()).toHaveLength(1)
    const after = await scene.consumer(topic, { durable: 'ann' })
    await after.subscription.stop(true)
    expect(await ownQueues()).toEqual([])
  })

  it('a durable one resumes without a gap, and with one when it was deleted meanwhile', async () => {
    const topic = await stage.topic()
    const worker = await scene.consumer(topic, { durable: 'ann' })
    const [name] = await ownQueues()
    stage.proxy.sever()
    await worker.event('resumed')
    expect(worker.events).toEqual(['lost', 'resumed'])
    stage.proxy.down()
    await worker.event('lost', 2)
    await stage.control.deleteQueue(name!)
    stage.proxy.up()
    await worker.event('resumed with gap')
    await scene.publish(topic, 'm1', { holdMs: 10_000 })
    expect(texts(await worker.consume(1))).toEqual(['m1'])
    await worker.subscription.stop(true)
  })
})

describe('Ant paths', () => {
  const ant = (name: string): Spot =>
    stage.spot({ exchange: 'amq.topic', routingKey: 'ant.{name}', ant: '/' }, { name })
  const told = ({ route }: Spot, targets: readonly unknown[]): unknown[] =>
    targets.map((target) => route.variables(target)?.name)

  it('a pattern gets what it matches, by the paths that were sent to, and nothing else', async () => {
    const price = ant('price.*')
    const listener = await scene.consumer(price, { settle: 'presettled' })
    const all = await scene.consumer(ant('**'), { settle: 'presettled' })
    const paths = ['price.a', 'price', 'price.a/b', 'cost.a', 'price.b.c']
    for (const path of paths) await scene.publish(ant(path), path)
    const heard = await all.take(paths.length)
    expect(
      told(
        price,
        heard.map(({ target }) => target),
      ),
    ).toEqual(paths)
    const wanted = await listener.take(2)
    expect(texts(wanted)).toEqual(['price.a', 'price.b.c'])
    expect(
      told(
        price,
        wanted.map(({ target }) => target),
      ),
    ).toEqual(['price.a', 'price.b.c'])
    expect(listener.unread).toEqual([])
  })

  it('what it does not match takes no credit and is acknowledged, between what is', async () => {
    const worker = await scene.consumer(ant('job-?'), { credit: 2 })
    for (const path of ['job-1', 'task-1', 'task-2', 'job-2', 'task-3', 'job-3']) await scene.publish(ant(path), path)
    const [first, second] = await worker.take(2)
    expect(texts([first!, second!])).toEqual(['job-1', 'job-2'])
    expect(await worker.accept(second!)).toEqual([])
    const third = await worker.next()
    expect([text(third), third.tag]).toEqual(['job-3', 3])
    await worker.release(first!)
    const again = await worker.next()
    expect([text(again), again.redelivered]).toEqual(['job-1', true])
    expect(await worker.accept(third, again)).toEqual([])
    const [name] = await ownQueues()
    await until('all acknowledged', async () => {
      const printed = await rabbit.ctl('list_queues', 'name', 'messages', '--no-table-headers')
      return printed.includes(`${name}\t0`)
    })
  })

  it('a durable one keeps what its pattern matches, apart from another pattern with the same words', async () => {
    const [one, other] = [ant('a*/x'), ant('b*/x')]
    for (const spot of [one, other]) await (await scene.consumer(spot, { durable: 'ann' })).subscription.stop()
    expect(await ownQueues()).toHaveLength(2)
    for (const path of ['a1/x', 'b1/x']) await scene.publish(ant(path), path)
    const resumed = await scene.consumer(one, { durable: 'ann' })
    expect(texts(await resumed.consume(1))).toEqual(['a1/x'])
    await resumed.subscription.stop(true)
    await (await scene.consumer(other, { durable: 'ann' })).subscription.stop(true)
  })

  it('a pattern is nothing to send to, and shares with its like only', async () => {
    await expect(scene.publish(ant('a/*'), 'x')).rejects.toMatchObject({ code: 'bad-destination' })
    await expect(scene.publish(ant('a?'), 'x')).rejects.toMatchObject({ code: 'bad-destination' })
    const link = await scene.link()
    const key = (path: string): string | undefined => scene.shareKey(link, ant(path).target)
    expect(key('a*/x')).toBe(key('a*/x'))
    expect(new Set(['a*/x', 'b*/x', '*/x', 'a/x'].map(key)).size).toBe(4)
    expect(stage.broker.isSame(ant('a*/x').target as never, ant('b*/x').target as never)).toBe(false)
  })

  it('a queue that others may share is not for patterns that leave something out', async () => {
    const shared = { arguments: args({ 'x-queue-name': stage.name('shared') }) }
    expect(await refusalOf(ant('a?'), shared)).toBe('unsupported')
  })
})

describe('named queues', () => {
  it('declare: missing makes it, and it stays', async () => {
    const spot = missing(stage.name('made'))
    const worker = await scene.consumer(spot)
    await scene.publish(spot, 'm1')
    await worker.consume(1)
    await worker.subscription[Symbol.asyncDispose]()
    await expect(stage.control.assertQueue(nameOf(spot), { durable: true })).resolves.toMatchObject({ messageCount: 0 })
    await stage.control.deleteQueue(nameOf(spot))
  })

  it('declare: missing consumes a queue with other properties', async () => {
    const spot = await stage.queue({ 'x-message-ttl': 600_000 })
    await scene.publish(spot, 'm1')
    expect(text(await (await scene.consumer(missing(nameOf(spot)))).next())).toBe('m1')
  })

  it('a contradiction is precondition-failed, a malformed argument bad-message, exclusive unsupported', async () => {
    const spot = missing(nameOf(await stage.queue({ 'x-max-length': 5 })))
    expect(await refusalOf(spot, { arguments: args({ 'x-max-length': '6' }) })).toBe('precondition-failed')
    expect(await refusalOf(spot, { arguments: args({ 'x-max-length': '6.5' }) })).toBe('bad-message')
    expect(await refusalOf(spot, { arguments: args({ 'x-stream-offset': 'soon' }) })).toBe('bad-message')
    expect(await refusalOf(spot, { arguments: args({ exclusive: 'true' }) })).toBe('unsupported')
    expect(await refusalOf(spot, { arguments: args({ 'x-max-length': '5' }) })).toBe('live')
  })

  it('deleted while it is consumed: cancelled', async () => {
    const spot = await stage.queue()
    const worker = await scene.consumer(spot)
    const neighbour = await scene.consumer(await stage.queue())
    await scene.publish(spot, 'm1')
    const m1 = await worker.next()
    await stage.control.deleteQueue(nameOf(spot))
    await worker.event('end cancelled')
    expect(await worker.accept(m1)).toEqual([1])
    expect(neighbour.events).toEqual([])
  })

  it('gone when the connection is back: not-found, or made again with a gap if the route makes it', async () => {
    const [existing, made] = [await stage.queue(), missing(stage.name('made'))]
    const [left, kept] = [await scene.consumer(existing), await scene.consumer(made)]
    stage.proxy.down()
    await Promise.all([left.event('lost'), kept.event('lost')])
    for (const spot of [existing, made]) await stage.control.deleteQueue(nameOf(spot))
    stage.proxy.up()
    await left.event('end not-found')
    await kept.event('resumed with gap')
    await stage.control.deleteQueue(nameOf(made))
  })

  it('the broker gives up waiting for an acknowledgement: ack-timeout, for that subscription alone', async () => {
    await rabbit.eval(
      'application:set_env(rabbit, consumer_timeout, 500), application:set_env(rabbit, channel_tick_interval, 200).',
    )
    try {
      const spot = await stage.queue()
      const slow = await scene.consumer(spot)
      const neighbour = await scene.consumer(await stage.queue())
      await scene.publish(spot, 'm1')
      const m1 = await slow.next()
      await slow.event('end ack-timeout', 0, 30_000)
      expect(await slow.accept(m1)).toEqual([1])
      expect(neighbour.events).toEqual([])
      expect(await (await scene.consumer(spot)).next()).toMatchObject({ redelivered: true })
    } finally {
      await rabbit.eval(
        'application:set_env(rabbit, consumer_timeout, 1800000), application:set_env(rabbit, channel_tick_interval, 60000).',
      )
    }
  }, 60_000)

  it('stop gives back in order what had arrived beyond the credit', async () => {
    const spot = await stage.queue()
    for (const body of numbered(20)) await scene.publish(spot, message(Buffer.from(body.padEnd(1_000))))
    const frugal = await scene.consumer(spot, { creditBytes: 2_500 })
    const out = await frugal.take(3)
    await frugal.subscription.stop()
    const other = await scene.consumer(spot)
    expect((await other.take(17)).map((each) => text(each).trim())).toEqual(numbered(20).slice(3))
    expect(await frugal.accept(...out)).toEqual([])
  })
})

describe('a subscription that makes the broker drop the whole connection', () => {
  it('is found out and ended; the others come back', async () => {
    const [poison, topic] = [await stage.queue(), await stage.topic()]
    const innocent = await scene.consumer(await stage.queue())
    // A queue of a type that there is not: consuming it crashes RabbitMQ's channel, which it answers with 541 for the connection.
    await rabbit.eval(
      `{ok, Q} = rabbit_amqqueue:lookup({resource, <<"/">>, queue, <<"${nameOf(poison)}">>}),
       mnesia:dirty_write(rabbit_queue, setelement(tuple_size(Q) - 1, Q, no_such_type)).`,
    )
    const link = await scene.link()
    const guilty = scene.subscribe(poison, {}, link)
    const alike = numbered(20).map(() => scene.subscribe(topic, { settle: 'presettled' }, link))
    await expect(guilty.subscription.live).rejects.toMatchObject({ code: 'unsupported' })
    await rabbit.eval(
      `[Q] = mnesia:dirty_read(rabbit_queue, {resource, <<"/">>, queue, <<"${nameOf(poison)}">>}),
       mnesia:dirty_write(rabbit_queue, setelement(tuple_size(Q) - 1, Q, rabbit_classic_queue)).`,
    )
    await Promise.all(alike.map((consumer) => consumer.subscription.live))
    await innocent.event('resumed')
    await until('all of them consume', async () => (await rabbit.census()).consumers === alike.length + 1)
    await scene.publish(topic, 'm1', { holdMs: 10_000 })
    for (const consumer of alike) expect(text(await consumer.next())).toBe('m1')
    expect([innocent, ...alike].map((consumer) => consumer.ended)).toEqual(Array(21).fill(undefined))
  })
})

describe('byte credit', () => {
  it('keeps the order and asks the broker for less when messages are large', async () => {
    const spot = await stage.queue()
    for (let count = 0; count < 200; count++)
      await scene.publish(spot, message(Buffer.alloc(20_000, count)), { receipt: count % 50 === 49 })
    const frugal = await scene.consumer(spot, { credit: 1_000, creditBytes: 100_000 })
    const first = await frugal.take(6)
    await until('a smaller prefetch at the broker', async () => (await ready(spot)) >= 200 - 64)
    const rest: number[] = []
    await frugal.accept(...first)
    while (rest.length < 194) rest.push(...(await frugal.consume(1)).map((each) => each.message.body[0]!))
    expect([...first.map((each) => each.message.body[0]), ...rest]).toEqual(Array.from({ length: 200 }, (_, at) => at))
    const { prefetches } = await prefetchesOf(spot)
    expect(Math.max(...prefetches)).toBeLessThanOrEqual(5)
  })

  it('asks for more when they are small', async () => {
    const topic = await stage.topic()
    const worker = await scene.consumer(topic, { credit: 1_000, creditBytes: 8 * 1024 * 1024 })
    const link = await scene.link()
    await Promise.all(numbered(500).map((body) => scene.publishOn(link, topic, body, { receipt: false })))
    expect(texts(await worker.take(500))).toEqual(numbered(500))
    await worker.accept(...worker.all)
  })

  async function ready(spot: Spot): Promise<number> {
    return (await stage.control.checkQueue(nameOf(spot))).messageCount
  }

  async function prefetchesOf(spot: Spot): Promise<{ prefetches: number[] }> {
    const printed = await rabbit.ctl('list_consumers', 'queue_name', 'prefetch_count', '--no-table-headers')
    const rows = printed.split('\n').filter((row) => row.startsWith(nameOf(spot)))
    return { prefetches: rows.map((row) => Number(row.split('\t')[1])) }
  }
})

describe('streams', () => {
  async function stream(): Promise<Spot> {
    return stage.queue({ 'x-queue-type': 'stream' })
  }

  it('x-stream-offset says where to begin', async () => {
    const spot = await stream()
    for (const body of numbered(5)) await scene.publish(spot, body)
    const all = await scene.consumer(spot, { arguments: args({ 'x-stream-offset': 'first' }) })
    expect(texts(await all.take(5))).toEqual(numbered(5))
    const some = await scene.consumer(spot, { arguments: args({ 'x-stream-offset': 'offset=3' }) })
    expect(texts(await some.take(2))).toEqual(['m4', 'm5'])
    const none = await scene.consumer(spot, { arguments: args({ 'x-stream-offset': 'next' }) })
    await scene.publish(spot, 'm6')
    expect(text(await none.next())).toBe('m6')
  })

  it('goes on after the last settled offset when the connection is back', async () => {
    const spot = await stream()
    for (const body of numbered(6)) await scene.publish(spot, body)
    const worker = await scene.consumer(spot, { arguments: args({ 'x-stream-offset': 'first' }), credit: 4 })
    const [m1, m2] = await worker.take(4)
    await worker.accept(m1!, m2!)
    await worker.take(2)
    stage.proxy.sever()
    await worker.event('resumed')
    expect(worker.events).toEqual(['lost', 'resumed'])
    const again = await worker.take(4)
    expect(again.map((each) => [text(each), each.redelivered])).toEqual([
      ['m3', true],
      ['m4', true],
      ['m5', true],
      ['m6', true],
    ])
    await worker.accept(...again)
    stage.proxy.sever()
    await worker.event('resumed', 2)
    await scene.publish(spot, 'm7', { holdMs: 10_000 })
    expect([text(await worker.next()), worker.unread]).toEqual(['m7', []])
  })

  it('released and rejected do no harm there', async () => {
    const spot = await stream()
    const neighbour = await scene.consumer(await stage.queue())
    for (const body of numbered(4)) await scene.publish(spot, body)
    const worker = await scene.consumer(spot, { arguments: args({ 'x-stream-offset': 'first' }), credit: 2 })
    const [m1, m2] = await worker.take(2)
    expect([await worker.release(m1!), await worker.reject(m2!)]).toEqual([[], []])
    expect(texts(await worker.take(2))).toEqual(['m3', 'm4'])
    expect([worker.events, neighbour.events]).toEqual([[], []])
  })
})

describe('temporary queues for answers', () => {
  const temp = (): Spot => stage.spot({ temp: '{name}' }, { name: 'answers' })

  async function askerWith(replies: RecordingSink): Promise<Link> {
    return stage.broker.link(
      { name: undefined, session: 'asker', credentials: undefined },
      replies,
      new AbortController().signal,
    )
  }

  it('a question and its answer, and nothing left when the link goes', async () => {
    const [questions, spot] = [await stage.queue(), temp()]
    const replies = new RecordingSink()
    const asker = await askerWith(replies)
    const worker = await scene.consumer(questions)
    for (const body of ['one?', 'two?']) {
      await scene.publishOn(asker, questions, message(body, [], { replyTo: spot.target, correlationId: body }))
    }
    for (const question of await worker.consume(2)) {
      const { replyTo, correlationId } = question.message.properties
      await scene.publish({ ...questions, target: replyTo }, message(`${text(question)} yes`, [], { correlationId }))
    }
    const answers = await replies.take(2)
    expect(texts(answers)).toEqual(['one? yes', 'two? yes'])
    expect(answers.map((each) => each.target)).toEqual([spot.target, spot.target])
    await asker[Symbol.asyncDispose]()
    await until('gone', async () => (await ownQueues()).length === 0)
  })

  it('is made anew after a loss, and held questions name the new one', async () => {
    const [questions, spot] = [await stage.queue(), temp()]
    const replies = new RecordingSink()
    const asker = await askerWith(replies)
    await scene.publishOn(asker, questions, message('before?', [], { replyTo: spot.target }))
    stage.proxy.down()
    await until('health down', () => stage.broker.health.state === 'down')
    const held = scene.publishOn(asker, questions, message('held?', [], { replyTo: spot.target }), { holdMs: 30_000 })
    stage.proxy.up()
    await held
    const worker = await scene.consumer(questions)
    const [, question] = await worker.consume(2)
    await scene.publish({ ...questions, target: question!.message.properties.replyTo }, 'yes')
    expect(text(await replies.next())).toBe('yes')
    await asker[Symbol.asyncDispose]()
  })

  it('is no place to publish or subscribe to', async () => {
    const spot = temp()
    await expect(scene.publish(spot, 'x')).rejects.toMatchObject({ code: 'unsupported' })
    expect(await refusalOf(spot)).toBe('unsupported')
  })
})

describe("the bridge's own exchange", () => {
  const PRESETTLED = { settle: 'presettled', credit: Number.POSITIVE_INFINITY } as const

  function spotOf(name: string, mandatory = false): Spot {
    const route = stage.broker.inner!('user', { mandatory })
    return { route, target: route.target(Object.assign(Object.create(null), { name, path: 'queue/x' })) }
  }

  async function joined(...names: string[]): Promise<Consumer[]> {
    const link = await scene.link()
    const consumers = names.map((name) => scene.subscribe(spotOf(name), PRESETTLED, link))
    await Promise.all(consumers.map(({ subscription }) => subscription.live))
    return consumers
  }

  it('one queue and one consumer for many keys, of many links', async () => {
    const consumers = [...(await joined(...numbered(30))), ...(await joined(...numbered(30)))]
    expect((await rabbit.census()).consumers).toBe(1)
    expect(await ownQueues()).toHaveLength(1)
    await scene.publish(spotOf('m7'), 'for m7')
    for (const consumer of [consumers[7 - 1]!, consumers[30 + 7 - 1]!])
      expect(text(await consumer.next())).toBe('for m7')
    expect(consumers.map(({ all }) => all.length).filter(Boolean)).toEqual([1, 1])
  })

  it('coming and going in one turn: the last word counts', async () => {
    const link = await scene.link()
    const [steady] = await joined('steady')
    for (let round = 0; round < 20; round++) {
      const brief = scene.subscribe(spotOf('ann'), PRESETTLED, link)
      if (round % 2 === 0) await brief.subscription.live
      void brief.subscription[Symbol.asyncDispose]()
    }
    const [last] = await joined('ann')
    await scene.publish(spotOf('ann', true), 'to ann')
    expect(text(await last!.next())).toBe('to ann')
    await last!.subscription[Symbol.asyncDispose]()
    await until('nobody is there', () =>
      scene.publish(spotOf('ann', true), 'x').then(
        () => false,
        (error) => error.code === 'not-found',
      ),
    )
    await scene.publish(spotOf('steady', true), 'to steady')
    expect(text(await steady!.next())).toBe('to steady')
  })

  it('a binding that is refused ends its own subscription, and no other', async () => {
    const [before] = await joined('open')
    // Topic permissions: of this exchange the account may read the keys of open users only.
    await rabbit.ctl('set_topic_permissions', ACCOUNT.name, 'stomp-bridge', '.*', '^user\\.open')
    try {
      expect(await refusalOf(spotOf('closed'), PRESETTLED)).toBe('forbidden')
      const [after] = await joined('open-too')
      for (const name of ['open', 'open-too']) await scene.publish(spotOf(name), name)
      expect(texts([await before!.next(), await after!.next()])).toEqual(['open', 'open-too'])
      expect(before!.events).toEqual([])
    } finally {
      await rabbit.ctl('clear_topic_permissions', ACCOUNT.name)
    }
  })

  it('its connection is lost: it comes back with a gap', async () => {
    const [ann] = await joined('ann')
    await stage.faults.sever()
    await ann!.event('resumed with gap')
    await scene.publish(spotOf('ann'), 'again')
    expect(text(await ann!.next())).toBe('again')
    expect(ann!.events).toEqual(['lost', 'resumed with gap'])
  })

  it('neither durable nor acknowledged, and closed to every route', async () => {
    expect(await refusalOf(spotOf('ann'), { settle: 'each' })).toBe('unsupported')
    expect(await refusalOf(spotOf('ann'), { ...PRESETTLED, durable: 'd' })).toBe('unsupported')
    expect(() => stage.spot({ exchange: '{exchange}' }, { exchange: 'stomp-bridge' })).toThrow(/reserved/)
  })
})
