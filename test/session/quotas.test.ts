/** What users may take together: connections, and SENDs in the long run. */
import { describe, expect, test } from 'vitest'
import type { RouteEntry } from '../../src/routing/build.ts'
import { type QuotaLimits, Quotas } from '../../src/session/quotas.ts'
import { FakeBroker } from '../support/broker.ts'
import type { Client } from '../support/client.ts'
import { FakeClock } from '../support/clock.ts'
import { anonymous, passthrough, showing, TokenDesk } from './authenticators.ts'
import { openStage, type StageOptions } from './stage.ts'

const ROUTES: readonly RouteEntry[] = [
  { destination: '/free/{name}', broker: 'shop', queue: 'free.{name}', errors: 'keep' },
  { destination: '/ten/{name}', broker: 'shop', queue: 'ten.{name}', errors: 'keep', sendRate: 10 },
  { destination: '/bytes/{name}', broker: 'shop', queue: 'bytes.{name}', errors: 'keep', sendBytesRate: 100 },
  {
    destination: '/staff/{name}',
    broker: 'shop',
    queue: 'staff.{name}',
    errors: 'keep',
    sendRate: 1,
    permit: 'user:bob',
  },
]

async function open(quotas: Partial<QuotaLimits>, options: StageOptions = {}) {
  const desk = new TokenDesk()
  const stage = openStage({
    brokers: [new FakeBroker('shop')],
    routes: ROUTES,
    authenticator: desk,
    limits: { pendingFrames: 1000 },
    quotas,
    ...options,
  })
  const joins = (name: string) => stage.connected('1.2', showing(desk.issue({ name })))
  return { stage, joins, quotas: stage.house.quotas }
}

/** So many SENDs in one chunk, as a client in a hurry writes them. */
function bursts(client: Client, count: number, destination = '/free/a', body = ''): void {
  const frame = `SEND\ndestination:${destination}\n\n${body}\0`
  client.writes(frame.repeat(count))
}

describe('SENDs of one user', () => {
  test('two seconds’ worth may come at once, then it is the rate; nothing is lost, and order is kept', async () => {
    const { stage, joins } = await open({ sendRate: 10 })
    const client = await joins('ann')
    for (let n = 0; n < 30; n++) client.sends('SEND', { destination: '/free/a' }, String(n))
    await stage.settles()
    // The one that ran into debt was still taken.
    expect(stage.main.published).toHaveLength(21)
    expect(client.wire.paused).toBe(true)
    await stage.passes(99)
    expect(stage.main.published).toHaveLength(21)
    await stage.passes(1)
    expect(stage.main.published).toHaveLength(22)
    await stage.passes(800)
    expect(stage.main.published).toEqual(Array.from({ length: 30 }, (_, n) => String(n)))
    await stage.passes(100)
    expect(client.wire.paused).toBe(false)
  })

  test('bytes count likewise', async () => {
    const { stage, joins } = await open({ sendBytesRate: 100 })
    const client = await joins('ann')
    bursts(client, 4, '/free/a', 'x'.repeat(100))
    await stage.settles()
    expect(stage.main.published).toHaveLength(3)
    await stage.passes(1000)
    expect(stage.main.published).toHaveLength(4)
  })

  test('ACK, SUBSCRIBE and DISCONNECT that follow wait with them, and their answers come', async () => {
    const { stage, joins } = await open({ sendRate: 1 })
    const client = await joins('ann')
    bursts(client, 3)
    client.sends('SUBSCRIBE', { id: 's', destination: '/free/a', receipt: 's' })
    await client.getsNothing()
    await stage.passes(1000)
    await client.getsReceipts('s')
  })

  test('silence of a client that is not read is no death', async () => {
    const { stage, joins } = await open({ sendRate: 1 }, { heartbeat: { outgoingMs: 0, incomingMs: 1000 } })
    const client = await joins('ann')
    bursts(client, 12)
    await stage.passes(9000)
    expect(client.wire.closing).toBeUndefined()
  })

  test('all sessions of a user have one account; other users have their own', async () => {
    const { stage, joins } = await open({ sendRate: 10 })
    const [one, two, other] = [await joins('ann'), await joins('ann'), await joins('bob')]
    bursts(one!, 20)
    bursts(two!, 2)
    bursts(other!, 20)
    await stage.settles()
    expect(stage.main.published).toHaveLength(41)
    expect([one, two, other].map((client) => client!.wire.paused)).toEqual([false, true, false])
  })

  test('each anonymous session has its own', async () => {
    const { stage } = await open({ sendRate: 10 }, { authenticator: anonymous })
    const [one, two] = [await stage.connected(), await stage.connected()]
    bursts(one!, 22)
    bursts(two!, 20)
    await stage.settles()
    expect([one, two].map((client) => client!.wire.paused)).toEqual([true, false])
  })

  test('who goes meanwhile leaves no timer behind', async () => {
    const { stage, joins } = await open({ sendRate: 1 })
    const client = await joins('ann')
    bursts(client, 5)
    await stage.settles()
    client.vanishes()
    await stage.settles()
    expect(stage.clock.pending).toBe(0)
  })

  test('in a transaction they count when they are sent', async () => {
    const { stage, joins } = await open({ sendRate: 1 })
    const client = await joins('ann')
    client.sends('BEGIN', { transaction: 't' })
    for (let n = 0; n < 4; n++) client.sends('SEND', { destination: '/free/a', transaction: 't' }, String(n))
    client.sends('COMMIT', { transaction: 't', receipt: 'c' })
    await client.getsNothing()
    await stage.passes(2000)
    await client.getsReceipts('c')
    expect(stage.main.published).toEqual(['0', '1', '2', '3'])
  })
})

