/** Clients that read too slowly: what waits for them, what is left out by which policy, what they are told of it, and how they come back. */
import { describe, expect, test } from 'vitest'
import type { SlowPolicy } from '../../src/routing/route.ts'
import type { Client } from '../support/client.ts'
import { ackOf, crowd, joins, LIMITS, openStage, type Stage, type StageOptions } from './stage.ts'

const on = (slow: SlowPolicy | undefined): StageOptions => ({
  policies: Object.fromEntries(['/topic/{name+}', '/keep-topic/{name}'].map((route) => [route, { slow }])),
})
const DISCONNECT = on(undefined)
const DROP_OLDEST = on({ kind: 'drop-oldest' })
const DROP_NEWEST = on({ kind: 'drop-newest' })

/** Over the low mark, a quarter of the bound; under the half of it, behind which no ERROR is written. */
const PLUG = 'x'.repeat(3000)
/** Four of these have room behind the plug, five have not. */
const large = (name: string): string => name + 'y'.repeat(1000)

/** Makes it stop reading, with a message in its wire that it does not take. */
async function stalls(stage: Stage, client: Client, index = 0): Promise<void> {
  client.wire.stall()
  stage.main.subscription(index).deliver(PLUG)
  await stage.settles()
}

/** A client of /topic/a that has stopped reading. */
async function behind(options: StageOptions, headers: Record<string, string> = {}) {
  const stage = openStage(options)
  const client = await joins(await stage.connected(), headers)
  await stalls(stage, client)
  const subscription = stage.main.subscription()
  const delivers = async (...bodies: string[]): Promise<void> => {
    for (const body of bodies) subscription.deliver(body)
    await stage.settles()
  }
  const reads = async (): Promise<void> => {
    client.wire.drains()
    await client.getsMessages(PLUG)
  }
  return { stage, client, subscription, delivers, reads }
}

/** The next MESSAGE, whose body begins so and which tells this of those before it. */
async function hears(client: Client, body: string, dropped?: number): Promise<void> {
  const heard = await client.gets('MESSAGE')
  expect([heard.body.slice(0, body.length), heard.headers['bridge-dropped']]).toEqual([body, dropped?.toString()])
}

describe('within its bounds', () => {
  test.each([DISCONNECT, DROP_OLDEST, DROP_NEWEST])('what waits comes later, all of it, in order', async (options) => {
    const { stage, client, delivers, reads } = await behind(options)
    await delivers('1', '2')
    expect(stage.session.outlet.isLagging).toBe(true)
    await delivers('3')
    await client.getsNothing()
    await reads()
    for (const body of ['1', '2', '3']) await hears(client, body)
    expect(stage.session.outlet.isLagging).toBe(false)
    expect(stage.counters).toMatchObject({ lagging: 1, dropped: 0, disconnected: 0 })
    expect(stage.told).toEqual(['connected 1.2'])
  })

  test('then it gets the bytes of the others again', async () => {
    const stage = openStage()
    const [slow, fast] = await crowd(stage, 2)
    await stalls(stage, slow!)
    stage.main.subscription().deliver('1')
    await fast!.getsMessages(PLUG, '1')
    slow!.wire.drains()
    await slow!.getsMessages(PLUG, '1')
    stage.main.subscription().deliver('2')
    await slow!.getsMessages('2')
    await fast!.getsMessages('2')
    expect(slow!.wire.out.at(-1)).toBe(fast!.wire.out.at(-1))
  })

  test('what waits goes out as the kernel takes what is before it', async () => {
    const { stage, client, delivers } = await behind(DISCONNECT)
    await delivers(large('1'), large('2'), large('3'), large('4'))
    client.wire.drainTo(client.wire.written)
    await stage.settles()
    await client.getsMessages(PLUG)
    // Up to the low mark, and one more.
    expect(client.wire.buffered).toBeGreaterThan(2000)
    expect(client.wire.buffered).toBeLessThan(4000)
    client.wire.drains()
    for (const body of ['1', '2', '3', '4']) await hears(client, body)
  })

  test('one message may be larger than the bound', async () => {
    const { client, delivers, reads } = await behind(DISCONNECT)
    const huge = 'z'.repeat(2 * LIMITS.outboundBytes)
    await delivers(huge)
    await reads()
    await client.getsMessages(huge)
  })

  test('own frames do not wait', async () => {
    const { client, delivers } = await behind(DISCONNECT)
    await delivers('1')
    client.sends('BEGIN', { transaction: 't', receipt: 'b' })
    await delivers('2')
    client.wire.drains()
    await client.getsMessages(PLUG)
    await client.getsReceipts('b')
    await client.getsMessages('1', '2')
  })

  test('a gap is told where it is', async () => {
    const { client, subscription, delivers, reads } = await behind(DISCONNECT)
    await delivers('1')
    subscription.deliver('2')
    subscription.lost()
    subscription.resumed(true)
    await delivers('3', '4')
    await reads()
    const gaps: unknown[] = []
    for (const message of await client.getsMessages('1', '2', '3', '4')) gaps.push(message.headers['bridge-gap'])
    expect(gaps).toEqual([undefined, undefined, 'true', undefined])
  })

  test('after UNSUBSCRIBE nothing follows of what waited', async () => {
    const { client, delivers } = await behind(DISCONNECT)
    await delivers('1', '2')
    client.sends('UNSUBSCRIBE', { id: 'sub-0', receipt: 'u' })
    client.wire.drains()
    await client.getsMessages(PLUG)
    await client.getsReceipts('u')
    await client.getsNothing()
    await joins(client)
    await delivers('3')
    await hears(client, '3')
  })

  test('answers to what waited may be sent once it was written', async () => {
    const { stage, client, subscription, reads } = await behind(DISCONNECT)
    subscription.deliver('?', { properties: { replyTo: 'queue:answers' } })
    await stage.settles()
    expect(stage.session.addresses.has('/queue/answers')).toBe(false)
    await reads()
    await client.gets('MESSAGE', { 'reply-to': '/queue/answers' }, '?')
    expect(stage.session.addresses.has('/queue/answers')).toBe(true)
  })
})

