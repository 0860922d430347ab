/** What `/metrics` says: exact numbers after conversations whose every frame is known, and no series that a client could make. */
import { describe, expect, test } from 'vitest'
import type { Authenticator } from '../../src/auth/authenticator.ts'
import { Chain } from '../../src/auth/chain.ts'
import { anonymous, TokenDesk } from '../session/authenticators.ts'
import { ackOf, crowd, joins, LIMITS, type Stage } from '../session/stage.ts'
import { FakeBroker } from '../support/broker.ts'
import type { Client } from '../support/client.ts'
import { openMetrics } from './metrics.scene.ts'

const ALL = ['in', 'out'] as const

async function frames(scene: ReturnType<typeof openMetrics>) {
  const scrape = await scene.scrape()
  return ALL.map((direction) => scrape.by('command', 'frames_total', { direction }))
}

describe('before anything has happened', () => {
  test('every family is there, with help', async () => {
    const { scrape } = openMetrics()
    const { families } = await scrape()
    const own = [...families.values()].filter(({ name }) => name.startsWith('stomp_bridge_'))
    expect(own.length).toBeGreaterThan(30)
    expect(own.filter(({ help }) => !/^(1|Times?|[A-Z]).*\.$/.test(help))).toEqual([])
    expect(own.filter(({ name, type }) => name.endsWith('_total') !== (type === 'counter'))).toEqual([])
  })

  test('what can be known beforehand begins with 0, so that the first time is seen as a rise', async () => {
    const scrape = await openMetrics().scrape()
    expect(scrape.of('errors_total', { code: 'internal' })).toBe(0)
    expect(scrape.of('frames_total', { direction: 'in', command: 'SEND' })).toBe(0)
    expect(scrape.of('messages_total', { direction: 'out', broker: 'main', route: '/topic/{name+}' })).toBe(0)
    expect(scrape.of('publish_confirm_seconds_count', { broker: 'other' })).toBe(0)
    expect(scrape.of('config_reloads_total', { result: 'rejected' })).toBe(0)
  })

  test('the process has its own, by the names that all Node services have', async () => {
    const { families } = await openMetrics().scrape()
    const names = ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'nodejs_eventloop_lag_p99_seconds']
    for (const name of names) expect(families.get(name)?.samples).toHaveLength(1)
    expect([...families.values()].filter(({ name, type }) => name.endsWith('_total') && type !== 'counter')).toEqual([])
  })

  test('a scrape walks over the sessions once', async () => {
    const { scrape, walks } = openMetrics()
    await scrape()
    await scrape()
    expect(walks()).toBe(2)
  })
})

