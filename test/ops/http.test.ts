/** The ops port itself: paths, methods, probes, pages of lists, and what it makes of nonsense. */
import { describe, expect, test } from 'vitest'
import type { Readiness } from '../../src/ops/parts.ts'
import { AUTHORIZED, numbers, openDesk, outcome, READY, raw, TOKEN } from './desk.ts'

const DOWN: Readiness = {
  ready: false,
  draining: true,
  reason: 'draining',
  checks: [
    { name: 'listening', passed: true },
    { name: 'not draining', passed: false },
  ],
  brokers: [
    { name: 'rabbit', state: 'down', since: 1_000, reason: 'connection refused', required: true, missing: true },
    { name: 'plant', state: 'down', since: 1_000, reason: 'no route', required: false, missing: true },
    { name: 'local', state: 'up', since: 0, reason: undefined, required: true, missing: false },
  ],
}

describe('probes', () => {
  test('livez is 200 whatever the brokers do', async () => {
    const { server } = await openDesk({ readiness: () => DOWN })
    expect((await fetch(`${server.address}/livez`)).status).toBe(200)
  })

  test('readyz follows the readiness of the moment', async () => {
    let state = READY
    const { server } = await openDesk({ readiness: () => state })
    expect((await fetch(`${server.address}/readyz`)).status).toBe(200)
    state = DOWN
    expect((await fetch(`${server.address}/readyz`)).status).toBe(503)
  })

  test('readyz lists each check and broker, only when asked to', async () => {
    const blip = { name: 'orders', state: 'down', since: 0, reason: undefined, required: true, missing: false } as const
    const { server } = await openDesk({ readiness: () => ({ ...DOWN, brokers: [...DOWN.brokers, blip] }) })
    expect(await (await fetch(`${server.address}/readyz?probe=1`)).text()).toBe('not ready\n')
    const response = await fetch(`${server.address}/readyz?verbose`)
    expect(response.status).toBe(503)
    expect((await response.text()).split('\n')).toEqual([
      '[+] listening',
      '[-] not draining',
      '[-] broker rabbit: down since 1970-01-01T00:00:01.000Z (connection refused)',
      '[+] broker plant: down since 1970-01-01T00:00:01.000Z (no route), not required',
      '[+] broker local: up since 1970-01-01T00:00:00.000Z',
      '[+] broker orders: down since 1970-01-01T00:00:00.000Z, tolerated (outage.max)',
      'not ready: draining',
      '',
    ])
  })
})