describe('patience', () => {
  /** Sessions of one user, who has used up what may come at once; each sends one frame more. */
  const crowd = async (size: number, quotas: Partial<QuotaLimits>) => {
    const opened = await open({ sendRate: 1, sendPatienceMs: 3000, ...quotas })
    const clients: Client[] = []
    for (let n = 0; n < size; n++) clients.push(await opened.joins('ann'))
    bursts(clients[0]!, 2)
    for (const client of clients) client.sends('SEND', { destination: '/free/a', receipt: 'r' }, 'x')
    await opened.stage.settles()
    return { ...opened, clients }
  }

  test('at the bound a session waits, one more is refused', async () => {
    const { clients, stage, quotas } = await crowd(4, {})
    await clients[2]!.getsReceipts('r')
    const error = await clients[3]!.getsError('rate-limit', { 'receipt-id': 'r' })
    expect(error.body).toContain('this user')
    expect(stage.main.published).toHaveLength(5)
    expect(quotas.counters).toMatchObject({ sendSlowed: 3, sendRefused: 1 })
  })

  test('what is refused costs nothing: the debt does not grow, and is paid in time', async () => {
    const { clients, stage } = await crowd(4, {})
    await clients[3]!.getsError('rate-limit')
    for (let n = 0; n < 50; n++) {
      clients[3]!.sends('SEND', { destination: '/free/a' }, 'x')
      await clients[3]!.getsError('rate-limit')
    }
    await stage.passes(1000)
    clients[3]!.sends('SEND', { destination: '/free/a', receipt: 'again' }, 'x')
    await clients[3]!.getsReceipts('again')
  })

  test('one frame that alone would take too long is refused, and the client may go on', async () => {
    const { stage, joins } = await open({ sendBytesRate: 10, sendPatienceMs: 1000 })
    const client = await joins('ann')
    client.sends('SEND', { destination: '/free/a' }, 'x'.repeat(31))
    await client.getsError('rate-limit')
    client.sends('SEND', { destination: '/free/a', receipt: 'r' }, 'x'.repeat(30))
    await client.getsReceipts('r')
    expect(stage.main.published).toHaveLength(1)
  })
})

