/** What a bridge shows of itself, and what it lets an operator do: over the memory broker, with clients that are really there. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { Client } from '../faults/driver.ts'
import { MEMORY, startTestBridge, type TestBridge } from '../support/bridge.ts'
import { until } from '../support/until.ts'

const TOKEN = 'operators-only-0123456789'
const PLANTED = {
  jwt: 'planted-jwt-secret-that-is-long-enough-for-hs256',
  broker: 'planted-broker-password',
  passcode: 'planted-passcode',
  header: 'planted-header-value',
} as const

type Row = Readonly<Record<string, unknown>>
interface Page {
  readonly total: number
  readonly items: readonly Row[]
}

async function bridgeOf(more = ''): Promise<TestBridge> {
  const bridge = await startTestBridge(`${MEMORY}\nops: { token: "${TOKEN}" }\n${more}`)
  onTestFinished(() => bridge[Symbol.asyncDispose]())
  return bridge
}

async function client(bridge: TestBridge, headers: Record<string, string> = {}, version: '1.0' | '1.2' = '1.2') {
  const made = await Client.connect(bridge.url, headers, version, { Origin: 'http://localhost:3000' })
  onTestFinished(() => made[Symbol.asyncDispose]())
  return made
}

async function get<T = Page>(bridge: TestBridge, path: string): Promise<T> {
  const response = await fetch(`${bridge.ops}${path}`)
  expect([path, response.status]).toEqual([path, 200])
  return (await response.json()) as T
}

function change(bridge: TestBridge, method: string, path: string): Promise<Response> {
  return fetch(`${bridge.ops}${path}`, { method, headers: { Authorization: `Bearer ${TOKEN}` } })
}

describe('what there is to see', () => {
  test('info: what runs, since when, and from what', async () => {
    const bridge = await bridgeOf()
    await client(bridge)
    const info = await get<Row>(bridge, '/api/info')
    expect(info).toMatchObject({
      name: 'stomp-bridge',
      node: process.versions.node,
      pid: process.pid,
      draining: false,
      listening: { websocket: bridge.url, ops: bridge.ops },
      connections: 1,
      routes: 2,
      brokers: 1,
      traces: 0,
      config: { hash: expect.stringMatching(/^[0-9a-f]{12}$/) },
    })
    expect(Date.parse(String(info.startedAt))).toBeLessThanOrEqual(Date.now())
  })

  test('a connection, from its wire to its unacknowledged messages', async () => {
    const bridge = await bridgeOf()
    const ann = await client(bridge, { 'heart-beat': '0,20000' })
    await ann.do('SUBSCRIBE', { id: 'work', destination: '/queue/work', ack: 'client' })
    await ann.do('SUBSCRIBE', { id: 'news', destination: '/topic/news' })
    for (let index = 0; index < 3; index++) await ann.do('SEND', { destination: '/queue/work' }, 'x')
    await ann.message(3)
    const { items } = await get(bridge, '/api/connections')
    expect(items).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f]{6}-1$/),
        session: ann.connected!.headers.session,
        user: null,
        authenticator: 'anonymous',
        remote: '127.0.0.1',
        origin: 'http://localhost:3000',
        transport: 'websocket',
        subprotocol: 'v12.stomp',
        state: 'open',
        version: '1.2',
        connectedAt: expect.stringMatching(/^\d{4}-.*Z$/),
        ageMs: expect.any(Number),
        lastHeardAt: expect.stringMatching(/^\d{4}-.*Z$/),
        heartbeat: { outgoingMs: 20_000, incomingMs: 0 },
        subscriptions: 2,
        unacked: 3,
        pending: 0,
        paused: false,
        bufferedBytes: 0,
        slow: false,
        sentBytes: expect.any(Number),
      },
    ])
    const [row] = items
    const one = await get<Row & { held: readonly Row[] }>(bridge, `/api/connections/${row!.id}`)
    expect(one).toMatchObject({ id: row!.id, unacked: 3, held: [{ id: 'work', unacked: 3 }, { id: 'news' }] })
    const { id } = await get<Row>(bridge, `/api/connections/${row!.session}`)
    expect(id).toBe(row!.id)
  })

  test('one that has not said CONNECT yet is there, too', async () => {
    const bridge = await bridgeOf()
    await using _ = await Client.open(bridge.url)
    const { items } = await get(bridge, '/api/connections')
    expect(items).toMatchObject([{ state: 'connecting', version: null, heartbeat: null, authenticator: null }])
  })

  test('subscriptions: shared or not, and what each of them owes', async () => {
    const bridge = await bridgeOf()
    for (const id of ['a', 'b']) {
      const each = await client(bridge)
      await each.do('SUBSCRIBE', { id, destination: '/topic/news' })
      if (id === 'b') await each.do('SUBSCRIBE', { id: 'c', destination: '/queue/work', ack: 'client-individual' })
    }
    const { total, items } = await get(bridge, '/api/subscriptions?sort=age')
    expect(total).toBe(3)
    expect(items).toMatchObject([
      { id: 'a', destination: '/topic/news', route: '/topic/{name+}', broker: 'local', ack: 'auto', shared: 2 },
      { id: 'b', shared: 2, unacked: 0, dropped: 0 },
      { id: 'c', destination: '/queue/work', ack: 'client-individual', shared: null, credit: 1000, durable: false },
    ])
    const only = await get(bridge, '/api/subscriptions?destination=/queue/work')
    expect(only).toMatchObject({ total: 1, items: [{ id: 'c' }] })
    const connection = String(items[0]!.connection)
    expect(await get(bridge, `/api/subscriptions?connection=${connection}`)).toMatchObject({ items: [{ id: 'a' }] })
    expect(await get(bridge, '/api/connections?destination=/queue/work')).toMatchObject({ total: 1 })
    expect(await get(bridge, '/api/connections?route=/topic/{name%2B}')).toMatchObject({ total: 2 })
    expect(await get(bridge, '/api/connections?broker=other')).toMatchObject({ total: 0 })
  })

  test('the slowest first', async () => {
    const bridge = await bridgeOf('limits: { outboundBytes: 64MiB }')
    const [quick, slow] = [await client(bridge), await client(bridge)]
    for (const each of [quick, slow]) await each.do('SUBSCRIBE', { id: 's', destination: '/topic/flood' })
    slow.stopReading()
    const body = Buffer.alloc(256 * 1024, 'x')
    let sent = 0
    const lags = async (): Promise<boolean> => {
      await quick.do('SEND', { destination: '/topic/flood' }, body)
      await quick.message(++sent)
      const { items } = await get(bridge, '/api/connections?limit=1')
      return Number(items[0]!.bufferedBytes) > 1024 * 1024
    }
    await until('the slow one to lag', lags)
    const { items } = await get(bridge, '/api/connections')
    expect(items.map(({ session }) => session)).toEqual(
      [slow, quick].map(({ connected }) => connected!.headers.session),
    )
    expect(items[0]).toMatchObject({ slow: true })
  })

  test('routes and brokers', async () => {
    const bridge = await bridgeOf()
    const { items } = await get(bridge, '/api/routes')
    expect(items).toMatchObject([
      { index: 0, destination: '/topic/{name+}', broker: 'local', target: 'topic {name+}', send: 'open', share: true },
      { index: 1, destination: '/queue/{name+}', permit: { send: [{ who: 'anyone' }] } },
    ])
    expect(await get(bridge, '/api/brokers')).toMatchObject({
      items: [{ name: 'local', adapter: 'memory', state: 'up', required: true, missing: false, routes: 2 }],
    })
  })

  test('the configuration in force, with its origins', async () => {
    const bridge = await bridgeOf('limits: { subscriptions: 7 }')
    const { items } = await get(bridge, '/api/config')
    const at = (path: string) => items.find((item) => item.path === path)
    expect(at('limits.subscriptions')).toMatchObject({ value: 7, origin: expect.stringMatching(/bridge\.yaml:\d+/) })
    expect(at('ops.port')).toMatchObject({ origin: 'environment STOMP_BRIDGE_OPS_PORT' })
    expect(at('limits.headerCount')).toMatchObject({ origin: 'default' })
  })

  test('no answer tells a secret', async () => {
    const bridge = await startTestBridge(`
brokers:
  local: { adapter: memory }
  rabbit: { adapter: rabbitmq, url: "amqp://guest:${PLANTED.broker}@127.0.0.1:1" }
routes:
  - { preset: memory, broker: local, permit: anyone }
ops: { token: "${TOKEN}" }
auth:
  chain:
    - authenticator: jwt
      algorithms: [HS256]
      issuer: false
      audience: false
      keys: [{ secret: "${PLANTED.jwt}" }]
    - authenticator: anonymous
`)
    onTestFinished(() => bridge[Symbol.asyncDispose]())
    const ann = await client(bridge, { Foo: PLANTED.header })
    await ann.do('SUBSCRIBE', { id: 's', destination: '/topic/a', passcode: PLANTED.passcode })
    const { items } = await get(bridge, '/api/connections')
    const paths = ['info', 'connections', `connections/${items[0]!.id}`, 'subscriptions', 'routes', 'brokers', 'config']
    for (const path of [...paths.map((each) => `/api/${each}`), '/', '/metrics', '/readyz?verbose']) {
      const text = await (await fetch(`${bridge.ops}${path}`)).text()
      for (const secret of [...Object.values(PLANTED), TOKEN])
        expect([path, text.includes(secret)]).toEqual([path, false])
    }
    expect(bridge.log()).not.toContain(TOKEN)
  })
})

describe('readiness', () => {
  const away = (more: string) => `
brokers:
  local: { adapter: memory }
  rabbit: { adapter: rabbitmq, url: "amqp://guest:guest@127.0.0.1:1"${more} }
routes: [{ preset: memory, broker: local }]
`

  test('a broker that has never been up keeps the bridge out', async () => {
    const bridge = await startTestBridge(away(''))
    onTestFinished(() => bridge[Symbol.asyncDispose]())
    const response = await fetch(`${bridge.ops}/readyz?verbose`)
    expect(response.status).toBe(503)
    expect(await response.text()).toMatch(
      /^\[\+\] listening\n(?:.*\n)*\[-\] broker rabbit: .*\nnot ready: waiting for rabbit\n$/,
    )
  })

  test('but not one that is not required', async () => {
    const bridge = await startTestBridge(away(', required: false'))
    onTestFinished(() => bridge[Symbol.asyncDispose]())
    const response = await fetch(`${bridge.ops}/readyz?verbose`)
    expect(response.status).toBe(200)
    expect(await response.text()).toMatch(/\[\+\] broker rabbit: .*, not required\n/)
    const { items } = await get(bridge, '/api/brokers?broker=rabbit')
    expect(items).toMatchObject([{ required: false, missing: true }])
  })
})

describe('what an operator may do', () => {
  test('end a connection: it hears why, and others nothing', async () => {
    const bridge = await bridgeOf()
    const [ann, bob] = [await client(bridge), await client(bridge)]
    await bob.do('SUBSCRIBE', { id: 's', destination: '/topic/a' })
    const { items } = await get(bridge, '/api/connections?sort=age')
    const id = String(items[0]!.id)
    expect(await (await change(bridge, 'DELETE', `/api/connections/${id}`)).json()).toEqual({ ended: id })
    expect(await ann.gone()).toEqual({ code: 4499, reason: 'ended by the operator' })
    expect(ann.errors).toMatchObject([{ headers: { 'bridge-code': 'ended-by-operator' } }])
    expect((await change(bridge, 'DELETE', `/api/connections/${id}`)).status).toBe(404)
    expect(bridge.log()).toMatch(/"by":"127\.0\.0\.1","msg":"an operator ends a connection"/)
    await bob.do('SEND', { destination: '/topic/a' }, 'still here')
    await bob.message()
  })

  test('drain: not ready, nobody new, and everybody is sent away', async () => {
    const bridge = await bridgeOf()
    const ann = await client(bridge)
    expect(await (await change(bridge, 'POST', '/api/drain')).json()).toEqual({ draining: true })
    expect((await ann.gone()).code).toBe(1001)
    await bridge.bridge.drained
    const response = await fetch(`${bridge.ops}/readyz`)
    expect([response.status, response.headers.get('connection')]).toEqual([503, 'close'])
    expect(await get(bridge, '/api/info')).toMatchObject({ draining: true })
    await expect(Client.open(bridge.url)).rejects.toThrow('503')
    expect((await change(bridge, 'POST', '/api/drain')).status).toBe(202)
  })
})
