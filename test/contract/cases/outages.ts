/** A lost connection is the adapter's affair (port rule 5): it comes back by itself, says what it knows, and invents nothing. */
import { expect } from 'vitest'
import type { Delivery } from '../../../src/broker/broker.ts'
import type { BrokerError } from '../../../src/broker/errors.ts'
import { text, texts } from '../../support/sink.ts'
import { until } from '../../support/until.ts'
import type { Stage } from '../harness.ts'
import { type Case, numbered, type Scene } from '../scene.ts'

/** Milliseconds that a reconnect with backoff may take. */
const RECOVERY_MS = 30_000

const holding = { holdMs: RECOVERY_MS }

async function health(scene: Scene, up: boolean): Promise<void> {
  const { broker } = scene.stage
  await until(`health ${up ? 'up' : 'not up'}`, () => (broker.health.state === 'up') === up, RECOVERY_MS)
}

/** PROMISES §1: duplicates only where `redelivered` or `bridge-resent` stands. */
/** @param stage where a second copy may have no mark */
function marked(delivery: Delivery, stage?: Stage): boolean {
  return stage?.isUnmarked === true || delivery.redelivered || delivery.message.headers.includes('bridge-resent')
}

export const outages = {
  async 'health goes down and up again'(scene) {
    const before = scene.stage.broker.health
    await scene.faults.down()
    await health(scene, false)
    expect(scene.stage.broker.health.reason).toEqual(expect.any(String))
    await scene.faults.up()
    await health(scene, true)
    expect(scene.stage.broker.health.reason).toBeUndefined()
    expect(scene.stage.broker.health.since).toBeGreaterThanOrEqual(before.since)
  },

  async 'a queue subscription resumes without a gap'(scene) {
    const queue = await scene.stage.queue()
    const worker = await scene.consumer(queue)
    await scene.faults.sever()
    await worker.event('resumed', 0, RECOVERY_MS)
    expect(worker.events).toEqual(['lost', 'resumed'])
    await scene.publish(queue, 'after', holding)
    expect(texts(await worker.consume(1))).toEqual(['after'])
  },

  async 'a topic subscription resumes and admits the gap'(scene) {
    const topic = await scene.stage.topic()
    const worker = await scene.consumer(topic)
    await scene.faults.sever()
    await worker.event('resumed', 0, RECOVERY_MS)
    expect(worker.events).toEqual(['lost', 'resumed with gap'])
    await scene.publish(topic, 'after', holding)
    expect(texts(await worker.consume(1))).toEqual(['after'])
  },

  async 'what was unsettled is stale and comes again'(scene) {
    const queue = await scene.stage.queue()
    const worker = await scene.consumer(queue)
    for (const body of numbered(2)) await scene.publish(queue, body)
    const old = await worker.take(2)
    await scene.faults.sever()
    await worker.event('lost', 0, RECOVERY_MS)
    expect(await worker.accept(old[0]!)).toEqual([1])
    const again = await worker.take(2, RECOVERY_MS)
    expect(again.map((each) => [text(each), each.redelivered, each.tag])).toEqual([
      ['m1', true, 3],
      ['m2', true, 4],
    ])
    expect(await worker.accept(old[1]!)).toEqual([2])
    expect(await worker.accept(...again)).toEqual([])
  },

  async 'a subscription made while the broker is away goes live when it is back'(scene) {
    const queue = await scene.stage.queue()
    const link = await scene.link()
    await scene.faults.down()
    await health(scene, false)
    const worker = scene.subscribe(queue, {}, link)
    await scene.faults.up()
    await worker.subscription.live
    await scene.publish(queue, 'm1', holding)
    expect(text(await worker.next(RECOVERY_MS))).toBe('m1')
  },

  async 'a publish waits for the broker and is confirmed once, in order'(scene) {
    const queue = await scene.stage.queue()
    const link = await scene.link()
    const worker = await scene.consumer(queue)
    await scene.faults.down()
    await health(scene, false)
    const confirms = numbered(20).map((body) => scene.publishOn(link, queue, body, holding))
    await scene.faults.up()
    await Promise.all(confirms)
    expect(texts((await worker.consume(20)).filter((each) => !marked(each)))).toEqual(numbered(20))
  },

  async 'a publish held beyond holdMs fails with broker-unavailable and is never published'(scene) {
    const queue = await scene.stage.queue()
    const link = await scene.link()
    const worker = await scene.consumer(queue)
    await scene.faults.down()
    await health(scene, false)
    const given = scene.publishOn(link, queue, 'given up', { holdMs: 50 })
    await expect(given).rejects.toMatchObject({ code: 'broker-unavailable' })
    const kept = scene.publishOn(link, queue, 'kept', holding)
    await scene.faults.up()
    await kept
    expect(text(await worker.next(RECOVERY_MS))).toBe('kept')
    expect(worker.unread).toEqual([])
  },

  async 'unconfirmed when the connection dies: published again'(scene) {
    const queue = await scene.stage.queue()
    const link = await scene.link()
    const worker = await scene.consumer(queue)
    await scene.publishOn(link, queue, 'm1')
    await scene.faults.mute()
    const confirm = scene.publishOn(link, queue, 'm2', holding)
    await scene.faults.sever()
    const later = scene.publishOn(link, queue, 'm3', holding)
    await Promise.all([confirm, later])
    const seen = await worker.consume(3)
    if (text(seen[2]!) !== 'm3') seen.push(...(await worker.consume(1)))
    expect([...new Set(texts(seen))]).toEqual(numbered(3))
    expect(
      texts(seen.filter((each) => !marked(each, scene.stage))).filter((body) => body === 'm2').length,
    ).toBeLessThanOrEqual(1)
  },

  async 'unconfirmed when the connection dies, without resend: outcome-unknown'(scene) {
    const queue = await scene.stage.queue()
    const link = await scene.link()
    const worker = await scene.consumer(queue)
    await scene.publishOn(link, queue, 'm1')
    await scene.faults.mute()
    const unknown = scene.publishOn(link, queue, 'm2', { ...holding, resend: false })
    const refused = expect(unknown).rejects.toMatchObject({ code: 'outcome-unknown' })
    await Promise.all([refused, scene.faults.sever()])
    await health(scene, true)
    await scene.publishOn(link, queue, 'm3', holding)
    const seen = texts(await worker.consume(2))
    if (!seen.includes('m3')) seen.push(...texts(await worker.consume(1)))
    expect(seen.filter((body) => body === 'm2').length).toBeLessThanOrEqual(1)
  },

  async 'publishes under way settle one way or the other, and none that was confirmed is lost'(scene) {
    const queue = await scene.stage.queue()
    const link = await scene.link()
    const worker = await scene.consumer(queue)
    const confirmed = new Set<string>()
    const settled = numbered(300).map((body) =>
      scene.publishOn(link, queue, body, holding).then(
        () => void confirmed.add(body),
        (error: BrokerError) => expect(['broker-unavailable', 'outcome-unknown']).toContain(error.code),
      ),
    )
    await worker.consume(1)
    await scene.faults.sever()
    await Promise.all(settled)
    const seen = new Set(['m1'])
    const whole = (): boolean => [...confirmed].every((body) => seen.has(body))
    while (!whole()) {
      const delivery = await worker.next(RECOVERY_MS)
      expect(seen.has(text(delivery)) && !marked(delivery, scene.stage)).toBe(false)
      seen.add(text(delivery))
      await worker.accept(delivery)
    }
    expect(confirmed.size).toBeGreaterThan(0)
  },

  async 'disposing while the broker is away does not hang'(scene) {
    const queue = await scene.stage.queue()
    const link = await scene.link()
    const worker = await scene.consumer(queue, {}, link)
    await scene.faults.down()
    await health(scene, false)
    const held = scene.publishOn(link, queue, 'held', holding)
    const refused = expect(held).rejects.toMatchObject({ code: expect.stringMatching(/^(closed|broker-unavailable)$/) })
    await worker.subscription[Symbol.asyncDispose]()
    await link[Symbol.asyncDispose]()
    await scene.stage.broker[Symbol.asyncDispose]()
    await refused
    await scene.faults.up()
  },
} satisfies Record<string, Case>