describe('SENDs to one route', () => {
  test('are those of all users together; other routes go on', async () => {
    const { stage, joins, quotas } = await open({})
    const [ann, bob] = [await joins('ann'), await joins('bob')]
    bursts(ann!, 20, '/ten/a')
    bursts(bob!, 5, '/ten/b')
    await stage.settles()
    expect(stage.main.published).toHaveLength(21)
    expect(quotas.counters.routeSlowed).toBe(1)
    bursts(ann!, 100)
    await stage.settles()
    expect(stage.main.published).toHaveLength(121)
    await stage.passes(1000)
    expect(stage.main.published).toHaveLength(125)
  })

  test('and their bytes', async () => {
    const { stage, joins } = await open({})
    const ann = await joins('ann')
    bursts(ann, 3, '/bytes/a', 'x'.repeat(110))
    await stage.settles()
    expect(stage.main.published).toHaveLength(2)
    await stage.passes(200)
    expect(stage.main.published).toHaveLength(3)
  })

  test('nobody waits longer than the patience for what others have sent', async () => {
    const { joins, quotas } = await open({ sendPatienceMs: 200 })
    const clients = [await joins('a'), await joins('b'), await joins('c'), await joins('d')]
    bursts(clients[0]!, 20, '/ten/a')
    for (const client of clients.slice(1)) client.sends('SEND', { destination: '/ten/a', receipt: 'r' }, 'x')
    await clients[2]!.getsReceipts('r')
    const error = await clients[3]!.getsError('rate-limit', { 'receipt-id': 'r' })
    expect(error.body).toContain('/ten/{name}')
    expect(quotas.counters).toMatchObject({ routeRefused: 1, sendRefused: 0 })
  })

  test('are not used up by those who may not send there', async () => {
    const { stage, joins, quotas } = await open({})
    const [ann, bob] = [await joins('ann'), await joins('bob')]
    for (let n = 0; n < 10; n++) {
      ann!.sends('SEND', { destination: '/staff/a' }, 'x')
      await ann!.getsError('forbidden')
    }
    bursts(bob!, 2, '/staff/a')
    await stage.settles()
    expect(stage.main.published).toHaveLength(2)
    expect(quotas.counters.routeSlowed).toBe(0)
  })
})

describe('connections of one user', () => {
  test('the last is allowed, one more is not; who leaves makes room', async () => {
    const { stage, joins, quotas } = await open({ connectionsPerUser: 2 })
    const first = await joins('ann')
    await joins('ann')
    await joins('bob')
    const desk = stage.house.authenticator as TokenDesk
    const third = stage.client('1.2')
    third.sends('CONNECT', { 'accept-version': '1.2', ...showing(desk.issue({ name: 'ann' })) })
    await third.isRefused('too-many-connections', 4429)
    expect(quotas.counters.connectionsPerUser).toBe(1)
    first.vanishes()
    await stage.settles()
    await joins('ann')
  })

  test('nobody takes the places of a user by claiming the name: the broker’s word comes first', async () => {
    const shop = new FakeBroker('shop', { credentials: 'client' }).holds('link')
    const { stage, quotas } = await open({ connectionsPerUser: 1 }, { brokers: [shop], authenticator: passthrough })
    const connects = async (passcode: string) => {
      const client = stage.client('1.2')
      client.sends('CONNECT', { 'accept-version': '1.2', login: 'ann', passcode })
      await stage.settles()
      return client
    }
    const [guess, ann] = [await connects('a guess'), await connects('right')]
    expect(quotas.users).toBe(0)
    shop.linking[1]!.give()
    await ann.gets('CONNECTED')
    shop.linking[0]!.refuse('login-refused')
    await guess.isRefused('login-refused', 4401)
    const second = await connects('right')
    shop.linking[2]!.give()
    await second.isRefused('too-many-connections', 4429)
    expect(quotas.users).toBe(1)
  })

  test('anonymous clients are no user', async () => {
    const stage = openStage({ quotas: { connectionsPerUser: 1 } })
    await stage.connected()
    await stage.connected()
    expect(stage.house.quotas.users).toBe(2)
  })
})

describe('dryRun', () => {
  test('counts and does nothing', async () => {
    const { stage, joins, quotas } = await open({
      sendRate: 10,
      sendPatienceMs: 100,
      connectionsPerUser: 1,
      dryRun: true,
    })
    const [one, two] = [await joins('ann'), await joins('ann')]
    bursts(one!, 30)
    bursts(two!, 30, '/ten/a')
    await stage.settles()
    expect(stage.main.published).toHaveLength(60)
    expect([one, two].map((client) => client!.wire.paused)).toEqual([false, false])
    const { counters } = quotas
    expect(counters.connectionsPerUser).toBe(1)
    expect(counters.sendSlowed + counters.sendRefused).toBe(40)
    await one!.getsNothing()
  })
})

