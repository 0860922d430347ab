/** What a reload means for sessions that are open: who stays, who goes, what they hear, and from when on a rule holds. */
import { describe, expect, test } from 'vitest'
import type { User } from '../../src/auth/authenticator.ts'
import { refused } from '../../src/auth/authenticator.ts'
import { readPermit, standardPermit } from '../../src/routing/permit.ts'
import { leaveBroker, review } from '../../src/session/review.ts'
import { FakeBroker } from '../support/broker.ts'
import { ackOf, crowd, joins, LIMITS, openStage, type StageOptions, working } from './stage.ts'

/** `/topic/a` leads to another place. */
const ELSEWHERE: StageOptions = { routes: [{ destination: '/topic/{name+}', broker: 'main', topic: 'new.{name+}' }] }
/** `/keep/…` is for nobody; an ERROR about it leaves the connection open. */
const CLOSED = permitting('nobody')

function permitting(permit: string): StageOptions {
  return { policies: { '/keep/{name}': { permit: readPermit(permit, [], standardPermit(false)) } } }
}

function as(roles: readonly string[]): (user: User) => User {
  return (user) => ({ ...user, name: 'ann', roles: new Set(roles) })
}

describe('a subscription', () => {
  test('stays when its destination means the same through a new route', async () => {
    const { stage, client, subscription, ids } = await working()
    await stage.reloads({ limits: { subscriptions: 7 } })
    client.sends('ACK', { id: ids[0].id!, receipt: 'acked' })
    await client.getsReceipts('acked')
    subscription.deliver('m3')
    await client.getsMessages('m3')
    expect(stage.main.log).toEqual(['accepted 1 of queue:a'])
  })

  test('and a shared one goes on with all its members, and takes new ones', async () => {
    const stage = openStage()
    const [ann, bob] = (await crowd(stage, 2)) as [Awaited<ReturnType<typeof joins>>, Awaited<ReturnType<typeof joins>>]
    await stage.reloads()
    const cid = await joins(await stage.connected())
    stage.main.subscription().deliver('tick')
    for (const client of [ann, bob, cid]) await client.getsMessages('tick')
    expect(stage.main.subscriptions).toHaveLength(1)
  })

  test('ends when its destination leads elsewhere, at once and with the reason', async () => {
    const stage = openStage()
    const client = await joins(await stage.connected())
    await stage.reloads(ELSEWHERE)
    const error = await client.isRefused('route-gone', 1008, { subscription: 'sub-0' })
    expect(error.body).toContain('/topic/a')
    expect(error.body).toContain('elsewhere')
  })

  test('ends when it has no route any more; `errors` of the old route decides what follows', async () => {
    const extra = { destination: '/extra/{name}', broker: 'main', queue: 'x.{name}', errors: 'keep' }
    const stage = openStage({ routes: [extra] })
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: 'x', destination: '/extra/a', ack: 'client', receipt: 'r' })
    await client.getsReceipts('r')
    const subscription = stage.main.subscription()
    subscription.deliver('m1')
    const [message] = await client.getsMessages('m1')
    await stage.reloads()
    await client.getsError('route-gone', { subscription: 'x' })
    expect(subscription.disposed).toBe(true)
    // What it had is given to somebody else: its ACK is stale, not wrong.
    client.sends('ACK', { ...ackOf(client, message!), receipt: 'late' })
    await client.gets('RECEIPT', { 'receipt-id': 'late', 'bridge-stale': 'true' })
    client.sends('SUBSCRIBE', { id: 'x', destination: '/extra/a', receipt: 'again' })
    await client.isRefused('no-route', 1008)
  })

  test('of another broker object of the same name is another place', async () => {
    const stage = openStage()
    const client = await joins(await stage.connected())
    const successor = new FakeBroker('main')
    await stage.reloads({ brokers: [successor, stage.other] })
    await client.isRefused('route-gone', 1008)
    const again = await joins(await stage.connected())
    successor.subscription().deliver('new')
    await again.getsMessages('new')
  })

  test('that is forbidden now ends', async () => {
    const stage = openStage()
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: 'k', destination: '/keep/a', receipt: 'r' })
    await client.getsReceipts('r')
    await stage.reloads(CLOSED)
    await client.getsError('forbidden', { subscription: 'k' })
  })

  test('that the broker has not yet agreed to has its RECEIPT first, then its end', async () => {
    const stage = openStage()
    stage.main.holds('subscribe')
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: 'sub', destination: '/topic/a', receipt: 'r' })
    await stage.settles()
    await stage.reloads(ELSEWHERE)
    await client.getsNothing()
    stage.main.subscription().consent.give()
    await client.getsReceipts('r')
    await client.isRefused('route-gone', 1008)
  })

  test('takes nack and errors from the new route, and keeps its credit', async () => {
    const { stage, client, ids } = await working()
    const queue = { destination: '/queue/{name+}', broker: 'main', queue: '{name+}' }
    await stage.reloads({ routes: [{ ...queue, nack: 'reject', errors: 'keep', prefetch: 1 }] })
    client.sends('NACK', { id: ids[0].id!, receipt: 'n' })
    await client.getsReceipts('n')
    expect(stage.main.log).toEqual(['rejected 1 of queue:a'])
    expect(stage.session.subscriptions.all()[0]!.options.credit).toBe(LIMITS.prefetchClient)
  })

  test('those who must go because of one go spread over drain.spread, and hear nothing more of it', async () => {
    const stage = openStage({ spreadMs: 5_000 })
    const clients = await crowd(stage, 20)
    await stage.reloads({ ...ELSEWHERE, spreadMs: 5_000 })
    stage.main.subscription().deliver('late')
    const open = () => stage.sessions.filter(({ ended }) => !ended.isOver).length
    await stage.settles()
    expect(open()).toBeGreaterThan(10)
    await stage.passes(2_500)
    expect(open()).toBeGreaterThan(3)
    expect(open()).toBeLessThan(17)
    await stage.passes(2_600)
    expect(open()).toBe(0)
    for (const client of clients) await client.isRefused('route-gone', 1008)
  })
})

