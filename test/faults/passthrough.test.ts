/**
 * Clients whose own logins are passed on to a real RabbitMQ, and which it comes to know no more: two users with different permissions, one
 * whose password is changed, an OAuth token that is forged or expires, and more users than are allowed.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestBridge, type TestBridge } from '../support/bridge.ts'
import { type Rabbit, startRabbit } from '../support/rabbitmq.ts'
import { until } from '../support/until.ts'
import { bodies, Client, Refused } from './driver.ts'
import { fresh, inFrontOf } from './place.ts'
import { type Claims, rabbitKeys, tokenFor } from './tokens.ts'

const ANN = { login: 'ann', passcode: 'ann-and-secret' }
const BOB = { login: 'bob', passcode: 'bob-and-secret' }
/** To publish to a queue is to write to the default exchange, and to consume a topic is to make a queue and bind it. */
const ANNS = '^(ann-.*|amq\\.gen-.*|amq\\.default|amq\\.topic)$'
const BOBS = '^(bob-.*|amq\\.default)$'

let rabbit: Rabbit

beforeAll(async () => {
  rabbit = await startRabbit({
    plugins: ['rabbitmq_auth_backend_oauth2'],
    config: [
      'auth_backends.1 = internal',
      'auth_backends.2 = rabbit_auth_backend_oauth2',
      'auth_oauth2.resource_server_id = rabbitmq',
    ],
  })
  await rabbit.eval(rabbitKeys)
  await rabbit.addUser(ANN.login, ANN.passcode, [ANNS, ANNS, ANNS])
  await rabbit.addUser(BOB.login, BOB.passcode, [BOBS, BOBS, BOBS])
}, 120_000)

afterAll(async () => {
  await rabbit?.[Symbol.asyncDispose]()
})

function bridgeWith(broker: string): Promise<TestBridge> {
  return startTestBridge(inFrontOf(rabbit.bareUrl, { broker }))
}

const codeOf = (login: Promise<Client>): Promise<string | undefined> =>
  login.then(
    async (client) => {
      await client[Symbol.asyncDispose]()
      return 'connected'
    },
    (refusal) => {
      if (!(refusal instanceof Refused)) throw refusal
      return refusal.frame.headers['bridge-code']
    },
  )

describe('two users with different permissions', () => {
  test('what one may do the other may not, and neither costs the other anything', async () => {
    await using bridge = await bridgeWith('')
    await using ann = await Client.connect(bridge.url, ANN)
    await using bob = await Client.connect(bridge.url, BOB)
    const mine = { ann: `/queue/${fresh('ann')}`, bob: `/queue/${fresh('bob')}` }
    for (const [user, own, other] of [
      [ann, mine.ann, mine.bob],
      [bob, mine.bob, mine.ann],
    ] as const) {
      await user.do('SUBSCRIBE', { id: 'own', destination: own, ack: 'auto' })
      const subscribed = await user.ask('SUBSCRIBE', { id: 'other', destination: other, ack: 'auto' })
      expect(subscribed.headers).toMatchObject({ 'bridge-code': 'forbidden', subscription: 'other' })
    }
    const topic = `/topic/${fresh('news')}`
    await ann.do('SUBSCRIBE', { id: 'news', destination: topic, ack: 'auto' })
    expect((await bob.ask('SEND', { destination: topic }, 'forged news')).headers['bridge-code']).toBe('forbidden')
    await ann.do('SEND', { destination: topic }, 'news')
    await ann.do('SEND', { destination: mine.ann }, 'to ann')
    await bob.do('SEND', { destination: mine.bob }, 'to bob')
    await ann.message(2)
    await bob.message(1)
    expect(bodies(ann.messages).sort()).toEqual(['news', 'to ann'])
    expect(bodies(bob.messages)).toEqual(['to bob'])
    expect([ann.closed, bob.closed]).toEqual([undefined, undefined])
  })
})

describe('a user whom RabbitMQ knows no more', () => {
  test.each([
    ['his password was changed: of that only a recheck learns', 'change_password', ['another-and-secret']],
    ['he was deleted: RabbitMQ itself ends his connection too', 'delete_user', []],
  ])('%s. All his sessions end, idle ones too; the neighbour’s go on', async (_, command, args) => {
    const eve = { login: fresh('eve'), passcode: 'eve-and-secret' }
    await rabbit.addUser(eve.login, eve.passcode)
    await using bridge = await bridgeWith('recheck: 300ms')
    await using ann = await Client.connect(bridge.url, ANN)
    await using listening = await Client.connect(bridge.url, eve)
    await using idle = await Client.connect(bridge.url, eve)
    const [news, own] = [`/topic/${fresh('news')}`, `/queue/${fresh('ann')}`]
    for (const client of [ann, listening]) await client.do('SUBSCRIBE', { id: 's', destination: news, ack: 'auto' })
    await rabbit.ctl(command, eve.login, ...args)
    expect([(await listening.gone()).code, (await idle.gone()).code]).toEqual([4401, 4401])
    for (const client of [listening, idle]) {
      expect(client.errors.map(({ headers }) => headers['bridge-code'])).toEqual(['login-refused'])
    }
    expect(await codeOf(Client.connect(bridge.url, eve))).toBe('login-refused')
    await ann.do('SUBSCRIBE', { id: 'own', destination: own, ack: 'auto' })
    await ann.do('SEND', { destination: own }, 'goes on')
    expect(bodies([await ann.message()])).toEqual(['goes on'])
    expect(ann.errors).toEqual([])
    expect(bridge.log()).not.toContain('-and-secret')
  })
})