describe('disconnect', () => {
  test('over the bound it is told why, and sent away; the others get everything', async () => {
    const stage = openStage()
    const [slow, fast] = await crowd(stage, 2)
    await stalls(stage, slow!)
    const bodies = ['1', '2', '3', '4', '5'].map(large)
    for (const body of bodies) {
      stage.main.subscription().deliver(body)
      await stage.settles()
    }
    await fast!.getsMessages(PLUG, ...bodies)
    expect(slow!.wire.closing?.code).toBe(1008)
    slow!.wire.drains()
    await slow!.getsMessages(PLUG)
    await slow!.isRefused('slow-consumer', 1008)
    expect(stage.told.filter((each) => each.startsWith('failed'))).toEqual(['failed slow-consumer'])
    expect(stage.counters).toMatchObject({ dropped: 0, disconnected: 1 })
    stage.main.subscription().deliver('on')
    await fast!.getsMessages('on')
  })

  test('behind much that is unread nothing is written any more: it is dropped at once', async () => {
    const { stage, client, delivers } = await behind(DISCONNECT)
    client.sends('BEGIN', { transaction: 't', receipt: 'r'.repeat(LIMITS.outboundBytes / 4) })
    await stage.settles()
    await delivers(...['1', '2', '3', '4'].map(large))
    expect(client.wire.terminated).toBe(true)
    expect(client.wire.closing).toBeUndefined()
    expect(stage.told.slice(-2)).toEqual(['failed slow-consumer', 'closed 1006'])
  })

  test('when something has waited too long, though nothing more comes', async () => {
    const { stage, client, delivers } = await behind(DISCONNECT)
    await delivers('1')
    await stage.passes(LIMITS.outboundAgeMs - 1)
    expect(client.wire.closing).toBeUndefined()
    await stage.passes(1)
    expect(client.wire.closing?.code).toBe(1008)
  })

  test('who reads on, however slowly, stays', async () => {
    const { stage, client, delivers } = await behind(DISCONNECT)
    for (let count = 0; count < 10; count++) {
      await delivers(large(String(count)))
      await stage.passes(LIMITS.outboundAgeMs / 2)
      client.wire.drainTo(client.wire.written)
      await stage.settles()
    }
    client.wire.drains()
    await client.getsMessages(PLUG)
    for (let count = 0; count < 10; count++) await hears(client, String(count))
  })
})

