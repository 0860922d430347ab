/** Destinations of users on one bridge: who gets what is sent to whom, whatever names they have; and what operators see and send. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { bodies, Client } from '../faults/driver.ts'
import { bearer, jwt } from '../faults/login.ts'
import { startTestBridge, type TestBridge } from '../support/bridge.ts'

const TOKEN = 'operators-only-0123456789'

interface Options {
  /** Of `user:`, beside the broker. */
  readonly user?: string
  readonly rest?: string
}

async function bridgeOf({ user = 'permit: { send: authenticated }, errors: keep', rest = '' }: Options = {}) {
  const bridge = await startTestBridge(`
brokers: { local: { adapter: memory } }
routes:
  - { destination: "/topic/{name+}", broker: local, topic: "{name+}", errors: keep }
auth: { chain: [${jwt()}, { authenticator: anonymous }] }
user: { broker: local, ${user} }
ops: { token: "${TOKEN}" }
${rest}`)
  onTestFinished(() => bridge[Symbol.asyncDispose]())
  return bridge
}

/** @param name undefined: anonymous */
async function client(bridge: TestBridge, name?: string, roles: readonly string[] = []): Promise<Client> {
  const headers = name === undefined ? {} : await bearer(name, { roles })
  const made = await Client.connect(bridge.url, headers)
  onTestFinished(() => made[Symbol.asyncDispose]())
  return made
}

/** … that has subscribed to /user/queue/x. */
async function listener(bridge: TestBridge, name?: string): Promise<Client> {
  const made = await client(bridge, name)
  await made.do('SUBSCRIBE', { id: 'own', destination: '/user/queue/x' })
  return made
}

function sessionOf({ connected }: Client): string {
  return connected!.headers.session!
}

/** As somebody writes it in a destination. */
function written(name: string): string {
  return name.replaceAll('%', '%25').replaceAll('/', '%2F')
}

async function codeOf(asked: Promise<{ headers: Readonly<Record<string, string>> }>): Promise<string | undefined> {
  return (await asked).headers['bridge-code']
}

/** What comes before this has come. */
async function settle(...clients: Client[]): Promise<void> {
  for (const each of clients) await each.do('UNSUBSCRIBE', { id: 'own' })
}

