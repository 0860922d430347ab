/** Who may do what where, and what a SEND may carry: each rule at the frame that breaks it, and what still works beside it. */
import { describe, expect, test } from 'vitest'
import type { RouteEntry } from '../../src/routing/build.ts'
import { FakeBroker } from '../support/broker.ts'
import type { Client } from '../support/client.ts'
import { anonymous, type Issued, showing, TokenDesk } from './authenticators.ts'
import { openStage } from './stage.ts'

const ROUTES: readonly RouteEntry[] = [
  {
    destination: '/news/{name+}',
    broker: 'shop',
    topic: 'news.{name+}',
    permit: { send: 'role:editor', subscribe: 'anyone' },
  },
  {
    destination: '/inbox/{user}',
    broker: 'shop',
    queue: 'inbox.{user}',
    permit: [{ where: { user: 'user-name' } }, 'role:admin'],
  },
  { destination: '/tenant/{t}/{x}', broker: 'shop', topic: 'tenant.{t}.{x}', permit: { where: { t: 'tenant' } } },
  {
    destination: '/every/{name}',
    broker: 'shop',
    topic: 'all.{name}',
    permit: 'authenticated',
    except: ['/hr/{name}'],
  },
  { destination: '/hr/{name}', broker: 'shop', topic: 'all.hr{name}', permit: 'role:hr' },
  { destination: '/temp/{name}', broker: 'shop', temp: '{name}' },
]

async function open(issued: Issued | undefined, more: readonly RouteEntry[] = [], errors: 'close' | 'keep' = 'keep') {
  const desk = new TokenDesk()
  const stage = openStage({
    brokers: [new FakeBroker('shop')],
    routes: [...ROUTES, ...more].map((route) => ({ errors, ...route })),
    authenticator: issued === undefined ? anonymous : desk,
  })
  const headers = issued === undefined ? {} : showing(desk.issue(issued))
  return { stage, desk, client: await stage.connected('1.2', headers) }
}

const ANN = { name: 'ann', claims: { tenant: 'acme' } }

const SENDS = (client: Client, destination: string, headers: Record<string, string> = {}) =>
  client.sends('SEND', { destination, receipt: 'r', ...headers }, 'x')

const SUBSCRIBES = (client: Client, destination: string) =>
  client.sends('SUBSCRIBE', { id: 's', destination, receipt: 'r' })

describe('permit', () => {
  test.each<[string, Issued | undefined, typeof SENDS, string]>([
    ['an anonymous client sends news', undefined, SENDS, '/news/a'],
    ['a user sends news without the role', ANN, SENDS, '/news/a'],
    ['a user reads somebody else’s inbox', ANN, SUBSCRIBES, '/inbox/bob'],
    ['a user writes to it', ANN, SENDS, '/inbox/bob'],
    ['a user listens to another tenant', ANN, SUBSCRIBES, '/tenant/zeta/a'],
    ['a user listens to all tenants', ANN, SUBSCRIBES, '/tenant/*/a'],
    ['a user called * reads the inbox *', { name: '*' }, SUBSCRIBES, '/inbox/*'],
    ['a user called a.b reads the inbox a.b', { name: 'a.b' }, SUBSCRIBES, '/inbox/a.b'],
    ['an anonymous client goes where a name is needed', undefined, SUBSCRIBES, '/every/a'],
    ['a user goes round by a wider route', ANN, SUBSCRIBES, '/every/hr1'],
    ['a user goes round by a wildcard', ANN, SUBSCRIBES, '/every/*'],
    ['a user sends round by it', ANN, SENDS, '/every/hr1'],
  ])('%s: forbidden, and the broker is not asked', async (_, issued, does, destination) => {
    const { client, stage } = await open(issued)
    does(client, destination)
    const error = await client.getsError('forbidden', { 'receipt-id': 'r' })
    expect(error.body).toContain(destination)
    expect(stage.main.log).toEqual([])
    expect(stage.session.subscriptions.all()).toEqual([])
  })

  test.each<[string, Issued | undefined, typeof SENDS, string]>([
    ['an anonymous client reads news', undefined, SUBSCRIBES, '/news/a'],
    ['all of them', undefined, SUBSCRIBES, '/news/*'],
    ['an editor sends news', { name: 'bob', roles: ['editor'] }, SENDS, '/news/a'],
    ['a user reads his inbox', ANN, SUBSCRIBES, '/inbox/ann'],
    ['an admin reads any inbox', { name: 'root', roles: ['admin'] }, SUBSCRIBES, '/inbox/ann'],
    ['a user listens to his tenant', ANN, SUBSCRIBES, '/tenant/acme/a'],
    ['and to all of it', ANN, SUBSCRIBES, '/tenant/acme/*'],
    ['a user goes where the narrow route does not reach', ANN, SENDS, '/every/a'],
    ['who has the narrow role may take the wide way', { name: 'eve', roles: ['hr'] }, SUBSCRIBES, '/every/hr1'],
    ['and its wildcards', { name: 'eve', roles: ['hr'] }, SUBSCRIBES, '/every/*'],
  ])('%s', async (_, issued, does, destination) => {
    const { client } = await open(issued)
    does(client, destination)
    await client.getsReceipts('r')
  })

  test('errors: close: it ends the connection with a code of its own', async () => {
    const { client } = await open(ANN, [], 'close')
    SENDS(client, '/news/a')
    await client.isRefused('forbidden', 4403, { 'receipt-id': 'r' })
  })

  test('a SEND in a transaction is refused at once, and the others are published', async () => {
    const { client, stage } = await open(ANN)
    client.sends('BEGIN', { transaction: 't' })
    client.sends('SEND', { destination: '/tenant/acme/a', transaction: 't' }, 'mine')
    client.sends('SEND', { destination: '/tenant/zeta/a', transaction: 't', receipt: 'r' }, 'theirs')
    await client.getsError('forbidden', { 'receipt-id': 'r' })
    client.sends('COMMIT', { transaction: 't', receipt: 'c' })
    await client.getsReceipts('c')
    expect(stage.main.published).toEqual(['mine'])
  })

  test('the log may know which route it was', async () => {
    const { client, stage } = await open(ANN)
    const routes: unknown[] = []
    stage.house.observer.failed = (_, __, route) => routes.push(route)
    SUBSCRIBES(client, '/every/hr1')
    SUBSCRIBES(client, '/inbox/bob')
    await stage.settles()
    expect(routes).toEqual(['/hr/{name}', '/inbox/{user}'])
  })
})

