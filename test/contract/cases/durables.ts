/** Durable subscriptions of a copy target: what was missed is there when their name comes back. */
import { expect } from 'vitest'
import { text, texts } from '../../support/sink.ts'
import { type Case, numbered } from '../scene.ts'

export const durables = {
  async 'a durable subscription gets what it missed'(scene) {
    const topic = await scene.stage.topic()
    const before = await scene.consumer(topic, { durable: 'ann' })
    await scene.publish(topic, 'm1')
    await before.consume(1)
    await before.subscription[Symbol.asyncDispose]()
    await scene.publish(topic, 'm2')
    await scene.publish(topic, 'm3')
    const after = await scene.consumer(topic, { durable: 'ann' })
    const missed = await after.consume(2)
    expect(texts(missed)).toEqual(['m2', 'm3'])
    expect(missed[0]!.redelivered && scene.stage.overmarks !== true).toBe(false)
    await after.subscription.stop(true)
  },

  async 'what a durable subscription left unsettled comes again first'(scene) {
    const topic = await scene.stage.topic()
    const link = await scene.link()
    const before = await scene.consumer(topic, { durable: 'ann' }, link)
    await scene.publish(topic, 'm1')
    await before.next()
    await link[Symbol.asyncDispose]()
    await scene.publish(topic, 'm2')
    const after = await scene.consumer(topic, { durable: 'ann' })
    const missed = await after.consume(2)
    const fresh = scene.stage.overmarks === true ? expect.any(Boolean) : false
    expect(missed.map((each) => [text(each), each.redelivered])).toEqual([
      ['m1', true],
      ['m2', fresh],
    ])
    await after.subscription.stop(true)
  },

  async 'durable names do not mix'(scene) {
    const topic = await scene.stage.topic()
    const [ann, bob] = [
      await scene.consumer(topic, { durable: 'ann' }),
      await scene.consumer(topic, { durable: 'bob', settle: 'presettled' }),
    ]
    await ann.subscription[Symbol.asyncDispose]()
    for (const body of numbered(2)) await scene.publish(topic, body)
    expect(texts(await bob.take(2))).toEqual(numbered(2))
    const again = await scene.consumer(topic, { durable: 'ann' })
    expect(texts(await again.consume(2))).toEqual(numbered(2))
    await again.subscription.stop(true)
    await bob.subscription.stop(true)
  },

  async 'a forgotten durable subscription missed nothing'(scene) {
    const topic = await scene.stage.topic()
    const before = await scene.consumer(topic, { durable: 'ann' })
    await before.subscription.stop(true)
    await before.subscription[Symbol.asyncDispose]()
    await scene.publish(topic, 'm1')
    const after = await scene.consumer(topic, { durable: 'ann' })
    await scene.publish(topic, 'm2')
    expect(text(await after.next())).toBe('m2')
    await after.subscription.stop(true)
  },

  async 'the newer subscriber takes a durable name over'(scene) {
    const topic = await scene.stage.topic()
    const older = await scene.consumer(topic, { durable: 'ann' })
    await scene.publish(topic, 'm1')
    const m1 = await older.next()
    const newer = await scene.consumer(topic, { durable: 'ann' })
    await older.event('end taken-over')
    expect(await older.accept(m1)).toEqual([1])
    await scene.publish(topic, 'm2')
    expect((await newer.consume(2)).map((each) => [text(each), each.redelivered])).toEqual([
      ['m1', true],
      ['m2', false],
    ])
    expect(older.unread).toEqual([])
    await older.subscription[Symbol.asyncDispose]()
    await scene.publish(topic, 'm3')
    expect(texts(await newer.consume(1))).toEqual(['m3'])
    await newer.subscription.stop(true)
  },
} satisfies Record<string, Case>