describe('a message to a user', () => {
  test('comes to all of his sessions that have subscribed so, once each, and to nobody else', async () => {
    const bridge = await bridgeOf()
    const [one, two, other, deaf] = [
      await listener(bridge, 'ann'),
      await listener(bridge, 'ann'),
      await listener(bridge, 'bob'),
      await client(bridge, 'ann'),
    ]
    await deaf.do('SUBSCRIBE', { id: 'own', destination: '/user/queue/y' })
    await other.do('SEND', { destination: '/user/ann/queue/x', 'content-type': 'text/plain' }, 'hello')
    for (const each of [one, two]) {
      const { headers, body } = await each.message()
      expect({ ...headers }).toEqual({
        subscription: 'own',
        destination: '/user/queue/x',
        'message-id': expect.any(String),
        'content-type': 'text/plain',
        'content-length': '5',
      })
      expect(body.toString()).toBe('hello')
    }
    await settle(one, two, other, deaf)
    expect([one, two, other, deaf].map(({ messages }) => messages.length)).toEqual([1, 1, 0, 0])
  })

  test('says who has sent it where `identity` is public', async () => {
    const bridge = await bridgeOf({ user: 'permit: { send: authenticated }, identity: public' })
    const [ann, bob] = [await listener(bridge, 'ann'), await client(bridge, 'bob')]
    await bob.do('SEND', { destination: '/user/ann/queue/x', 'stomp-user': 'admin' }, 'hello')
    expect((await ann.message()).headers).toMatchObject({ 'stomp-user': 'bob', 'stomp-session': sessionOf(bob) })
  })

  test.each([
    ['a wildcard', '*'],
    ['many words', '#'],
    ['dots', 'a.b'],
    ['a dot and a wildcard', 'ann.#'],
    ['a slash', 'tenant/ann'],
    ['an escaped slash', 'a%2Fb'],
    ['percent signs', '100%'],
    ['an encoded dot', 'a%2Eb'],
    ['an address', 'ann@example.com'],
    ['other letters', 'Ännchen 安'],
    ['a word of ours', '__proto__'],
    ['what looks like a destination', 'queue'],
  ])('a name with %s means itself', async (_, name) => {
    const bridge = await bridgeOf()
    const listeners = new Map<string, Client>()
    for (const each of [name, 'ann', 'a', 'a/b', 'a.b', 'b']) {
      if (!listeners.has(each)) listeners.set(each, await listener(bridge, each))
    }
    const sender = await client(bridge, 'sender')
    await sender.do('SEND', { destination: `/user/${written(name)}/queue/x` }, 'for you')
    const own = listeners.get(name)!
    expect(await own.message()).toMatchObject({ headers: { destination: '/user/queue/x' } })
    await settle(...listeners.values())
    expect([...listeners].filter(([, { messages }]) => messages.length > 0).map(([each]) => each)).toEqual([name])
    expect(own.messages).toHaveLength(1)
  })

  test.each(['*', '#', 'queue/*', 'queue/#', 'queue.x', 'queue/x/y'])(
    'no pattern: /user/%s hears only itself',
    async (path) => {
      const bridge = await bridgeOf()
      const ann = await client(bridge, 'ann')
      await ann.do('SUBSCRIBE', { id: 'own', destination: `/user/${path}` })
      for (const each of ['queue/x', 'x', path]) await ann.do('SEND', { destination: `/user/ann/${each}` }, each)
      expect((await ann.message()).body.toString()).toBe(path)
      await settle(ann)
      expect(ann.messages).toHaveLength(1)
    },
  )

  test('no wildcard of a topic reaches it', async () => {
    const bridge = await bridgeOf()
    const [spy, ann] = [await client(bridge, 'spy'), await listener(bridge, 'ann')]
    for (const [id, name] of ['#', '*.*.*.*', 'user.#', 'user.ann.queue.x', 'stomp-bridge.#'].entries()) {
      await spy.do('SUBSCRIBE', { id: String(id), destination: `/topic/${name}` })
    }
    await spy.do('SEND', { destination: '/user/ann/queue/x' }, 'secret')
    await ann.message()
    await spy.do('SEND', { destination: '/topic/user.ann.queue.x' }, 'open')
    await spy.message()
    await settle(ann)
    expect(bodies(ann.messages)).toEqual(['secret'])
    expect(new Set(bodies(spy.messages))).toEqual(new Set(['open']))
  })

  test('a name that is too long for a broker is refused, and nothing else', async () => {
    const bridge = await bridgeOf()
    const ann = await client(bridge, 'n'.repeat(250))
    expect(await codeOf(ann.ask('SUBSCRIBE', { id: 'own', destination: '/user/queue/x' }))).toBe('bad-destination')
    expect(await codeOf(ann.ask('SEND', { destination: `/user/${'n'.repeat(300)}/queue/x` }, 'x'))).toBe(
      'bad-destination',
    )
    await ann.do('SUBSCRIBE', { id: 't', destination: '/topic/a' })
  })
})

