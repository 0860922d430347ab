/** CONNECT and STOMP: the version, who it is, the brokers that must agree first, and the client that says nothing. */
import { describe, expect, test } from 'vitest'
import type { Attempt, Authenticator } from '../../src/auth/authenticator.ts'
import { BrokerError } from '../../src/broker/errors.ts'
import { FakeBroker } from '../support/broker.ts'
import { anonymous, passthrough } from './authenticators.ts'
import { LIMITS, openStage, VERSIONS } from './stage.ts'

const LOGIN = { login: 'ann', passcode: 'secret', host: 'sales' }

describe.each(VERSIONS)('STOMP %s', (version) => {
  test.each(['CONNECT', 'STOMP'])('%s is answered with CONNECTED', async (command) => {
    const stage = openStage()
    const client = stage.client(version)
    client.sends(command, version === '1.0' ? {} : { 'accept-version': version })
    const connected = await client.gets('CONNECTED', { version, server: 'stomp-bridge/test', 'heart-beat': '0,0' })
    expect(connected.headers.session).toBe(stage.session.id)
    expect(connected.headers).not.toHaveProperty('user-name')
    expect(stage.told).toEqual([`connected ${version}`])
  })

  test('a second CONNECT is an error', async () => {
    const client = await openStage().connected(version)
    client.sends('CONNECT', { 'accept-version': version, receipt: 'r' })
    await client.isRefused('already-connected', 1002, { 'receipt-id': 'r' })
  })

  test('a broker with a service account is asked for nothing until it is needed', async () => {
    const stage = openStage()
    await stage.connected(version, { login: 'ann', passcode: 'secret' })
    expect(stage.main.log).toEqual([])
  })
})

test('the highest version in common is spoken', async () => {
  const client = openStage().client('1.1')
  client.sends('CONNECT', { 'accept-version': '1.0,1.1,9.9' })
  await client.gets('CONNECTED', { version: '1.1' })
})

test('two sessions have two ids', async () => {
  const stage = openStage()
  await Promise.all([stage.connected(), stage.connected()])
  expect(stage.sessions[0]!.id).not.toBe(stage.sessions[1]!.id)
})

test('no version in common: ERROR names those that are spoken', async () => {
  const client = openStage().client('1.0')
  client.sends('CONNECT', { 'accept-version': '2.0' })
  await client.isRefused('version-not-supported', 1002, { version: '1.0,1.1,1.2' })
})

test('another frame before CONNECT is an error', async () => {
  const client = openStage().client('1.0')
  client.sends('SEND', { destination: '/queue/a', receipt: 'r' }, 'x')
  await client.isRefused('not-connected', 1002, { 'receipt-id': 'r' })
})

test('a heart-beat header that is none is an error', async () => {
  const client = openStage().client('1.2')
  client.sends('CONNECT', { 'accept-version': '1.2', 'heart-beat': 'ten' })
  await client.isRefused('bad-value', 1002)
})

test('frames that come right behind CONNECT wait for CONNECTED', async () => {
  const stage = openStage({ brokers: [new FakeBroker('main', { credentials: 'client' }).holds('link')] })
  const client = stage.client('1.2')
  client.sends('CONNECT', { 'accept-version': '1.2', ...LOGIN })
  client.sends('SEND', { destination: '/queue/a', receipt: 'r' }, 'early')
  await client.getsNothing()
  expect(stage.main.published).toEqual([])
  stage.main.linking[0]!.give()
  await client.gets('CONNECTED')
  await client.getsReceipts('r')
  expect(stage.main.published).toEqual(['early'])
})

describe('a client that never says CONNECT', () => {
  test('gets an ERROR after the timeout, and not before', async () => {
    const stage = openStage()
    const client = stage.client('1.0')
    await stage.passes(LIMITS.connectTimeoutMs - 1)
    await client.getsNothing()
    await stage.passes(1)
    await client.isRefused('connect-timeout', 4408)
  })

  test('also when it keeps talking heart-beats', async () => {
    const stage = openStage()
    const client = stage.client('1.0')
    for (let second = 0; second < 10; second++) {
      client.writes('\n')
      await stage.passes(1000)
    }
    await client.isRefused('connect-timeout', 4408)
  })

  test('and one that has said it is left alone', async () => {
    const stage = openStage()
    const client = await stage.connected()
    await stage.passes(10 * LIMITS.connectTimeoutMs)
    await client.getsNothing()
    expect(client.wire.closing).toBeUndefined()
  })

  test('a broker that takes too long to admit it is the same', async () => {
    const stage = openStage({ brokers: [new FakeBroker('main', { credentials: 'client' }).holds('link')] })
    const client = stage.client('1.2')
    client.sends('CONNECT', { 'accept-version': '1.2', ...LOGIN })
    await stage.settles()
    await stage.passes(LIMITS.connectTimeoutMs)
    await client.isRefused('connect-timeout', 4408)
    stage.main.linking[0]!.give()
    await stage.settles()
    expect(stage.main.open).toBe(0)
  })
})

