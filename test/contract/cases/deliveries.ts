/** Who gets what, how much of it at once, and what a subscription says about itself. */
import { expect } from 'vitest'
import { text, texts } from '../../support/sink.ts'
import { type Case, message, need, numbered } from '../scene.ts'

export const deliveries = {
  async 'a queue shares: each message goes to one consumer'(scene) {
    const queue = await scene.stage.queue()
    const [ann, bob] = [await scene.consumer(queue, { credit: 1 }), await scene.consumer(queue, { credit: 1 })]
    await scene.publish(queue, 'm1')
    await scene.publish(queue, 'm2')
    const shared = [await ann.next(), await bob.next()]
    expect(texts(shared).sort()).toEqual(['m1', 'm2'])
  },

  async 'a topic copies: each subscription gets every message'(scene) {
    const topic = await scene.stage.topic()
    const [ann, bob] = [await scene.consumer(topic), await scene.consumer(topic, { settle: 'presettled' })]
    for (const body of numbered(3)) await scene.publish(topic, body)
    expect(texts(await ann.take(3))).toEqual(numbered(3))
    expect(texts(await bob.take(3))).toEqual(numbered(3))
  },

  async 'two subscriptions of one link are two'(scene) {
    const topic = await scene.stage.topic()
    const link = await scene.link()
    const [first, second] = [await scene.consumer(topic, {}, link), await scene.consumer(topic, {}, link)]
    await scene.publish(topic, 'm1')
    expect([text(await first.next()), text(await second.next())]).toEqual(['m1', 'm1'])
    await first.subscription[Symbol.asyncDispose]()
    await scene.publish(topic, 'm2')
    expect(text(await second.next())).toBe('m2')
    expect(first.unread).toEqual([])
  },

  async 'a queue keeps what nobody consumes'(scene) {
    const queue = await scene.stage.queue()
    for (const body of numbered(3)) await scene.publish(queue, body)
    expect(texts(await (await scene.consumer(queue)).take(3))).toEqual(numbered(3))
  },

  async 'targets do not mix'(scene) {
    const [left, right] = [await scene.stage.queue(), await scene.stage.queue()]
    const [port, starboard] = [await scene.consumer(left), await scene.consumer(right)]
    await scene.publish(left, 'left')
    await scene.publish(right, 'right')
    expect(text(await starboard.next())).toBe('right')
    expect(text(await port.next())).toBe('left')
  },

  async 'a queue gives no more than the credit; settling refills it'(scene) {
    const queue = await scene.stage.queue()
    for (const body of numbered(10)) await scene.publish(queue, body)
    const frugal = await scene.consumer(queue, { credit: 3 })
    const [m1] = await frugal.take(3)
    const other = await scene.consumer(queue, { credit: 6 })
    expect(texts(await other.take(6))).toEqual(numbered(9).slice(3))
    expect(frugal.unread).toEqual([])
    await frugal.accept(m1!)
    expect(text(await frugal.next())).toBe('m10')
  },

  async 'a topic gives no more than the credit; settling refills it'(scene) {
    const topic = await scene.stage.topic()
    const [frugal, witness] = [await scene.consumer(topic, { credit: 2 }), await scene.consumer(topic)]
    for (const body of numbered(6)) await scene.publish(topic, body)
    await witness.take(6)
    expect(texts(await frugal.take(2))).toEqual(['m1', 'm2'])
    expect(frugal.unread).toEqual([])
    await frugal.accept(...frugal.all)
    expect(texts(await frugal.take(2))).toEqual(['m3', 'm4'])
  },

  async 'a credit of one serves a thousand messages'(scene) {
    const queue = await scene.stage.queue()
    const link = await scene.link()
    const patient = await scene.consumer(queue, { credit: 1 })
    await Promise.all(numbered(1000).map((body) => scene.publishOn(link, queue, body, { receipt: false })))
    expect(texts(await patient.consume(1000))).toEqual(numbered(1000))
  },

  async 'an unlimited credit is one'(scene) {
    const queue = await scene.stage.queue()
    const greedy = await scene.consumer(queue, { credit: Number.POSITIVE_INFINITY })
    const link = await scene.link()
    await Promise.all(numbered(300).map((body) => scene.publishOn(link, queue, body, { receipt: false })))
    expect(await greedy.take(300)).toHaveLength(300)
    await greedy.accept(...greedy.all)
  },

  async 'creditBytes bounds the unsettled bodies but for one message'(scene) {
    const queue = await scene.stage.queue()
    const frugal = await scene.consumer(queue, { creditBytes: 1_500 })
    for (let count = 0; count < 8; count++) await scene.publish(queue, message(Buffer.alloc(1_000, count)))
    // The consumer itself notes any delivery beyond it; here: that it never starves.
    const sizes = (await frugal.consume(8)).map((delivery) => delivery.message.body[0])
    expect(sizes).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  },

  async 'a message larger than creditBytes comes alone, but comes'(scene) {
    const queue = await scene.stage.queue()
    const frugal = await scene.consumer(queue, { creditBytes: 10 })
    await scene.publish(queue, message(Buffer.alloc(100_000)))
    await scene.publish(queue, 'm2')
    expect((await frugal.consume(2)).map((delivery) => delivery.message.body.length)).toEqual([100_000, 2])
  },

  async 'presettled: credit does not count and nothing comes back'(scene) {
    const queue = await scene.stage.queue()
    const eager = await scene.consumer(queue, { settle: 'presettled', credit: 1, creditBytes: 1 })
    for (const body of numbered(5)) await scene.publish(queue, body)
    expect(texts(await eager.take(5))).toEqual(numbered(5))
    await eager.subscription[Symbol.asyncDispose]()
    const heir = await scene.consumer(queue)
    await scene.publish(queue, 'm6')
    expect(await heir.next()).toMatchObject({
      redelivered: false,
      message: { body: Buffer.from('m6') },
    })
  },

  async 'tags count 1, 2, 3 within each subscription'(scene) {
    const topic = await scene.stage.topic()
    const [ann, bob] = [await scene.consumer(topic), await scene.consumer(topic, { settle: 'presettled' })]
    for (const body of numbered(3)) await scene.publish(topic, body)
    expect((await ann.take(3)).map((each) => each.tag)).toEqual([1, 2, 3])
    expect((await bob.take(3)).map((each) => each.tag)).toEqual([1, 2, 3])
  },

  async 'a wildcard subscription gets what is inside, each with its concrete target'(scene) {
    const { pattern, inside, outside } = await scene.stage.wildcard()
    const listener = await scene.consumer(pattern)
    await scene.publish(inside[0], 'm1')
    await scene.publish(outside, 'not for us')
    await scene.publish(inside[1], 'm2')
    const [first, second] = await listener.take(2)
    expect(texts([first!, second!])).toEqual(['m1', 'm2'])
    const back = [first, second].map((delivery) => pattern.route.variables(delivery!.target))
    expect(back).toEqual(inside.map((spot) => spot.route.variables(spot.target)))
  },

  async 'a delivery of an exact subscription is of its own target'(scene) {
    for (const spot of [await scene.stage.queue(), await scene.stage.topic()]) {
      const worker = await scene.consumer(spot)
      await scene.publish(spot, 'x')
      expect(spot.route.variables((await worker.next()).target)).toEqual(spot.route.variables(spot.target))
      expect(spot.route.variables(worker.subscription.address)).toEqual(spot.route.variables(spot.target))
    }
  },

  async 'a target finds its way back through its route'(scene) {
    for (const spot of [await scene.stage.queue(), await scene.stage.topic()]) {
      const variables = spot.route.variables(spot.target)!
      expect(spot.route.variables(spot.route.target(variables))).toEqual(variables)
    }
  },

  async 'traits say what the targets are'(scene) {
    const { broker } = scene.stage
    const [queue, topic] = [await scene.stage.queue(), await scene.stage.topic()]
    const { pattern } = await scene.stage.wildcard()
    expect(broker.traits(queue.target)).toMatchObject({
      distribution: 'compete',
      confirms: true,
      settles: true,
      stores: true,
      wildcard: false,
    })
    expect(broker.traits(topic.target)).toMatchObject({ distribution: 'copy', confirms: true, wildcard: false })
    expect(broker.traits(pattern.target)).toMatchObject({ distribution: 'copy', wildcard: true })
  },

  async 'share keys are equal for equal targets and different for different ones'(scene) {
    const [topic, other] = [await scene.stage.topic(), await scene.stage.topic()]
    const [ann, bob] = [await scene.link(), await scene.link()]
    const again = topic.route.target(topic.route.variables(topic.target)!)
    const key = scene.shareKey(ann, topic.target)
    expect(key).toEqual(expect.any(String))
    expect(scene.shareKey(bob, again)).toBe(key)
    expect(scene.shareKey(ann.fork(), again)).toBe(key)
    expect(scene.shareKey(ann, other.target)).not.toBe(key)
  },

  async 'what competes, settles or is durable is never shared'(scene) {
    const link = await scene.link()
    const [queue, topic] = [await scene.stage.queue(), await scene.stage.topic()]
    expect(scene.shareKey(link, queue.target)).toBeUndefined()
    expect(scene.shareKey(link, queue.target, { settle: 'each' })).toBeUndefined()
    expect(scene.shareKey(link, topic.target, { durable: 'mine' })).toBeUndefined()
  },

  async 'a subscription to nowhere is refused with not-found, and the link goes on'(scene) {
    const nowhere = await need(scene.stage.nowhere?.bind(scene.stage), 'nowhere')()
    const queue = await scene.stage.queue()
    const link = await scene.link()
    const standing = await scene.consumer(queue, {}, link)
    const lost = scene.subscribe(nowhere, {}, link)
    await expect(lost.subscription.live).rejects.toMatchObject({ code: 'not-found' })
    await scene.publish(queue, 'm1')
    expect(text(await standing.next())).toBe('m1')
    expect(standing.events).toEqual([])
  },

  async 'an unknown argument is refused with unsupported'(scene) {
    const queue = await scene.stage.queue()
    const nonsense: Record<string, string> = Object.assign(Object.create(null), { 'x-nonsense': '1' })
    const lost = scene.subscribe(queue, { arguments: nonsense }, await scene.link())
    await expect(lost.subscription.live).rejects.toMatchObject({ code: 'unsupported' })
  },
} satisfies Record<string, Case>