describe('drop-oldest', () => {
  test('what has waited longest makes room; the next one tells how many', async () => {
    const { stage, client, delivers, reads } = await behind(DROP_OLDEST)
    await delivers(...['1', '2', '3', '4', '5', '6', '7'].map(large))
    await reads()
    await hears(client, '4', 3)
    for (const body of ['5', '6', '7']) await hears(client, body)
    await delivers('8')
    await hears(client, '8')
    expect(stage.counters).toMatchObject({ dropped: 3, disconnected: 0 })
    expect(stage.told).toEqual(['connected 1.2', 'slow sub-0 /topic/a drop-oldest'])
  })

  test('what is too old is not sent', async () => {
    const { stage, client, delivers, reads } = await behind(DROP_OLDEST)
    await delivers('1', '2')
    await stage.passes(1)
    await delivers('3')
    await stage.passes(LIMITS.outboundAgeMs - 1)
    await reads()
    await hears(client, '3', 2)
  })

  test('nothing but what is too old: the next message tells it', async () => {
    const { stage, client, delivers, reads } = await behind(DROP_OLDEST)
    await delivers('1', '2')
    await stage.passes(LIMITS.outboundAgeMs)
    await reads()
    await delivers('3')
    await hears(client, '3', 2)
  })

  test('a gap that was told by what is left out is told all the same', async () => {
    const { client, subscription, delivers, reads } = await behind(DROP_OLDEST)
    subscription.lost()
    subscription.resumed(true)
    await delivers(...['1', '2', '3', '4', '5'].map(large))
    await reads()
    const heard = await client.gets('MESSAGE', { 'bridge-dropped': '1', 'bridge-gap': 'true' })
    expect(heard.body[0]).toBe('2')
  })

  test('only its own: a subscription beside it loses nothing', async () => {
    const { stage, client, delivers } = await behind(DROP_OLDEST)
    client.sends('SUBSCRIBE', { id: 'b', destination: '/topic/b', receipt: 'joined' })
    await stage.settles()
    stage.main.subscription().deliver('b')
    await stage.settles()
    await delivers(...['1', '2', '3', '4', '5', '6'].map(large))
    client.wire.drains()
    await client.getsMessages(PLUG)
    await client.getsReceipts('joined')
    await client.gets('MESSAGE', { subscription: 'b' }, 'b')
    await hears(client, '3', 2)
  })
})

describe('drop-newest', () => {
  test('what finds no room is left out; the next one that does tells how many', async () => {
    const { client, delivers, reads } = await behind(DROP_NEWEST)
    await delivers(...['1', '2', '3', '4', '5', '6'].map(large), 's')
    await reads()
    for (const body of ['1', '2', '3', '4']) await hears(client, body)
    await hears(client, 's', 2)
  })

  test('nobody comes after it: the first message of better times tells it', async () => {
    const { client, delivers, reads } = await behind(DROP_NEWEST)
    await delivers(...['1', '2', '3', '4', '5', '6'].map(large))
    await reads()
    for (const body of ['1', '2', '3', '4']) await hears(client, body)
    await delivers('7')
    await hears(client, '7', 2)
    await delivers('8')
    await hears(client, '8')
  })

  test('while the oldest is too old, nothing new is taken', async () => {
    const { stage, client, delivers, reads } = await behind(DROP_NEWEST)
    await delivers('1')
    await stage.passes(LIMITS.outboundAgeMs)
    await delivers('2')
    await reads()
    await hears(client, '1')
    await delivers('3')
    await hears(client, '3', 1)
  })
})

