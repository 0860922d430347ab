/** What a message is made of arrives as it was sent, in order, or is refused; and nobody else suffers. */
import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import type { Delivery } from '../../../src/broker/broker.ts'
import { BrokerError } from '../../../src/broker/errors.ts'
import { text, texts } from '../../support/sink.ts'
import { type Case, message, need, numbered } from '../scene.ts'

/** Headers that broke a broker, a client library or a shared channel somewhere. */
const HOSTILE: readonly (readonly string[])[] = [
  ['line', 'one\ntwo'],
  ['return', 'one\rtwo'],
  ['tab', 'one\ttwo'],
  ['control', '\u0001'],
  ['nul', 'a\u0000b'],
  ['na\nme', 'x'],
  ['__proto__', 'polluted'],
  ['constructor', 'x', 'toString', 'y', 'hasOwnProperty', 'z'],
  ['', 'a header without a name'],
  ['long', 'x'.repeat(65_536)],
  ['n'.repeat(300), 'a long name'],
  ['CC', 'elsewhere'],
  ['BCC', 'elsewhere'],
  ['x-death', 'forged'],
  ['x-delay', '1'],
  ['lone surrogate', '\ud800'],
]

/** The user's headers; `bridge-` is ours and may have been added. */
function userHeaders(delivery: Delivery): string[] {
  const { headers } = delivery.message
  return headers.filter((_, index) => !headers[index - (index % 2)]!.startsWith('bridge-'))
}

