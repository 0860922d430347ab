/** What becomes of a delivery: accepted, released, rejected, forgotten. Port rules 3 and 4. */
import { expect } from 'vitest'
import { text, texts } from '../../support/sink.ts'
import { type Case, numbered } from '../scene.ts'

export const settling = {
  async 'accepted is gone for good'(scene) {
    const queue = await scene.stage.queue()
    const worker = await scene.consumer(queue)
    for (const body of numbered(3)) await scene.publish(queue, body)
    expect(await worker.accept(...(await worker.take(3)))).toEqual([])
    await worker.subscription[Symbol.asyncDispose]()
    const heir = await scene.consumer(queue)
    await scene.publish(queue, 'm4')
    const next = await heir.next()
    expect([text(next), next.redelivered]).toEqual(['m4', false])
  },

  async 'released comes again, marked, before what came after it'(scene) {
    const queue = await scene.stage.queue()
    const worker = await scene.consumer(queue, { credit: 1 })
    for (const body of numbered(3)) await scene.publish(queue, body)
    const first = await worker.next()
    expect([text(first), first.redelivered]).toEqual(['m1', false])
    expect(await worker.release(first)).toEqual([])
    const again = await worker.next()
    expect([text(again), again.redelivered, again.tag]).toEqual(['m1', true, 2])
    await worker.accept(again)
    expect(await worker.consume(2)).toMatchObject([{ redelivered: false }, { redelivered: false }])
  },

  async 'several released in one call come again in their old order'(scene) {
    const queue = await scene.stage.queue()
    const worker = await scene.consumer(queue, { credit: 4 })
    for (const body of numbered(6)) await scene.publish(queue, body)
    await worker.release(...(await worker.take(4)))
    const order = await worker.consume(6)
    expect(texts(order)).toEqual(numbered(6))
    expect(order.map((each) => each.redelivered)).toEqual([true, true, true, true, false, false])
  },

  async 'a topic subscription gets what it released again'(scene) {
    const topic = await scene.stage.topic()
    const worker = await scene.consumer(topic, { credit: 1 })
    await scene.publish(topic, 'm1')
    await scene.publish(topic, 'm2')
    await worker.release(await worker.next())
    const again = await worker.next()
    expect([text(again), again.redelivered]).toEqual(['m1', true])
    await worker.accept(again)
    expect(text(await worker.next())).toBe('m2')
  },

  async 'rejected does not come again'(scene) {
    const queue = await scene.stage.queue()
    const worker = await scene.consumer(queue, { credit: 1 })
    await scene.publish(queue, 'poison')
    await scene.publish(queue, 'm2')
    expect(await worker.reject(await worker.next())).toEqual([])
    const next = await worker.next()
    expect([text(next), next.redelivered]).toEqual(['m2', false])
  },

  async 'rejected goes to the dead letters where there are some'(scene) {
    const { queue, dead } = await scene.stage.deadLetter()
    const undertaker = await scene.consumer(dead)
    const worker = await scene.consumer(queue)
    await scene.publish(queue, 'm1')
    await scene.publish(queue, 'poison')
    const [m1, poison] = await worker.take(2)
    await worker.reject(poison!)
    await worker.accept(m1!)
    expect(text(await undertaker.next())).toBe('poison')
    expect(undertaker.all).toHaveLength(1)
  },

  async 'settling twice does nothing and says so'(scene) {
    const queue = await scene.stage.queue()
    const worker = await scene.consumer(queue)
    for (const body of numbered(2)) await scene.publish(queue, body)
    const [m1, m2] = await worker.take(2)
    expect(await worker.accept(m1!)).toEqual([])
    expect(await worker.release(m1!, m2!)).toEqual([1])
    const again = await worker.next()
    expect([text(again), again.redelivered]).toEqual(['m2', true])
    expect(await worker.reject(m1!, m2!)).toEqual([1, 2])
    expect(worker.events).toEqual([])
  },

  async 'tags that never were are stale'(scene) {
    const worker = await scene.consumer(await scene.stage.queue())
    expect(await worker.subscription.settle([1, 7, 1_000_000], 'accepted')).toEqual([1, 7, 1_000_000])
    expect(await worker.subscription.settle([], 'accepted')).toEqual([])
    expect(worker.events).toEqual([])
  },

  async 'deliveries are settled in any order'(scene) {
    const queue = await scene.stage.queue()
    for (const body of numbered(4)) await scene.publish(queue, body)
    const worker = await scene.consumer(queue)
    const [m1, m2, m3, m4] = await worker.take(4)
    expect(await worker.accept(m3!)).toEqual([])
    expect(await worker.accept(m1!)).toEqual([])
    expect(await worker.accept(m4!)).toEqual([])
    await worker.subscription[Symbol.asyncDispose]()
    const next = await (await scene.consumer(queue)).next()
    expect([text(next), text(m2!), next.redelivered]).toEqual(['m2', 'm2', true])
  },

  async 'after stop nothing is delivered, and what is out is still ours'(scene) {
    const queue = await scene.stage.queue()
    for (const body of numbered(3)) await scene.publish(queue, body)
    const worker = await scene.consumer(queue, { credit: 3 })
    const [m1, m2, m3] = await worker.take(3)
    await worker.subscription.stop()
    expect(await worker.accept(m1!)).toEqual([])
    expect(await worker.release(m2!)).toEqual([])
    await scene.publish(queue, 'm4')
    const other = await scene.consumer(queue)
    expect(texts(await other.take(2))).toEqual(['m2', 'm4'])
    expect(other.all[0]).toMatchObject({ redelivered: true })
    expect(worker.unread).toEqual([])
    expect(await worker.reject(m3!)).toEqual([])
    expect(await worker.accept(m1!, m2!, m3!)).toEqual([1, 2, 3])
  },

  async 'after dispose every tag is stale'(scene) {
    const queue = await scene.stage.queue()
    await scene.publish(queue, 'm1')
    const worker = await scene.consumer(queue)
    const m1 = await worker.next()
    await worker.subscription[Symbol.asyncDispose]()
    expect(await worker.accept(m1)).toEqual([1])
    expect(text(await (await scene.consumer(queue)).next())).toBe('m1')
  },

  async 'unsettled deliveries return when their subscription is disposed'(scene) {
    const queue = await scene.stage.queue()
    for (const body of numbered(3)) await scene.publish(queue, body)
    const worker = await scene.consumer(queue)
    await worker.take(3)
    await worker.subscription[Symbol.asyncDispose]()
    const heir = await scene.consumer(queue)
    const inherited = await heir.take(3)
    expect(texts(inherited)).toEqual(numbered(3))
    expect(inherited.every((each) => each.redelivered)).toBe(true)
  },

  async 'unsettled deliveries return when their link is disposed'(scene) {
    const queue = await scene.stage.queue()
    for (const body of numbered(3)) await scene.publish(queue, body)
    const link = await scene.link()
    const worker = await scene.consumer(queue, {}, link)
    const [m1] = await worker.take(3)
    await worker.accept(m1!)
    const heir = await scene.consumer(queue)
    await link[Symbol.asyncDispose]()
    const inherited = await heir.take(2)
    expect(texts(inherited)).toEqual(['m2', 'm3'])
    expect(inherited.every((each) => each.redelivered)).toBe(true)
  },

  async 'a neighbour’s unsettled deliveries stay where they are'(scene) {
    const queue = await scene.stage.queue()
    const [ann, bob] = [await scene.consumer(queue, { credit: 1 }), await scene.consumer(queue, { credit: 1 })]
    await scene.publish(queue, 'm1')
    await scene.publish(queue, 'm2')
    const [hers, his] = [await ann.next(), await bob.next()]
    await ann.subscription[Symbol.asyncDispose]()
    expect(await bob.accept(his)).toEqual([])
    expect(await bob.next()).toMatchObject({ redelivered: true, message: { body: hers.message.body } })
  },
} satisfies Record<string, Case>