describe('who may', () => {
  test('nobody may SEND to users unless it says so; everybody listens to himself', async () => {
    const bridge = await bridgeOf({ user: 'errors: keep' })
    const ann = await listener(bridge, 'ann')
    expect(await codeOf(ann.ask('SEND', { destination: '/user/ann/queue/x' }, 'x'))).toBe('forbidden')
  })

  test('a role may', async () => {
    const bridge = await bridgeOf({ user: 'permit: { send: [role:support, user:boss] }, errors: keep' })
    const ann = await listener(bridge, 'ann')
    const [support, boss, other] = [
      await client(bridge, 'sue', ['support']),
      await client(bridge, 'boss'),
      await client(bridge, 'eve', ['sales']),
    ]
    for (const each of [support, boss]) await each.do('SEND', { destination: '/user/ann/queue/x' }, 'x')
    await ann.message(2)
    for (const each of [other, ann]) {
      expect(await codeOf(each.ask('SEND', { destination: '/user/ann/queue/x' }, 'x'))).toBe('forbidden')
    }
  })

  test('nobody subscribes to somebody else: what looks like it is a path of his own', async () => {
    const bridge = await bridgeOf()
    const [eve, bob] = [await client(bridge, 'eve'), await client(bridge, 'bob')]
    await eve.do('SUBSCRIBE', { id: 'own', destination: '/user/ann/queue/x' })
    await bob.do('SEND', { destination: '/user/ann/queue/x' }, 'for ann')
    await bob.do('SEND', { destination: '/user/eve/ann/queue/x' }, 'for eve')
    expect((await eve.message()).body.toString()).toBe('for eve')
  })

  test('without `user.broker` all of /user is closed', async () => {
    const bridge = await startTestBridge(
      'brokers: { local: { adapter: memory } }\nroutes: [{ preset: memory, broker: local, errors: keep }]',
    )
    onTestFinished(() => bridge[Symbol.asyncDispose]())
    for (const [command, destination] of [
      ['SUBSCRIBE', '/user/queue/x'],
      ['SEND', '/user/ann/queue/x'],
    ] as const) {
      const each = await client(bridge)
      expect(await codeOf(each.ask(command, { id: '1', destination }))).toBe('forbidden')
    }
  })

  test.each(['/user', '/user/', '/user//queue/x', '/user/queue//x', '/user/ann'])(
    'SEND to %s is refused',
    async (destination) => {
      const bridge = await bridgeOf()
      const ann = await client(bridge, 'ann')
      expect(await codeOf(ann.ask('SEND', { destination }, 'x'))).toMatch(/^(bad-destination|forbidden)$/)
    },
  )

  test('ack:client, durable and a selector have no meaning there', async () => {
    const bridge = await bridgeOf()
    const ann = await Client.connect(bridge.url, { ...(await bearer('ann')), 'client-id': 'c' })
    onTestFinished(() => ann[Symbol.asyncDispose]())
    for (const headers of [{ ack: 'client' }, { durable: 'true' }, { selector: 'a = 1' }, { 'x-queue-name': 'q' }]) {
      const asked = ann.ask('SUBSCRIBE', { id: 'own', destination: '/user/queue/x', ...headers } as Record<
        string,
        string
      >)
      expect([headers, await codeOf(asked)]).toEqual([headers, 'unsupported'])
    }
  })
})

describe('a session', () => {
  test('without a name is its own user', async () => {
    const bridge = await bridgeOf()
    const [one, two, bob] = [await listener(bridge), await listener(bridge), await client(bridge, 'bob')]
    await bob.do('SEND', { destination: `/user/${sessionOf(one)}/queue/x` }, 'for one')
    expect((await one.message()).headers.destination).toBe('/user/queue/x')
    await settle(one, two)
    expect(two.messages).toEqual([])
  })

  test('sends to itself alone by its id, permitted or not', async () => {
    const bridge = await bridgeOf({ user: 'absent: error, errors: keep' })
    const [one, two] = [await listener(bridge, 'ann'), await listener(bridge, 'ann')]
    await one.do('SEND', { destination: `/user/${sessionOf(one)}/queue/x` }, 'to myself')
    const { headers, body } = await one.message()
    expect([headers.destination, headers.subscription, body.toString()]).toEqual(['/user/queue/x', 'own', 'to myself'])
    const elsewhere = { destination: `/user/${sessionOf(one)}/queue/y` }
    expect(await codeOf(one.ask('SEND', elsewhere, 'x'))).toBe('user-absent')
    const foreign = { destination: `/user/${sessionOf(two)}/queue/x` }
    expect(await codeOf(one.ask('SEND', foreign, 'x'))).toBe('forbidden')
    await settle(one, two)
    expect([one, two].map(({ messages }) => messages.length)).toEqual([1, 0])
    expect(await codeOf(one.ask('SEND', { ...foreign, destination: `/abcd/${sessionOf(one)}/x` }, 'x'))).toBe(
      'no-route',
    )
  })
})