describe('a conversation', () => {
  test('connections and sessions, by version and by how they end', async () => {
    const scene = openMetrics()
    const { stage, door } = scene
    door.connections = 4
    door.handshakes = 2
    stage.client()
    const old = await stage.connected('1.0')
    const polite = await stage.connected()
    const gone = await stage.connected()
    let scrape = await scene.scrape()
    expect(scrape.by('version', 'sessions')).toEqual({ '1.0': 1, '1.2': 2 })
    expect([scrape.of('connections'), scrape.of('handshakes'), scrape.of('connections_opened_total')]).toEqual([
      4, 2, 4,
    ])
    polite.sends('DISCONNECT', { receipt: 'bye' })
    await polite.getsReceipts('bye')
    await polite.isClosed(1000)
    gone.wire.breaks(4711, 'a code of its own')
    old.vanishes()
    scrape = await scene.scrape()
    expect(scrape.by('code', 'connections_closed_total')).toEqual({ '1000': 1, '4xxx': 1, '1006': 1 })
    expect(scrape.by('version', 'sessions')).toEqual({})
  })

  test('frames by command and direction', async () => {
    const scene = openMetrics({ heartbeat: { outgoingMs: 1_000, incomingMs: 0 } })
    const client = await scene.stage.connected('1.2', { 'heart-beat': '0,1000' })
    await joins(client)
    client.sends('SEND', { destination: '/queue/a', receipt: 'r' }, 'hello')
    await client.getsReceipts('r')
    for (const body of ['1', '2']) scene.stage.main.subscription().deliver(body)
    await client.getsMessages('1', '2')
    await scene.stage.passes(1_000)
    client.sends('BEGIN', { transaction: 't' }).sends('ABORT', { transaction: 't' })
    client.sends('UNSUBSCRIBE', { id: 'sub-0' }).sends('ACK', { id: '1-1' })
    await scene.stage.settles()
    expect(await frames(scene)).toEqual([
      { CONNECT: 1, SUBSCRIBE: 1, SEND: 1, BEGIN: 1, ABORT: 1, UNSUBSCRIBE: 1, ACK: 1 },
      { CONNECTED: 1, RECEIPT: 2, MESSAGE: 2, ERROR: 1, 'heart-beat': 1 },
    ])
  })

  test('bytes both ways, those of connections that are gone included', async () => {
    const scene = openMetrics()
    const { stage } = scene
    const clients = [await stage.connected(), await stage.connected()]
    const length = (client: Client): number => client.wire.out.reduce((sum, bytes) => sum + bytes.length, 0)
    const written = clients.reduce((sum, client) => sum + length(client), 0)
    const before = await scene.scrape()
    expect(before.of('wire_bytes_total', { direction: 'out' })).toBe(written)
    clients[0]!.writes('\n\n\n')
    clients[1]!.vanishes()
    const after = await scene.scrape()
    expect(after.of('wire_bytes_total', { direction: 'out' })).toBe(written)
    const read = (scrape: typeof before): number => scrape.of('wire_bytes_total', { direction: 'in' })
    expect(read(after) - read(before)).toBe(3)
  })

  test('errors by code', async () => {
    const scene = openMetrics()
    const client = await scene.stage.connected()
    client.sends('SEND', { destination: '/nowhere' })
    await client.isRefused('no-route', 1008)
    const other = await scene.stage.connected()
    other.sends('SEND', { destination: '/bridge/secret' })
    await other.isRefused('forbidden', 4403)
    expect((await scene.scrape()).by('code', 'errors_total')).toEqual({ 'no-route': 1, forbidden: 1 })
  })

  test('what is under way: receipts, acknowledgements, transactions, subscriptions', async () => {
    const scene = openMetrics()
    const { stage } = scene
    stage.main.holds('publish')
    const client = await joins(await stage.connected())
    client.sends('SUBSCRIBE', { id: 'work', destination: '/queue/a', ack: 'client-individual', receipt: 'w' })
    await client.getsReceipts('w')
    for (const body of ['1', '2']) stage.main.subscription().deliver(body)
    const [first] = await client.getsMessages('1', '2')
    for (const transaction of ['a', 'b']) client.sends('BEGIN', { transaction })
    client.sends('SEND', { destination: '/queue/b', receipt: 'r' }, 'held')
    await stage.settles()
    const gauges = async () => {
      const scrape = await scene.scrape()
      return {
        pending: scrape.of('receipts_pending'),
        unacked: scrape.of('unacked_messages'),
        transactions: scrape.of('transactions_open'),
        subscriptions: scrape.by('kind', 'subscriptions', { broker: 'main' }),
      }
    }
    expect(await gauges()).toEqual({ pending: 1, unacked: 2, transactions: 2, subscriptions: { shared: 1, own: 1 } })
    client.sends('ACK', ackOf(client, first!)).sends('ABORT', { transaction: 'a' })
    stage.main.publish.give()
    await client.getsReceipts('r')
    expect(await gauges()).toEqual({ pending: 0, unacked: 1, transactions: 1, subscriptions: { shared: 1, own: 1 } })
    client.vanishes()
    await stage.settles()
    expect(await gauges()).toEqual({ pending: 0, unacked: 0, transactions: 0, subscriptions: {} })
  })
})

