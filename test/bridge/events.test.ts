/** Events of sessions as their receivers see them: on /topic/bridge.sessions, and at an HTTP hook that is slow, wrong or away. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Client } from '../faults/driver.ts'
import { bearer, jwt } from '../faults/login.ts'
import { startTestBridge, type TestBridge } from '../support/bridge.ts'
import { until } from '../support/until.ts'

interface Event {
  readonly bridge: string
  readonly seq: number
  readonly at: string
  readonly event: string
  readonly session?: string
  readonly user?: string
  readonly sessions?: number
  readonly destination?: string
}

async function bridgeOf(events: string): Promise<TestBridge> {
  const bridge = await startTestBridge(`
brokers: { local: { adapter: memory } }
routes: [{ destination: "/topic/{name+}", broker: local, topic: "{name+}" }]
auth: { chain: [${jwt()}, { authenticator: anonymous }] }
events: { ${events} }`)
  onTestFinished(() => bridge[Symbol.asyncDispose]())
  return bridge
}

async function client(bridge: TestBridge, name?: string, roles: readonly string[] = []): Promise<Client> {
  const made = await Client.connect(bridge.url, name === undefined ? {} : await bearer(name, { roles }))
  onTestFinished(() => made[Symbol.asyncDispose]())
  return made
}

async function bridgeId(bridge: TestBridge): Promise<string> {
  const info = (await (await fetch(`${bridge.ops}/api/info`)).json()) as { bridge: string }
  return info.bridge
}

type Answer = (request: IncomingMessage, response: ServerResponse, number: number) => void

/** A receiver that answers as it is told; all that it was given, and with which tokens. */
async function receiver(answer: Answer = (_, response) => response.writeHead(204).end()) {
  const batches: Event[][] = []
  const tokens = new Set<string | undefined>()
  const server = createServer(async (request, response) => {
    const chunks = await request.toArray()
    batches.push(JSON.parse(Buffer.concat(chunks).toString()) as Event[])
    tokens.add(request.headers.authorization)
    answer(request, response, batches.length)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close().closeAllConnections())
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/events`, batches, tokens, all: () => batches.flat() }
}

const named = (events: readonly Event[]): string[] =>
  events.map(({ event, user }) => [event, user].filter(Boolean).join(' '))

describe('/topic/bridge.sessions', () => {
  test('tells what happens, numbered, to those who may know', async () => {
    const bridge = await bridgeOf('broker: local, permit: { subscribe: "role:ops" }')
    const watcher = await client(bridge, 'olga', ['ops'])
    await watcher.do('SUBSCRIBE', { id: 'w', destination: '/topic/bridge.sessions' })
    const ann = await client(bridge, 'ann')
    await ann.do('SUBSCRIBE', { id: 'sub-0', destination: '/topic/a' })
    await ann.do('UNSUBSCRIBE', { id: 'sub-0' })
    await ann.do('SUBSCRIBE', { id: 'sub-1', destination: '/topic/b' })
    ann.vanish()
    await watcher.until('the end of ann', () => watcher.messages.at(-1)?.body.includes('disconnect') === true)
    const events = watcher.messages.map(({ body }) => JSON.parse(body.toString()) as Event)
    const own = { bridge: await bridgeId(bridge), at: expect.any(String), seq: expect.any(Number) }
    const who = { session: ann.connected!.headers.session, user: 'ann' }
    expect(events.filter(({ user }) => user !== 'olga')).toEqual([
      { ...own, event: 'connect', ...who },
      { ...own, event: 'subscribe', ...who, subscription: 'sub-0', destination: '/topic/a' },
      { ...own, event: 'unsubscribe', ...who, subscription: 'sub-0', destination: '/topic/a' },
      { ...own, event: 'subscribe', ...who, subscription: 'sub-1', destination: '/topic/b' },
      { ...own, event: 'disconnect', ...who },
    ])
    const numbers = events.map(({ seq }) => seq)
    expect(numbers).toEqual(numbers.map((_, at) => numbers[0]! + at))
    expect(watcher.messages[0]!.headers).toMatchObject({
      destination: '/topic/bridge.sessions',
      'content-type': 'application/json',
    })
  })

  test('is closed to everybody else, and to every SEND', async () => {
    const bridge = await bridgeOf('broker: local, permit: { subscribe: "role:ops" }')
    const asked = [
      [await client(bridge, 'ann'), 'SUBSCRIBE'],
      [await client(bridge), 'SUBSCRIBE'],
      [await client(bridge, 'olga', ['ops']), 'SEND'],
    ] as const
    for (const [each, command] of asked) {
      const answer = await each.ask(command, { id: '1', destination: '/topic/bridge.sessions' })
      expect(answer.headers['bridge-code']).toBe('forbidden')
    }
    const wild = await client(bridge, 'wes')
    await wild.do('SUBSCRIBE', { id: '1', destination: '/topic/#' })
    await client(bridge)
    await wild.do('SEND', { destination: '/topic/end' }, 'end')
    expect((await wild.message()).body.toString()).toBe('end')
  })

  test('a session that never was connected has no events', async () => {
    const bridge = await bridgeOf('broker: local, permit: { subscribe: anyone }')
    const watcher = await client(bridge)
    await watcher.do('SUBSCRIBE', { id: 'w', destination: '/topic/bridge.sessions' })
    await using silent = await Client.open(bridge.url)
    silent.vanish()
    await expect(Client.connect(bridge.url, { Authorization: 'Bearer nonsense' })).rejects.toThrow()
    const ann = await client(bridge, 'ann')
    await watcher.message(2)
    const events = watcher.messages.map(({ body }) => JSON.parse(body.toString()) as Event)
    expect(named(events)).toEqual(['subscribe', 'connect ann'])
    expect(ann.closed).toBeUndefined()
  })
})

describe('an HTTP hook', () => {
  test('gets them in order, with its token, several at a time', async () => {
    const hook = await receiver()
    const bridge = await bridgeOf(`http: { url: "${hook.url}", token: a-secret }, alive: 1s`)
    for (const name of ['ann', 'bob', 'cat']) (await client(bridge, name)).vanish()
    await until('all has come', () => named(hook.all()).filter((each) => each.startsWith('disconnect')).length === 3)
    await until('and alive', () => hook.all().filter(({ event }) => event === 'alive').length >= 2)
    const events = hook.all()
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, at) => at + 1))
    expect(events[0]).toEqual({
      bridge: expect.any(String),
      seq: 1,
      at: expect.any(String),
      event: 'alive',
      sessions: 0,
    })
    expect(events.filter(({ event }) => event === 'alive').at(-1)).toMatchObject({ sessions: 0 })
    expect([...hook.tokens]).toEqual(['Bearer a-secret'])
    await bridge[Symbol.asyncDispose]()
    expect(hook.all().at(-1)).toMatchObject({ event: 'stop' })
    expect(bridge.log()).not.toContain('a-secret')
  })

  test('is asked again when it fails in a way that may pass, and sees the same first', async () => {
    const hook = await receiver((_, response, number) => response.writeHead(number === 1 ? 503 : 204).end())
    const bridge = await bridgeOf(`http: { url: "${hook.url}" }`)
    await client(bridge, 'ann')
    await until('it has come', () => named(hook.all()).includes('connect ann'))
    const [first, second] = hook.batches
    expect(second).toEqual(first)
    expect(bridge.log()).not.toContain('are dropped')
  })

  test('that refuses loses what it refuses, and this is counted', async () => {
    const hook = await receiver((_, response, number) => response.writeHead(number === 1 ? 400 : 204).end())
    const bridge = await bridgeOf(`http: { url: "${hook.url}" }`)
    await until('the first is refused', () => bridge.log().includes('are dropped'))
    await client(bridge, 'ann')
    await until('the next has come', () => named(hook.all()).includes('connect ann'))
    const metrics = await (await fetch(`${bridge.ops}/metrics`)).text()
    expect(metrics).toContain('stomp_bridge_session_events_total{receiver="http",outcome="dropped"} 1')
  })

  test('that leads elsewhere is not followed there', async () => {
    const elsewhere = await receiver()
    const hook = await receiver((_, response) => response.writeHead(307, { Location: elsewhere.url }).end())
    const bridge = await bridgeOf(`http: { url: "${hook.url}", token: a-secret }`)
    await until('it is refused', () => bridge.log().includes('are dropped'))
    expect(elsewhere.batches).toEqual([])
  })

  test('that never answers holds up no session, and a bounded queue', async () => {
    const hook = await receiver(() => {})
    const bridge = await bridgeOf(`http: { url: "${hook.url}", timeout: 100ms, retries: 0 }, queue: 3`)
    const ann = await client(bridge, 'ann')
    for (let id = 0; id < 10; id++) await ann.do('SUBSCRIBE', { id: String(id), destination: `/topic/${id}` })
    await until('some are dropped', () => bridge.log().includes('are dropped'))
    const metrics = await (await fetch(`${bridge.ops}/metrics`)).text()
    expect(metrics).toMatch(/session_events_total\{receiver="http",outcome="dropped"\} [1-9]/)
    expect(ann.closed).toBeUndefined()
  })
})