describe('memory', () => {
  test('an account is forgotten with the last session of its user', async () => {
    const { stage, joins, quotas } = await open({ sendRate: 10 })
    const clients = [await joins('ann'), await joins('ann'), await joins('bob')]
    expect(quotas.users).toBe(2)
    clients[0]!.vanishes()
    await stage.settles()
    expect(quotas.users).toBe(2)
    for (const client of clients.slice(1)) client.vanishes()
    await stage.settles()
    expect(quotas.users).toBe(0)
  })

  test('a thousand users who come and go leave nothing', () => {
    const quotas = new Quotas(
      { connectionsPerUser: 1, sendRate: 1, sendBytesRate: 1, sendPatienceMs: 0, dryRun: false },
      new FakeClock(),
    )
    for (let n = 0; n < 1000; n++) quotas.enter(`user ${n}`)
    expect(quotas.users).toBe(1000)
    expect(() => quotas.enter('user 7')).toThrow(expect.objectContaining({ code: 'too-many-connections' }))
    for (let n = 0; n < 1000; n++) quotas.leave(`user ${n}`)
    quotas.leave('user 7')
    expect(quotas.users).toBe(0)
  })

  test('a session that was refused has taken nothing', async () => {
    const { stage, joins, quotas } = await open({ connectionsPerUser: 1 })
    const first = await joins('ann')
    const client = stage.client('1.2')
    const desk = stage.house.authenticator as TokenDesk
    client.sends('CONNECT', { 'accept-version': '1.2', ...showing(desk.issue({ name: 'ann' })) })
    await client.isRefused('too-many-connections', 4429)
    first.vanishes()
    await stage.settles()
    expect(quotas.users).toBe(0)
  })
})

describe('after a reload', () => {
  const LIMITS: QuotaLimits = {
    connectionsPerUser: 0,
    sendRate: 0,
    sendBytesRate: 0,
    sendPatienceMs: 30_000,
    dryRun: false,
  }

  test('another rate holds for users who are there', async () => {
    const { stage, joins, quotas } = await open({ sendRate: 10 })
    const client = await joins('ann')
    quotas.follow({ ...LIMITS, sendRate: 100 }, [])
    bursts(client, 150)
    await stage.settles()
    expect(stage.main.published).toHaveLength(150)
    quotas.follow({ ...LIMITS, sendRate: 1 }, [])
    bursts(client, 10)
    await stage.settles()
    expect(stage.main.published).toHaveLength(153)
    quotas.follow(LIMITS, [])
    await stage.passes(30_000)
    expect(stage.main.published).toHaveLength(160)
  })

  test('the same limits leave every account as it is', async () => {
    const { stage, joins, quotas } = await open({ sendRate: 1 })
    const client = await joins('ann')
    bursts(client, 3)
    await stage.settles()
    quotas.follow({ ...LIMITS, sendRate: 1 }, [])
    expect(client.wire.paused).toBe(true)
    await stage.passes(1_000)
    bursts(client, 1)
    await stage.settles()
    expect(client.wire.paused).toBe(true)
    await stage.passes(1_000)
  })

  test('a route that stays keeps its account, one that is gone has none', async () => {
    const { stage, joins, quotas } = await open({})
    const client = await joins('ann')
    bursts(client, 21, '/ten/a')
    await stage.settles()
    expect(client.wire.paused).toBe(true)
    const { route } = stage.house.snapshot.router.resolve('/ten/a')!
    quotas.follow(LIMITS, [route])
    expect(quotas.spend('user ann', route, 0)).toBeGreaterThan(0)
    quotas.follow(LIMITS, [])
    expect(quotas.spend('user ann', route, 0)).toBe(0)
    await stage.passes(1_000)
  })

  test('who has more connections than he may now keeps them', async () => {
    const { joins, stage, quotas } = await open({})
    const two = [await joins('ann'), await joins('ann')]
    quotas.follow({ ...LIMITS, connectionsPerUser: 1 }, [])
    await stage.settles()
    for (const client of two) await client.getsNothing()
    await expect(joins('ann')).rejects.toThrow()
  })
})
