/** Frame traces: what one client says and hears, byte for byte what went over the wire, and nothing that logs him in. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { FrameTraces } from '../../src/bridge/traces.ts'
import { readOrder, Trace } from '../../src/ops/trace.ts'
import { Client } from '../faults/driver.ts'
import { startTestBridge, type TestBridge } from '../support/bridge.ts'
import { FakeClock } from '../support/clock.ts'
import { until } from '../support/until.ts'

const TOKEN = 'operators-only-0123456789'
const AUTHORIZED = { Authorization: `Bearer ${TOKEN}` }

interface Line {
  readonly at: string
  readonly connection: string
  readonly direction: 'in' | 'out'
  readonly command: string
  readonly headers: readonly (readonly [string, string])[]
  readonly bodyBytes: number
  readonly body?: string
  readonly bodyBase64?: string
}

async function bridgeOf(more = ''): Promise<TestBridge> {
  const bridge = await startTestBridge(`
brokers: { local: { adapter: memory } }
routes: [{ preset: memory, broker: local }]
ops: { token: "${TOKEN}" }
${more}`)
  onTestFinished(() => bridge[Symbol.asyncDispose]())
  return bridge
}

async function client(bridge: TestBridge, version: '1.0' | '1.1' | '1.2' = '1.2', upgrade = {}): Promise<Client> {
  const made = await Client.connect(bridge.url, { passcode: 'hunter2' }, version, upgrade)
  onTestFinished(() => made[Symbol.asyncDispose]())
  return made
}

async function started(bridge: TestBridge, order: object): Promise<string> {
  const headers = { ...AUTHORIZED, 'Content-Type': 'application/json' }
  const init = { method: 'POST', headers, body: JSON.stringify(order) }
  const response = await fetch(`${bridge.ops}/api/traces`, init)
  expect(response.status).toBe(201)
  return ((await response.json()) as { id: string }).id
}

async function seen(bridge: TestBridge, id: string): Promise<Line[]> {
  const response = await fetch(`${bridge.ops}/api/traces/${id}`, { headers: AUTHORIZED })
  expect(response.headers.get('content-type')).toMatch(/ndjson/)
  return linesOf(await response.text())
}

function linesOf(text: string): Line[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

/** `→ SEND /topic/a`, `← RECEIPT ask-1`: what a person would look for. */
function brief({ direction, command, headers }: Line): string {
  const named = headers.find(([name]) => name === 'destination' || name === 'receipt-id')
  return [direction === 'in' ? '→' : '←', command, ...(named === undefined ? [] : [named[1]])].join(' ')
}

