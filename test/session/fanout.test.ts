/** Sessions that share: one upstream subscription, one encoding, and each member with an order and an end of its own. */
import { describe, expect, test } from 'vitest'
import { FakeBroker } from '../support/broker.ts'
import { PlainFraming } from '../support/wire.ts'
import { passthrough } from './authenticators.ts'
import { crowd, joins, openStage } from './stage.ts'

describe('one upstream subscription', () => {
  test('for all who want the same, and one packing for all who get the same bytes', async () => {
    const stage = openStage()
    const members = await crowd(stage, 5)
    expect(stage.main.subscriptions).toHaveLength(1)
    const packs = stage.framing.packs
    stage.main.subscription().deliver('hello')
    for (const member of members) {
      await member.gets('MESSAGE', { subscription: 'sub-0', destination: '/topic/a' }, 'hello')
    }
    expect(stage.framing.packs).toBe(packs + 1)
    const [first, ...others] = members.map((member) => member.wire.out.at(-1))
    for (const bytes of others) expect(bytes).toBe(first)
  })

  test('members that differ in id, version, spelling or framing get bytes of their own', async () => {
    const stage = openStage()
    const members = [
      await joins(await stage.connected('1.2')),
      await joins(await stage.connected('1.1')),
      await joins(await stage.connected('1.2'), { id: 'a:b' }),
      await joins(await stage.connected('1.1'), { id: 'a:b' }),
    ]
    const other = stage.client('1.2', new PlainFraming())
    await other.connects()
    members.push(await joins(other))
    expect(stage.main.subscriptions).toHaveLength(1)
    stage.main.subscription().deliver('x', { headers: ['k', 'a\rb'] })
    const ids = []
    for (const member of members) ids.push((await member.gets('MESSAGE', { k: 'a\rb' }, 'x')).headers)
    expect(ids.map((headers) => headers.subscription)).toEqual(['sub-0', 'sub-0', 'a:b', 'a:b', 'sub-0'])
    expect(new Set(ids.map((headers) => headers['message-id'])).size).toBe(1)
    expect(members[0]!.wire.out.at(-1)!.equals(members[1]!.wire.out.at(-1)!)).toBe(false)
  })

  test('two subscriptions of one session are two members', async () => {
    const stage = openStage()
    const client = await joins(await joins(await stage.connected(), { id: 'a' }), { id: 'b' })
    stage.main.subscription().deliver('x')
    await client.gets('MESSAGE', { subscription: 'a' }, 'x')
    await client.gets('MESSAGE', { subscription: 'b' }, 'x')
  })

  test('message ids of two topics never meet, nor those of a queue', async () => {
    const stage = openStage()
    const client = await joins(await joins(await stage.connected(), { id: 'a' }), { id: 'b', destination: '/topic/b' })
    await joins(client, { id: 'c', destination: '/queue/c' })
    for (const subscription of stage.main.subscriptions) subscription.deliver('x')
    const heard = await client.getsMessages('x', 'x', 'x')
    expect(new Set(heard.map(({ headers }) => headers['message-id'])).size).toBe(3)
  })

  test('wildcards are shared too: each MESSAGE says where it was published', async () => {
    const stage = openStage()
    const members = [await joins(await stage.connected(), { destination: '/topic/a/*' })]
    members.push(await joins(await stage.connected(), { destination: '/topic/a/*' }))
    stage.main.subscription().deliver('x', { target: 'topic:a/7' })
    for (const member of members) await member.gets('MESSAGE', { destination: '/topic/a/7' }, 'x')
  })
})

describe('who does not share', () => {
  test.each([
    ['acknowledges', { ack: 'client' }],
    ['listens to a queue', { destination: '/queue/a' }],
  ])('one who %s', async (_, headers) => {
    const stage = openStage()
    await joins(await stage.connected(), headers)
    await joins(await stage.connected(), headers)
    expect(stage.main.subscriptions).toHaveLength(2)
    expect(stage.fanout.size).toBe(0)
  })

  test('two identities', async () => {
    const stage = openStage({
      brokers: [new FakeBroker('main', { credentials: 'client' })],
      authenticator: passthrough,
    })
    for (const login of ['ann', 'bob', 'ann']) await joins(await stage.connected('1.2', { login, passcode: 'x' }))
    expect(stage.main.subscriptions).toHaveLength(2)
    expect(stage.main.links.filter((link) => link.forked)).toHaveLength(2)
  })

  test('one on a route with share: false', async () => {
    const routes = [{ destination: '/own/{name}', broker: 'main', topic: '{name}', share: false }]
    const stage = openStage({ routes })
    for (let count = 0; count < 2; count++) await joins(await stage.connected(), { destination: '/own/a' })
    expect(stage.main.subscriptions.map(({ options }) => options.settle)).toEqual(['presettled', 'presettled'])
    expect(stage.fanout.size).toBe(0)
  })

  test('one whose link does not share: then it is presettled and its own', async () => {
    const stage = openStage({ brokers: [new FakeBroker('main', { shares: false })] })
    const [one, two] = await crowd(stage, 2)
    stage.main.subscription(0).deliver('1')
    await one!.getsMessages('1')
    await two!.getsNothing()
    expect(stage.main.subscription(0).settled).toEqual([])
  })
})

