/**
 * Headers and destinations that close an AMQP channel, or a whole connection, when they reach it (PROMISES §1). All clients share channels, so
 * each of them must be answered without one being lost: while one client fires them all, a neighbour's 10,000 SENDs get their receipts.
 */
import { describe, expect, test } from 'vitest'
import { startTestBridge } from '../../support/bridge.ts'
import type { Rabbit } from '../../support/rabbitmq.ts'
import { Client } from '../driver.ts'
import { depth, directly, fresh, inFrontOf, LONG_MS, type Place } from '../place.ts'

const SENDS = 10_000
/** Unconfirmed ones of the neighbour at a time. */
const WINDOW = 200
const LONG_NAME = 'n'.repeat(300)
const QUEUE = '/queue/hostile'

type Case = readonly [what: string, headers: Readonly<Record<string, string>>, answer: string]

/** What a SEND says, and its answer: RECEIPT or the ERROR's code. */
const HOSTILE_SENDS: readonly Case[] = [
  ['expiration that is no number', { expiration: 'abc' }, 'bad-message'],
  ['negative expiration', { expiration: '-1' }, 'bad-message'],
  ['expiration beyond the broker’s timers', { expiration: '99999999999' }, 'bad-message'],
  ['priority that is no number', { priority: 'high' }, 'bad-message'],
  ['priority over 255', { priority: '256' }, 'bad-message'],
  ['timestamp that is no number', { timestamp: 'now' }, 'bad-message'],
  ['persistent that is no boolean', { persistent: 'maybe' }, 'bad-message'],
  // rabbitmq.com/validated-user-id.html: only the connection's own user; another one is dropped
  ['user-id of somebody else', { 'user-id': 'somebody' }, 'RECEIPT'],
  ['CC', { CC: 'other' }, 'bad-message'],
  ['BCC', { BCC: 'other' }, 'bad-message'],
  ['x-death', { 'x-death': 'once' }, 'bad-message'],
  ['a header of the broker’s own', { 'amq.rabbitmq.reply': 'x' }, 'bad-message'],
  ['__proto__', { ['__proto__']: 'x' }, 'bad-message'],
  ['constructor, an ordinary name', { constructor: 'x', hasOwnProperty: 'y' }, 'RECEIPT'],
  ['control characters', { k: 'a\u0001\t\r\nb' }, 'RECEIPT'],
  ['an over-long header name', { [LONG_NAME]: 'x' }, 'bad-message'],
  ['an over-long content-type', { 'content-type': LONG_NAME }, 'bad-message'],
  ['an over-long correlation-id', { 'correlation-id': LONG_NAME }, 'bad-message'],
  ['an over-long type', { type: LONG_NAME }, 'bad-message'],
  ['an over-long app-id', { 'app-id': LONG_NAME }, 'bad-message'],
  ['an over-long amqp-message-id', { 'amqp-message-id': LONG_NAME }, 'bad-message'],
  ['64 KiB of headers', wide(5, 13_200), 'bad-message'],
  ['reply-to of the broker’s own', { 'reply-to': 'amq.rabbitmq.reply-to' }, 'bad-destination'],
  ['the same by its full name', { 'reply-to': '/queue/amq.rabbitmq.reply-to' }, 'bad-destination'],
  ['reply-to an over-long queue', { 'reply-to': `/queue/${LONG_NAME}` }, 'bad-destination'],
  ['a missing exchange', { destination: '/exchange/nowhere/key' }, 'not-found'],
  ['the trace exchange', { destination: '/exchange/amq.rabbitmq.trace/publish' }, 'bad-destination'],
  ['the log exchange', { destination: '/exchange/amq.rabbitmq.log/info' }, 'bad-destination'],
  ['an internal exchange', { destination: '/exchange/hostile-internal/key' }, 'forbidden'],
  ['an over-long routing key', { destination: `/topic/${LONG_NAME}` }, 'bad-destination'],
  ['an over-long exchange', { destination: `/exchange/${LONG_NAME}/key` }, 'bad-destination'],
  ['an over-long queue', { destination: `/queue/${LONG_NAME}` }, 'bad-destination'],
  ['a missing queue', { destination: '/amq/queue/nowhere' }, 'not-found'],
  ['a queue of the broker’s own', { destination: '/queue/amq.rabbitmq.reply-to' }, 'bad-destination'],
  ['other arguments than the queue has', { 'x-message-ttl': '1000' }, 'precondition-failed'],
  ['an argument that is no number', { 'x-max-length': 'long' }, 'bad-message'],
  ['an argument that the broker does not know', { 'x-queue-type': 'imaginary' }, 'precondition-failed'],
]