describe('a SEND', () => {
  test('is judged by the routes that there are when it comes', async () => {
    const stage = openStage()
    const client = await stage.connected()
    client.sends('SEND', { destination: '/keep/a', receipt: '1' }, 'before')
    await stage.settles()
    await stage.reloads(CLOSED)
    await client.getsReceipts('1')
    client.sends('SEND', { destination: '/keep/a', receipt: '2' }, 'after')
    await client.getsError('forbidden', { 'receipt-id': '2' })
    expect(stage.main.publishes.map(({ text }) => text)).toEqual(['before'])
  })

  test('whose confirm is pending gets it', async () => {
    const stage = openStage()
    stage.main.holds('publish')
    const client = await stage.connected()
    client.sends('SEND', { destination: '/keep/a', receipt: '1' }, 'before')
    await stage.settles()
    await stage.reloads(CLOSED)
    stage.main.publishes[0]!.give()
    await client.getsReceipts('1')
  })

  test('in a transaction is judged again at COMMIT', async () => {
    const stage = openStage()
    const client = await stage.connected()
    client.sends('BEGIN', { transaction: 't' })
    client.sends('SEND', { destination: '/topic/a', transaction: 't' }, 'm')
    await stage.settles()
    await stage.reloads(ELSEWHERE)
    client.sends('COMMIT', { transaction: 't', receipt: 'c' })
    await client.isRefused('route-gone', 1008, { 'receipt-id': 'c' })
    expect(stage.main.publishes).toEqual([])
  })
})

describe('a user', () => {
  test('whose login is gone is sent away', async () => {
    const stage = openStage()
    const client = await stage.connected()
    await stage.reloads({}, () => refused('login-refused', 'this login is gone'))
    await client.isRefused('login-refused', 4401)
  })

  test('with other roles keeps what they permit, and may at once what is new', async () => {
    const stage = openStage()
    const client = await stage.connected()
    await stage.reloads(permitting('role:admin'), as(['admin']))
    client.sends('SEND', { destination: '/keep/a', receipt: '1' })
    await client.getsReceipts('1')
    await stage.reloads(permitting('role:admin'), as(['staff']))
    client.sends('SEND', { destination: '/keep/a', receipt: '2' })
    await client.getsError('forbidden', { 'receipt-id': '2' })
  })

  test('who was let in while the authenticators changed is asked about again', async () => {
    const first = { answers: Promise.withResolvers<void>(), settled: [] as string[] }
    const user = (name: string): User => ({
      name,
      roles: new Set(),
      claims: new Map(),
      expiresAtMs: undefined,
      authenticator: 'a',
    })
    const stage = openStage({
      authenticator: {
        name: 'a',
        accepts: 'anything',
        authenticate: async () => {
          await first.answers.promise
          return { kind: 'admitted', user: user('old'), settle: (outcome) => first.settled.push(outcome) }
        },
        async [Symbol.asyncDispose]() {},
      },
    })
    const client = stage.client()
    client.sends('CONNECT', { 'accept-version': '1.2' })
    await stage.settles()
    stage.house.authenticator = {
      name: 'b',
      accepts: 'nothing',
      authenticate: async () => refused('login-refused', 'not any more'),
      async [Symbol.asyncDispose]() {},
    }
    first.answers.resolve()
    await client.isRefused('login-refused', 4401)
    expect(first.settled).toEqual(['unknown'])
  })
})

