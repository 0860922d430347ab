/** What becomes of headers: which are STOMP's own, which a broker has words for, which are the user's, and which nobody can forge. */
import { describe, expect, test } from 'vitest'
import { passthrough } from './authenticators.ts'
import { openStage, type Stage, VERSIONS } from './stage.ts'

const PROPERTIES = {
  'content-type': 'text/plain',
  'content-encoding': 'gzip',
  'correlation-id': 'c',
  'amqp-message-id': 'm',
  type: 't',
  'app-id': 'a',
  'user-id': 'u',
  expiration: '60000',
  priority: '7',
  timestamp: '1700000000',
  persistent: 'true',
}

/** What the broker gets when a client sends these headers. */
async function published(stage: Stage, headers: Record<string, string> | readonly string[]) {
  const client = await stage.connected()
  const list = Array.isArray(headers) ? headers : Object.entries(headers).flat()
  client.sends('SEND', ['destination', '/queue/a', 'receipt', 'done', ...list], 'x')
  await client.getsReceipts('done')
  return stage.main.publish
}

/** What a client gets when the broker delivers these. */
async function delivered(stage: Stage, headers: readonly string[], properties = {}, destination = '/queue/a') {
  const client = await stage.connected()
  client.sends('SUBSCRIBE', { id: 's', destination, ack: 'client' })
  await stage.settles()
  stage.main.subscription().deliver('x', { headers, properties })
  return await client.gets('MESSAGE')
}

describe('of a SEND', () => {
  test('properties are given in the words of the broker', async () => {
    const { message } = await published(openStage(), PROPERTIES)
    expect(message.properties).toEqual({
      contentType: 'text/plain',
      contentEncoding: 'gzip',
      correlationId: 'c',
      messageId: 'm',
      type: 't',
      appId: 'a',
      userId: 'u',
      expirationMs: 60_000,
      priority: 7,
      timestampMs: 1_700_000_000_000,
      persistent: true,
      replyTo: undefined,
    })
    expect(message.headers).not.toContain('priority')
  })

  test.each([
    ['expiration', 'abc'],
    ['expiration', '-1'],
    ['expiration', '1.5'],
    ['expiration', ''],
    ['expiration', '9'.repeat(20)],
    ['priority', '256'],
    ['priority', 'high'],
    ['timestamp', 'now'],
    ['timestamp', '0x10'],
    ['persistent', 'yes'],
  ])('%s:%s is refused before the broker sees it', async (name, value) => {
    const stage = openStage()
    const client = await stage.connected()
    client.sends('SEND', { destination: '/queue/a', receipt: 'r', [name]: value }, 'x')
    const error = await client.isRefused('bad-message', 1008, { 'receipt-id': 'r' })
    expect(error.body).toContain(name)
    expect(stage.main.published).toEqual([])
  })

  test.each([
    ['expiration', '0', { expirationMs: 0 }],
    ['priority', '0', { priority: 0 }],
    ['priority', '255', { priority: 255 }],
    ['persistent', 'False', { persistent: false }],
  ])('%s:%s is the edge and is allowed', async (name, value, expected) => {
    const { message } = await published(openStage(), { [name]: value })
    expect(message.properties).toMatchObject(expected)
  })

  test('the first of repeated properties counts, and repeated user headers keep their order', async () => {
    const { message, headers } = await published(openStage(), ['priority', '1', 'priority', '2', 'k', '1', 'k', '2'])
    expect(message.properties.priority).toBe(1)
    expect(message.headers.slice(0, 4)).toEqual(['k', '1', 'k', '2'])
    expect(headers.k).toBe('1')
  })

  test.each(['id', 'client-id', 'Ack', 'x-delay'])("%s is the user's own", async (name) => {
    const { message } = await published(openStage(), [name, 'mine'])
    expect(message.headers.slice(0, 2)).toEqual([name, 'mine'])
  })

  test.each([
    'receipt',
    'transaction',
    'message-id',
    'subscription',
    'ack',
    'redelivered',
    'content-length',
    'login',
    'passcode',
    'Passcode',
    'Authorization',
    'durable',
    'auto-delete',
    'exclusive',
    'prefetch-count',
    'bridge-gap',
    'bridge-id',
    'Bridge-Resent',
    'stomp-user',
    'stomp-session',
    'STOMP-anything',
  ])('%s never reaches a receiver', async (name) => {
    const stage = openStage()
    const client = await stage.connected()
    if (name === 'transaction') client.sends('BEGIN', { transaction: 'forged' })
    client.sends('SEND', { destination: '/queue/a', [name]: 'forged' }, 'x')
    if (name === 'transaction') client.sends('COMMIT', { transaction: 'forged' })
    await stage.settles()
    expect(stage.main.publish.message.headers).not.toContain('forged')
  })

  test('names that objects have by birth are just names', async () => {
    const { message } = await published(openStage(), ['__proto__', 'a', 'constructor', 'b', 'hasOwnProperty', 'c'])
    expect(message.headers.slice(0, 6)).toEqual(['__proto__', 'a', 'constructor', 'b', 'hasOwnProperty', 'c'])
  })
})

