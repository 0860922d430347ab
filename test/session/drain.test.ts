/** The bridge goes: nothing more is consumed, what is under way is settled, and the clients go to another one, not all at once. */
import { describe, expect, test } from 'vitest'
import { Drain, type Drained, type DrainTimes } from '../../src/session/drain.ts'
import { Sessions } from '../../src/session/sessions.ts'
import { Client } from '../support/client.ts'
import { FakeWire } from '../support/wire.ts'
import { ackOf, joins, openStage, type Stage, type StageOptions } from './stage.ts'

interface Draining {
  /** undefined while it lasts. */
  drained: Drained | undefined
}

/** All sessions of a stage; without a spread, all that wait for nothing go with the next timer. */
async function drains(stage: Stage, times: Partial<DrainTimes> = {}): Promise<Draining> {
  const state: Draining = { drained: undefined }
  const drain = new Drain(stage.house, { graceMs: 10_000, spreadMs: 0, ...times }, new Set(stage.sessions))
  void drain.over.then((drained) => {
    state.drained = drained
  })
  await stage.settles()
  return state
}

/** A client that consumes /queue/a, has been given `m`, and owes its ACK. */
async function worker(options: StageOptions = {}) {
  const stage = openStage(options)
  const client = await stage.connected()
  client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', ack: 'client', receipt: 's' })
  await client.getsReceipts('s')
  stage.main.subscription().deliver('m')
  const [message] = await client.getsMessages('m')
  return { stage, client, ack: ackOf(client, message!) }
}

describe('a client', () => {
  test('with nothing under way goes when its slot comes: 1001, and no ERROR', async () => {
    const stage = openStage()
    const client = await stage.connected()
    const state = await drains(stage)
    await client.getsNothing()
    await stage.passes(0)
    await client.isClosed(1001)
    expect(state.drained).toEqual({ sessions: 1, unsettled: 0 })
    expect(stage.told).not.toContainEqual(expect.stringMatching(/^failed/))
  })

  test('gets what nobody settles until it goes: silence would only be a gap', async () => {
    const stage = openStage()
    const client = await joins(await stage.connected())
    await drains(stage)
    stage.main.subscription().deliver('still here')
    await client.getsMessages('still here')
    await stage.passes(0)
    await client.isClosed(1001)
  })

  test('gets nothing more of what must be settled, and has its confirms and the answers to its ACKs', async () => {
    const { stage, client, ack } = await worker()
    stage.main.holds('publish')
    client.sends('SEND', { destination: '/queue/b', receipt: 'p' }, 'x')
    const state = await drains(stage)
    expect(stage.main.log).toContain('stop queue:a')
    stage.main.publish.give()
    await client.getsReceipts('p')
    await stage.passes(0)
    await client.getsNothing()
    client.sends('ACK', { ...ack, receipt: 'a' })
    await client.getsReceipts('a')
    await stage.passes(0)
    await client.isClosed(1001)
    expect(state.drained).toEqual({ sessions: 1, unsettled: 0 })
    expect(stage.main.subscription().settled).toEqual(['accepted 1'])
  })

  test('may acknowledge as long as the grace lasts, which may be longer than that of UNSUBSCRIBE', async () => {
    const { stage, client, ack } = await worker({ limits: { unsubscribeGraceMs: 1_000 } })
    await drains(stage, { graceMs: 60_000 })
    await stage.passes(59_000)
    client.sends('ACK', { ...ack, receipt: 'a' })
    await client.getsReceipts('a')
    await stage.passes(0)
    await client.isClosed(1001)
  })

  test('has the grace and no more: what it owes goes back', async () => {
    const { stage, client } = await worker()
    const state = await drains(stage)
    await stage.passes(9_999)
    await client.getsNothing()
    await stage.passes(1)
    await stage.passes(0)
    await client.isClosed(1001)
    expect(state.drained).toEqual({ sessions: 1, unsettled: 1 })
    expect(stage.main.subscription()).toMatchObject({ disposed: true, settled: [] })
  })

  test('that goes by itself is not waited for', async () => {
    const { stage, client } = await worker()
    const state = await drains(stage)
    client.vanishes()
    await stage.settles()
    expect(state.drained).toEqual({ sessions: 1, unsettled: 0 })
  })

  test('that says DISCONNECT has its RECEIPT and its own goodbye', async () => {
    const stage = openStage()
    stage.main.holds('publish')
    const client = await stage.connected()
    client.sends('SEND', { destination: '/queue/b' }, 'x').sends('DISCONNECT', { receipt: 'bye' })
    await drains(stage)
    stage.main.publish.give()
    await client.getsReceipts('bye')
    await client.isClosed(1000)
  })

  test('that has not said CONNECT goes like the others, and is not let in', async () => {
    const stage = openStage()
    const silent = stage.client()
    const late = stage.client()
    await drains(stage, { spreadMs: 2_000 })
    late.sends('CONNECT', { 'accept-version': '1.2' })
    await late.isClosed(1001)
    await stage.passes(2_000)
    await silent.isClosed(1001)
  })
})

