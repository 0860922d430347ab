/** Opening, closing, closing twice, closing in the middle of things; and what is left behind: nothing. */
import { expect } from 'vitest'
import { RecordingSink, text } from '../../support/sink.ts'
import { until } from '../../support/until.ts'
import { type Case, need, numbered } from '../scene.ts'

const ANY_END = ['confirmed', 'closed', 'broker-unavailable', 'outcome-unknown']

export const lifetimes = {
  async 'a started broker is up'(scene) {
    const { health } = scene.stage.broker
    expect(health).toMatchObject({ state: 'up', reason: undefined })
    expect(health.since).toBeGreaterThan(0)
  },

  async 'everything can be disposed twice'(scene) {
    const link = await scene.link()
    const worker = await scene.consumer(await scene.stage.queue(), {}, link)
    await worker.subscription.stop()
    await worker.subscription.stop()
    for (const each of [worker.subscription, link, scene.stage.broker]) {
      await Promise.all([each[Symbol.asyncDispose](), each[Symbol.asyncDispose]()])
      await each[Symbol.asyncDispose]()
    }
    expect(await worker.subscription.settle([1], 'accepted')).toEqual([1])
  },

  async 'a link disposed while it publishes leaves no publish hanging'(scene) {
    const queue = await scene.stage.queue()
    const link = await scene.link()
    const confirms = numbered(100).map((body) => scene.publishOn(link, queue, body))
    const ends = confirms.map((confirm) =>
      confirm.then(
        () => 'confirmed',
        (error) => error.code,
      ),
    )
    await link[Symbol.asyncDispose]()
    for (const end of await Promise.all(ends)) expect(ANY_END).toContain(end)
    await scene.publish(queue, 'and the broker goes on')
  },

  async 'a subscription disposed before it is live does no harm'(scene) {
    const queue = await scene.stage.queue()
    const link = await scene.link()
    await scene.subscribe(queue, {}, link).subscription[Symbol.asyncDispose]()
    const worker = await scene.consumer(queue, {}, link)
    await scene.publish(queue, 'm1')
    expect(text(await worker.next())).toBe('m1')
  },

  async 'a closed link refuses with closed'(scene) {
    const queue = await scene.stage.queue()
    const link = await scene.link()
    await link[Symbol.asyncDispose]()
    await expect(scene.publishOn(link, queue, 'x')).rejects.toMatchObject({ code: 'closed' })
    await expect(scene.subscribe(queue, {}, link).subscription.live).rejects.toMatchObject({ code: 'closed' })
  },

  async 'a closed broker refuses with closed'(scene) {
    const queue = await scene.stage.queue()
    const link = await scene.link()
    await scene.stage.broker[Symbol.asyncDispose]()
    await expect(scene.publishOn(link, queue, 'x')).rejects.toMatchObject({ code: 'closed' })
    await expect(scene.link()).rejects.toMatchObject({ code: 'closed' })
  },

  async 'a closed link is silent: its own subscriptions hear no more'(scene) {
    const topic = await scene.stage.topic()
    const link = await scene.link()
    const [gone, standing] = [await scene.consumer(topic, {}, link), await scene.consumer(topic)]
    await link[Symbol.asyncDispose]()
    await scene.publish(topic, 'm1')
    expect(text(await standing.next())).toBe('m1')
    expect([gone.all, gone.events]).toEqual([[], []])
  },

  async 'a fork outlives the link it came from'(scene) {
    const topic = await scene.stage.topic()
    const link = await scene.link()
    const fork = link.fork()
    expect(fork.identity).toBe(link.identity)
    const listener = await scene.consumer(topic, { settle: 'presettled' }, fork)
    await link[Symbol.asyncDispose]()
    await scene.publish(topic, 'm1')
    expect(text(await listener.next())).toBe('m1')
    await fork[Symbol.asyncDispose]()
  },

  async 'two forks end apart, and each returns only what is its own'(scene) {
    const queue = await scene.stage.queue()
    const link = await scene.link()
    const [left, right] = [link.fork(), link.fork()]
    const ann = await scene.consumer(queue, { credit: 1 }, left)
    const bob = await scene.consumer(queue, { credit: 1 }, right)
    await scene.publish(queue, 'm1')
    await scene.publish(queue, 'm2')
    const [hers, his] = [await ann.next(), await bob.next()]
    await left[Symbol.asyncDispose]()
    expect(await bob.accept(his)).toEqual([])
    expect(text(await bob.next())).toBe(text(hers))
    await right[Symbol.asyncDispose]()
  },

  async 'a refused principal gets login-refused and learns nothing'(scene) {
    const { broker, principal } = await need(scene.stage.refused?.bind(scene.stage), 'refused principal')()
    const refused = broker.link(principal, new RecordingSink(), new AbortController().signal)
    const error = await refused.then(
      () => expect.unreachable('the link was given'),
      (reason) => reason,
    )
    expect(error.code).toBe('login-refused')
    expect(error.message).not.toContain(principal.credentials!.passcode)
    expect(error.message).not.toMatch(/ACCESS.REFUSED|ECONN|\d+\.\d+\.\d+\.\d+/)
  },

  async 'fifty clients come and go and leave nothing behind'(scene) {
    const leftovers = need(scene.stage.leftovers?.bind(scene.stage), 'leftovers')
    const [queue, topic] = [await scene.stage.queue(), await scene.stage.topic()]
    for (let round = 0; round < 50; round++) {
      const link = await scene.link()
      const worker = await scene.consumer(queue, {}, link)
      const listener = await scene.consumer(topic, { settle: round % 2 === 0 ? 'each' : 'presettled' }, link)
      if (round % 10 === 0) {
        await scene.publish(topic, 'seen', {}, link)
        await scene.publish(queue, 'consumed', {}, link)
        await listener.next()
        await worker.consume(1)
      }
      await link[Symbol.asyncDispose]()
    }
    let left: readonly string[] = []
    const empty = async (): Promise<boolean> => {
      left = await leftovers()
      return left.length === 0
    }
    await until('nothing left behind', empty).catch((error) => expect(left, String(error)).toEqual([]))
  },
} satisfies Record<string, Case>
