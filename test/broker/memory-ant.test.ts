/** Ant paths on the memory broker: patterns beside words, what is kept for them, who shares. */
import { expect, test } from 'vitest'
import { texts } from '../support/sink.ts'
import { outcome, Table } from './table.ts'

const PRESETTLED = { settle: 'presettled' } as const

async function table() {
  const table = await Table.open()
  const route = table.broker.route({ topic: 'ant.{name}', ant: '/' }, ['name'])
  const path = (name: string) => route.target({ name })
  return { table, path, pathOf: (target: unknown) => route.variables(target as never)?.name }
}

test('a pattern hears what it matches, by the paths that were sent to', async () => {
  const { table: broker, path, pathOf } = await table()
  const listener = broker.subscribe(path('price.*'), PRESETTLED)
  const all = broker.subscribe(path('**'), PRESETTLED)
  const paths = ['price.a', 'price', 'price.a/b', 'cost.a', 'price.b.c', 'chat/7']
  for (const name of paths) await broker.publish(path(name), name)
  expect(all.all.map(({ target }) => pathOf(target))).toEqual(paths)
  expect(listener.all.map(({ target }) => pathOf(target))).toEqual(['price.a', 'price.b.c'])
  expect(broker.broker.holdings.listeners).toBe(2)
  for (const each of [listener, all]) await each.subscription[Symbol.asyncDispose]()
  expect(broker.broker.holdings.listeners).toBe(0)
})

test('a dot and a slash are not the same there', async () => {
  const { table: broker, path } = await table()
  const listener = broker.subscribe(path('chat/7'), PRESETTLED)
  for (const name of ['chat/7', 'chat.7']) await broker.publish(path(name), name)
  expect(texts(listener.all)).toEqual(['chat/7'])
})

test('nothing is kept for a pattern that does not match', async () => {
  const { table: broker, path } = await table()
  const worker = broker.subscribe(path('job-?'), { credit: 1 })
  for (const name of ['job-1', 'task-1', 'job-2']) await broker.publish(path(name), name)
  expect(broker.broker.holdings.messages).toBe(2)
  expect(texts(await worker.consume(2))).toEqual(['job-1', 'job-2'])
})

test('durable ones with the same words and other patterns are apart', async () => {
  const { table: broker, path } = await table()
  for (const name of ['a*', 'b*']) await broker.subscribe(path(name), { durable: 'ann' }).subscription.stop()
  expect(broker.broker.holdings.durables).toBe(2)
  for (const name of ['a1', 'b1']) await broker.publish(path(name), name)
  expect(texts(await broker.subscribe(path('a*'), { durable: 'ann' }).consume(1))).toEqual(['a1'])
})

test('a pattern is nothing to send to, and shares with its like only', async () => {
  const { table: broker, path } = await table()
  for (const name of ['a/*', 'a?', 'a/{x}'])
    expect(await outcome(broker.publish(path(name), 'x'))).toBe('bad-destination')
  const { options } = broker.subscribe(path('x'), PRESETTLED)
  const keys = ['a*', 'b*', '*', 'a'].map((name) => broker.link.shareKey(path(name), options))
  expect(new Set(keys).size).toBe(4)
  expect(broker.broker.isSame(path('a*') as never, path('b*') as never)).toBe(false)
  expect(broker.broker.isSame(path('a*') as never, path('a*') as never)).toBe(true)
})
