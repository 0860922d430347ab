/** What is the memory broker's own, beyond the contract: its words, its turns, and what it holds for whom. */
import { describe, expect, it } from 'vitest'
import { message } from '../contract/scene.ts'
import { RecordingSink, text, texts } from '../support/sink.ts'
import { NOBODY, outcome, PUBLISH, Table, turn } from './table.ts'

describe('words', () => {
  it('. and / separate alike', async () => {
    const table = await Table.open()
    const listener = table.subscribe(table.topic('price/stock.ibm'), { settle: 'presettled' })
    await table.publish(table.topic('price.stock/ibm'), 'up')
    expect(texts(listener.all)).toEqual(['up'])
    expect(listener.all[0]!.target).toBe(listener.subscription.address)
  })

  it('a pattern can be subscribed to, not sent to', async () => {
    const table = await Table.open()
    expect(await outcome(table.publish(table.topic('a.*'), 'x'))).toBe('bad-destination')
    expect(await outcome(table.publish(table.topic('#'), 'x'))).toBe('bad-destination')
    expect(await outcome(table.publish(table.queue('a.*'), 'x'))).toBe('done')
  })

  it('share keys follow the spelling, since the deliveries do', async () => {
    const table = await Table.open()
    const { options } = table.subscribe(table.topic('x'), { settle: 'presettled' })
    const key = (name: string): string | undefined => table.link.shareKey(table.topic(name), options)
    expect(key('a.b')).toBe(key('a.b'))
    expect(key('a.b')).not.toBe(key('a/b'))
  })

  it('what settles is not shared', async () => {
    const table = await Table.open()
    const { options } = table.subscribe(table.topic('x'))
    expect(table.link.shareKey(table.topic('a'), options)).toBeUndefined()
  })
})

describe('turns', () => {
  it('subscribe, publish and settle call no sink; a presettled listener hears within publish', async () => {
    const table = await Table.open()
    const [queue, topic] = [table.queue('q'), table.topic('t')]
    await table.publish(queue, 'm1')
    const worker = table.subscribe(queue, { credit: 1 })
    expect(worker.all).toEqual([])
    const first = await worker.next()
    void table.publish(queue, 'm2')
    void worker.accept(first)
    expect(worker.all).toHaveLength(1)
    expect(text(await worker.next())).toBe('m2')
    const listener = table.subscribe(topic, { settle: 'presettled' })
    void table.publish(topic, 'now')
    expect(texts(listener.all)).toEqual(['now'])
  })

  it('nobody hears an answer before the question', async () => {
    const table = await Table.open()
    const topic = table.topic('t')
    const chatty = table.subscribe(topic, { settle: 'presettled' })
    const quiet = table.subscribe(topic, { settle: 'presettled' })
    const hear = chatty.deliver.bind(chatty)
    chatty.deliver = (delivery) => {
      hear(delivery)
      if (text(delivery) === 'question') void table.publish(topic, 'answer')
    }
    await table.publish(topic, 'question')
    expect(texts(quiet.all)).toEqual(['question', 'answer'])
    expect(texts(chatty.all)).toEqual(['question', 'answer'])
  })

  it('a listener that leaves while a message is heard does not hear it', async () => {
    const table = await Table.open()
    const topic = table.topic('t')
    const first = table.subscribe(topic, { settle: 'presettled' })
    const second = table.subscribe(topic, { settle: 'presettled' })
    first.deliver = () => void second.subscription[Symbol.asyncDispose]()
    await table.publish(topic, 'm1')
    expect(second.all).toEqual([])
  })

  it('consumers with credit are served in turn', async () => {
    const table = await Table.open()
    const queue = table.queue('q')
    const workers = [table.subscribe(queue), table.subscribe(queue), table.subscribe(queue)]
    for (let n = 1; n <= 9; n++) await table.publish(queue, `m${n}`)
    for (const worker of workers) await worker.take(3)
    expect(workers.map((worker) => texts(worker.all))).toEqual([
      ['m1', 'm4', 'm7'],
      ['m2', 'm5', 'm8'],
      ['m3', 'm6', 'm9'],
    ])
  })

  it('a consumer that leaves loses its turn, not the message', async () => {
    const table = await Table.open()
    const queue = table.queue('q')
    const [first, second] = [table.subscribe(queue), table.subscribe(queue)]
    const sent = table.publish(queue, 'm1')
    await first.subscription.stop()
    await sent
    expect(text(await second.next())).toBe('m1')
    expect(first.all).toEqual([])
  })

  it('what two consumers release goes back to its places', async () => {
    const table = await Table.open()
    const queue = table.queue('q')
    const [ann, bob] = [table.subscribe(queue, { credit: 2 }), table.subscribe(queue, { credit: 2 })]
    for (let n = 1; n <= 6; n++) await table.publish(queue, `m${n}`)
    await Promise.all([ann.take(2), bob.take(2)])
    await bob.subscription[Symbol.asyncDispose]()
    await ann.subscription[Symbol.asyncDispose]()
    expect(texts(await table.subscribe(queue).take(6))).toEqual(['m1', 'm2', 'm3', 'm4', 'm5', 'm6'])
  })
})