describe('when its slot has come', () => {
  /** Its slot comes while a SEND is under way: the first was confirmed, so that it was settled for a moment. */
  async function answering() {
    const stage = openStage()
    const client = await stage.connected()
    const state = await drains(stage)
    stage.main.holds('publish')
    client.sends('SEND', { destination: '/queue/b', receipt: 'taken' }, 'taken')
    await stage.passes(0)
    return { stage, client, state }
  }

  test('every frame that was taken is answered, and none is taken that would not be', async () => {
    const { stage, client } = await answering()
    client.sends('SEND', { destination: '/queue/b', receipt: 'late' }, 'late')
    stage.main.publish.give()
    await client.getsReceipts('taken')
    await client.isClosed(1001)
    expect(stage.main.publishes).toHaveLength(1)
  })

  test('the answers have a second', async () => {
    const { stage, client, state } = await answering()
    await stage.passes(999)
    await client.getsNothing()
    await stage.passes(1)
    await client.isClosed(1001)
    expect(state.drained).toEqual({ sessions: 1, unsettled: 0 })
  })
})

describe('a SUBSCRIBE', () => {
  test('that is not live yet has its answer first, and no MESSAGE', async () => {
    const stage = openStage()
    stage.main.holds('subscribe', 'stop')
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', ack: 'client', receipt: 's' })
    const state = await drains(stage)
    stage.main.subscription().consent.give()
    await client.getsReceipts('s')
    stage.main.subscription().deliver('late')
    await stage.passes(0)
    await client.getsNothing()
    stage.main.subscription().stopping[0]!.give()
    await stage.settles()
    await stage.passes(0)
    await client.isClosed(1001)
    expect(state.drained).toEqual({ sessions: 1, unsettled: 0 })
    expect(stage.main.subscription().settled).toEqual(['released 1'])
  })

  test('that waits for its link is not made once the client was sent away', async () => {
    const stage = openStage()
    stage.main.holds('link')
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', receipt: 's' })
    await drains(stage)
    await stage.passes(10_000)
    await stage.passes(1_000)
    await client.isClosed(1001)
    stage.main.linking[0]!.give()
    await stage.settles()
    expect(stage.main.subscriptions).toEqual([])
  })

  test('to what another bridge would give sends its client there, after the answers', async () => {
    const stage = openStage()
    stage.main.holds('publish')
    const client = await stage.connected()
    await drains(stage, { spreadMs: 5_000 })
    client.sends('SEND', { destination: '/queue/b', receipt: 'p' }, 'x')
    client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', receipt: 's' })
    await client.getsNothing()
    stage.main.publish.give()
    await client.getsReceipts('p')
    await client.isClosed(1001)
    expect(stage.main.subscriptions).toEqual([])
  })

  test('to a topic is served', async () => {
    const stage = openStage()
    const client = await stage.connected()
    await drains(stage)
    await joins(client)
    stage.main.subscription().deliver('news')
    await client.getsMessages('news')
    await stage.passes(0)
    await client.isClosed(1001)
  })
})

