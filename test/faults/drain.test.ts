/** A bridge that is told to go, as a process with real sockets: what load balancers and a thousand browsers see of it. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { MEMORY } from '../support/bridge.ts'
import { until } from '../support/until.ts'
import { Client } from './driver.ts'
import { fresh } from './place.ts'
import { launchBridge, spawnBridge } from './process.ts'

/** Milliseconds for everything that a busy machine may take beyond the times that are set. */
const PATIENCE_MS = 15_000

describe('a thousand connections', () => {
  test('are closed over the spread, not at once', { timeout: 60_000 }, async () => {
    const spreadMs = 3_000
    await using bridge = await spawnBridge(MEMORY, { STOMP_BRIDGE_DRAIN_SPREAD: `${spreadMs}ms` })
    const clients = await Promise.all(Array.from({ length: 1_000 }, () => Client.connect(bridge.url)))
    const times: number[] = []
    const gone = clients.map(async (client) => {
      const { code } = await client.gone()
      times.push(performance.now())
      return code
    })
    bridge.signal('SIGTERM')
    expect(new Set(await Promise.all(gone))).toEqual(new Set([1001]))
    expect(await bridge.ended()).toEqual({ code: 0, signal: null })
    expect(clients.every(({ errors }) => errors.length === 0)).toBe(true)
    // To the millisecond this stands in test/session/pace.test.ts; here both ends may be kept from their work for a while.
    const first = Math.min(...times)
    const tenths = new Array<number>(10).fill(0)
    for (const at of times) tenths[Math.min(9, Math.floor(((at - first) / spreadMs) * 10))]!++
    expect(Math.max(...tenths)).toBeLessThan(300)
    expect(Math.max(...times) - first).toBeGreaterThan(spreadMs * 0.8)
  })
})

describe('a load balancer', () => {
  test('is told at once, and has drain.delay to notice: until then clients come in', async () => {
    const times = { STOMP_BRIDGE_DRAIN_DELAY: '2s', STOMP_BRIDGE_DRAIN_SPREAD: '0s' }
    await using bridge = await spawnBridge(MEMORY, times)
    bridge.signal('SIGTERM')
    await until('it is not ready', async () => (await bridge.readiness()) === 503)
    const { url } = bridge
    const late = await Client.connect(url)
    await late.do('SEND', { destination: '/queue/late' }, 'still served')
    expect((await late.gone(PATIENCE_MS)).code).toBe(1001)
    expect(await bridge.ended()).toEqual({ code: 0, signal: null })
  })
})

describe('POST /api/drain', () => {
  test('does what SIGTERM does, and the SIGTERM that follows does not cut it short', async () => {
    const token = 'sixteen-or-more-characters'
    const times = { STOMP_BRIDGE_DRAIN_GRACE: '60s', STOMP_BRIDGE_DRAIN_SPREAD: '0s', STOMP_BRIDGE_OPS_TOKEN: token }
    await using bridge = await spawnBridge(MEMORY, times)
    const client = await Client.connect(bridge.url)
    await client.do('SUBSCRIBE', { id: 's', destination: '/queue/a', ack: 'client' })
    await client.do('SEND', { destination: '/queue/a' }, 'under way')
    const message = await client.message()
    const asked = await fetch(`${bridge.ops}/api/drain`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    })
    expect(asked.status).toBe(202)
    await until('it is not ready', async () => (await bridge.readiness()) === 503)
    bridge.signal('SIGTERM')
    await client.acks(message)
    expect((await client.gone()).code).toBe(1001)
    expect(await bridge.ended()).toEqual({ code: 0, signal: null })
  })
})

describe('nothing holds the end up', () => {
  const AT_ONCE = { STOMP_BRIDGE_DRAIN_GRACE: '500ms', STOMP_BRIDGE_DRAIN_SPREAD: '200ms' }

  test('not a client that reads nothing', async () => {
    const yaml = `${MEMORY}limits: { outboundBytes: 512MiB, outboundAge: 1h }`
    await using bridge = await spawnBridge(yaml, AT_ONCE)
    const destination = `/topic/${fresh('flood')}`
    await using stuck = await Client.connect(bridge.url)
    await stuck.do('SUBSCRIBE', { id: 's', destination })
    stuck.stopReading()
    await using sender = await Client.connect(bridge.url)
    const body = Buffer.alloc(1024 * 1024, 'x')
    for (let count = 0; count < 16; count++) await sender.do('SEND', { destination }, body)
    bridge.signal('SIGTERM')
    await until('it has exited', () => bridge.exit !== undefined, PATIENCE_MS)
    expect(bridge.exit).toEqual({ code: 0, signal: null })
  })

  test('not a client that answers no close, nor one that has said nothing yet', async () => {
    await using bridge = await spawnBridge(MEMORY, AT_ONCE)
    await using silent = await Client.open(bridge.url)
    await using deaf = await Client.connect(bridge.url)
    deaf.stopReading()
    bridge.signal('SIGTERM')
    expect((await silent.gone()).code).toBe(1001)
    await until('it has exited', () => bridge.exit !== undefined, PATIENCE_MS)
    expect(bridge.exit).toEqual({ code: 0, signal: null })
  })

  test('not a broker that answers nothing while the bridge starts', async () => {
    const mute = createServer(() => {}).listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const { port } = mute.address() as AddressInfo
    const connected = once(mute, 'connection')
    const yaml = `
brokers: { rabbit: { adapter: rabbitmq, url: "amqp://guest:guest@127.0.0.1:${port}" } }
routes: [{ preset: rabbitmq, broker: rabbit }]`
    await using bridge = await launchBridge(yaml)
    const [socket] = await connected
    expect(bridge.listens).toBe(false)
    bridge.signal('SIGTERM')
    await until('it has exited', () => bridge.exit !== undefined, PATIENCE_MS)
    expect(bridge.exit).toEqual({ code: 0, signal: null })
    socket.destroy()
    mute.close()
  })
})
