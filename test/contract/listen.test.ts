/** The HTTP listener: who may come in, and what all others are told. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { systemClock } from '../../src/broker/clock.ts'
import { type ListenOptions, listen, type Refusal } from '../../src/transports/listen.ts'
import { closing, get, listening, serve, unobserved, upgrade } from './websocket.scene.ts'

/** All that is answered to a request as it is written here, until the connection ends. */
async function answerTo(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(request)
  return Buffer.concat(await socket.toArray()).toString()
}

describe('who may come in', () => {
  const cases: [string, Partial<ListenOptions>, Record<string, string>, number, Refusal?][] = [
    ['no Origin', {}, {}, 101],
    ['the same host', { hosts: ['bridge.example'] }, { Host: 'bridge.example', Origin: 'https://bridge.example' }, 101],
    ['the same host, default port', {}, { Host: '10.0.0.1:80', Origin: 'http://10.0.0.1' }, 101],
    ['a page of this machine', {}, { Origin: 'http://localhost:5173' }, 101],
    ['a page of this machine, IPv4', {}, { Origin: 'https://127.0.0.1' }, 101],
    ['a page of this machine, IPv6', {}, { Origin: 'http://[::1]:80' }, 101],
    ['a listed origin', { origins: ['https://app.example'] }, { Origin: 'https://app.example' }, 101],
    ['a listed opaque origin', { origins: ['null'] }, { Origin: 'null' }, 101],
    ['a page of this machine, bound elsewhere', { host: '0.0.0.0' }, { Origin: 'http://localhost:1' }, 403, 'origin'],
    ['another origin', {}, { Origin: 'https://evil.example' }, 403, 'origin'],
    [
      'an origin like a listed one',
      { origins: ['https://app.example'] },
      { Origin: 'http://app.example' },
      403,
      'origin',
    ],
    ['an origin that begins like this machine', {}, { Origin: 'http://localhost.evil.example' }, 403, 'origin'],
    ['an opaque origin', {}, { Origin: 'null' }, 403, 'origin'],
    ['another port of the same host', {}, { Host: '10.0.0.1:1', Origin: 'http://10.0.0.1:2' }, 403, 'origin'],
    ['localhost as Host', {}, { Host: 'LocalHost:1' }, 101],
    ['an IPv6 literal as Host', {}, { Host: '[::1]:1' }, 101],
    ['a listed Host', { hosts: ['Bridge.example'] }, { Host: 'bridge.EXAMPLE:443' }, 101],
    ['a re-bound name', {}, { Host: 'evil.example', Origin: 'http://evil.example' }, 403, 'host'],
    ['a name around an IP literal', {}, { Host: '127.0.0.1.evil.example' }, 403, 'host'],
    ['a user before the name', {}, { Host: 'localhost@evil.example' }, 403, 'host'],
    ['a Host that hides a path', {}, { Host: 'localhost/evil.example' }, 403, 'host'],
  ]

  test.each(cases)('%s', async (_, with_, headers, status, reason) => {
    const { port, refusals } = await serve({}, with_)
    expect((await upgrade(`ws://127.0.0.1:${port}`, headers)).status).toBe(status)
    expect(refusals.map((refusal) => refusal.reason)).toEqual(reason === undefined ? [] : [reason])
  })

  test('the refusal names the line to add', async () => {
    const { address, refusals } = await serve()
    await upgrade(address, { Origin: 'https://app.example:8443' })
    await upgrade(address, { Host: 'bridge.example:1' })
    expect(refusals[0]?.hint).toContain('origins: ["https://app.example:8443"]')
    expect(refusals[1]?.hint).toContain('hosts: ["bridge.example"]')
  })
})

test('a Host is looked at anew, whoever was welcome before', async () => {
  const { port } = await serve()
  const unnamed = () => answerTo(port, 'GET /ws HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  expect(await unnamed()).toContain(' 403 ')
  expect((await upgrade(`ws://127.0.0.1:${port}`, { Host: 'localhost' })).status).toBe(101)
  expect((await upgrade(`ws://127.0.0.1:${port}`, { Host: 'evil.example' })).status).toBe(403)
  expect(await unnamed()).toContain(' 403 ')
})

describe('the listener', () => {
  test('another path is 404, for upgrades and for plain requests', async () => {
    const { address, refusals } = await serve()
    expect((await upgrade(address, {}, '/stomp')).status).toBe(404)
    expect((await get(address, '/')).status).toBe(404)
    expect(refusals.map(({ reason }) => reason)).toEqual(['path'])
  })

  test('a plain request to the endpoint is told to upgrade', async () => {
    const { address } = await serve()
    const response = await get(address, '/ws?x=1')
    expect(response.status).toBe(426)
    expect(response.headers.upgrade).toBe('websocket')
  })

  test('takes as many connections as it is told, then says when to come back; a place that is free again is given again', async () => {
    const { address, refusals, connections } = await serve({}, { limits: { connections: 2 } })
    const clients = [new WebSocket(`${address}/ws`), new WebSocket(`${address}/ws`)]
    await Promise.all(clients.map((client) => once(client, 'open')))
    const full = await upgrade(address, {})
    expect(full.status).toBe(503)
    expect(Number(full.headers['retry-after'])).toBeGreaterThan(0)
    expect(refusals.map(({ reason }) => reason)).toEqual(['connections'])
    clients[0]?.terminate()
    await expect.poll(connections).toBe(1)
    expect((await upgrade(address, {})).status).toBe(101)
    clients[1]?.terminate()
  })

  test('draining refuses newcomers and keeps who is there', async () => {
    const { address, notes, refusals, stopAccepting } = await serve()
    const client = new WebSocket(`${address}/ws`)
    await once(client, 'open')
    stopAccepting()
    const refused = await upgrade(address, {})
    expect(refused.status).toBe(503)
    expect(refused.headers['retry-after']).toBeDefined()
    expect(refusals.map(({ reason }) => reason)).toEqual(['draining'])
    client.send('still here')
    await expect.poll(() => notes[0]?.bytes.toString()).toBe('still here')
    client.terminate()
  })

  test('a client that never finishes its request is dropped', async () => {
    const { port } = await serve({}, { limits: { handshakeTimeoutMs: 100 } })
    for (const beginning of ['', 'GET /ws HTTP/1.1\r\nHost: localhost\r\nX-Slow: ']) {
      const socket = connect(port, '127.0.0.1')
      socket.resume()
      socket.write(beginning)
      await once(socket, 'close')
    }
  })

  test('disposing twice closes everything once', async () => {
    const { address, port, notes, dispose } = await serve()
    const client = new WebSocket(`${address}/ws`)
    await once(client, 'open')
    await Promise.all([dispose(), dispose()])
    expect((await closing(client)).code).toBe(1006)
    await expect.poll(() => notes[0]?.closings.map(({ code }) => code)).toEqual([1006])
    const [refused] = await once(connect(port, '127.0.0.1'), 'error')
    expect(refused.code).toBe('ECONNREFUSED')
  })

  test('a port that is taken rejects', async () => {
    const { port } = await serve()
    await expect(listen({ ...listening, port }, {}, unobserved, systemClock)).rejects.toMatchObject({
      code: 'EADDRINUSE',
    })
  })
})