describe('nobody is there', () => {
  test('ignore: the SEND is done', async () => {
    const bridge = await bridgeOf()
    const ann = await client(bridge, 'ann')
    await ann.do('SEND', { destination: '/user/nobody/queue/x' }, 'x')
  })

  test('error: for a user without a session, and for one who has not subscribed so, or no longer', async () => {
    const bridge = await bridgeOf({ user: 'permit: { send: authenticated }, absent: error, errors: keep' })
    const [ann, bob] = [await listener(bridge, 'ann'), await client(bridge, 'bob')]
    const send = (destination: string) => codeOf(bob.ask('SEND', { destination }, 'x'))
    expect(await send('/user/nobody/queue/x')).toBe('user-absent')
    expect(await send('/user/ann/queue/y')).toBe('user-absent')
    expect(await send('/user/ann/queue/x')).toBeUndefined()
    await settle(ann)
    expect(await send('/user/ann/queue/x')).toBe('user-absent')
  })

  test('error: a transaction says so, too', async () => {
    const bridge = await bridgeOf({ user: 'permit: { send: authenticated }, absent: error' })
    const bob = await client(bridge, 'bob')
    await bob.do('BEGIN', { transaction: 't' })
    bob.send('SEND', { transaction: 't', destination: '/user/nobody/queue/x' }, 'x')
    const answer = await bob.ask('COMMIT', { transaction: 't' })
    expect(answer.headers['bridge-code']).toBe('transaction-failed')
    expect(answer.body.toString()).toContain('/user/queue/x')
  })
})

describe('operators', () => {
  const post = (bridge: TestBridge, body: unknown, token = TOKEN): Promise<Response> =>
    fetch(`${bridge.ops}/api/messages`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    })

  test('send to a user, and to any route', async () => {
    const bridge = await bridgeOf({ user: 'absent: error' })
    const ann = await listener(bridge, 'ann')
    await ann.do('SUBSCRIBE', { id: 't', destination: '/topic/news' })
    const headers = { 'content-type': 'application/json', 'x-kind': 'note', 'stomp-user': 'forged' }
    const sent = await post(bridge, { destination: '/user/ann/queue/x', headers, body: '{"a":1}' })
    expect([sent.status, await sent.json()]).toEqual([200, { confirmed: true }])
    expect(await ann.message()).toMatchObject({
      headers: { destination: '/user/queue/x', 'content-type': 'application/json', 'x-kind': 'note' },
    })
    expect((await post(bridge, { destination: '/topic/news', base64: 'AP8=' })).status).toBe(200)
    expect((await ann.message(2)).body).toEqual(Buffer.from([0, 255]))
  })

  test.each([
    [404, 'user-absent', { destination: '/user/bob/queue/x' }],
    [404, 'no-route', { destination: '/nowhere' }],
    [404, 'no-route', { destination: '/bridge/token' }],
    [404, 'no-route', { destination: '/topic/bridge.sessions' }],
    [400, 'bad-destination', { destination: '/user/bob' }],
    [400, 'bad-message', { destination: '/topic/a', headers: { expiration: 'abc' } }],
    [400, 'bad-body', { destination: '/topic/a', body: 1 }],
    [400, 'bad-body', { destination: '/topic/a', base64: '***' }],
    [400, 'bad-body', { destination: '/topic/a', to: 'ann' }],
    [400, 'bad-body', { body: 'x' }],
  ])('%i %s', async (status, error, body) => {
    const bridge = await bridgeOf({ user: 'absent: error', rest: 'events: { broker: local }' })
    const answer = await post(bridge, body)
    expect([answer.status, await answer.json()]).toEqual([status, { error, message: expect.any(String) }])
  })

  test('need the token', async () => {
    const bridge = await bridgeOf()
    expect((await post(bridge, { destination: '/topic/a' }, 'another-token-0123456789')).status).toBe(401)
  })

  test('see who is on this bridge', async () => {
    const bridge = await bridgeOf()
    const [ann, again] = [await client(bridge, 'ann'), await client(bridge, 'ann')]
    for (const name of ['bob', undefined]) await client(bridge, name)
    const answer = await fetch(`${bridge.ops}/api/users`)
    expect(await answer.json()).toMatchObject({
      total: 2,
      items: [
        { name: 'ann', sessions: 2, ids: [sessionOf(ann), sessionOf(again)] },
        { name: 'bob', sessions: 1 },
      ],
    })
    const most = await fetch(`${bridge.ops}/api/users?sort=sessions&limit=1`)
    expect(await most.json()).toMatchObject({ total: 2, items: [{ name: 'ann' }] })
    expect(await (await fetch(`${bridge.ops}/api/users?user=bob`)).json()).toMatchObject({ total: 1 })
  })
})