describe('messages', () => {
  test('in and out of a route, and of a transaction', async () => {
    const scene = openMetrics({ limits: { transactionBytes: 8_192 } })
    const client = await joins(await scene.stage.connected())
    client.sends('SEND', { destination: '/queue/a' }, 'four')
    client.sends('BEGIN', { transaction: 't' })
    client.sends('SEND', { destination: '/queue/b', transaction: 't' }, Buffer.alloc(4_100))
    client.sends('COMMIT', { transaction: 't', receipt: 'c' })
    await client.getsReceipts('c')
    scene.stage.main.subscription().deliver('back')
    await client.getsMessages('back')
    const scrape = await scene.scrape()
    expect(scrape.by('route', 'messages_total', { direction: 'in' })).toEqual({ '/queue/{name+}': 2 })
    expect(scrape.by('route', 'messages_total', { direction: 'out' })).toEqual({ '/topic/{name+}': 1 })
    const bodies = { direction: 'in', broker: 'main' }
    expect(scrape.of('message_body_bytes_sum', bodies)).toBe(4_104)
    const upTo = (le: string): number => scrape.of('message_body_bytes_bucket', { ...bodies, le })
    expect(['64', '4096', '16384', '+Inf'].map(upTo)).toEqual([1, 1, 2, 2])
    expect(scrape.of('publish_confirm_seconds_count', { broker: 'main' })).toBe(2)
  })

  test('the fan-out: a delivery that members share is one, whatever becomes of it', async () => {
    const scene = openMetrics()
    const { stage } = scene
    const members = await crowd(stage, 3)
    // Another subscription id, and another version.
    await joins(await stage.connected(), { id: 'other' })
    await joins(await stage.connected('1.0'))
    for (const body of ['1', '2']) stage.main.subscription().deliver(body)
    // A frame of its own between two deliveries of a turn: it has taken what was before.
    members[0]!.sends('SEND', { destination: '/queue/a', receipt: 'r' })
    await stage.settles()
    members[1]!.vanishes()
    stage.main.subscription().deliver('3')
    await stage.settles()
    const scrape = await scene.scrape()
    expect(scrape.of('broker_deliveries_total', { broker: 'main' })).toBe(3)
    expect(scrape.of('upstream_shared_subscriptions', { broker: 'main' })).toBe(1)
    expect(scrape.of('subscriptions', { broker: 'main', kind: 'shared' })).toBe(4)
    expect(scrape.of('messages_total', { direction: 'out', broker: 'main', route: '/topic/{name+}' })).toBe(14)
    const heard = stage.wires.flatMap(({ out }) => out).filter((bytes) => bytes.toString().startsWith('MESSAGE'))
    expect(heard).toHaveLength(14)
    expect(scrape.of('message_body_bytes_count', { direction: 'out', broker: 'main' })).toBe(3)
  })

  test('deliveries of a subscription of its own, held back until its RECEIPT, and answers', async () => {
    const scene = openMetrics()
    const { stage } = scene
    stage.main.holds('subscribe')
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: 's', destination: '/queue/a', receipt: 's' })
    await stage.settles()
    stage.main.subscription().deliver('early')
    stage.main.subscription().consent.give()
    await client.getsReceipts('s')
    await client.getsMessages('early')
    stage.main.session.reply('temp:x', 'answer')
    await client.getsMessages('answer')
    const scrape = await scene.scrape()
    expect(scrape.of('broker_deliveries_total', { broker: 'main' })).toBe(2)
    expect(scrape.by('route', 'messages_total', { direction: 'out' })).toEqual({ '/queue/{name+}': 1 })
    expect(scrape.of('frames_total', { direction: 'out', command: 'MESSAGE' })).toBe(2)
  })

  test('how long a confirm takes', async () => {
    const scene = openMetrics()
    const { stage } = scene
    stage.main.holds('publish')
    const client = await stage.connected()
    client
      .sends('SEND', { destination: '/keep/a', receipt: 'a' })
      .sends('SEND', { destination: '/keep/a', receipt: 'b' })
    await stage.settles()
    stage.clock.advance(30)
    stage.main.publishes[0]!.give()
    await client.getsReceipts('a')
    // A refusal is no confirm.
    stage.main.publishes[1]!.refuse('refused')
    await client.getsError('refused', { 'receipt-id': 'b' })
    const scrape = await scene.scrape()
    expect(scrape.of('publish_confirm_seconds_sum', { broker: 'main' })).toBe(0.03)
    const upTo = (le: string): number => scrape.of('publish_confirm_seconds_bucket', { broker: 'main', le })
    expect(['0.025', '0.05', '+Inf'].map(upTo)).toEqual([0, 1, 1])
  })

  test('how long a delivery takes to leave: one at a time of a session, one a turn of those who share', async () => {
    const scene = openMetrics()
    const { stage } = scene
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: 's', destination: '/queue/a', receipt: 's' })
    await client.getsReceipts('s')
    client.wire.stall()
    for (const body of ['1', '2', '3']) stage.main.subscription().deliver(body)
    await stage.settles()
    stage.clock.advance(2)
    client.wire.drains()
    await client.getsMessages('1', '2', '3')
    const count = async (): Promise<readonly number[]> => {
      const scrape = await scene.scrape()
      return ['count', 'sum'].map((what) => scrape.of(`delivery_seconds_${what}`, { broker: 'main' }))
    }
    expect(await count()).toEqual([1, 0.002])
    await crowd(stage, 3)
    for (const body of ['1', '2']) stage.main.subscription().deliver(body)
    stage.clock.advance(5)
    await stage.settles()
    expect(await count()).toEqual([2, 0.007])
  })
})

