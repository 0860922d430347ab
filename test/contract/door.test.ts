/** Limits at the door of a real listener, and clients behind a proxy. 127.0.0.2 and 127.0.0.3 are addresses of this machine too. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { FakeClock } from '../support/clock.ts'
import { raw, serve, upgrade } from './websocket.scene.ts'

/** A client that has come in from an address of ours, and stays. */
async function visitor(address: string, from = '127.0.0.1', headers: Record<string, string> = {}): Promise<WebSocket> {
  const client = new WebSocket(`${address}/ws`, { localAddress: from, headers })
  onTestFinished(() => client.terminate())
  client.on('error', () => {})
  await once(client, 'open')
  return client
}

/** A socket that is connected and has said this much. */
async function halfOpen(port: number, said = ''): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'connect')
  if (said !== '') socket.write(said)
  return socket
}

const knock = async (address: string, from = '127.0.0.1', headers = {}): Promise<number> =>
  (await upgrade(address, headers, '/ws', from)).status

describe('of one address', () => {
  test('connections at n and n + 1: 429, and others come in', async () => {
    const { address, counts, refusals, connections } = await serve({}, { limits: { connectionsPerIp: 2 } })
    const first = await visitor(address)
    await visitor(address)
    const refused = await upgrade(address, {})
    expect(refused.status).toBe(429)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect(await knock(address, '127.0.0.2')).toBe(101)
    expect(counts.connectionsPerIp).toBe(1)
    expect(refusals).toMatchObject([{ reason: 'connectionsPerIp', remote: '127.0.0.1', times: 1, enforced: true }])
    await expect.poll(connections).toBe(2)
    first.terminate()
    await expect.poll(connections).toBe(1)
    expect(await knock(address)).toBe(101)
  })

  test('new ones in a second', async () => {
    const clock = new FakeClock()
    const limits = { connectionsPerIp: 2, connectRatePerIp: 1 }
    const { address, counts, connections } = await serve({}, { limits }, clock)
    for (const status of [101, 101]) {
      expect(await knock(address)).toBe(status)
      await expect.poll(connections).toBe(0)
    }
    expect(await knock(address)).toBe(429)
    expect(await knock(address, '127.0.0.2')).toBe(101)
    clock.advance(1_000)
    expect(await knock(address)).toBe(101)
    expect(counts).toMatchObject({ connectRatePerIp: 1, connectionsPerIp: 0, connectRate: 0 })
  })
})

describe('of all', () => {
  test('new ones in a second: 503 with Retry-After', async () => {
    const clock = new FakeClock()
    const { address, counts } = await serve({}, { limits: { connectRate: 1, connectBurst: 2 } }, clock)
    expect([await knock(address), await knock(address, '127.0.0.2')]).toEqual([101, 101])
    const refused = await upgrade(address, {}, '/ws', '127.0.0.3')
    expect(refused.status).toBe(503)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    clock.advance(1_000)
    expect(await knock(address)).toBe(101)
    expect(counts.connectRate).toBe(1)
  })

  test('in a dry run everybody comes in, and is counted and told', async () => {
    const limits = { dryRun: true, connections: 1, connectionsPerIp: 1, connectRate: 1, handshakes: 1 }
    const { address, port, counts, refusals, handshakes } = await serve({}, { limits }, new FakeClock())
    const [one, two] = [await halfOpen(port), await halfOpen(port)]
    await expect.poll(handshakes).toBe(2)
    await visitor(address)
    await visitor(address)
    expect(await knock(address, '127.0.0.2')).toBe(101)
    expect(counts).toMatchObject({ connectionsPerIp: 1, connections: 1 })
    expect(counts.handshakes).toBeGreaterThan(0)
    expect(refusals.length).toBeGreaterThan(0)
    expect(refusals.every(({ enforced }) => !enforced)).toBe(true)
    expect([one.destroyed, two.destroyed]).toEqual([false, false])
  })
})

describe('on the doorstep', () => {
  test('over the bound the oldest goes; a client that has come in is not there any more', async () => {
    const { address, port, counts, handshakes } = await serve({}, { limits: { handshakes: 2 } })
    const inside = await visitor(address)
    expect(handshakes()).toBe(0)
    const oldest = await halfOpen(port, 'GET /ws HTTP/1.1\r\n')
    const gone = once(oldest, 'close')
    await expect.poll(handshakes).toBe(1)
    const second = await halfOpen(port)
    await expect.poll(handshakes).toBe(2)
    oldest.resume()
    await visitor(address)
    await gone
    expect(counts.handshakes).toBe(1)
    expect([second.destroyed, inside.readyState]).toEqual([false, WebSocket.OPEN])
    expect(handshakes()).toBe(1)
  })

  test('whoever is too slow is told so, and counted', async () => {
    const { port, counts, refusals, handshakes } = await serve({}, { limits: { handshakeTimeoutMs: 100 } })
    const socket = await halfOpen(port, 'GET /ws HTTP/1.1\r\nHost: localhost\r\nX-Slow: ')
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toMatch(/^HTTP\/1\.1 408 /)
    await expect.poll(handshakes).toBe(0)
    expect(counts.handshakeTimeout).toBe(1)
    expect(refusals).toMatchObject([{ reason: 'handshakeTimeout', remote: '127.0.0.1' }])
  })

  test.each([
    ['no HTTP', '\u0000\u0001\u0002\r\n\r\n', 400],
    ['an escape sequence in a header', 'GET /ws HTTP/1.1\r\nOrigin: \u001b[2J\r\n\r\n', 400],
    ['a head without end', `GET /ws HTTP/1.1\r\nX: ${'x'.repeat(20_000)}`, 431],
  ])('%s: %#', async (_, said, status) => {
    const { port, counts } = await serve()
    const socket = await halfOpen(port, said)
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(counts.malformed).toBe(1)
  })
})