describe('a trace shows what goes over the wire', () => {
  test('of an address: from CONNECT on, both ways, own and shared subscriptions', async () => {
    const bridge = await bridgeOf()
    const neighbour = await client(bridge)
    await neighbour.do('SUBSCRIBE', { id: 'n', destination: '/topic/a' })
    const id = await started(bridge, { remote: '127.0.0.1', bodies: true })
    const ann = await client(bridge)
    await ann.do('SUBSCRIBE', { id: 'shared', destination: '/topic/a' })
    await ann.do('SUBSCRIBE', { id: 'own', destination: '/queue/a', ack: 'client' })
    for (const body of ['one', 'two', 'three']) ann.send('SEND', { destination: '/topic/a' }, body)
    await ann.do('SEND', { destination: '/queue/a' }, 'four')
    await ann.message(4)
    const { session } = ann.connected!.headers
    const lines = await seen(bridge, id)
    const own = lines.filter(
      ({ connection }) => connection === lines.find(({ command }) => command === 'CONNECT')!.connection,
    )
    expect(own.slice(0, 2).map(brief)).toEqual(['→ CONNECT', '← CONNECTED'])
    expect(own[1]!.headers).toContainEqual(['session', session])
    const messages = own.filter(({ command }) => command === 'MESSAGE')
    const shown = messages.map(({ headers, body }) => ({ headers: Object.fromEntries(headers), body }))
    // The very same, in the same order.
    expect(shown).toEqual(ann.messages.map(({ headers, body }) => ({ headers: { ...headers }, body: body.toString() })))
    expect(own.map(brief)).toContain('← RECEIPT ask-3')
    expect(own.map(brief)).toContain('→ SEND /queue/a')
    // The neighbour has the same address, and was there before.
    expect(lines.filter((line) => !own.includes(line) && line.command === 'MESSAGE')).toHaveLength(3)
  })

  test.each(['1.0', '1.1', '1.2'] as const)('of a connection in %s, escapes and octets included', async (version) => {
    const bridge = await bridgeOf()
    const ann = await client(bridge, version)
    await ann.do('SUBSCRIBE', { id: 's', destination: '/topic/a' })
    const { items } = (await (await fetch(`${bridge.ops}/api/connections`)).json()) as { items: { id: string }[] }
    const id = await started(bridge, { connection: items[0]!.id, bodies: true })
    const value = version === '1.0' ? 'plain' : 'a:b\\c\nd'
    await ann.do('SEND', { destination: '/topic/a', odd: value }, Buffer.from([0xff, 0x00, 0x01]))
    await ann.message()
    const [sent, ...rest] = await seen(bridge, id)
    expect(sent).toMatchObject({ direction: 'in', command: 'SEND', bodyBytes: 3, bodyBase64: '/wAB' })
    expect(sent!.headers).toContainEqual(['odd', value])
    const message = rest.find(({ command }) => command === 'MESSAGE')!
    expect(message).toMatchObject({ direction: 'out', bodyBase64: '/wAB', connection: items[0]!.id })
    expect(message.headers).toContainEqual(['odd', value])
  })

  test('through permessage-deflate, too', async () => {
    const bridge = await bridgeOf('listen: { websocket: { compression: true } }')
    const ann = await client(bridge)
    await ann.do('SUBSCRIBE', { id: 's', destination: '/topic/a' })
    const id = await started(bridge, { remote: '::ffff:127.0.0.1', bodies: true })
    const body = 'x'.repeat(5_000)
    await ann.do('SEND', { destination: '/topic/a' }, body)
    await ann.message()
    expect(await seen(bridge, id)).toContainEqual(expect.objectContaining({ command: 'MESSAGE', body }))
  })

  test('of a large message to one subscriber, which is written in two pieces', async () => {
    const bridge = await bridgeOf()
    const ann = await client(bridge)
    await ann.do('SUBSCRIBE', { id: 's', destination: '/topic/a' })
    const id = await started(bridge, { remote: '127.0.0.1' })
    for (const size of [100, 5_000, 100_000]) await ann.do('SEND', { destination: '/topic/a' }, Buffer.alloc(size, 'x'))
    await ann.message(3)
    const messages = (await seen(bridge, id)).filter(({ command }) => command === 'MESSAGE')
    expect(messages.map(({ bodyBytes }) => bodyBytes)).toEqual([100, 5_000, 100_000])
  })

  test('of a refused frame, and the end of the session', async () => {
    const bridge = await bridgeOf()
    const ann = await client(bridge)
    const id = await started(bridge, { remote: '127.0.0.1', bodies: true })
    ann.send('SEND', { destination: '/nowhere' }, 'x')
    await ann.gone()
    const lines = await seen(bridge, id)
    expect(lines.map(({ command }) => command)).toEqual(['SEND', 'ERROR'])
    expect(lines[1]!.headers).toContainEqual(['bridge-code', 'no-route'])
  })
})

describe('of a user', () => {
  const USERS = `
auth:
  chain:
    - authenticator: users
      users: { ann: { password: "PASSWORD" }, bob: { password: "PASSWORD" } }
`

  test('sessions that are open and those to come, from CONNECTED on', async () => {
    const { hashOf } = await import('../../src/auth/users/phc.ts')
    const bridge = await bridgeOf(USERS.replaceAll('PASSWORD', await hashOf('hunter2')))
    const connect = async (login: string) => {
      const made = await Client.connect(bridge.url, { login, passcode: 'hunter2' })
      onTestFinished(() => made[Symbol.asyncDispose]())
      return made
    }
    const [first, bob] = [await connect('ann'), await connect('bob')]
    const id = await started(bridge, { user: 'ann' })
    const second = await connect('ann')
    for (const each of [first, bob, second]) await each.do('SEND', { destination: '/topic/a' }, 'x')
    const lines = await seen(bridge, id)
    expect(lines.map(brief)).toEqual([
      '← CONNECTED',
      '→ SEND /topic/a',
      '← RECEIPT ask-1',
      '→ SEND /topic/a',
      '← RECEIPT ask-1',
    ])
    expect(new Set(lines.map(({ connection }) => connection)).size).toBe(2)
  })
})