describe('clients that read too slowly', () => {
  const BIG = 'x'.repeat(LIMITS.outboundBytes / 2)

  async function stalled(slow: 'drop-oldest' | 'disconnect') {
    const scene = openMetrics({ policies: { '/topic/{name+}': { slow: { kind: slow } } } })
    const client = await joins(await scene.stage.connected())
    client.wire.stall()
    return { ...scene, client, delivers: (count: number) => deliver(scene.stage, count) }
  }

  async function deliver(stage: Stage, count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      stage.main.subscription().deliver(BIG)
      await stage.settles()
    }
  }

  test('what waits, and what was left out', async () => {
    const { scrape, delivers, client } = await stalled('drop-oldest')
    await delivers(5)
    const now = await scrape()
    expect(now.by('policy', 'slow_consumers_total')).toEqual({ 'drop-oldest': 1 })
    expect(now.by('policy', 'messages_dropped_total')).toEqual({ 'drop-oldest': 3 })
    const behind = now.of('outbound_buffered_bytes')
    expect(behind).toBeGreaterThan(BIG.length)
    expect(now.of('outbound_buffered_max_bytes')).toBe(behind)
    client.wire.drains()
    await client.gets('MESSAGE')
    expect((await scrape()).of('outbound_buffered_bytes')).toBe(0)
  })

  test('who had to go', async () => {
    const { scrape, delivers } = await stalled('disconnect')
    await delivers(4)
    const now = await scrape()
    expect(now.by('policy', 'slow_consumers_total')).toEqual({ disconnect: 1 })
    expect(now.of('slow_consumers_disconnected_total')).toBe(1)
    expect(now.of('errors_total', { code: 'slow-consumer' })).toBe(1)
  })
})