describe('reply-to', () => {
  test('is a place that its sender may listen to', async () => {
    const { client, stage } = await open(ANN)
    SENDS(client, '/inbox/ann', { 'reply-to': '/inbox/ann' })
    await client.getsReceipts('r')
    expect(stage.main.publish.message.properties.replyTo).toBe('queue:inbox.ann')
  })

  test('or a temp-queue of his own', async () => {
    const { client } = await open(ANN)
    SENDS(client, '/inbox/ann', { 'reply-to': '/temp/mine' })
    await client.getsReceipts('r')
  })

  test.each(['/inbox/bob', '/tenant/zeta/a', '/every/hr1', '/nowhere'])('%s is neither', async (replyTo) => {
    const { client, stage } = await open(ANN)
    SENDS(client, '/inbox/ann', { 'reply-to': replyTo })
    const error = await client.getsError('forbidden', { 'receipt-id': 'r' })
    expect(error.body).toContain(replyTo)
    expect(stage.main.published).toEqual([])
  })
})

describe('origins of a route', () => {
  const PAGES = { destination: '/pages/{name}', broker: 'shop', queue: 'pages.{name}', origins: ['https://a.example'] }

  test.each([
    ['https://a.example', true],
    ['https://b.example', false],
    ['null', false],
    [undefined, true],
  ])('a page of %s: %s', async (origin, welcome) => {
    for (const does of [SENDS, SUBSCRIBES]) {
      const { client, stage } = await open(ANN, [PAGES])
      client.wire.handshake = { ...client.wire.handshake, origin }
      does(client, '/pages/a')
      if (welcome) await client.getsReceipts('r')
      else await client.getsError('forbidden', { 'receipt-id': 'r' })
      expect(stage.main.log.length > 0).toBe(welcome)
    }
  })

  test('says nothing about other routes', async () => {
    const { client } = await open(ANN, [PAGES])
    client.wire.handshake = { ...client.wire.handshake, origin: 'https://b.example' }
    SENDS(client, '/inbox/ann')
    await client.getsReceipts('r')
  })
})

describe('payload rules', () => {
  const RULES = {
    destination: '/rules/{name}',
    broker: 'shop',
    queue: 'rules.{name}',
    maxBytes: 8,
    contentTypes: ['application/json', 'text/*'],
  }

  const sends = async (body: string, contentType: string | undefined, headers: Record<string, string> = {}) => {
    const opened = await open(ANN, [RULES])
    const type = contentType === undefined ? {} : { 'content-type': contentType }
    opened.client.sends('SEND', { destination: '/rules/a', receipt: 'r', ...type, ...headers }, body)
    return opened
  }

  test.each([
    ['12345678', 'text/plain'],
    ['', 'application/json'],
    ['{}', 'application/json;charset=utf-8'],
    ['{}', 'Application/JSON ; charset=utf-8'],
    ['x', 'text/html'],
  ])('"%s" as %s may pass', async (body, type) => {
    const { client } = await sends(body, type)
    await client.getsReceipts('r')
  })

  test.each([
    ['123456789', 'text/plain', '8 bytes'],
    ['ÄÖÜäö', 'text/plain', '8 bytes'],
    ['x', 'image/png', 'application/json or text/*'],
    ['x', 'textual/plain', 'application/json'],
    ['x', 'text', 'application/json'],
    ['{}', 'application/json-patch', 'application/json'],
    ['x', 'image/png;text/plain', 'application/json'],
    ['x', '', 'application/json'],
    ['x', undefined, 'no content-type'],
  ])('"%s" as %s: ERROR that names the rule', async (body, type, rule) => {
    const { client, stage } = await sends(body, type)
    const error = await client.getsError('bad-payload', { 'receipt-id': 'r' })
    expect(error.body).toContain(rule)
    expect(error.body).toContain('/rules/a')
    expect(stage.main.published).toEqual([])
  })

  test('hold in a transaction as well', async () => {
    const { client } = await open(ANN, [RULES])
    client.sends('BEGIN', { transaction: 't' })
    client.sends('SEND', { destination: '/rules/a', transaction: 't', receipt: 'r' }, 'x')
    await client.getsError('bad-payload', { 'receipt-id': 'r' })
  })

  test('a client’s own text does not break the line it is told in', async () => {
    const { client } = await sends('x', 'a\nb\u001b[31m')
    const error = await client.getsError('bad-payload')
    expect(error.body.trimEnd()).not.toMatch(/[\n\u001b]/)
  })
})

