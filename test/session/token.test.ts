/** A token on a living connection: renewed in-band while messages flow, and what happens when it has expired. */
import { describe, expect, test } from 'vitest'
import { refused } from '../../src/auth/authenticator.ts'
import type { RouteEntry } from '../../src/routing/build.ts'
import { FakeBroker } from '../support/broker.ts'
import type { Client } from '../support/client.ts'
import { FakeClock } from '../support/clock.ts'
import { anonymous, type Issued, showing, TokenDesk } from './authenticators.ts'
import { openStage, type StageOptions } from './stage.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** When the clock of every stage begins. */
const START = new FakeClock().now()

const ROUTES: readonly RouteEntry[] = [
  { destination: '/open/{name}', broker: 'shop', topic: 'open.{name}' },
  { destination: '/work/{name}', broker: 'shop', queue: 'work.{name}', permit: 'role:worker', errors: 'keep' },
  { destination: '/strict/{name}', broker: 'shop', queue: 'strict.{name}', permit: 'role:worker' },
]

async function open(issued: Issued = {}, options: StageOptions = {}) {
  const desk = new TokenDesk()
  const token = desk.issue({ name: 'ann', ...issued })
  const stage = openStage({ brokers: [new FakeBroker('shop')], routes: ROUTES, authenticator: desk, ...options })
  const client = await stage.connected('1.2', showing(token))
  return { desk, stage, client, now: stage.clock.now() }
}

function renews(client: Client, token: string, headers: Record<string, string> = { receipt: 'renewed' }): void {
  client.sends('SEND', { destination: '/bridge/token', ...headers }, token)
}

async function subscribes(client: Client, id: string, destination: string): Promise<void> {
  client.sends('SUBSCRIBE', { id, destination, ack: 'client-individual', receipt: id })
  await client.getsReceipts(id)
}

describe('a new token', () => {
  test('has a RECEIPT when its rights hold, and no broker hears of it', async () => {
    const { desk, client, stage } = await open()
    client.sends('SUBSCRIBE', { id: 's', destination: '/work/a', receipt: 's' })
    await client.getsError('forbidden', { 'receipt-id': 's' })
    renews(client, `  ${desk.issue({ name: 'ann', roles: ['worker'] })}\n`)
    await client.getsReceipts('renewed')
    expect(stage.main.log).toEqual([])
    await subscribes(client, 's', '/work/a')
  })

  test('needs no receipt', async () => {
    const { desk, client, stage } = await open()
    renews(client, desk.issue({ name: 'ann', roles: ['worker'] }), {})
    await client.getsNothing()
    expect(stage.session.user.roles).toEqual(new Set(['worker']))
  })

  test('messages flow while it is verified', async () => {
    const { desk, client, stage } = await open({ roles: ['worker'] })
    await subscribes(client, 's', '/work/a')
    desk.holds()
    renews(client, desk.issue({ name: 'ann', roles: ['worker'] }))
    await stage.settles()
    stage.main.subscription().deliver('m1')
    client.sends('SEND', { destination: '/work/a', receipt: 'sent' }, 'x')
    await client.getsMessages('m1')
    await client.getsReceipts('sent')
    desk.waiting[0]!.give()
    await client.getsReceipts('renewed')
    stage.main.subscription().deliver('m2')
    await client.getsMessages('m2')
    expect(stage.main.subscription().unsettled).toEqual([1, 2])
  })

  test('DISCONNECT waits for its end', async () => {
    const { desk, client } = await open()
    desk.holds()
    renews(client, desk.issue({ name: 'ann' }))
    client.sends('DISCONNECT', { receipt: 'bye' })
    await client.getsNothing()
    desk.waiting[0]!.give()
    await client.getsReceipts('renewed', 'bye')
    await client.isClosed(1000)
  })

  test('a client that goes meanwhile leaves nothing behind', async () => {
    const { desk, client, stage, now } = await open()
    desk.holds()
    renews(client, desk.issue({ name: 'ann', expiresAtMs: now + HOUR }))
    await stage.settles()
    client.vanishes()
    desk.waiting[0]!.give()
    await stage.settles()
    expect(stage.clock.pending).toBe(0)
  })

  test('with fewer rights: what it no longer covers ends with an ERROR, everything else stays', async () => {
    const { desk, client, stage } = await open({ roles: ['worker'] })
    await subscribes(client, 'work', '/work/a')
    await subscribes(client, 'open', '/open/a')
    const [work, open_] = stage.main.subscriptions
    work!.deliver('unacked')
    await client.getsMessages('unacked')
    renews(client, desk.issue({ name: 'ann' }))
    await client.getsError('forbidden', { subscription: 'work' })
    await client.getsReceipts('renewed')
    expect(work!.disposed).toBe(true)
    expect(stage.main.log).toContain('end queue:work.a with 1')
    open_!.deliver('still')
    await client.getsMessages('still')
    client.sends('SEND', { destination: '/work/a', receipt: 'r' }, 'x')
    await client.getsError('forbidden', { 'receipt-id': 'r' })
  })

  test('with fewer rights, and errors: close: the connection ends with it', async () => {
    const { desk, client } = await open({ roles: ['worker'] })
    await subscribes(client, 'strict', '/strict/a')
    renews(client, desk.issue({ name: 'ann' }))
    await client.isRefused('forbidden', 4403, { subscription: 'strict' })
  })

  test('with fewer rights: a SUBSCRIBE that waits for the broker ends too', async () => {
    const { desk, client, stage } = await open({ roles: ['worker'] })
    stage.main.holds('subscribe')
    client.sends('SUBSCRIBE', { id: 'work', destination: '/work/a', receipt: 's' })
    await stage.settles()
    renews(client, desk.issue({ name: 'ann' }))
    await client.getsReceipts('renewed')
    stage.main.subscription().consent.give()
    await client.getsReceipts('s')
    await client.getsError('forbidden', { subscription: 'work' })
    expect(stage.main.subscription().disposed).toBe(true)
  })

  test('with fewer rights: what stands in an open transaction is not published', async () => {
    const { desk, client, stage } = await open({ roles: ['worker'] })
    client.sends('BEGIN', { transaction: 't' })
    client.sends('SEND', { destination: '/open/a', transaction: 't' }, 'allowed')
    client.sends('SEND', { destination: '/work/a', transaction: 't' }, 'not any more')
    renews(client, desk.issue({ name: 'ann' }))
    await client.getsReceipts('renewed')
    client.sends('COMMIT', { transaction: 't', receipt: 'c' })
    await client.isRefused('forbidden', 4403, { 'receipt-id': 'c' })
    expect(stage.main.published).toEqual([])
  })
})