describe('conflate', () => {
  test('of each value of the header the newest, at its own place', async () => {
    const { stage, client, subscription, reads } = await behind(on({ kind: 'conflate', header: 'symbol' }))
    const prices = ['A 1', 'B 1', 'A 2', '- 1', 'C 1', 'B 2', '- 2', 'A 3']
    for (const price of prices) {
      const symbol = price[0]!
      subscription.deliver(price, symbol === '-' ? {} : { headers: ['symbol', symbol] })
      await stage.settles()
    }
    await reads()
    // Before it: A 1, B 1, A 2.
    await hears(client, '- 1', 3)
    await hears(client, 'C 1')
    await hears(client, 'B 2')
    await hears(client, '- 2')
    await hears(client, 'A 3')
    expect(stage.counters.dropped).toBe(3)
    expect(stage.told).toEqual(['connected 1.2', 'slow sub-0 /topic/a conflate'])
  })

  test('of each destination the newest, for a wildcard', async () => {
    const { stage, client, subscription, reads } = await behind(on({ kind: 'conflate', header: 'destination' }), {
      destination: '/topic/a/*',
    })
    for (const [target, body] of [
      ['topic:a/1', 'one'],
      ['topic:a/2', 'two'],
      ['topic:a/1', 'one again'],
    ] as const) {
      subscription.deliver(body, { target })
    }
    await stage.settles()
    await reads()
    await client.gets('MESSAGE', { destination: '/topic/a/2', 'bridge-dropped': '1' }, 'two')
    await client.gets('MESSAGE', { destination: '/topic/a/1' }, 'one again')
  })

  test('a newest value does not get too old, but room it must find', async () => {
    const { stage, client, subscription, delivers, reads } = await behind(on({ kind: 'conflate', header: 'k' }))
    for (const key of ['1', '2', '3', '4', '5']) subscription.deliver(large(key), { headers: ['k', key] })
    await stage.settles()
    await stage.passes(10 * LIMITS.outboundAgeMs)
    await reads()
    await hears(client, '2', 1)
    for (const body of ['3', '4', '5']) await hears(client, body)
    await delivers('on')
    await hears(client, 'on')
  })
})

describe('subscriptions of its own', () => {
  const queue = async (options: StageOptions, headers: Record<string, string> = {}) => {
    const found = await behind(options)
    const { stage, client } = found
    client.sends('SUBSCRIBE', { id: 'q', destination: '/queue/q', receipt: 'q', ...headers })
    await stage.settles()
    return { ...found, own: stage.main.subscription() }
  }

  test('their messages wait behind those of topics, and are settled when they are taken', async () => {
    const { stage, client, delivers, own } = await queue(DISCONNECT)
    await delivers('1')
    own.deliver('q1')
    await delivers('2')
    own.deliver('q2')
    await stage.settles()
    expect(own.settled).toEqual([])
    client.wire.drains()
    await client.getsMessages(PLUG)
    await client.getsReceipts('q')
    await client.getsMessages('1', 'q1', '2', 'q2')
    expect(own.unsettled).toEqual([])
  })

  test('they do not count: no topic is left out for them', async () => {
    const { stage, client, delivers, own } = await queue(DROP_OLDEST)
    await delivers('1')
    for (let count = 0; count < 20; count++) own.deliver(large('q'))
    await delivers('2')
    client.wire.drains()
    await client.getsMessages(PLUG)
    await client.getsReceipts('q')
    await hears(client, '1')
    for (let count = 0; count < 20; count++) await hears(client, 'q')
    await hears(client, '2')
    expect(stage.counters.dropped).toBe(0)
  })

  test('after UNSUBSCRIBE what waited is released', async () => {
    const { stage, client, delivers, own } = await queue(DISCONNECT, { ack: 'client-individual' })
    await delivers('1')
    for (const body of ['q1', 'q2']) own.deliver(body)
    client.sends('UNSUBSCRIBE', { id: 'q', receipt: 'u' })
    await stage.settles()
    expect(own.settled).toEqual(['released 1,2'])
    client.wire.drains()
    await client.getsMessages(PLUG)
    await client.getsReceipts('q', 'u')
    await client.getsMessages('1')
  })

  test('what waited when the connection was lost comes again, and once', async () => {
    const { client, delivers, own } = await queue(DISCONNECT, { ack: 'client' })
    await delivers('1')
    own.deliver('q1')
    own.lost()
    own.resumed(false)
    own.deliver('q1', { redelivered: true })
    client.wire.drains()
    await client.getsMessages(PLUG)
    await client.getsReceipts('q')
    await client.getsMessages('1')
    const again = await client.gets('MESSAGE', { redelivered: 'true' }, 'q1')
    client.sends('ACK', { ...ackOf(client, again), receipt: 'a' })
    await client.getsReceipts('a')
    expect(own.settled).toEqual(['accepted 2'])
  })

  test('what waited when the client goes returns to the broker', async () => {
    const { stage, client, delivers, own } = await queue(DISCONNECT)
    await delivers('1')
    own.deliver('q1')
    client.vanishes()
    await stage.settles()
    expect(stage.main.log).toContain('end queue:q with 1')
  })

  test('a topic that nobody shares has its policy too', async () => {
    const routes = [{ destination: '/own/{name}', broker: 'main', topic: '{name}', share: false, slow: 'drop-oldest' }]
    const { client, delivers, reads } = await behind({ routes }, { destination: '/own/a' })
    await delivers(...['1', '2', '3', '4', '5'].map(large))
    await reads()
    await hears(client, '2', 1)
  })

  test('share: false and pause: the broker waits', async () => {
    const routes = [{ destination: '/own/{name}', broker: 'main', topic: '{name}', share: false, slow: 'pause' }]
    const { stage, client, subscription, delivers, reads } = await behind({ routes }, { destination: '/own/a' })
    expect(subscription.options).toMatchObject({ settle: 'each', credit: LIMITS.prefetchAuto })
    const bodies = Array.from({ length: 20 }, (_, count) => large(String(count)))
    await delivers(...bodies)
    await stage.passes(10 * LIMITS.outboundAgeMs)
    expect(subscription.settled).toEqual([])
    await reads()
    await client.getsMessages(...bodies)
    expect(subscription.unsettled).toEqual([])
  })
})