describe('one turn', () => {
  test('brings many deliveries, joined once for each id, in the order of all subscriptions', async () => {
    const stage = openStage()
    const same = await crowd(stage, 3)
    const other = await joins(await stage.connected(), { id: 'other' })
    const both = await joins(await joins(await stage.connected()), { id: 'b', destination: '/topic/b' })
    const [a, b] = [stage.main.subscription(0), stage.main.subscription(1)]
    const packs = stage.framing.packs
    a.deliver('1')
    a.deliver('2')
    b.deliver('3')
    a.deliver('4')
    for (const client of same) await client.getsMessages('1', '2', '4')
    await other.getsMessages('1', '2', '4')
    const heard = await both.getsMessages('1', '2', '3', '4')
    expect(heard.map(({ headers }) => headers.subscription)).toEqual(['sub-0', 'sub-0', 'b', 'sub-0'])
    // Three for all with the id sub-0, three for the other id, and four for the one that listens elsewhere too.
    expect(stage.framing.packs).toBe(packs + 10)
  })

  test('who speaks in between hears what was before it, then the answer, then the rest', async () => {
    const stage = openStage()
    const [one, two] = await crowd(stage, 2)
    const subscription = stage.main.subscription()
    for (const body of ['1', '2']) {
      subscription.deliver(body)
      one!.sends('BEGIN', { transaction: body, receipt: `b${body}` })
    }
    subscription.deliver('3')
    await two!.getsMessages('1', '2', '3')
    await one!.getsMessages('1')
    await one!.getsReceipts('b1')
    await one!.getsMessages('2')
    await one!.getsReceipts('b2')
    await one!.getsMessages('3')
  })
})

describe('joining', () => {
  test('each RECEIPT comes when it is live; who comes later comes at once', async () => {
    const stage = openStage()
    stage.main.holds('subscribe')
    const [one, two] = [await stage.connected(), await stage.connected()]
    for (const client of [one, two]) client.sends('SUBSCRIBE', { id: 'sub-0', destination: '/topic/a', receipt: 'r' })
    await one.getsNothing()
    await two.getsNothing()
    stage.main.subscription().consent.give()
    await one.getsReceipts('r')
    await two.getsReceipts('r')
    await joins(await stage.connected())
    expect(stage.main.subscriptions).toHaveLength(1)
  })

  test('a refusal is told to all who wait, and the next one asks anew', async () => {
    const stage = openStage()
    stage.main.holds('subscribe')
    const clients = [await stage.connected(), await stage.connected()]
    for (const client of clients) client.sends('SUBSCRIBE', { id: 's', destination: '/keep-topic/a', receipt: 'r' })
    await stage.settles()
    stage.main.subscription().consent.refuse('forbidden')
    for (const client of clients) await client.getsError('forbidden', { 'receipt-id': 'r', subscription: 's' })
    stage.main.answers('subscribe')
    await joins(clients[0]!, { destination: '/keep-topic/a' })
    expect(stage.main.subscriptions).toHaveLength(2)
  })

  test('during an outage it waits for the return, not longer than holdMs', async () => {
    const stage = openStage()
    await crowd(stage, 1)
    stage.main.subscription().lost()
    const [patient, late] = [await stage.connected(), await stage.connected()]
    late.sends('SUBSCRIBE', { id: 'sub-0', destination: '/topic/a', receipt: 'r' })
    await stage.settles()
    await stage.passes(20_000)
    patient.sends('SUBSCRIBE', { id: 'sub-0', destination: '/topic/a', receipt: 'r' })
    await stage.settles()
    await stage.passes(10_000)
    await late.isRefused('broker-unavailable', 1013, { 'receipt-id': 'r' })
    stage.main.subscription().resumed(true)
    await patient.getsReceipts('r')
    stage.main.subscription().deliver('1')
    expect((await patient.gets('MESSAGE')).headers).not.toHaveProperty('bridge-gap')
  })

  test('in mid-stream: what was before is not seen, what is after is, in order', async () => {
    const stage = openStage()
    const [one] = await crowd(stage, 1)
    stage.main.subscription().deliver('1')
    const two = await joins(await stage.connected())
    stage.main.subscription().deliver('2')
    const three = await joins(await stage.connected())
    stage.main.subscription().deliver('3')
    await one!.getsMessages('1', '2', '3')
    await two.getsMessages('2', '3')
    await three.getsMessages('3')
  })

  test('a SEND behind it is seen by its sender', async () => {
    const stage = openStage()
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: 'sub-0', destination: '/topic/a', receipt: 's' })
    client.sends('SEND', { destination: '/topic/a' }, 'x')
    await stage.settles()
    expect(stage.main.log.filter((entry) => entry !== 'link')).toEqual(['subscribe topic:a', 'publish x to topic:a'])
  })
})