describe('all sessions of a bridge', () => {
  const open = async (size: number) => {
    const stage = openStage()
    const sessions = new Sessions(stage.house)
    const clients: Client[] = []
    const comes = async (): Promise<Client> => {
      const wire = new FakeWire({ id: `${stage.wires.length}`, framing: stage.framing })
      stage.wires.push(wire)
      wire.accept(sessions.accept)
      const client = new Client(wire, '1.2', () => stage.settles())
      clients.push(client)
      return client
    }
    for (let index = 0; index < size; index++) (await comes()).sends('CONNECT', { 'accept-version': '1.2' })
    for (const client of clients) await client.gets('CONNECTED')
    const closed = (): number => clients.filter(({ wire }) => wire.closing?.code === 1001).length
    return { stage, sessions, clients, comes, closed }
  }

  test('are counted while they last', async () => {
    const { sessions, clients } = await open(2)
    expect(sessions.size).toBe(2)
    clients[0]!.vanishes()
    expect(sessions.size).toBe(1)
  })

  test('go evenly over the spread, and it is over with the last of them', async () => {
    const { stage, sessions, closed } = await open(100)
    let drained: Drained | undefined
    void sessions.drain({ graceMs: 10_000, spreadMs: 5_000 }).then((result) => {
      drained = result
    })
    await stage.settles()
    for (let tenth = 1; tenth <= 10; tenth++) {
      await stage.passes(500)
      expect(closed()).toBe(tenth * 10)
    }
    expect([drained, sessions.size, stage.clock.pending]).toEqual([{ sessions: 100, unsettled: 0 }, 0, 0])
  })

  test('do not wait for one that has something under way', async () => {
    const { stage, sessions, clients, closed } = await open(10)
    stage.main.holds('publish')
    clients[0]!.sends('SEND', { destination: '/queue/a', receipt: 'r' }, 'x')
    void sessions.drain({ graceMs: 10_000, spreadMs: 1_000 })
    await stage.settles()
    await stage.passes(1_000)
    expect(closed()).toBe(9)
    await clients[0]!.getsNothing()
    stage.main.publish.give()
    await clients[0]!.getsReceipts('r')
    await stage.passes(0)
    await clients[0]!.isClosed(1001)
  })

  test('that wait in vain are no stampede at the end of the grace, and all are gone a spread and a second later', async () => {
    const { stage, sessions, clients, closed } = await open(100)
    stage.main.holds('publish')
    for (const client of clients) client.sends('SEND', { destination: '/queue/a' }, 'x')
    let drained: Drained | undefined
    void sessions.drain({ graceMs: 10_000, spreadMs: 5_000 }).then((result) => {
      drained = result
    })
    await stage.settles()
    await stage.passes(10_000)
    const counts: number[] = []
    for (let tenth = 0; tenth < 12; tenth++) {
      await stage.passes(500)
      counts.push(closed() - counts.reduce((sum, count) => sum + count, 0))
    }
    expect(Math.max(...counts)).toBeLessThanOrEqual(12)
    expect(drained).toEqual({ sessions: 100, unsettled: 100 })
  })

  test('that come meanwhile are sent away with them', async () => {
    const { stage, sessions, comes, closed } = await open(2)
    const drained = sessions.drain({ graceMs: 10_000, spreadMs: 2_000 })
    await stage.settles()
    const late = await comes()
    late.sends('CONNECT', { 'accept-version': '1.2' })
    await late.isClosed(1001)
    const silent = await comes()
    await stage.settles()
    await stage.passes(3_000)
    await silent.isClosed(1001)
    expect(closed()).toBe(4)
    expect(await drained).toEqual({ sessions: 4, unsettled: 0 })
  })

  test('none at all: it is over at once; and asked again it changes nothing', async () => {
    const { stage, sessions } = await open(0)
    const times = { graceMs: 10_000, spreadMs: 2_000 }
    expect(await sessions.drain(times)).toEqual({ sessions: 0, unsettled: 0 })
    expect(sessions.drain(times)).toBe(sessions.drain(times))
    expect(stage.clock.pending).toBe(0)
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

  test('that are left when the bridge is disposed are closed', async () => {
    const { stage, sessions, clients } = await open(2)
    await sessions[Symbol.asyncDispose]()
    await sessions[Symbol.asyncDispose]()
    await stage.settles()
    for (const client of clients) await client.isClosed(1001)
    expect(stage.main.open).toBe(0)
  })
})
