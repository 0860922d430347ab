/** The ops port of a bridge that is a process of its own: what an operator sets in motion there, and what strangers get from it. */
import { readFile, writeFile } from 'node:fs/promises'
import { expect, onTestFinished, test } from 'vitest'
import { Client } from './driver.ts'
import { type BridgeProcess, spawnBridge } from './process.ts'

const TOKEN = 'operators-only-0123456789'
const AUTHORIZED = { Authorization: `Bearer ${TOKEN}` }
const MEMORY = 'brokers: { local: { adapter: memory } }\nroutes: [{ preset: memory, broker: local }]'

async function bridgeWith(rest: string, env: Record<string, string> = {}): Promise<BridgeProcess> {
  const bridge = await spawnBridge(`${MEMORY}\n${rest}`, env)
  onTestFinished(() => bridge[Symbol.asyncDispose]())
  return bridge
}

test('POST /api/drain is what SIGTERM is: the clients are sent away, and the process ends with 0', async () => {
  const bridge = await bridgeWith(`ops: { token: "${TOKEN}" }\ndrain: { spread: 100ms, grace: 1s }`)
  const ann = await Client.connect(bridge.url)
  const response = await fetch(`${bridge.ops}/api/drain`, { method: 'POST', headers: AUTHORIZED })
  expect([response.status, await response.json()]).toEqual([202, { draining: true }])
  // As a kubelet after its preStop hook: the signal that follows finds it draining, and is not the second one.
  bridge.signal('SIGTERM')
  expect((await ann.gone()).code).toBe(1001)
  expect(await bridge.ended()).toEqual({ code: 0, signal: null })
})

test('POST /api/reload brings what the file says now, or tells what is wrong with it; clients stay', async () => {
  const bridge = await bridgeWith(`ops: { token: "${TOKEN}" }\nreload: { watch: false }`)
  await using ann = await Client.connect(bridge.url)
  const api = async (path: string, method = 'GET') => {
    const response = await fetch(`${bridge.ops}/api/${path}`, { method, headers: AUTHORIZED })
    return [response.status, await response.json()] as const
  }
  const [, config] = await api('config')
  const [file] = JSON.stringify(config).match(/[^"]+bridge\.yaml/)!
  const before = await readFile(file!, 'utf8')
  const [, { config: stamp }] = (await api('info')) as [number, { config: { hash: string } }]
  await writeFile(file!, `${before}\nlimits: { subscriptions: 7, unacked: none }`)
  expect(await api('reload', 'POST')).toEqual([
    422,
    { result: 'rejected', faults: [expect.stringMatching(/bridge\.yaml:\d+:\d+: limits\.unacked: /)], changes: [] },
  ])
  expect(await api('info')).toMatchObject([200, { config: stamp }])
  await writeFile(file!, `${before}\nlimits: { subscriptions: 7 }`)
  expect(await api('reload', 'POST')).toEqual([
    200,
    { result: 'applied', faults: [], changes: ['limits.subscriptions'] },
  ])
  const [, { config: now }] = (await api('info')) as [number, { config: { hash: string } }]
  expect(now.hash).not.toBe(stamp.hash)
  expect(await api('config')).toMatchObject([200, { hash: now.hash }])
  // Another token, and the old one opens nothing any more.
  await writeFile(file!, before.replace(TOKEN, 'the-token-of-tomorrow'))
  expect((await api('reload', 'POST'))[0]).toBe(200)
  expect((await api('reload', 'POST'))[0]).toBe(401)
  await ann.do('SEND', { destination: '/topic/a' }, 'still here')
})

test('where others reach it, an ops port without a token answers probes only, and the start says so', async () => {
  const bridge = await bridgeWith('ops: { host: 0.0.0.0 }', { STOMP_BRIDGE_LOG_FORMAT: 'json' })
  const at = (path: string) => fetch(`${bridge.ops.replace('0.0.0.0', '127.0.0.1')}${path}`)
  expect(bridge.log()).toContain('"opsOpenTo":"nobody"')
  expect((await at('/readyz?verbose')).status).toBe(200)
  for (const path of ['/metrics', '/api/info', '/api/config', '/api/connections'])
    expect((await at(path)).status).toBe(403)
  expect((await at('/')).status).toBe(404)
})