describe('requests', () => {
  test('other paths and methods are refused, HEAD is GET without a body', async () => {
    const { server } = await openDesk()
    const at = (path: string, init?: RequestInit) => fetch(`${server.address}${path}`, init)
    for (const path of [
      '/livez/',
      '/api',
      '/api/',
      '/api/connections/',
      '/api/connections/:id',
      '/api/connections/a/b',
    ]) {
      expect([path, await outcome(await at(path))]).toEqual([path, '404 not-found'])
    }
    const head = await at('/api/info', { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
    const post = await at('/readyz', { method: 'POST' })
    expect([await outcome(post), post.headers.get('allow')]).toEqual(['405 method-not-allowed', 'GET, HEAD'])
    const options = await at('/api/connections/x', { method: 'OPTIONS' })
    expect(options.headers.get('allow')).toBe('GET, HEAD, DELETE')
    expect([...options.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
  })

  test('two of them share a connection, until it drains', async () => {
    let state = READY
    const { server } = await openDesk({ readiness: () => state })
    const get = 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n'
    const last = 'GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
    expect((await raw(server, get + last)).match(/HTTP\/1.1 200/g)).toHaveLength(2)
    state = DOWN
    expect((await raw(server, get + get)).match(/HTTP\/1.1 200/g)).toHaveLength(1)
  })

  test.each([
    ['nonsense', 'what is this\r\n\r\n', '400'],
    ['a huge head', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`, '431'],
    ['no Host', 'GET /api/info HTTP/1.1\r\nConnection: close\r\n\r\n', '400'],
    ['a path that climbs', 'GET /api/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n', '404'],
    [
      'a path that is no text',
      'GET /api/connections/%ff HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
      '404',
    ],
    ['another host’s path', 'GET http://x/api/info HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n', '404'],
    [
      'an upgrade',
      'GET /nope HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n',
      '404',
    ],
  ])('%s is refused, and harms nobody', async (_, bytes, status) => {
    const { server, log } = await openDesk()
    expect((await raw(server, bytes)).split(' ')[1]).toBe(status)
    expect((await fetch(`${server.address}/livez`)).status).toBe(200)
    expect(log).toEqual([])
  })

  test('what throws is an internal error, and tells nothing', async () => {
    const { server, log } = await openDesk({
      info() {
        throw new Error('the secret of the house')
      },
    })
    const response = await fetch(`${server.address}/api/info`)
    const text = await response.text()
    expect([response.status, JSON.parse(text).error]).toEqual([500, 'internal'])
    expect(text).not.toContain('secret of')
    expect(log).toEqual(['failed Error: the secret of the house'])
  })

  test('what a client chose does nothing to a terminal, and a secret that slipped in is masked', async () => {
    const name = 'x\u001b[2J\u009b31m\u202ekcab amqp://u:hunter2@host'
    const { server } = await openDesk({ info: () => ({ name }) })
    const text = await (await fetch(`${server.address}/api/info`)).text()
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]|hunter2/)
    expect(JSON.parse(text).name).toBe(name.replace('hunter2', '***'))
  })

  test('disposing twice frees the port', async () => {
    const { server } = await openDesk()
    await Promise.all([server[Symbol.asyncDispose](), server[Symbol.asyncDispose]()])
    await expect(fetch(`${server.address}/livez`)).rejects.toThrow()
  })

  test('a port that is taken rejects', async () => {
    const { server } = await openDesk()
    const { serveOps } = await import('../../src/ops/http.ts')
    const taken = serveOps({ host: '127.0.0.1', port: server.port }, () => undefined as never)
    await expect(taken).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })

  test('metrics come with the type that they say', async () => {
    const { server } = await openDesk()
    const response = await fetch(`${server.address}/metrics`)
    expect([response.headers.get('content-type'), await response.text()]).toEqual([
      'text/plain; version=0.0.4',
      'up 1\n',
    ])
  })
})

describe('pages of a list', () => {
  const LENGTH = 25_000
  const all = Array.from({ length: LENGTH }, (_, index) => (index * 7919) % LENGTH)

  async function page(query: string) {
    const { server } = await openDesk({ list: numbers(all) })
    const response = await fetch(`${server.address}/api/connections?${query}`)
    if (!response.ok) return await outcome(response)
    const { items, ...rest } = (await response.json()) as { items: { number: number }[]; total: number }
    return { ...rest, items: items.map(({ number }) => number) }
  }

  test('the standard: the first sort, its own order, a hundred', async () => {
    const found = await page('')
    expect(found).toMatchObject({ total: LENGTH, limit: 100, offset: 0, sort: 'size', order: 'desc' })
    expect(found).toMatchObject({ items: Array.from({ length: 100 }, (_, index) => LENGTH - 1 - index) })
  })

  test('far into a long list the order is that of the whole', async () => {
    expect(await page('sort=size&order=asc&offset=10000&limit=3')).toMatchObject({ items: [10_000, 10_001, 10_002] })
    expect(await page('offset=10000&limit=2')).toMatchObject({ items: [LENGTH - 10_001, LENGTH - 10_002] })
  })

  test('equal keys stay in the order of the list, both ways', async () => {
    const zeros = all.filter((number) => number % 10 === 0).slice(0, 5)
    expect(await page('sort=last&limit=5')).toMatchObject({ items: zeros })
    const nines = all.filter((number) => number % 10 === 9).slice(0, 5)
    expect(await page('sort=last&order=desc&limit=5')).toMatchObject({ items: nines })
  })

  test('a filter says what counts', async () => {
    expect(await page('odd=true&limit=2')).toMatchObject({ total: LENGTH / 2, items: [LENGTH - 1, LENGTH - 3] })
    expect(await page('odd=maybe')).toMatchObject({ total: 0, items: [] })
  })

  test('behind the end there is nothing', async () => {
    const { server } = await openDesk({ list: numbers([1, 2, 3]) })
    const found = await (await fetch(`${server.address}/api/routes?offset=3`)).json()
    expect(found).toMatchObject({ total: 3, items: [] })
  })

  test.each([
    'limit=0',
    'limit=1001',
    'limit=ten',
    'limit=',
    'limit=1&limit=2',
    'offset=-1',
    'offset=10001',
    'offset=1e3',
    'sort=colour',
    'sort=__proto__',
    'order=up',
    'even=true',
    '__proto__=1',
    'constructor=1',
  ])('%s is refused', async (query) => {
    expect(await page(query)).toBe('400 bad-query')
  })
})

describe('bodies', () => {
  const post = async (body: string, type = 'application/json') => {
    const { server, log } = await openDesk({ tokens: [TOKEN] })
    const headers = { ...AUTHORIZED, 'Content-Type': type }
    return { response: await fetch(`${server.address}/api/traces`, { method: 'POST', headers, body }), log }
  }

  test('say whose frames', async () => {
    const { response, log } = await post('{"remote":"::ffff:192.0.2.1","minutes":5}')
    expect(response.status).toBe(201)
    expect(response.headers.get('location')).toMatch(/^\/api\/traces\/[0-9a-f]{12}$/)
    expect(await response.json()).toMatchObject({ remote: '192.0.2.1', state: 'running', bodies: false })
    expect(log).toEqual(['trace remote 192.0.2.1 127.0.0.1'])
  })

  test.each([
    ['no JSON', '{"user":', '400 bad-body'],
    ['no object', '["user"]', '400 bad-body'],
    ['nobody', '{}', '400 bad-body'],
    ['two', '{"user":"a","remote":"192.0.2.1"}', '400 bad-body'],
    ['an unknown field', '{"user":"a","seconds":5}', '400 bad-body'],
    ['a field of all objects', '{"user":"a","__proto__":{"minutes":5}}', '400 bad-body'],
    ['no address', '{"remote":"example.com"}', '400 bad-body'],
    ['a number', '{"user":7}', '400 bad-body'],
    ['too long', '{"user":"a","minutes":61}', '400 bad-body'],
    ['half a minute', '{"user":"a","minutes":0.5}', '400 bad-body'],
    ['bodies perhaps', '{"user":"a","bodies":"yes"}', '400 bad-body'],
    ['too much memory', '{"user":"a","maxBytes":1e9}', '400 bad-body'],
    ['a flood', `{"user":"${'a'.repeat(100_000)}"}`, '413 too-large'],
  ])('%s is refused', async (_, body, expected) => {
    const { response, log } = await post(body)
    expect([await outcome(response), log]).toEqual([expected, []])
  })

  test('a form is refused, whatever it holds', async () => {
    const { response } = await post('{"user":"a"}', 'text/plain')
    expect(await outcome(response)).toBe('415 media-type')
  })
})