describe('brokers', () => {
  test('the state of each is one of four', async () => {
    const { stage, scrape } = openMetrics()
    stage.main.health = { state: 'blocked', since: 0, reason: 'memory' }
    const now = await scrape()
    expect(now.by('state', 'broker_state', { broker: 'main' })).toEqual({ blocked: 1 })
    expect(now.by('state', 'broker_state', { broker: 'other' })).toEqual({ up: 1 })
    expect(now.families.get('stomp_bridge_broker_state')!.samples).toHaveLength(8)
  })

  test('being up for the first time is no reconnect, coming back is', async () => {
    const { metrics, scrape } = openMetrics()
    const turns = (state: 'up' | 'down' | 'connecting' | 'blocked'): void =>
      metrics.broker.health('main', { state, since: 0, reason: undefined })
    const count = async (): Promise<number> => (await scrape()).of('broker_reconnects_total', { broker: 'main' })
    for (const state of ['connecting', 'down', 'up'] as const) turns(state)
    expect(await count()).toBe(0)
    for (const state of ['blocked', 'up', 'down', 'connecting', 'up', 'down', 'blocked'] as const) turns(state)
    expect(await count()).toBe(2)
  })

  test('what a lost connection has cost', async () => {
    const { metrics, scrape } = openMetrics()
    metrics.broker.recovered('main', 7, 2)
    metrics.broker.recovered('main', 0, 3)
    metrics.broker.channelLost('main', new Error('406'))
    const now = await scrape()
    const of = (name: string): number => now.of(`broker_${name}_total`, { broker: 'main' })
    expect(['subscriptions_resumed', 'publishes_resent', 'channels_lost'].map(of)).toEqual([7, 5, 1])
  })

  test('what an adapter tells of itself, where it does', async () => {
    const main = Object.assign(new FakeBroker('main'), { users: 3, held: 12 })
    const now = await openMetrics({ brokers: [main, new FakeBroker('other')] }).scrape()
    expect(now.by('broker', 'broker_users')).toEqual({ main: 3 })
    expect(now.by('broker', 'publishes_held')).toEqual({ main: 12 })
  })
})

describe('who is kept out', () => {
  test('at the door: by reason, and a dry run is told apart', async () => {
    const { door, scrape } = openMetrics()
    for (const enforced of [true, true, false]) door.refusals.add('connectionsPerIp', '192.0.2.1', '', enforced)
    door.refusals.add('origin', '192.0.2.1', '')
    const now = await scrape()
    expect(now.by('reason', 'upgrade_refusals_total')).toEqual({ connectionsPerIp: 2, origin: 1 })
    expect(now.by('outcome', 'limits_hit_total', { limit: 'connectionsPerIp' })).toEqual({ refused: 2, 'dry-run': 1 })
  })

  test.each([
    [false, { slowed: 1, refused: 1 }],
    [true, { 'dry-run': 2 }],
  ])('inside: rates and connections of a user; dryRun %s', async (dryRun, expected) => {
    const { stage, scrape } = openMetrics({ quotas: { sendRate: 1, sendPatienceMs: 1_000, dryRun } })
    stage.house.quotas.enter('user u')
    const { route } = stage.house.snapshot.router.resolve('/queue/a')!
    for (let count = 0; count < 4; count++) {
      try {
        stage.house.quotas.spend('user u', route, 1)
      } catch (error) {
        expect(error).toMatchObject({ code: 'rate-limit' })
      }
    }
    expect((await scrape()).by('outcome', 'limits_hit_total', { limit: 'sendRate' })).toEqual(expected)
  })

  test('by authenticators, when the verdict is final', async () => {
    const desk = new TokenDesk()
    const scene = openMetrics({
      authenticator: new Chain([desk], { decided: (...told) => scene.metrics.auth.decided(...told) }),
    })
    const token = desk.issue({ name: 'ann' })
    await scene.stage.connected('1.2', { passcode: token, login: 'ann' })
    for (const passcode of ['wrong', 'worse']) {
      const client = scene.stage.client()
      client.sends('CONNECT', { 'accept-version': '1.2', login: 'eve', passcode })
      await client.isRefused('login-refused', 4401)
    }
    const nobody = scene.stage.client()
    nobody.sends('CONNECT', { 'accept-version': '1.2' })
    await nobody.isRefused('login-required', 4401)
    const now = await scene.scrape()
    expect(now.by('outcome', 'auth_attempts_total', { authenticator: 'desk' })).toEqual({ admitted: 1, refused: 2 })
    expect(now.by('code', 'auth_failures_total', { authenticator: 'desk' })).toEqual({ 'login-refused': 2 })
    expect(now.by('code', 'auth_failures_total', { authenticator: 'none' })).toEqual({ 'login-required': 1 })
  })

  test.each([
    ['accepted', { admitted: 1 }],
    ['refused', { refused: 1 }],
    ['unknown', { undecided: 1 }],
  ] as const)('by a broker that has the last word and says %s', async (outcome, expected) => {
    const { metrics, scrape } = openMetrics()
    const heard: string[] = []
    const user = {
      name: 'ann',
      roles: new Set<string>(),
      claims: new Map(),
      expiresAtMs: undefined,
      authenticator: 'p',
    }
    const settle = (said: string): void => void heard.push(said)
    const member: Authenticator = {
      name: 'passthrough',
      accepts: 'a login',
      authenticate: async () => ({ kind: 'admitted', user, settle }),
      [Symbol.asyncDispose]: async () => {},
    }
    const chain = new Chain([member], metrics.auth)
    const verdict = await chain.authenticate({} as never, new AbortController().signal)
    expect((await scrape()).by('outcome', 'auth_attempts_total')).toEqual({})
    if (verdict.kind === 'admitted') verdict.settle?.(outcome)
    expect(heard).toEqual([outcome])
    expect((await scrape()).by('outcome', 'auth_attempts_total', { authenticator: 'passthrough' })).toEqual(expected)
  })
})

