/** The bridge goes: no more deliveries, what is pending settles, and the clients are told to come back. */
import { describe, expect, test } from 'vitest'
import { Sessions } from '../../src/session/sessions.ts'
import { Ending } from '../../src/session/waiting.ts'
import { Client } from '../support/client.ts'
import { FakeWire } from '../support/wire.ts'
import { ackOf, openStage, type Stage } from './stage.ts'

function drains(stage: Stage) {
  const grace = new Ending()
  const state = { done: false, grace }
  void stage.session.drain(grace).then(() => {
    state.done = true
  })
  return state
}

test('with nothing under way it is done at once, and goAway closes', async () => {
  const stage = openStage()
  const client = await stage.connected()
  client.sends('SUBSCRIBE', { id: '1', destination: '/topic/a', receipt: 's' })
  await client.getsReceipts('s')
  const drain = drains(stage)
  await stage.settles()
  expect(drain.done).toBe(true)
  stage.main.subscription().deliver('too late')
  await client.getsNothing()
  stage.session.goAway()
  await client.isRefused('draining', 1001)
})

test('it waits for confirms and for ACKs', async () => {
  const stage = openStage()
  const client = await stage.connected()
  client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', ack: 'client', receipt: 's' })
  await client.getsReceipts('s')
  stage.main.subscription().deliver('m')
  const [message] = await client.getsMessages('m')
  stage.main.holds('publish')
  client.sends('SEND', { destination: '/queue/b', receipt: 'p' }, 'x')
  await stage.settles()
  const drain = drains(stage)
  await stage.settles()
  expect(stage.main.log).toContain('stop queue:a')
  stage.main.publish.give()
  await client.getsReceipts('p')
  expect(drain.done).toBe(false)
  client.sends('ACK', { ...ackOf(client, message!), receipt: 'a' })
  await client.getsReceipts('a')
  expect(drain.done).toBe(true)
})

test('no longer than its grace', async () => {
  const stage = openStage()
  stage.main.holds('publish')
  const client = await stage.connected()
  client.sends('SEND', { destination: '/queue/b', receipt: 'p' }, 'x')
  await stage.settles()
  const drain = drains(stage)
  await stage.settles()
  expect(drain.done).toBe(false)
  drain.grace.come()
  await stage.settles()
  expect(drain.done).toBe(true)
  stage.session.goAway()
  await client.isRefused('draining', 1001)
})

test('a client that goes by itself is not waited for', async () => {
  const stage = openStage()
  stage.main.holds('publish')
  const client = await stage.connected()
  client.sends('SEND', { destination: '/queue/b' }, 'x')
  await stage.settles()
  const drain = drains(stage)
  client.vanishes()
  await stage.settles()
  expect(drain.done).toBe(true)
})

test('a SUBSCRIBE that is not live yet has its answer first, and no MESSAGE', async () => {
  const stage = openStage()
  stage.main.holds('subscribe', 'stop')
  const client = await stage.connected()
  client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', ack: 'client', receipt: 's' })
  await stage.settles()
  const drain = drains(stage)
  await stage.settles()
  stage.main.subscription().consent.give()
  await client.getsReceipts('s')
  stage.main.subscription().deliver('late')
  await client.getsNothing()
  stage.main.subscription().stopping[0]!.give()
  await stage.settles()
  expect(drain.done).toBe(true)
  expect(stage.main.subscription().settled).toEqual(['released 1'])
})

test('one that still waits for its link is not subscribed once the client was sent away', async () => {
  const stage = openStage()
  stage.main.holds('link')
  const client = await stage.connected()
  client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', receipt: 's' })
  await stage.settles()
  const drain = drains(stage)
  await stage.settles()
  drain.grace.come()
  await stage.settles()
  stage.session.goAway()
  await client.isRefused('draining', 1001)
  stage.main.linking[0]!.give()
  await stage.settles()
  expect(stage.main.subscriptions).toEqual([])
})

describe('all sessions of a bridge', () => {
  const open = async (size: number) => {
    const stage = openStage()
    const sessions = new Sessions(stage.house)
    const clients: Client[] = []
    for (let index = 0; index < size; index++) {
      const wire = new FakeWire({ id: `${index}`, framing: stage.framing })
      stage.wires.push(wire)
      wire.accept(sessions.accept)
      const client = new Client(wire, '1.2', () => stage.settles())
      await client.connects()
      clients.push(client)
    }
    return { stage, sessions, clients }
  }

  test('are counted while they last', async () => {
    const { sessions, clients } = await open(2)
    expect(sessions.size).toBe(2)
    clients[0]!.vanishes()
    expect(sessions.size).toBe(1)
  })

  test('are told to come back, spread over a time', async () => {
    const { stage, sessions, clients } = await open(3)
    let done = false
    void sessions.drain(10_000, 5000).then(() => {
      done = true
    })
    await stage.settles()
    clients[0]!.vanishes()
    await stage.passes(5000)
    for (const client of clients.slice(1)) await client.isRefused('draining', 1001)
    expect([done, sessions.size, stage.clock.pending]).toEqual([true, 0, 0])
  })

  test('of a broker that has been away for too long come back later, the others stay', async () => {
    const { stage, sessions, clients } = await open(3)
    for (const [index, destination] of ['/queue/a', '/queue/a', '/other/a'].entries()) {
      clients[index]!.sends('SEND', { destination, receipt: 'r' }, 'x')
      await clients[index]!.getsReceipts('r')
    }
    sessions.outage('main')
    clients[1]!.vanishes()
    await stage.settles()
    await stage.passes(0)
    await clients[0]!.isRefused('outage', 1012)
    await clients[2]!.getsNothing()
    expect([sessions.size, stage.clock.pending]).toEqual([1, 0])
  })

  test('have the grace, and no more', async () => {
    const { stage, sessions, clients } = await open(1)
    stage.main.holds('publish')
    clients[0]!.sends('SEND', { destination: '/queue/a', receipt: 'r' }, 'x')
    void sessions.drain(10_000, 0)
    await stage.settles()
    await stage.passes(9999)
    await clients[0]!.getsNothing()
    await stage.passes(1)
    await stage.passes(0)
    await clients[0]!.isRefused('draining', 1001)
  })

  test('that are left when the bridge is disposed are closed', async () => {
    const { stage, sessions, clients } = await open(2)
    await sessions[Symbol.asyncDispose]()
    await sessions[Symbol.asyncDispose]()
    await stage.settles()
    for (const client of clients) await client.isClosed(1001)
    expect(stage.main.open).toBe(0)
  })
})