describe('more users than maxUsers', () => {
  test('are refused, while those who are in may come again; a place is free when one has left', async () => {
    await using bridge = await bridgeWith('maxUsers: 1')
    await using first = await Client.connect(bridge.url, ANN)
    {
      await using second = await Client.connect(bridge.url, ANN)
      await second.do('SEND', { destination: `/queue/${fresh('ann')}` })
    }
    expect(await codeOf(Client.connect(bridge.url, BOB))).toBe('limit')
    await first.do('SEND', { destination: `/queue/${fresh('ann')}` }, 'still here')
    first.vanish()
    await until('there is room', async () => (await codeOf(Client.connect(bridge.url, BOB))) === 'connected')
  })
})

describe('an OAuth token as passcode', () => {
  const READS_AND_WRITES = ['configure', 'write', 'read'].map((right) => `rabbitmq.${right}:*/*`)
  const soon = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds
  const token = (claims: Claims = {}, key?: string): string =>
    tokenFor({ sub: 'carl', aud: 'rabbitmq', exp: soon(600), scope: READS_AND_WRITES, ...claims }, key)

  test.each([
    ['no login', { login: '' }, undefined],
    ['the login that the token names', { login: 'carl' }, 'carl'],
    ['the login of somebody else', { login: 'ann' }, undefined],
  ])(
    'with %s: connects, publishes, subscribes, and has only the name that the token proves',
    async (_, login, name) => {
      await using bridge = await bridgeWith('')
      await using carl = await Client.connect(bridge.url, { ...login, passcode: token() })
      const destination = `/queue/${fresh('carl')}`
      await carl.do('SUBSCRIBE', { id: 's', destination, ack: 'client' })
      await carl.do('SEND', { destination, 'user-id': name ?? '' }, 'hello')
      // rabbitmq.com/validated-user-id.html
      const forged = await carl.ask('SEND', { destination, 'user-id': 'ann' }, 'from ann')
      expect(forged.command).toBe(login.login === 'ann' ? 'ERROR' : 'RECEIPT')
      const message = await carl.message()
      await carl.acks(message)
      expect(bodies([message])).toEqual(['hello'])
      expect(message.headers['stomp-user']).toBe(undefined)
      expect(carl.connected!.headers['user-name']).toBe(name)
    },
  )

  test('RabbitMQ’s reading of its scopes applies, and each token is a user of its own', async () => {
    await using bridge = await bridgeWith('maxUsers: 2')
    await using carl = await Client.connect(bridge.url, { login: '', passcode: token() })
    const scope = READS_AND_WRITES.filter((right) => !right.includes('write'))
    await using reader = await Client.connect(bridge.url, { login: '', passcode: token({ scope }) })
    expect(await codeOf(Client.connect(bridge.url, { login: '', passcode: token({ sub: 'dora' }) }))).toBe('limit')
    const destination = `/queue/${fresh('carl')}`
    await carl.do('SUBSCRIBE', { id: 's', destination, ack: 'auto' })
    expect((await reader.ask('SEND', { destination }, 'not his')).headers['bridge-code']).toBe('forbidden')
    await carl.do('SEND', { destination }, 'his')
    expect(bodies([await carl.message()])).toEqual(['his'])
  })

  test.each([
    ['signed with another key', () => token({}, 'not the key of RabbitMQ, and as long')],
    ['expired', () => token({ exp: soon(-60) })],
    ['for another audience', () => token({ aud: 'somebody else' })],
    ['without a signature', () => token().replace(/[^.]*$/, '')],
  ])('%s: refused, whatever the login says', async (_, forged) => {
    await using bridge = await bridgeWith('')
    const passcode = forged()
    for (const login of ['', 'ann', 'carl']) {
      expect(await codeOf(Client.connect(bridge.url, { login, passcode }))).toBe('login-refused')
    }
    expect(bridge.log()).not.toContain(passcode)
  })

  test('neither login nor passcode: refused', async () => {
    await using bridge = await bridgeWith('')
    expect(await codeOf(Client.connect(bridge.url, { login: '', passcode: '' }))).toBe('login-refused')
  })

  test('when it has expired its connection ends at the next recheck, and that of a newer one does not', async () => {
    await using bridge = await bridgeWith('recheck: 300ms')
    await using newer = await Client.connect(bridge.url, { login: '', passcode: token() })
    await using older = await Client.connect(bridge.url, { login: '', passcode: token({ exp: soon(3) }) })
    expect((await older.gone()).code).toBe(4401)
    expect(older.errors.map(({ headers }) => headers['bridge-code'])).toEqual(['login-refused'])
    await newer.do('SEND', { destination: `/queue/${fresh('carl')}` })
  })
})