describe('the bridge itself', () => {
  test('its build, its configuration, and whether it is going', async () => {
    const { metrics, bridge, scrape } = openMetrics()
    const now = await scrape()
    expect(now.of('build_info', { version: '1.2.3', node: process.version })).toBe(1)
    expect(now.families.get('stomp_bridge_config_info')!.samples).toEqual([])
    expect(now.of('draining')).toBe(0)
    metrics.reloaded('applied')
    metrics.reloaded('rejected')
    metrics.reloaded('rejected')
    Object.assign(bridge, { draining: true, configHash: 'c0ffee' })
    const later = await scrape()
    expect(later.of('config_info', { hash: 'c0ffee' })).toBe(1)
    expect(later.by('result', 'config_reloads_total')).toEqual({ applied: 1, rejected: 2 })
    expect(later.of('draining')).toBe(1)
  })
})

describe('names that clients choose', () => {
  test('make no series: a thousand destinations, users, subscription ids and close codes', async () => {
    const desk = new TokenDesk()
    const scene = openMetrics({
      authenticator: new Chain([desk, anonymous], { decided: (...told) => scene.metrics.auth.decided(...told) }),
    })
    const { stage } = scene
    const visit = async (name: string, code: number): Promise<void> => {
      const token = desk.issue({ name })
      const client = await stage.connected('1.2', { login: name, passcode: token })
      client.sends('SUBSCRIBE', { id: name, destination: `/topic/${name}`, receipt: name })
      client.sends('SEND', { destination: `/queue/${name}`, receipt: name }, name)
      client.sends('SEND', { destination: `/nowhere/${name}`, receipt: name }, name)
      await stage.settles()
      client.wire.breaks(code, name)
      stage.client().writes(`${name}\n`)
    }
    // Every class of code, and every kind of failure, has been seen once.
    for (const code of [999, 1998, 2000, 3000, 4000, 5000]) await visit(`first-${code}`, code)
    const before = await scene.scrape()
    for (let count = 0; count < 1_000; count++) {
      const name = `x${count.toString(36)}"}\\n{a="${count}`.replaceAll('\\n', '')
      await visit(name, 999 + ((count * 37) % 4_100))
    }
    const after = await scene.scrape()
    expect(after.size).toBe(before.size)
    expect(after.of('messages_total', { direction: 'in', broker: 'main', route: '/queue/{name+}' })).toBe(1_006)
  }, 60_000)

  test('an operator may call routes and brokers as he likes', async () => {
    const broker = new FakeBroker('a"b\\c\nd')
    const routes = [{ destination: '/say"{name}"', broker: broker.name, queue: '{name}' }]
    const scrape = await openMetrics({ brokers: [broker], routes }).scrape()
    expect(scrape.of('messages_total', { direction: 'in', broker: broker.name, route: '/say"{name}"' })).toBe(0)
  })
})