describe('who sent it', () => {
  test.each(['stomp-user', 'Stomp-User', 'STOMP-USER', 'stomp-session', 'bridge-user'])(
    '%s is the bridge’s word, whatever the client writes',
    async (name) => {
      const { client, stage } = await open(ANN)
      const headers = ['destination', '/inbox/ann', 'receipt', 'r', name, 'root', name, 'admin']
      client.sends('SEND', headers, 'x')
      await client.getsReceipts('r')
      expect(stage.main.publish.message.headers).toEqual(['stomp-session', stage.session.id, 'stomp-user', 'ann'])
    },
  )

  test('nor can he who has no name take one, nor where the sender is not told', async () => {
    const OFF = { destination: '/off/{name}', broker: 'shop', queue: 'off.{name}', identity: 'off' }
    const { client, stage } = await open(undefined, [OFF])
    SENDS(client, '/off/a', { 'stomp-user': 'root', 'stomp-session': '1' })
    await client.getsReceipts('r')
    expect(stage.main.publish.message.headers).toEqual([])
  })

  test('in a transaction too; and after a token was renewed it is the same user', async () => {
    const { client, stage, desk } = await open(ANN)
    client.sends('BEGIN', { transaction: 't' })
    client.sends('SEND', { destination: '/inbox/ann', transaction: 't', 'stomp-user': 'root' }, 'x')
    client.sends('SEND', { destination: '/bridge/token', receipt: 'renewed' }, desk.issue({ name: 'ann' }))
    await client.getsReceipts('renewed')
    client.sends('COMMIT', { transaction: 't', receipt: 'c' })
    await client.getsReceipts('c')
    expect(stage.main.publish.headers).toMatchObject({ 'stomp-user': 'ann' })
  })

  test('CONNECTED says who one is, and control characters never get that far', async () => {
    const desk = new TokenDesk()
    const stage = openStage({ authenticator: desk })
    const client = stage.client('1.2')
    const connected = await client.connects(showing(desk.issue({ name: 'zoë:1' })))
    expect(connected.headers['user-name']).toBe('zoë:1')
    expect((await stage.client('1.2').connects(showing(desk.issue({})))).headers).not.toHaveProperty('user-name')
  })
})

describe('limits.unacked', () => {
  const listens = (client: Client, id: string, headers: Record<string, string> = {}) =>
    client.sends('SUBSCRIBE', { id, destination: '/keep/a', ack: 'client', receipt: id, ...headers })

  const opened = async () => {
    const stage = openStage({ limits: { unacked: 10 } })
    return { stage, client: await stage.connected() }
  }

  test('is shared by the subscriptions of a session: the first gets all, or what it asks for', async () => {
    const { stage, client } = await opened()
    listens(client, '1', { 'prefetch-count': '4' })
    listens(client, '2', { 'prefetch-count': '3' })
    listens(client, '3')
    await client.getsReceipts('1', '2', '3')
    expect(stage.main.subscriptions.map(({ options }) => options.credit)).toEqual([4, 3, 3])
    listens(client, '4')
    const error = await client.getsError('too-many-subscriptions', { 'receipt-id': '4', subscription: '4' })
    expect(error.body).toContain('prefetch-count')
  })

  test('what is unsubscribed keeps what is unacknowledged of it, and gives back the rest', async () => {
    const { stage, client } = await opened()
    listens(client, '1')
    await client.getsReceipts('1')
    for (const body of ['a', 'b', 'c']) stage.main.subscription().deliver(body)
    await client.getsMessages('a', 'b', 'c')
    client.sends('UNSUBSCRIBE', { id: '1' })
    listens(client, '2')
    await client.getsReceipts('2')
    expect(stage.main.subscription().options.credit).toBe(7)
  })

  test('one that has nothing unacknowledged gives back all', async () => {
    const { stage, client } = await opened()
    listens(client, '1')
    client.sends('UNSUBSCRIBE', { id: '1' })
    listens(client, '2')
    await client.getsReceipts('1', '2')
    expect(stage.main.subscription().options.credit).toBe(10)
  })

  test('does not concern ack:auto', async () => {
    const { stage, client } = await opened()
    listens(client, '1')
    listens(client, '2', { ack: 'auto' })
    await client.getsReceipts('1', '2')
    expect(stage.main.subscription().options.credit).toBe(200)
  })
})
