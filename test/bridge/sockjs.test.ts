/** SockJS in a whole bridge: what operators see of it, what a reload does to it, and how its clients hear that the bridge goes. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { openPeer } from '../contract/sockjs.scene.ts'
import type { Peer } from '../contract/transport.harness.ts'
import { Scrape } from '../ops/metrics.scene.ts'
import { startTestBridge, type TestBridge } from '../support/bridge.ts'
import { until } from '../support/until.ts'
import { openReloadable } from './reload.scene.ts'

const TOKEN = 'operators-only-0123456789'
const LOCAL = `
brokers: { local: { adapter: memory } }
routes: [{ preset: memory, broker: local }]
`
const SOCKJS = 'listen: { sockjs: { path: /stomp } }\n'

async function bridgeOf(): Promise<TestBridge> {
  const bridge = await startTestBridge(`${LOCAL}${SOCKJS}ops: { token: "${TOKEN}" }\n`)
  onTestFinished(() => bridge[Symbol.asyncDispose]())
  return bridge
}

async function ask<T>({ ops }: TestBridge, path: string, order?: object): Promise<T> {
  const headers = { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' }
  const post = order === undefined ? {} : { method: 'POST', body: JSON.stringify(order) }
  return (await (await fetch(ops + path, { headers, ...post })).json()) as T
}

/** A session over this transport, after CONNECTED. */
async function connected(sockjs: string | undefined, kind: Parameters<typeof openPeer>[1]): Promise<Peer> {
  const peer = await openPeer(sockjs!, kind)
  onTestFinished(() => peer.vanish())
  peer.send(Buffer.from('CONNECT\naccept-version:1.2\nhost:x\nheart-beat:0,0\n\n\0'))
  await hears(peer, 'CONNECTED')
  return peer
}

const hears = (peer: Peer, command: string): Promise<void> =>
  until(command, () => peer.received.some((frame) => frame.toString().startsWith(`${command}\n`)))

describe.each([
  ['xhr', 'sockjs'],
  ['xhr_streaming', 'sockjs'],
  ['eventsource', 'sockjs'],
  ['websocket', 'sockjs websocket'],
] as const)('a session over %s', (kind, transport) => {
  test('is told apart, and the trace of it shows its frames', async () => {
    const bridge = await bridgeOf()
    const { id } = await ask<{ id: string }>(bridge, '/api/traces', { remote: '127.0.0.1', bodies: true })
    const peer = await connected(bridge.bridge.addresses.sockjs, kind)
    peer.send(Buffer.from('SUBSCRIBE\nid:1\ndestination:/topic/a\n\n\0'))
    peer.send(Buffer.from('SEND\ndestination:/topic/a\n\ngrüße "100 %"\0'))
    await hears(peer, 'MESSAGE')
    const response = await fetch(`${bridge.ops}/api/traces/${id}`, { headers: { Authorization: `Bearer ${TOKEN}` } })
    const lines = (await response.text()).trimEnd().split('\n')
    const seen = lines.map((line): { direction: string; command: string; body?: string } => JSON.parse(line))
    expect(seen.map(({ direction, command }) => `${direction} ${command}`)).toEqual(
      expect.arrayContaining(['in CONNECT', 'out CONNECTED', 'in SUBSCRIBE', 'in SEND', 'out MESSAGE']),
    )
    expect(seen.find(({ command }) => command === 'MESSAGE')!.body).toBe('grüße "100 %"')

    const { items } = await ask<{ items: { transport: string }[] }>(bridge, '/api/connections')
    expect(items.map((row) => row.transport)).toEqual([transport])
    const scrape = new Scrape(await (await fetch(`${bridge.ops}/metrics`)).text())
    expect(scrape.of('connections')).toBe(1)
    expect(scrape.by('transport', 'transport_sessions')).toEqual({ [transport]: 1 })
  })

  test('hears that the bridge goes, before it is gone', async () => {
    const bridge = await bridgeOf()
    const peer = await connected(bridge.bridge.addresses.sockjs, kind)
    await bridge.bridge.drain('a test')
    await bridge.bridge[Symbol.asyncDispose]()
    await until('the goodbye', () => peer.closed !== undefined)
    expect(peer.closed).toMatchObject({ code: 1001 })
  })
})

test('where it is stands on the start-up page and in the API', async () => {
  const bridge = await bridgeOf()
  const address = `http://127.0.0.1:${bridge.port}/stomp`
  const { addresses, lines } = bridge.bridge
  expect(addresses.sockjs).toBe(address)
  expect(lines.filter((line) => line.includes(address))).toEqual([`  SockJS     ${address}`])
  const { listening } = await ask<{ listening: object }>(bridge, '/api/info')
  expect(listening).toEqual({ websocket: bridge.url, sockjs: address, ops: bridge.ops })
})

test('without a path there is none', async () => {
  const bridge = await startTestBridge(LOCAL)
  onTestFinished(() => bridge[Symbol.asyncDispose]())
  expect(bridge.bridge.addresses.sockjs).toBeUndefined()
  expect(bridge.bridge.lines.join('\n')).not.toContain('SockJS')
  expect(await ask(bridge, '/api/info')).toMatchObject({ listening: { sockjs: null } })
})

describe('a reload', () => {
  test('changes how large a message of a new session may be, of all transports', async () => {
    const large = Buffer.from(`SEND\ndestination:/topic/a\nreceipt:r\n\n${'x'.repeat(600 * 1024)}\0`)
    const place = await openReloadable(`${LOCAL}${SOCKJS}limits: { frameBytes: 16KiB }\n`)
    const { sockjs } = place.bridge.addresses
    for (const kind of ['xhr', 'websocket'] as const) {
      const peer = await connected(sockjs, kind)
      peer.send(large)
      await until('the end', () => peer.closed !== undefined)
    }
    expect(await place.reload(`${LOCAL}${SOCKJS}limits: { frameBytes: 1MiB }\n`)).toMatchObject({ result: 'applied' })
    for (const kind of ['xhr', 'websocket'] as const) {
      const peer = await connected(sockjs, kind)
      peer.send(large)
      await hears(peer, 'RECEIPT')
    }
  })

  test('cannot change the rest of it: that needs a restart', async () => {
    const place = await openReloadable(LOCAL + SOCKJS)
    const other = 'listen: { sockjs: { path: /stomp, heartbeat: 1s, disconnectDelay: 1s } }\n'
    const { result, faults } = await place.reload(LOCAL + other)
    expect(result).toBe('rejected')
    expect(faults.map((line) => line.replace(/^.*?bridge\.yaml:\d+:\d+: /, ''))).toEqual([
      'listen.sockjs.heartbeat: needs a restart',
      'listen.sockjs.disconnectDelay: needs a restart',
    ])
    expect((await place.reload(LOCAL)).faults).toEqual([expect.stringContaining('listen.sockjs: needs a restart')])
  })
})