describe('secrets', () => {
  test.each([
    ['destination', ' /bridge/token'],
    ['destination ', '/bridge/token'],
    ['Destination', '/bridge/token'],
    ['destination', 'bridge/token'],
    ['destination', '//Bridge%2Ftoken'],
    ['destination', '\\/bridge/token'],
  ])('a token is none less because its client has written %j: %j', (name, value) => {
    const trace = new Trace(readOrder({ remote: '127.0.0.1', bodies: true }), 0)
    const headers = ['destination', '/topic/a', name, value]
    trace.frame('1', 'in', { command: 'SEND', headers, body: Buffer.from('opaque-and-secret') }, 0)
    trace.frame('1', 'in', { command: 'SEND', headers: ['destination', '/topic/a'], body: Buffer.from('shown') }, 0)
    expect(trace.lines().map((line) => (JSON.parse(line) as Line).body)).toEqual(['***', 'shown'])
  })

  test('of CONNECT only what is harmless is shown, elsewhere nothing that looks like one', async () => {
    const bridge = await bridgeOf()
    const id = await started(bridge, { remote: '127.0.0.1', bodies: true })
    const secret = 'hunter2-'
    const ann = await Client.connect(bridge.url, {
      login: 'ann',
      passcode: `${secret}1`,
      Authorization: `Bearer ${secret}2`,
      'my-own-key': `${secret}3`,
    })
    onTestFinished(() => ann[Symbol.asyncDispose]())
    const hidden = { authorization: `${secret}4`, 'X-Api-Key': `${secret}5`, cookie: `${secret}6`, jwt: `${secret}7` }
    await ann.do(
      'SEND',
      { destination: '/topic/a', ...hidden, link: `amqp://u:${secret}8@h/` },
      `wss://u:${secret}9@h/`,
    )
    ann.send('SEND', { destination: '/bridge/token' }, `${secret}10`)
    await ann.gone()
    const lines = await seen(bridge, id)
    expect(JSON.stringify(lines)).not.toContain(secret)
    expect(lines[0]!.headers).toEqual(
      expect.arrayContaining([
        ['login', 'ann'],
        ['passcode', '***'],
        ['Authorization', '***'],
        ['my-own-key', '***'],
      ]),
    )
    expect(lines.find(({ command, bodyBytes }) => command === 'SEND' && bodyBytes === secret.length + 2)!.body).toBe(
      '***',
    )
    expect(bridge.log()).not.toContain(secret)
  })

  test('bodies are not shown unless that was asked for', async () => {
    const bridge = await bridgeOf()
    const ann = await client(bridge)
    const id = await started(bridge, { remote: '127.0.0.1' })
    await ann.do('SEND', { destination: '/topic/a' }, 'private')
    const [sent] = await seen(bridge, id)
    expect(sent).toMatchObject({ command: 'SEND', bodyBytes: 7 })
    expect(Object.keys(sent!)).toEqual(['at', 'connection', 'direction', 'command', 'headers', 'bodyBytes'])
  })
})