describe('what is kept, and for how long', () => {
  it('a queue exists while it has messages or consumers', async () => {
    const table = await Table.open()
    const queue = table.queue('q')
    expect(table.broker.holdings.queues).toBe(0)
    const worker = table.subscribe(queue)
    await table.publish(queue, 'm1')
    const m1 = await worker.next()
    await worker.subscription.stop()
    expect(table.broker.holdings.queues).toBe(1)
    await worker.accept(m1)
    expect(table.broker.holdings).toMatchObject({ queues: 0, messages: 0, bytes: 0 })
  })

  it('the backlog of a topic subscription goes with it', async () => {
    const table = await Table.open()
    const topic = table.topic('t')
    const slow = table.subscribe(topic, { credit: 1 })
    for (const body of ['m1', 'm2', 'm3']) await table.publish(topic, body)
    const m1 = await slow.next()
    await slow.subscription.stop()
    expect(table.broker.holdings).toMatchObject({ messages: 1, listeners: 0 })
    expect(await slow.release(m1)).toEqual([])
    expect(table.broker.holdings.messages).toBe(0)
  })

  it('a durable name keeps its wildcard, and is another one on another topic', async () => {
    const table = await Table.open()
    const [all, one] = [table.topic('a.#'), table.topic('a.b')]
    await table.subscribe(all, { durable: 'ann' }).subscription[Symbol.asyncDispose]()
    await table.subscribe(one, { durable: 'ann' }).subscription[Symbol.asyncDispose]()
    expect(table.broker.holdings).toMatchObject({ durables: 2, listeners: 2, subscriptions: 0 })
    await table.publish(table.topic('a/c'), 'm1')
    const back = table.subscribe(all, { durable: 'ann' })
    const m1 = await back.next()
    expect([text(m1), (m1.target as { name: string }).name]).toEqual(['m1', 'a.c'])
    await back.subscription.stop(true)
    expect(await back.accept(m1)).toEqual([])
    expect(table.broker.holdings).toMatchObject({ durables: 1, messages: 0 })
  })

  it('a presettled durable subscription keeps messages while nobody is there', async () => {
    const table = await Table.open()
    const topic = table.topic('t')
    const before = table.subscribe(topic, { durable: 'ann', settle: 'presettled' })
    await before.subscription[Symbol.asyncDispose]()
    await table.publish(topic, 'm1')
    expect(table.broker.holdings.messages).toBe(1)
    const after = table.subscribe(topic, { durable: 'ann', settle: 'presettled' })
    expect(text(await after.next())).toBe('m1')
    expect(table.broker.holdings.messages).toBe(0)
  })

  it('who was taken over cannot end the durable name any more', async () => {
    const table = await Table.open()
    const topic = table.topic('t')
    const older = table.subscribe(topic, { durable: 'ann' })
    const newer = table.subscribe(topic, { durable: 'ann' })
    await older.subscription.stop(true)
    await table.publish(topic, 'm1')
    expect(text(await newer.next())).toBe('m1')
    expect(older.events).toEqual(['end taken-over'])
  })

  it('a broker that is disposed ends what stands with closed and keeps nothing', async () => {
    const table = await Table.open()
    const worker = table.subscribe(table.queue('q'))
    await table.publish(table.queue('r'), 'kept')
    await table.publish(table.queue('q'), 'out')
    await worker.next()
    await table.broker[Symbol.asyncDispose]()
    await turn()
    expect(worker.events).toEqual(['end closed'])
    expect(Object.values(table.broker.holdings)).toEqual([0, 0, 0, 0, 0, 0, 0])
    expect(table.broker.health.state).toBe('down')
    expect(await outcome(table.link.fork().publish(table.queue('q'), message('x'), PUBLISH))).toBe('closed')
  })

  it('an aborted link is refused', async () => {
    const { broker } = await Table.open()
    expect(await outcome(broker.link(NOBODY, new RecordingSink(), AbortSignal.abort()))).toBe('closed')
  })

  it('publish arguments are refused as unsupported', async () => {
    const table = await Table.open()
    const given: Record<string, string> = Object.assign(Object.create(null), { 'x-delay': '1' })
    const sent = table.link.publish(table.queue('q'), message('x'), { ...PUBLISH, arguments: given })
    expect(await outcome(sent)).toBe('unsupported')
  })
})