/** What a SUBSCRIBE says, likewise. */
const HOSTILE_SUBSCRIBES: readonly Case[] = [
  ['a missing exchange', { destination: '/exchange/nowhere/key' }, 'not-found'],
  ['a missing queue', { destination: '/amq/queue/nowhere' }, 'not-found'],
  ['an over-long key', { destination: `/topic/${LONG_NAME}` }, 'bad-destination'],
  ['a stream offset of its own', { 'x-stream-offset': 'soon' }, 'bad-message'],
  ['an age of its own', { 'x-max-age': 'old' }, 'bad-message'],
  ['other arguments than the queue has', { 'x-max-length': '1' }, 'precondition-failed'],
  ['an exclusive queue that others use', { exclusive: 'true' }, 'unsupported'],
  ['a queue of the broker’s own', { destination: '/queue/amq.gen-of-somebody' }, 'bad-destination'],
]

function wide(count: number, length: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`wide${at}`, 'x'.repeat(length)]))
}

export function hostileHeaders(place: Place): void {
  describe('a client that fires everything that closes a channel', () => {
    test('while it does, a neighbour’s 10,000 SENDs get their receipts', { timeout: LONG_MS }, async () => {
      const rabbit = place()
      await directly(rabbit, async (channel) => {
        await channel.assertExchange('hostile-internal', 'direct', {
          internal: true,
          autoDelete: false,
          durable: false,
        })
        await channel.assertQueue('hostile', { durable: true })
      })
      await using bridge = await startTestBridge(inFrontOf(rabbit.url, { route: 'allow: all' }))
      await using hostile = await Client.connect(bridge.url)
      await using neighbour = await Client.connect(bridge.url)
      const queue = fresh('neighbour')
      await neighbour.do('SEND', { destination: `/queue/${queue}` }, 'first')
      const shared = await confirming(rabbit)
      expect(shared.length).toBeGreaterThan(0)
      const sending = flood(neighbour, `/queue/${queue}`)
      let done = false
      const over = sending.finally(() => {
        done = true
      })
      await Promise.all([over, fire(hostile, () => done)])
      expect(neighbour.receipts.size).toBe(1 + SENDS)
      expect(neighbour.errors).toEqual([])
      expect(await depth(rabbit, queue)).toEqual({ ready: 1 + SENDS, unacked: 0 })
      // What the checks do not foresee costs a channel that many share: they must have foreseen all of it.
      const still = await confirming(rabbit)
      expect(shared.some((channel) => still.includes(channel))).toBe(true)
      expect(hostile.closed).toBeUndefined()
    })
  })
}

/** The broker's own names of the channels that somebody publishes on with confirms. */
async function confirming(rabbit: Rabbit): Promise<string[]> {
  const printed = await rabbit.eval(
    '[pid_to_list(P) || P <- rabbit_channel:list(), rabbit_channel:info(P, [confirm]) =:= [{confirm, true}]].',
  )
  return printed.match(/<[0-9.]+>/g) ?? []
}

/** All of them at least once, and on until the other is done. */
async function fire(client: Client, isDone: () => boolean): Promise<void> {
  do {
    for (const [what, headers, answer] of HOSTILE_SENDS) {
      const heard = await client.ask('SEND', { destination: QUEUE, ...headers }, what)
      expect([what, verdict(heard)]).toEqual([what, answer])
    }
    for (const [what, headers, answer] of HOSTILE_SUBSCRIBES) {
      const heard = await client.ask('SUBSCRIBE', { id: 'h', destination: QUEUE, ack: 'client', ...headers })
      expect([what, verdict(heard)]).toEqual([what, answer])
    }
  } while (!isDone())
}

/** Keeps the window full until all have their receipts. */
async function flood(client: Client, destination: string): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < SENDS) await client.do('SEND', { destination }, `m${next++}`)
  }
  await Promise.all(Array.from({ length: WINDOW }, lane))
}

function verdict({ command, headers }: { command: string; headers: Readonly<Record<string, string>> }): string {
  return command === 'RECEIPT' ? 'RECEIPT' : headers['bridge-code']!
}