describe('a token that is refused', () => {
  test.each([
    ['nobody has issued it', 'token-99'],
    ['it is empty', ''],
    ['it is no text', Buffer.from([0xff, 0xfe, 0x00])],
  ])('%s: the connection ends', async (_, token) => {
    const { client } = await open()
    client.sends('SEND', { destination: '/bridge/token', receipt: 'r' }, token)
    await client.isRefused('login-refused', 4401, { 'receipt-id': 'r' })
  })

  test('another user’s does not make another user', async () => {
    const { desk, client } = await open()
    renews(client, desk.issue({ name: 'boss', roles: ['admin'] }))
    await client.isRefused('login-refused', 4401, { 'receipt-id': 'renewed' })
  })

  test.each(['auth-unavailable', 'too-many-attempts'] as const)(
    '%s: until it expires the old one stands',
    async (code) => {
      const { desk, client, stage, now } = await open({ expiresAtMs: START + HOUR, roles: ['worker'] })
      desk.trouble = refused(code, 'try again later', 'the key server is down')
      renews(client, 'whatever')
      const error = await client.getsError(code, { 'receipt-id': 'renewed' })
      expect(error.body).not.toContain('key server')
      await subscribes(client, 's', '/work/a')
      desk.trouble = undefined
      renews(client, desk.issue({ name: 'ann', expiresAtMs: now + 2 * HOUR }), { receipt: 'again' })
      await client.getsError('forbidden', { subscription: 's' })
      await client.getsReceipts('again')
      await stage.passes(HOUR)
      await client.getsNothing()
    },
  )

  test('takes no part in transactions', async () => {
    const { desk, client } = await open()
    client.sends('BEGIN', { transaction: 't' })
    renews(client, desk.issue({ name: 'ann' }), { receipt: 'r', transaction: 't' })
    await client.isRefused('forbidden', 4403, { 'receipt-id': 'r' })
  })

  test('who has shown none has none to renew', async () => {
    const { client } = await open({}, { authenticator: anonymous })
    renews(client, 'token-1')
    await client.isRefused('login-required', 4401)
  })

  test('nothing else below /bridge is open, and nobody can listen there', async () => {
    for (const destination of ['/bridge/tokens', '/bridge/token/', '/bridge']) {
      const { client } = await open()
      client.sends('SEND', { destination, receipt: 'r' }, 'x')
      await client.isRefused('forbidden', 4403)
    }
    const { client } = await open()
    client.sends('SUBSCRIBE', { id: 's', destination: '/bridge/token' })
    await client.isRefused('forbidden', 4403, { subscription: 's' })
  })

  test('no text of it comes back, not even of one that is wrong', async () => {
    const { client, stage } = await open()
    renews(client, 'eyJzZWNyZXQ')
    await client.isRefused('login-refused', 4401)
    expect(Buffer.concat(client.wire.out).toString()).not.toContain('eyJzZWNyZXQ')
    expect(stage.told.join()).not.toContain('eyJzZWNyZXQ')
  })
})