describe('limits', () => {
  test('of frames hold at once, also for the frame that is being read', async () => {
    const stage = openStage()
    const client = await stage.connected()
    client.writes('SEND\ndestination:/queue/a\ncontent-length:2000\n\nhalf of it')
    await stage.settles()
    await stage.reloads({ limits: { frameBytes: 1024 } })
    client.writes('…')
    await client.isRefused('frame-too-large', 1009)
  })

  test('of pending frames hold at once: a client that waits is read again', async () => {
    const stage = openStage({ limits: { pendingFrames: 2 } })
    stage.main.holds('publish')
    const client = await stage.connected()
    for (const receipt of ['1', '2', '3']) client.sends('SEND', { destination: '/queue/a', receipt }, receipt)
    await stage.settles()
    expect(stage.main.publishes.map(({ text }) => text)).toEqual(['1', '2'])
    await stage.reloads({ limits: { pendingFrames: 10 } })
    expect(stage.main.publishes.map(({ text }) => text)).toEqual(['1', '2', '3'])
    for (const publish of stage.main.publishes) publish.give()
    await client.getsReceipts('1', '2', '3')
  })

  test('of subscriptions hold for the next one: those that are over them stay', async () => {
    const stage = openStage()
    const client = await joins(await stage.connected())
    await stage.reloads({ limits: { subscriptions: 1 } })
    client.sends('SUBSCRIBE', { id: 'two', destination: '/topic/b', receipt: 'r' })
    await client.isRefused('too-many-subscriptions', 4429)
  })
})

describe('a broker', () => {
  test('that is added is dialled when it is first needed', async () => {
    const main = new FakeBroker('main')
    const stage = openStage({ brokers: [main] })
    const client = await stage.connected()
    const other = new FakeBroker('other')
    await stage.reloads({ brokers: [main, other] })
    client.sends('SEND', { destination: '/other/a', receipt: '1' }, 'hello')
    await client.getsReceipts('1')
    expect(other.publishes.map(({ text }) => text)).toEqual(['hello'])
  })

  test('that wants to see the client itself is not for sessions that are open', async () => {
    const main = new FakeBroker('main')
    const stage = openStage({ brokers: [main] })
    const client = await stage.connected()
    const other = new FakeBroker('other', { credentials: 'client' })
    await stage.reloads({ brokers: [main, other] })
    client.sends('SEND', { destination: '/other/a', receipt: '1' })
    const error = await client.isRefused('login-required', 4401, { 'receipt-id': '1' })
    expect(error.body).toContain('connect again')
    expect(other.links).toEqual([])
  })

  test('that is removed has the grace for what it was sent, and then no link', async () => {
    const stage = openStage()
    stage.other.holds('publish')
    const client = await stage.connected()
    client.sends('SEND', { destination: '/other/a', receipt: '1' }, 'm')
    await stage.settles()
    await stage.reloads({ brokers: [stage.main] })
    let left = false
    const leaving = leaveBroker(stage.house, stage.everybody.all(), stage.other, 10_000).then(() => {
      left = true
    })
    await stage.passes(5_000)
    expect(left).toBe(false)
    stage.other.publishes[0]!.give()
    await client.getsReceipts('1')
    await leaving
    expect(stage.other.open).toBe(0)
    client.sends('SEND', { destination: '/other/a', receipt: '2' })
    await client.isRefused('no-route', 1008, { 'receipt-id': '2' })
  })

  test('that never confirms is left when the grace is over', async () => {
    const stage = openStage()
    stage.other.holds('publish')
    const client = await stage.connected()
    client.sends('SEND', { destination: '/other/a' }, 'm')
    await stage.settles()
    await stage.reloads({ brokers: [stage.main] })
    const leaving = leaveBroker(stage.house, stage.everybody.all(), stage.other, 10_000)
    await stage.passes(10_000)
    await leaving
    expect(stage.other.open).toBe(0)
  })
})

describe('ten thousand sessions', () => {
  test('are looked at in portions: between two of them others have their turn', async () => {
    const stage = openStage()
    for (let count = 0; count < 1_000; count++) await stage.connected()
    let turns = 0
    const reviewed = review(stage.house, stage.everybody.all(), (user) => user)
    while (stage.turn.end()) turns++
    await reviewed
    expect(turns).toBeGreaterThanOrEqual(4)
  })
})