describe('behind a proxy', () => {
  const proxied = { trustedProxies: ['127.0.0.2'], hosts: ['bridge.example'] }
  const forwarded = (client: string): Record<string, string> => ({ 'X-Forwarded-For': client })

  test('a client is its own address, for limits, notes and the session', async () => {
    const { address, sessions, refusals } = await serve({}, { ...proxied, limits: { connectionsPerIp: 1 } })
    await visitor(address, '127.0.0.2', forwarded('2001:db8::1'))
    await visitor(address, '127.0.0.2', forwarded('203.0.113.9'))
    expect(sessions.map(({ handshake }) => handshake.remote)).toEqual(['2001:db8::1', '203.0.113.9'])
    expect(await knock(address, '127.0.0.2', forwarded('2001:db8::2'))).toBe(429)
    expect(refusals).toMatchObject([{ remote: '2001:db8::2' }])
  })

  test('whoever is no proxy forges in vain', async () => {
    const { address, sessions } = await serve({}, { ...proxied, limits: { connectionsPerIp: 1 } })
    await visitor(address, '127.0.0.1', forwarded('203.0.113.9'))
    expect(sessions[0]?.handshake.remote).toBe('127.0.0.1')
    expect(await knock(address, '127.0.0.1', forwarded('203.0.113.10'))).toBe(429)
    const host = { 'X-Forwarded-Host': 'bridge.example', 'X-Forwarded-Proto': 'https', Host: 'evil.test' }
    expect(await knock(address, '127.0.0.3', host)).toBe(403)
  })

  test('the same host is the one that the browser has asked for', async () => {
    const { address } = await serve({}, proxied)
    const from = (origin: string) => ({
      Origin: origin,
      'X-Forwarded-For': '203.0.113.9',
      'X-Forwarded-Host': 'bridge.example',
      'X-Forwarded-Proto': 'https',
    })
    expect(await knock(address, '127.0.0.2', from('https://bridge.example'))).toBe(101)
    expect(await knock(address, '127.0.0.2', from('http://bridge.example'))).toBe(403)
    expect(await knock(address, '127.0.0.2', from('http://localhost'))).toBe(403)
    expect(await knock(address, '127.0.0.1', from('https://bridge.example'))).toBe(403)
  })
})

test('a client that leaves amid a refusal leaves nothing', async () => {
  const { address, port, handshakes, connections } = await serve({}, { limits: { connections: 1 } })
  const inside = await raw(address)
  for (let count = 0; count < 50; count++) {
    const socket = await halfOpen(
      port,
      'GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    )
    socket.resetAndDestroy()
  }
  await expect.poll(handshakes).toBe(0)
  inside.destroy()
  await expect.poll(connections).toBe(0)
})

describe('other rules while the port is open', () => {
  test('hold for who comes next; who is inside stays', async () => {
    const { address, adopt, connections } = await serve({}, { limits: { connections: 2 } })
    const inside = await visitor(address)
    adopt({ origins: ['https://app.example'], limits: { connections: 1 } })
    expect(await knock(address, '127.0.0.1', { Origin: 'https://app.example' })).toBe(503)
    adopt({ limits: { connections: 0 } })
    expect(await knock(address, '127.0.0.1', { Origin: 'https://app.example' })).toBe(403)
    expect(await knock(address)).toBe(101)
    expect(inside.readyState).toBe(WebSocket.OPEN)
    expect(connections()).toBeGreaterThanOrEqual(1)
  })

  test('proxies that are trusted from now on', async () => {
    const { address, refusals, adopt } = await serve({}, {})
    const forwarded = { 'X-Forwarded-For': '192.0.2.9', Origin: 'https://evil.example' }
    await upgrade(address, forwarded)
    adopt({ trustedProxies: ['loopback'] })
    await upgrade(address, forwarded)
    expect(refusals.map(({ remote }) => remote)).toEqual(['127.0.0.1', '192.0.2.9'])
  })
})