describe('who it is', () => {
  test('the authenticator sees login, passcode, host and address, and its word is final', async () => {
    const seen: Attempt[] = []
    const authenticator: Authenticator = {
      ...anonymous,
      name: 'strict',
      async authenticate(attempt) {
        seen.push(attempt)
        return { kind: 'refused', code: 'login-refused', rule: 'nobody comes in', reason: 'closed today' }
      },
    }
    const client = openStage({ authenticator }).client('1.2')
    client.sends('CONNECT', { 'accept-version': '1.2', ...LOGIN })
    const error = await client.isRefused('login-refused', 4401)
    expect(error.body).toBe('nobody comes in\n')
    expect(seen).toMatchObject([{ credentials: LOGIN, remote: '192.0.2.1', request: { url: '/ws' } }])
    expect(seen[0]?.header('ACCEPT-VERSION')).toBe('1.2')
  })

  test('an authenticator that breaks is our fault, and says nothing', async () => {
    const authenticator: Authenticator = {
      ...anonymous,
      name: 'broken',
      authenticate: () => Promise.reject(new Error('ldap://10.0.0.1 refused')),
    }
    const client = openStage({ authenticator }).client('1.2')
    client.sends('CONNECT', { 'accept-version': '1.2' })
    const error = await client.isRefused('internal', 1011)
    expect(error.body).not.toContain('ldap')
  })

  test.each([
    ['login-refused', 4401],
    ['login-required', 4401],
    ['token-expired', 4498],
    ['auth-unavailable', 1013],
    ['too-many-attempts', 4429],
  ] as const)('%s is an ERROR with the rule, and without the reason', async (code, close) => {
    const authenticator: Authenticator = {
      ...anonymous,
      authenticate: async () => ({ kind: 'refused', code, rule: 'the rule', reason: 'what only the log may know' }),
    }
    const client = openStage({ authenticator }).client('1.2')
    client.sends('CONNECT', { 'accept-version': '1.2', receipt: 'r' })
    const error = await client.isRefused(code, close)
    expect(error.body).toBe('the rule\n')
    expect(JSON.stringify(error)).not.toContain('only the log')
  })

  test('without anything that is accepted the ERROR says what would be', async () => {
    const client = openStage({ authenticator: passthrough }).client('1.2')
    client.sends('CONNECT', { 'accept-version': '1.2' })
    const error = await client.isRefused('login-required', 4401)
    expect(error.body).toContain('"passcode"')
  })

  test.each([
    ['login-refused', 'refused'],
    ['broker-unavailable', 'unknown'],
    [undefined, 'accepted'],
  ] as const)('the authenticator hears what the broker said of the credentials: %s', async (code, outcome) => {
    const heard: string[] = []
    const authenticator: Authenticator = {
      ...passthrough,
      async authenticate(attempt, signal) {
        const verdict = await passthrough.authenticate(attempt, signal)
        return verdict.kind === 'admitted' ? { ...verdict, settle: (said) => heard.push(said) } : verdict
      },
    }
    const stage = openStage({
      brokers: [new FakeBroker('main', { credentials: 'client' }).holds('link')],
      authenticator,
    })
    const client = stage.client('1.2')
    client.sends('CONNECT', { 'accept-version': '1.2', ...LOGIN })
    await stage.settles()
    expect(heard).toEqual([])
    if (code === undefined) stage.main.linking[0]!.give()
    else stage.main.linking[0]!.refuse(code, 'no')
    await stage.settles()
    expect(heard).toEqual([outcome])
  })

  test('CONNECTED shows the name', async () => {
    const client = openStage({ authenticator: passthrough }).client('1.2')
    const connected = await client.connects(LOGIN)
    expect(connected.headers['user-name']).toBe('ann')
  })
})

describe('brokers that are passed the credentials', () => {
  const open = () => {
    const main = new FakeBroker('main', { credentials: 'client' })
    const other = new FakeBroker('other')
    return openStage({ brokers: [main, other], authenticator: passthrough })
  }

  test('are linked before CONNECTED, others are not', async () => {
    const stage = open()
    await stage.connected('1.2', LOGIN)
    expect(stage.main.session.who).toEqual({ name: 'ann', session: stage.session.id, credentials: LOGIN })
    expect(stage.other.log).toEqual([])
  })

  test('are linked once: later frames use that link', async () => {
    const stage = open()
    const client = await stage.connected('1.2', LOGIN)
    client.sends('SEND', { destination: '/queue/a', receipt: 'r' }, 'x')
    await client.getsReceipts('r')
    expect(stage.main.log).toEqual(['link', 'publish x to queue:a'])
  })

  test('one that comes to refuse the login ends the session, though it asks for nothing', async () => {
    const stage = open()
    const client = await stage.connected('1.2', LOGIN)
    stage.main.session.replies.end(new BrokerError('login-refused', 'the broker refused the login'))
    await client.isRefused('login-refused', 4401)
  })

  test.each([
    ['login-refused', 4401],
    ['broker-unavailable', 1013],
    ['limit', 4429],
  ] as const)('%s is an ERROR instead of CONNECTED', async (code, close) => {
    const stage = open()
    stage.main.holds('link')
    const client = stage.client('1.2')
    client.sends('CONNECT', { 'accept-version': '1.2', ...LOGIN })
    await stage.settles()
    stage.main.linking[0]!.refuse(code, 'no')
    const error = await client.isRefused(code, close)
    expect(JSON.stringify(error)).not.toContain('secret')
    expect(stage.told).toEqual([`failed ${code}`, `closed ${close}`])
  })

  test('a client that goes while it is admitted leaves no link behind', async () => {
    const stage = open()
    stage.main.holds('link')
    const client = stage.client('1.2')
    client.sends('CONNECT', { 'accept-version': '1.2', ...LOGIN })
    await stage.settles()
    client.vanishes()
    stage.main.linking[0]!.give()
    await stage.settles()
    expect(stage.main.log).toEqual(['link', 'close link'])
  })
})