describe('who sent it', () => {
  const LOGIN = { login: 'ann', passcode: 'secret' }

  test('anonymous: only the session', async () => {
    const stage = openStage()
    const { headers } = await published(stage, {})
    expect(headers).toEqual({ 'stomp-session': stage.session.id })
  })

  test('a user: name and session', async () => {
    const stage = openStage({ authenticator: passthrough })
    const client = await stage.connected('1.2', LOGIN)
    client.sends('SEND', { destination: '/queue/a', 'stomp-user': 'boss', receipt: 'r' }, 'x')
    await client.getsReceipts('r')
    expect(stage.main.publish.headers).toEqual({ 'stomp-session': stage.session.id, 'stomp-user': 'ann' })
    expect(stage.main.publish.message.headers).not.toContain('boss')
  })

  test('identity: off tells nothing', async () => {
    const { headers } = await published(openStage({ policies: { '/queue/{name+}': { identity: 'off' } } }), {})
    expect(headers).toEqual({})
  })

  const sent = ['stomp-user', 'ann', 'stomp-session', 'xyz']

  test('browsers do not see it', async () => {
    const { headers } = await delivered(openStage(), sent)
    expect(headers).not.toHaveProperty('stomp-user')
    expect(headers).not.toHaveProperty('stomp-session')
  })

  test('unless identity: public', async () => {
    const stage = openStage({ policies: { '/queue/{name+}': { identity: 'public' } } })
    expect((await delivered(stage, sent)).headers).toMatchObject({ 'stomp-user': 'ann', 'stomp-session': 'xyz' })
  })
})

describe('of a MESSAGE', () => {
  test('properties have the names they were sent with', async () => {
    const { message } = await published(openStage(), PROPERTIES)
    const { headers } = await delivered(openStage(), [], message.properties)
    expect(headers).toMatchObject(PROPERTIES)
  })

  test("a backend's headers come through, in order, with any text in them", async () => {
    const { raw } = await delivered(openStage(), ['b', '1', 'a', 'x:y\nz\\', 'b', '2', 'ü', '✓'])
    expect(raw.slice(-10)).toEqual(['b', '1', 'a', 'x:y\nz\\', 'b', '2', 'ü', '✓', 'content-length', '1'])
  })

  test.each([
    'destination',
    'message-id',
    'subscription',
    'ack',
    'redelivered',
    'receipt',
    'transaction',
    'content-length',
    'content-type',
    'persistent',
    'bridge-gap',
    'bridge-stale',
    'stomp-user',
  ])("a backend's header named %s is not taken for ours", async (name) => {
    const { raw } = await delivered(openStage(), [name, 'forged'])
    expect(raw).not.toContain('forged')
  })

  test('what tells of a message sent again is let through', async () => {
    const { headers } = await delivered(openStage(), ['bridge-id', 'b1', 'bridge-resent', 'true'])
    expect(headers).toMatchObject({ 'bridge-id': 'b1', 'bridge-resent': 'true' })
  })

  test('each header of the bridge stands there once', async () => {
    const { raw } = await delivered(openStage(), ['destination', '/queue/b', 'subscription', 'x'])
    for (const name of ['destination', 'subscription', 'message-id', 'ack', 'content-length']) {
      expect(raw.filter((each, index) => index % 2 === 0 && each === name)).toEqual([name])
    }
  })

  test('redelivered:true when the broker says so, and absent else', async () => {
    const stage = openStage()
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: 's', destination: '/queue/a' })
    await stage.settles()
    stage.main.subscription().deliver('1')
    stage.main.subscription().deliver('2', { redelivered: true })
    expect((await client.gets('MESSAGE', {}, '1')).headers).not.toHaveProperty('redelivered')
    await client.gets('MESSAGE', { redelivered: 'true' }, '2')
  })
})

describe('the destination of a MESSAGE', () => {
  test.each(['/topic/a.b', '/topic/a/b', '/queue/x%2Fy'])('%s is what the subscriber wrote', async (destination) => {
    expect((await delivered(openStage(), [], {}, destination)).headers.destination).toBe(destination)
  })

  test('of a wildcard it is the concrete one', async () => {
    const stage = openStage()
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: 's', destination: '/topic/room/*' })
    await stage.settles()
    stage.main.subscription().deliver('1', { target: 'topic:room/7' })
    await client.gets('MESSAGE', { destination: '/topic/room/7', subscription: 's' }, '1')
  })
})

describe.each(VERSIONS)('STOMP %s', (version) => {
  test('a header cannot break out of its line', async () => {
    const stage = openStage()
    const client = await stage.connected(version)
    client.sends('SUBSCRIBE', { id: 's', destination: '/queue/a' })
    await stage.settles()
    stage.main.subscription().deliver('x', { headers: ['k', 'v\ndestination:/queue/evil\n\nevil\0'] })
    const { headers, body } = await client.gets('MESSAGE', { destination: '/queue/a' })
    expect(body).toBe('x')
    expect(headers.k).toBe(
      version === '1.0' ? 'v destination:/queue/evil  evil\0' : 'v\ndestination:/queue/evil\n\nevil\0',
    )
  })

  test('only 1.2 has an ack header, and only where ACK is due', async () => {
    const stage = openStage()
    const client = await stage.connected(version)
    client.sends('SUBSCRIBE', { id: 'a', destination: '/queue/a', ack: 'client' })
    client.sends('SUBSCRIBE', { id: 'b', destination: '/queue/b', ack: 'auto' })
    await stage.settles()
    stage.main.subscription(0).deliver('1')
    stage.main.subscription(1).deliver('2')
    const due = await client.gets('MESSAGE', { subscription: 'a' })
    expect(due.headers.ack).toBe(version === '1.2' ? due.headers['message-id'] : undefined)
    expect((await client.gets('MESSAGE', { subscription: 'b' })).headers).not.toHaveProperty('ack')
  })
})