describe('its bounds', () => {
  test('the oldest lines make room', async () => {
    const bridge = await bridgeOf()
    const ann = await client(bridge)
    const id = await started(bridge, { remote: '127.0.0.1', maxFrames: 4 })
    for (let index = 0; index < 20; index++) await ann.do('SEND', { destination: `/topic/${index}` })
    expect((await seen(bridge, id)).map(brief)).toEqual([
      '→ SEND /topic/18',
      '← RECEIPT ask-19',
      '→ SEND /topic/19',
      '← RECEIPT ask-20',
    ])
    const { items } = (await (await fetch(`${bridge.ops}/api/traces`, { headers: AUTHORIZED })).json()) as {
      items: object[]
    }
    expect(items).toMatchObject([{ id, state: 'running', connections: 1, frames: 40, framesDropped: 36 }])
  })

  test('bytes count as well, whatever comes', () => {
    const trace = new Trace(readOrder({ user: 'ann', bodies: true, maxBytes: 65_536, maxFrames: 10_000 }), 0)
    const body = Buffer.alloc(100_000, '\u0001')
    for (let index = 0; index < 1_000; index++) {
      trace.frame('w-1', 'out', { command: 'MESSAGE', headers: ['n', String(index)], body }, index)
    }
    expect(trace.lines().join('\n').length).toBeLessThan(200_000)
    expect(trace.lines().at(-1)).toContain('["n","999"]')
  })

  test('five at one time; when its time is over nobody is looked at any more', async () => {
    const clock = new FakeClock()
    const notes: string[] = []
    await using traces = new FrameTraces(clock, {
      info: (_: unknown, text?: string) => void notes.push(text ?? ''),
    } as never)
    const order = readOrder({ user: 'ann', minutes: 1 })
    const made = Array.from({ length: 5 }, () => traces.start(order, '127.0.0.1'))
    expect(() => traces.start(order, '127.0.0.1')).toThrow(expect.objectContaining({ code: 'too-many-traces' }))
    clock.advance(60_000)
    expect(made.map(({ isRunning }) => isRunning)).toEqual(Array(5).fill(false))
    expect(traces.all()).toHaveLength(5)
    traces.start(order, '127.0.0.1')
    clock.advance(60_000)
    expect(traces.all()).toHaveLength(5)
    clock.advance(60 * 60_000)
    expect(traces.all()).toEqual([])
    expect(notes.filter((note) => note === 'frame trace began')).toHaveLength(6)
    expect(notes.filter((note) => note === 'frame trace ended')).toHaveLength(6)
  })

  test('a hundred sessions; what comes later is only counted', async () => {
    const bridge = await bridgeOf()
    const id = await started(bridge, { remote: '127.0.0.1' })
    await Promise.all(Array.from({ length: 103 }, () => client(bridge)))
    const { items } = (await (await fetch(`${bridge.ops}/api/traces`, { headers: AUTHORIZED })).json()) as {
      items: object[]
    }
    expect(items).toMatchObject([{ id, connections: 100, connectionsLeftOut: 3 }])
  })

  test('removed, it looks no more, and both are in the log with who asked', async () => {
    const bridge = await bridgeOf()
    const ann = await client(bridge)
    const id = await started(bridge, { remote: '127.0.0.1' })
    await ann.do('SEND', { destination: '/topic/a' })
    const init = { method: 'DELETE', headers: AUTHORIZED }
    expect((await fetch(`${bridge.ops}/api/traces/${id}`, init)).status).toBe(200)
    expect((await fetch(`${bridge.ops}/api/traces/${id}`, init)).status).toBe(404)
    await ann.do('SEND', { destination: '/topic/a' })
    const records = bridge.log().split('\n')
    expect(records.find((record) => record.includes('frame trace began'))).toMatch(/"remote":"127\.0\.0\.1".*"by":"127/)
    expect(records.find((record) => record.includes('frame trace ended'))).toContain('ended by 127.0.0.1')
  })

  test('a connection that is not there cannot be traced', async () => {
    const bridge = await bridgeOf()
    const headers = { ...AUTHORIZED, 'Content-Type': 'application/json' }
    const init = { method: 'POST', headers, body: '{"connection":"abcdef-7"}' }
    expect((await fetch(`${bridge.ops}/api/traces`, init)).status).toBe(404)
  })
})

describe('followed', () => {
  test('what is there, then what comes, then the end', async () => {
    const bridge = await bridgeOf()
    const ann = await client(bridge)
    const id = await started(bridge, { remote: '127.0.0.1' })
    await ann.do('SEND', { destination: '/topic/before' })
    const response = await fetch(`${bridge.ops}/api/traces/${id}?follow`, { headers: AUTHORIZED })
    let text = ''
    const read = (async () => {
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) text += chunk
    })()
    await until('what was there', () => text.split('\n').length > 2)
    await ann.do('SEND', { destination: '/topic/after' })
    await until('what has come', () => text.split('\n').length > 4)
    await fetch(`${bridge.ops}/api/traces/${id}`, { method: 'DELETE', headers: AUTHORIZED })
    await read
    expect(linesOf(text).map(brief)).toEqual([
      '→ SEND /topic/before',
      '← RECEIPT ask-1',
      '→ SEND /topic/after',
      '← RECEIPT ask-2',
    ])
  })
})
