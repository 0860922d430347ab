/** RabbitMQ itself killed and started again: the ledger, what comes back by itself, and what a confirm survives. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Link } from '../../src/broker/broker.ts'
import { type Rabbit, startRabbit } from '../support/rabbitmq.ts'
import { text } from '../support/sink.ts'
import { until } from '../support/until.ts'
import { ACCOUNT, RabbitStage } from './rabbitmq.stage.ts'
import { type Consumer, numbered, Scene } from './scene.ts'

const HOLD = { holdMs: 60_000 }
const START_MS = 60_000

let rabbit: Rabbit
let stage: RabbitStage
let scene: Scene

beforeEach(async () => {
  rabbit = await startRabbit()
  await rabbit.addUser(ACCOUNT.name, ACCOUNT.password, ACCOUNT.rights)
  stage = await RabbitStage.open(rabbit)
  scene = new Scene(stage)
}, 120_000)
afterEach(async () => {
  await scene[Symbol.asyncDispose]().catch(() => {})
  await rabbit[Symbol.asyncDispose]()
})

it('kill -9 while twenty links publish and consume: what was confirmed is consumed, duplicates are marked', async () => {
  const queue = await stage.queue()
  const confirmed = new Set<string>()
  let isPublishing = true
  const publisher = async (link: Link, name: string): Promise<void> => {
    for (let count = 1; isPublishing; count++) {
      const body = `${name}-${count}`
      await scene.publishOn(link, queue, body, HOLD)
      confirmed.add(body)
    }
  }
  const seen = new Map<string, number>()
  const unmarked: string[] = []
  const consumer = async (worker: Consumer): Promise<void> => {
    for (;;) {
      const delivery = await worker.next(START_MS)
      const body = text(delivery)
      const isMarked = delivery.redelivered || delivery.message.headers.includes('bridge-resent')
      if (seen.has(body) && !isMarked) unmarked.push(body)
      seen.set(body, (seen.get(body) ?? 0) + 1)
      if (body === 'end') return
      await worker.accept(delivery)
    }
  }
  const workers = await Promise.all(numbered(3).map(() => scene.consumer(queue, { credit: 50 })))
  const links = await Promise.all(numbered(20).map(() => scene.link()))
  const consuming = Promise.race(workers.map(consumer))
  const publishing = Promise.all(links.map((link, index) => publisher(link, `p${index}`)))
  await until('a thousand confirmed', () => confirmed.size >= 1_000)
  await rabbit.kill()
  await until('health down', () => stage.broker.health.state === 'down')
  await rabbit.start()
  const before = confirmed.size
  await until('and a thousand more', () => confirmed.size >= before + 1_000, START_MS)
  isPublishing = false
  await publishing
  await until('all consumed', () => [...confirmed].every((body) => seen.has(body)), START_MS)
  await scene.publish(queue, 'end')
  await consuming
  expect(unmarked).toEqual([])
  for (const worker of workers) expect(worker.events).toEqual(['lost', 'resumed'])
}, 180_000)

it('a restart in order: subscriptions come back, a topic admits its gap, durable queues keep what was confirmed', async () => {
  const [queue, topic] = [await stage.queue(), await stage.topic()]
  const listener = await scene.consumer(topic, { settle: 'presettled' })
  const durable = await scene.consumer(topic, { durable: 'ann' })
  await scene.publish(queue, 'kept')
  await scene.publish(queue, 'transient', { receipt: false })
  const unsettled = await scene.consumer(queue, { credit: 1 })
  const kept = await unsettled.next()
  await rabbit.stop()
  await Promise.all([listener, durable, unsettled].map((worker) => worker.event('lost')))
  const held = scene.publish(queue, 'held', HOLD)
  await rabbit.start()
  await Promise.all([listener, durable, unsettled].map((worker) => worker.event('resumed', 0, START_MS)))
  await held
  expect([listener.events, durable.events]).toEqual([
    ['lost', 'resumed with gap'],
    ['lost', 'resumed'],
  ])
  expect(await unsettled.accept(kept)).toEqual([1])
  const again = await unsettled.consume(2)
  expect(again.map((each) => [text(each), each.redelivered || each.message.headers.includes('bridge-resent')])).toEqual(
    [
      ['kept', true],
      ['held', false],
    ],
  )
  await scene.publish(topic, 'news', HOLD)
  expect([text(await listener.next()), text(await durable.next())]).toEqual(['news', 'news'])
}, 180_000)