test('all kinds of members, each with an order and marks of its own', async () => {
  const stage = openStage(DROP_OLDEST)
  const members = [
    await joins(await stage.connected('1.2')),
    await joins(await stage.connected('1.1')),
    await joins(await stage.connected('1.2'), { id: 'other' }),
    await joins(await joins(await stage.connected('1.2'), { id: 'a' }), { id: 'b' }),
  ]
  const subscription = stage.main.subscription()
  for (const member of members.slice(1)) member.wire.stall()
  subscription.deliver(PLUG)
  await stage.settles()
  for (const body of ['1', '2', '3', '4', '5']) subscription.deliver(large(body))
  await stage.settles()
  for (const member of members) member.wire.drains()
  for (const body of ['x', '1', '2', '3', '4', '5']) await hears(members[0]!, body)
  for (const member of members.slice(1, 3)) {
    await hears(member, 'x')
    await hears(member, '2', 1)
    for (const body of ['3', '4', '5']) await hears(member, body)
  }
  subscription.deliver('end')
  const told = { a: 0, b: 0 }
  for (let ends = 0; ends < 2; ) {
    const { headers, body } = await members[3]!.gets('MESSAGE')
    told[headers.subscription as 'a' | 'b'] += 1 + Number(headers['bridge-dropped'] ?? 0)
    if (body === 'end') ends++
  }
  expect(told).toEqual({ a: 7, b: 7 })
})

test('a hundred that do not read among a thousand: the others get everything, and what waits is bounded', async () => {
  const stage = openStage(DROP_OLDEST)
  const members = await crowd(stage, 1000)
  const stalled = members.filter((_, index) => index % 10 === 0)
  const others = members.filter((_, index) => index % 10 !== 0)
  for (const { wire } of stalled) wire.stall()
  const bodies = Array.from({ length: 30 }, (_, count) => large(String(count)))
  for (const body of bodies) {
    stage.main.subscription().deliver(body)
    await stage.settles()
  }
  for (const session of stage.sessions) {
    expect(session.outlet.waiting + session.wire.buffered).toBeLessThanOrEqual(LIMITS.outboundBytes)
  }
  for (const other of others) await other.getsMessages(...bodies)
  let dropped = 0
  for (const client of stalled) {
    client.wire.drains()
    await stage.settles()
    let got = 0
    while (got < bodies.length) {
      const { headers, body } = await client.gets('MESSAGE')
      const missing = Number(headers['bridge-dropped'] ?? 0)
      dropped += missing
      got += missing
      expect(body).toBe(bodies[got++])
    }
  }
  expect(stage.counters).toMatchObject({ lagging: 100, dropped, disconnected: 0 })
  expect(dropped).toBeGreaterThan(100 * 20)
})