describe('the end of a token', () => {
  test('ends the connection, not a millisecond too early; what is unacknowledged goes back', async () => {
    const { client, stage } = await open({ expiresAtMs: START + HOUR, roles: ['worker'] })
    await subscribes(client, 's', '/work/a')
    stage.main.subscription().deliver('m1')
    await client.getsMessages('m1')
    await stage.passes(HOUR - 1)
    await client.getsNothing()
    await stage.passes(1)
    await client.isRefused('token-expired', 4498)
    expect(stage.main.log).toContain('end queue:work.a with 1')
    expect(stage.told).toContain('failed token-expired')
  })

  test.each([
    ['a day and an hour', DAY + HOUR],
    ['thirty days, which no timer reaches', 30 * DAY],
  ])('may be far off: %s', async (_, ms) => {
    const { client, stage } = await open({ expiresAtMs: START + ms })
    await stage.passes(ms - 1)
    await client.getsNothing()
    await stage.passes(1)
    await client.isRefused('token-expired', 4498)
  })

  test('renewed before: it is the end of the new one that counts, sooner or later', async () => {
    const { desk, client, stage, now } = await open({ expiresAtMs: START + HOUR })
    renews(client, desk.issue({ name: 'ann', expiresAtMs: now + 3 * HOUR }))
    await client.getsReceipts('renewed')
    await stage.passes(2 * HOUR)
    await client.getsNothing()
    renews(client, desk.issue({ name: 'ann', expiresAtMs: now + 2 * HOUR + 1000 }))
    await client.getsReceipts('renewed')
    await stage.passes(1000)
    await client.isRefused('token-expired', 4498)
  })

  test('one that has no end replaces one that has', async () => {
    const { desk, client, stage } = await open({ expiresAtMs: START + HOUR })
    renews(client, desk.issue({ name: 'ann' }))
    await client.getsReceipts('renewed')
    await stage.passes(2 * HOUR)
    await client.getsNothing()
  })

  test('may come before the broker has let the client in', async () => {
    const desk = new TokenDesk()
    const shop = new FakeBroker('shop', { credentials: 'client' }).holds('link')
    const stage = openStage({ brokers: [shop], routes: ROUTES.slice(0, 1), authenticator: desk })
    const client = stage.client('1.2')
    const token = desk.issue({ name: 'ann', expiresAtMs: stage.clock.now() + 5000 })
    client.sends('CONNECT', { 'accept-version': '1.2', ...showing(token) })
    await stage.settles()
    await stage.passes(5000)
    await client.isRefused('token-expired', 4498)
  })
})

describe('limits.session', () => {
  test('ends the longest session, whatever its token says', async () => {
    const { desk, client, stage, now } = await open({}, { limits: { sessionMs: 2 * HOUR } })
    await stage.passes(HOUR)
    renews(client, desk.issue({ name: 'ann', expiresAtMs: now + DAY }))
    await client.getsReceipts('renewed')
    await stage.passes(HOUR - 1)
    await client.getsNothing()
    await stage.passes(1)
    await client.isRefused('session-too-long', 4408)
  })

  test('counts from CONNECTED on, and for anonymous clients too', async () => {
    const stage = openStage({ limits: { sessionMs: HOUR } })
    const client = stage.client('1.2')
    await stage.passes(5000)
    await client.connects()
    await stage.passes(HOUR - 1)
    await client.getsNothing()
    await stage.passes(1)
    await client.isRefused('session-too-long', 4408)
  })
})