export const messages = {
  async 'bodies arrive byte for byte'(scene) {
    const queue = await scene.stage.queue()
    const bodies = [
      Buffer.alloc(0),
      Buffer.from([0x00]),
      Buffer.from([0xff]),
      Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
      randomBytes(1024 * 1024),
    ]
    const worker = await scene.consumer(queue)
    for (const body of bodies) await scene.publish(queue, message(body))
    for (const body of bodies) expect((await worker.next()).message.body.equals(body)).toBe(true)
  },

  async 'headers arrive byte for byte and in order'(scene) {
    const queue = await scene.stage.queue()
    const headers = ['zulu', 'last first', 'alpha', 'a:b\\c', 'empty', '', 'ünïcode', '漢字 🚀', 'spaces', '  x  ']
    const worker = await scene.consumer(queue)
    await scene.publish(queue, message('x', headers))
    expect(userHeaders(await worker.next())).toEqual(headers)
  },

  async 'of equal header names the first counts'(scene) {
    const queue = await scene.stage.queue()
    const worker = await scene.consumer(queue)
    await scene.publish(queue, message('x', ['twice', 'first', 'twice', 'second']))
    expect(userHeaders(await worker.next()).slice(0, 2)).toEqual(['twice', 'first'])
  },

  async 'properties arrive as they were sent'(scene) {
    const queue = await scene.stage.queue()
    const properties = {
      contentType: 'application/json; charset=utf-8',
      contentEncoding: 'identity',
      correlationId: 'correlation 1',
      messageId: 'message 1',
      type: 'order',
      appId: 'shop',
      expirationMs: 600_000,
      priority: 5,
      timestampMs: 1_700_000_000_000, // whole seconds: AMQP 0-9-1 counts no finer
      persistent: true,
    }
    const worker = await scene.consumer(queue)
    await scene.publish(queue, message('x', [], properties))
    expect((await worker.next()).message.properties).toMatchObject(properties)
  },

  async 'properties that were not sent stay undefined'(scene) {
    const queue = await scene.stage.queue()
    const worker = await scene.consumer(queue)
    await scene.publish(queue, message('x'), { receipt: false })
    const { contentType, correlationId, expirationMs, priority, replyTo } = (await worker.next()).message.properties
    expect([contentType, correlationId, expirationMs, priority, replyTo]).toEqual(Array(5).fill(undefined))
  },

  async 'a replyTo can be answered'(scene) {
    const questions = await scene.stage.queue()
    const answers = await scene.stage.queue()
    const asker = await scene.consumer(answers)
    const worker = await scene.consumer(questions)
    await scene.publish(questions, message('ping?', [], { replyTo: answers.target, correlationId: '7' }))
    const { replyTo, correlationId } = (await worker.next()).message.properties
    await scene.publish({ ...answers, target: replyTo }, message('pong', [], { correlationId }))
    const answer = await asker.next()
    expect([text(answer), answer.message.properties.correlationId]).toEqual(['pong', '7'])
  },

  async 'a kept body is not the publisher’s buffer'(scene) {
    const queue = await scene.stage.queue()
    const body = Buffer.from('as it was')
    const worker = await scene.consumer(queue)
    await scene.publish(queue, message(body))
    body.fill('!')
    expect(text(await worker.next())).toBe('as it was')
  },

  async 'unawaited publishes reach a queue in call order'(scene) {
    const queue = await scene.stage.queue()
    const link = await scene.link()
    const worker = await scene.consumer(queue, { credit: 50 })
    const sent = numbered(500)
    const confirms = sent.map((body, index) => scene.publishOn(link, queue, body, { receipt: index % 3 === 0 }))
    expect(texts(await worker.consume(500))).toEqual(sent)
    await Promise.all(confirms)
  },

  async 'unawaited publishes reach a topic in call order'(scene) {
    const topic = await scene.stage.topic()
    const link = await scene.link()
    const listener = await scene.consumer(topic, { settle: 'presettled' })
    const sent = numbered(500)
    const confirms = sent.map((body) => scene.publishOn(link, topic, body))
    expect(texts(await listener.take(500))).toEqual(sent)
    await Promise.all(confirms)
  },

  async 'hostile headers arrive or are refused with bad-message, and no neighbour notices'(scene) {
    const [target, homely] = [await scene.stage.queue(), await scene.stage.queue()]
    const [mallory, alice] = [await scene.link(), await scene.link()]
    const victim = await scene.consumer(target)
    const neighbour = await scene.consumer(homely)
    for (const headers of HOSTILE) {
      const attack = scene.publishOn(mallory, target, message('attack', headers)).then(
        () => true,
        (error: BrokerError) => expect(error.code).toBe('bad-message') as undefined,
      )
      await scene.publishOn(alice, homely, 'homely')
      const [received] = await neighbour.consume(1)
      expect(received).toMatchObject({ redelivered: false })
      if ((await attack) !== true) continue
      const [hit] = await victim.consume(1)
      // A lone surrogate has no UTF-8 and may arrive as U+FFFD.
      expect(userHeaders(hit!)).toEqual(headers.map((part) => expect.toBeOneOf([part, part.toWellFormed()])))
    }
    expect([victim.events, neighbour.events, Object.hasOwn(Object.prototype, 'polluted')]).toEqual([[], [], false])
  },

  async 'what expires before anybody takes it is dropped'(scene) {
    const queue = await scene.stage.queue()
    await scene.publish(queue, message('stale bread', [], { expirationMs: 0 }))
    await scene.publish(queue, message('fresh bread', [], { expirationMs: 600_000 }))
    expect(text(await (await scene.consumer(queue)).next())).toBe('fresh bread')
  },

  async 'a topic that nobody listens to is no fault'(scene) {
    await scene.publish(await scene.stage.topic(), 'into the void')
  },

  async 'a publish with a receipt to nowhere is refused with not-found, and the link goes on'(scene) {
    const nowhere = await need(scene.stage.nowhere?.bind(scene.stage), 'nowhere')()
    const queue = await scene.stage.queue()
    const link = await scene.link()
    const worker = await scene.consumer(queue)
    await Promise.all([
      expect(scene.publishOn(link, nowhere, 'x')).rejects.toMatchObject({ code: 'not-found' }),
      scene.publishOn(link, queue, 'after it'),
    ])
    expect(text(await worker.next())).toBe('after it')
  },

  async 'a forbidden publish is refused with forbidden, and the link goes on'(scene) {
    const forbidden = await need(scene.stage.forbidden?.bind(scene.stage), 'forbidden place')()
    const queue = await scene.stage.queue()
    const link = await scene.link()
    const worker = await scene.consumer(queue)
    await Promise.all([
      expect(scene.publishOn(link, forbidden, 'x')).rejects.toMatchObject({ code: 'forbidden' }),
      scene.publishOn(link, queue, 'after it'),
    ])
    expect(text(await worker.next())).toBe('after it')
  },

  async 'every refusal is a BrokerError with a line for the client'(scene) {
    const link = await scene.link()
    await link[Symbol.asyncDispose]()
    const thrown: unknown = await scene.publishOn(link, await scene.stage.queue(), 'x').catch((error: unknown) => error)
    expect(thrown).toBeInstanceOf(BrokerError)
    expect((thrown as BrokerError).message).toMatch(/^[^\n]+$/)
  },
} satisfies Record<string, Case>
