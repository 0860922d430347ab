/** What a memory broker keeps: how much, and for how long. */
import { describe, expect, it } from 'vitest'
import { message } from '../contract/scene.ts'
import { text, texts } from '../support/sink.ts'
import { outcome, PUBLISH, Table } from './table.ts'

describe('the bounds', () => {
  it('take maxMessages messages and refuse the next', async () => {
    const table = await Table.open({ maxMessages: 3 })
    const queue = table.queue('q')
    for (const body of ['m1', 'm2', 'm3']) expect(await outcome(table.publish(queue, body))).toBe('done')
    expect(await outcome(table.publish(queue, 'm4'))).toBe('refused')
    const worker = table.subscribe(queue)
    const [m1] = await worker.take(3)
    expect(await outcome(table.publish(queue, 'unsettled counts'))).toBe('refused')
    await worker.accept(m1!)
    expect(await outcome(table.publish(queue, 'm4'))).toBe('done')
  })

  it('take maxBytes bytes of bodies and headers and refuse the next', async () => {
    const table = await Table.open({ maxBytes: 10 })
    const queue = table.queue('q')
    const send = (body: string, headers: string[]) =>
      outcome(table.link.publish(queue, message(body, headers), PUBLISH))
    expect(await send('12345', ['ab', 'cd', 'ef'])).toBe('refused')
    expect(await send('12345', ['ab', 'cde'])).toBe('done')
    expect(await send('1', [])).toBe('refused')
    expect(table.broker.holdings).toMatchObject({ messages: 1, bytes: 10 })
  })

  it('count a body once for all its copies', async () => {
    const table = await Table.open({ maxBytes: 10 })
    const topic = table.topic('t')
    const [ann, bob] = [table.subscribe(topic), table.subscribe(topic)]
    await table.publish(topic, '1234567890')
    expect(table.broker.holdings).toMatchObject({ messages: 2, bytes: 10 })
    await ann.consume(1)
    expect(table.broker.holdings).toMatchObject({ messages: 1, bytes: 10 })
    await bob.consume(1)
    expect(table.broker.holdings).toMatchObject({ messages: 0, bytes: 0 })
  })

  it('refuse a topic’s message to all or to none', async () => {
    const table = await Table.open({ maxMessages: 3 })
    const topic = table.topic('t')
    const [slow, lazy] = [table.subscribe(topic, { credit: 1 }), table.subscribe(topic, { credit: 1 })]
    const casual = table.subscribe(topic, { settle: 'presettled' })
    await table.publish(topic, 'm1')
    expect(await outcome(table.publish(topic, 'm2'))).toBe('refused')
    await slow.consume(1)
    expect(await outcome(table.publish(topic, 'm3'))).toBe('done')
    expect(text(await slow.next())).toBe('m3')
    await lazy.consume(2)
    expect([texts(lazy.all), texts(casual.all)]).toEqual([
      ['m1', 'm3'],
      ['m1', 'm3'],
    ])
  })

  it('do not touch what nobody keeps', async () => {
    const table = await Table.open({ maxMessages: 1, maxBytes: 1 })
    await table.publish(table.queue('q'), 'x')
    const listener = table.subscribe(table.topic('t'), { settle: 'presettled' })
    await table.publish(table.topic('t'), 'much more than a byte')
    expect(listener.all).toHaveLength(1)
  })

  it('are told once, and again after there was room', async () => {
    const table = await Table.open({ maxMessages: 2 })
    const queue = table.queue('q')
    for (let n = 0; n < 5; n++) await outcome(table.publish(queue, 'x'))
    expect(table.warnings).toHaveLength(1)
    await table.subscribe(queue).consume(2)
    for (let n = 0; n < 5; n++) await outcome(table.publish(table.queue('r'), 'x'))
    expect(table.warnings).toHaveLength(2)
  })

  it('make room of what has expired anywhere, at most once a second', async () => {
    const table = await Table.open({ maxMessages: 2 })
    await table.publish(table.queue('q'), 'stays')
    await table.publish(table.queue('q'), 'goes', 100)
    expect(await outcome(table.publish(table.queue('r'), 'x'))).toBe('refused')
    table.clock.advance(100)
    expect(await outcome(table.publish(table.queue('r'), 'x'))).toBe('refused')
    table.clock.advance(900)
    expect(await outcome(table.publish(table.queue('r'), 'x'))).toBe('done')
    expect(texts(await table.subscribe(table.queue('q')).take(1))).toEqual(['stays'])
  })

  it('limit the durable names', async () => {
    const table = await Table.open({ maxDurables: 1 })
    const topic = table.topic('t')
    const first = table.subscribe(topic, { durable: 'ann' })
    const second = table.subscribe(topic, { durable: 'bob' })
    await expect(second.subscription.live).rejects.toMatchObject({ code: 'limit' })
    await first.subscription.stop(true)
    await table.subscribe(topic, { durable: 'bob' }).subscription.live
  })
})

describe('time', () => {
  it('a waiting message expires at its millisecond', async () => {
    const table = await Table.open()
    const queue = table.queue('q')
    await table.publish(queue, 'm1', 100)
    await table.publish(queue, 'm2', 101)
    table.clock.advance(100)
    expect(texts(await table.subscribe(queue).take(1))).toEqual(['m2'])
    expect(table.broker.holdings.messages).toBe(1)
  })

  it('an expiration of 0 reaches a consumer that is ready, and nobody else', async () => {
    const table = await Table.open()
    const queue = table.queue('q')
    await table.publish(queue, 'too early', 0)
    expect(table.broker.holdings).toMatchObject({ messages: 0, queues: 0 })
    const worker = table.subscribe(queue, { credit: 1 })
    await table.publish(queue, 'in time', 0)
    expect(text(await worker.next())).toBe('in time')
    await table.publish(queue, 'too much', 0)
    expect(table.broker.holdings.messages).toBe(1)
  })

  it('a delivery that is out does not expire, one that comes back does', async () => {
    const table = await Table.open()
    const queue = table.queue('q')
    const worker = table.subscribe(queue)
    await table.publish(queue, 'm1', 100)
    await table.publish(queue, 'm2', 100)
    const [m1, m2] = await worker.take(2)
    table.clock.advance(1_000)
    expect(await worker.accept(m1!)).toEqual([])
    expect(await worker.release(m2!)).toEqual([])
    await table.publish(queue, 'm3')
    expect(text(await worker.next())).toBe('m3')
  })

  it('a copy that waits expires too', async () => {
    const table = await Table.open()
    const listener = table.subscribe(table.topic('t'), { credit: 1 })
    await table.publish(table.topic('t'), 'm1')
    await table.publish(table.topic('t'), 'm2', 100)
    await table.publish(table.topic('t'), 'm3')
    table.clock.advance(100)
    expect(texts(await listener.consume(2))).toEqual(['m1', 'm3'])
  })

  it('a dead letter has no time of its own', async () => {
    const table = await Table.open()
    const queue = table.queue('q', 'dead')
    const worker = table.subscribe(queue)
    await table.publish(queue, 'poison', 100)
    await worker.reject(await worker.next())
    table.clock.advance(1_000)
    const letter = await table.subscribe(table.queue('dead')).next()
    expect([text(letter), letter.redelivered]).toEqual(['poison', false])
  })

  it('no timer is ever set', async () => {
    const table = await Table.open()
    await table.publish(table.queue('q'), 'm1', 100)
    table.subscribe(table.topic('t'), { durable: 'ann' })
    expect(table.clock.pending).toBe(0)
  })
})
