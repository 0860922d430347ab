/** Who may ask the ops port what: tokens, names, pages of others. */
import { request } from 'node:http'
import { describe, expect, test } from 'vitest'
import { AUTHORIZED, type Desk, openDesk, outcome, raw, TOKEN } from './desk.ts'

const READS = ['/metrics', '/api/info', '/api/connections', '/api/connections/known', '/api/routes', '/api/config']
const CHANGES = [
  ['DELETE', '/api/connections/known'],
  ['POST', '/api/drain'],
  ['POST', '/api/reload'],
  ['POST', '/api/traces'],
  ['DELETE', '/api/traces/x'],
] as const

/** As fetch, but with any Host. */
function ask({ server }: Desk, path: string, headers: Record<string, string>, method = 'GET'): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port: server.port, path, method, headers }, (response) => {
      resolve(outcome(new Response(ReadableStream.from(response), { status: response.statusCode ?? 0 })))
    })
    asked.once('error', reject)
    asked.end()
  })
}

describe('on loopback', () => {
  test('whoever has the machine may look', async () => {
    const { server } = await openDesk()
    for (const path of READS) expect([path, (await fetch(`${server.address}${path}`)).status]).toEqual([path, 200])
  })

  test.each(CHANGES)('%s %s needs a token, and says which option gives one', async (method, path) => {
    const { server, log } = await openDesk()
    const response = await fetch(`${server.address}${path}`, { method })
    expect(await outcome(response.clone())).toBe('403 token-not-configured')
    expect(await response.json()).toMatchObject({ message: expect.stringContaining('ops.token') })
    expect(log).toEqual([])
  })

  test.each(CHANGES)('%s %s without the token, or with another, does nothing', async (method, path) => {
    const { server, log } = await openDesk({ tokens: [TOKEN] })
    const at = (headers: Record<string, string>) => fetch(`${server.address}${path}`, { method, headers })
    const none = await at({})
    expect(await outcome(none)).toBe('401 token-required')
    expect(none.headers.get('www-authenticate')).toMatch(/^Bearer/)
    expect(await outcome(await at({ Authorization: `Bearer ${TOKEN}x` }))).toBe('401 bad-token')
    expect(await outcome(await at({ Authorization: `Basic ${TOKEN}` }))).toBe('401 token-required')
    expect(log).toEqual(['refused 127.0.0.1'])
  })

  test('each of several tokens opens what the other does', async () => {
    const { server, log } = await openDesk({ tokens: [TOKEN, 'the-token-of-tomorrow'] })
    for (const token of [TOKEN, 'the-token-of-tomorrow']) {
      const headers = { Authorization: `bearer ${token}` }
      expect((await fetch(`${server.address}/api/drain`, { method: 'POST', headers })).status).toBe(202)
    }
    expect(log).toEqual(['drain 127.0.0.1', 'drain 127.0.0.1'])
  })

  test('what was asked for is done', async () => {
    const { server, log } = await openDesk({ tokens: [TOKEN] })
    const at = (method: string, path: string) => fetch(`${server.address}${path}`, { method, headers: AUTHORIZED })
    expect(await (await at('DELETE', '/api/connections/known')).json()).toEqual({ ended: 'known' })
    expect(await outcome(await at('DELETE', '/api/connections/a%2Fb'))).toBe('404 not-found')
    expect(await (await at('POST', '/api/reload')).json()).toMatchObject({ result: 'applied', changes: ['routes +1'] })
    expect(log).toEqual(['end known 127.0.0.1', 'end a/b 127.0.0.1', 'reload 127.0.0.1'])
  })

  test('frames are nothing for whoever has the machine only', async () => {
    const { server } = await openDesk({ tokens: [TOKEN] })
    for (const path of ['/api/traces', '/api/traces/x']) {
      expect(await outcome(await fetch(`${server.address}${path}`))).toBe('401 token-required')
    }
    expect((await fetch(`${server.address}/api/traces`, { headers: AUTHORIZED })).status).toBe(200)
  })
})

describe('on any other address', () => {
  test('without a token there are probes, and nothing else', async () => {
    const { server } = await openDesk({ host: '0.0.0.0' })
    const at = (path: string) => fetch(`http://127.0.0.1:${server.port}${path}`)
    expect(server.exposed).toBe(true)
    for (const path of ['/livez', '/readyz', '/readyz?verbose']) expect((await at(path)).status).toBe(200)
    for (const path of [...READS, '/api/traces']) {
      expect([path, await outcome(await at(path))]).toEqual([path, '403 token-not-configured'])
    }
    expect(await outcome(await at('/'))).toBe('404 not-found')
  })

  test('with it there is everything but the page', async () => {
    const { server } = await openDesk({ host: '0.0.0.0', tokens: [TOKEN] })
    const at = (path: string, headers = {}) => fetch(`http://127.0.0.1:${server.port}${path}`, { headers })
    for (const path of READS) {
      expect([path, await outcome(await at(path))]).toEqual([path, '401 token-required'])
      expect([path, await outcome(await at(path, AUTHORIZED))]).toEqual([path, '200'])
    }
    expect(await outcome(await at('/', AUTHORIZED))).toBe('404 not-found')
  })
})

describe('pages of others', () => {
  test('a name that was re-bound opens nothing', async () => {
    const desk = await openDesk({ tokens: [TOKEN], hosts: ['bridge.example.com'] })
    for (const path of [...READS, '/', '/api/traces']) {
      expect([path, await ask(desk, path, { Host: 'evil.example' })]).toEqual([path, '403 unknown-host'])
    }
    for (const Host of ['localhost:15680', '[::1]', 'BRIDGE.example.com', '10.0.0.1:80']) {
      expect([Host, await ask(desk, '/api/info', { Host })]).toEqual([Host, '200'])
    }
    for (const Host of ['localhost.evil.example', '127.0.0.1@evil.example', 'evil.example/127.0.0.1', ' ']) {
      expect([Host, await ask(desk, '/api/info', { Host })]).toEqual([Host, '403 unknown-host'])
    }
  })

  test('probes come by any name, and so does whoever has the token', async () => {
    const desk = await openDesk({ tokens: [TOKEN] })
    expect(await ask(desk, '/readyz', { Host: 'bridge.svc.cluster.local' })).toBe('200')
    expect(await ask(desk, '/metrics', { Host: 'bridge.svc.cluster.local', ...AUTHORIZED })).toBe('200')
  })

  test.each(CHANGES)('%s %s is not for pages, not even with the token', async (method, path) => {
    const desk = await openDesk({ tokens: [TOKEN] })
    for (const Origin of ['http://localhost:15680', 'https://evil.example', 'null']) {
      expect(await ask(desk, path, { Origin, ...AUTHORIZED }, method)).toBe('403 from-a-page')
    }
    expect(desk.log).toEqual([])
  })
})

describe('guesses', () => {
  test('ten a minute; then nobody from there is looked at, and the rest goes on', async () => {
    const { server, log } = await openDesk({ tokens: [TOKEN] })
    const at = (token: string) => fetch(`${server.address}/api/info`, { headers: { Authorization: `Bearer ${token}` } })
    const guesses = await Promise.all(Array.from({ length: 12 }, (_, index) => at(`guess-number-${index}`)))
    const outcomes = await Promise.all(guesses.map(outcome))
    expect(outcomes.toSorted()).toEqual([...Array(10).fill('401 bad-token'), ...Array(2).fill('429 too-many-attempts')])
    const late = await at(TOKEN)
    expect(Number(late.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await outcome(late)).toBe('429 too-many-attempts')
    expect((await fetch(`${server.address}/api/info`)).status).toBe(200)
    expect(log).toEqual(['refused 127.0.0.1'])
  })

  test('right ones cost nothing', async () => {
    const { server } = await openDesk({ tokens: [TOKEN] })
    for (let index = 0; index < 30; index++) {
      expect((await fetch(`${server.address}/api/traces`, { headers: AUTHORIZED })).status).toBe(200)
    }
  })

  test('two in one request are none', async () => {
    const { server } = await openDesk({ tokens: [TOKEN] })
    const both = `Authorization: Bearer x\r\nAuthorization: Bearer ${TOKEN}\r\n`
    const answer = await raw(server, `POST /api/drain HTTP/1.1\r\nHost: localhost\r\n${both}Connection: close\r\n\r\n`)
    expect(answer.split(' ')[1]).toBe('401')
  })
})

describe('the page', () => {
  test('is one document that may run and reach only what it names', async () => {
    const { server } = await openDesk({ page: { version: '1<2', websocket: 'ws://127.0.0.1:1/a</script>"' } })
    const response = await fetch(`${server.address}/`)
    const html = await response.text()
    const policy = response.headers.get('content-security-policy')!
    expect(policy).toMatch(
      /^default-src 'none'; script-src 'sha256-[^' ]+'; style-src 'sha256-[^' ]+'; connect-src 'self' ws:/,
    )
    expect(policy).not.toMatch(/unsafe|\*/)
    expect(html.match(/<\/script>/g)).toHaveLength(2)
    expect(html).not.toMatch(/(?:src|href)="(?!\/|data:,")/)
    expect(html).toContain('stomp-bridge 1&#60;2')
    expect(html).not.toContain('a</script>"')
  })

  test('has no console where the bridge would not let it in', async () => {
    const { server } = await openDesk()
    const response = await fetch(`${server.address}/`)
    expect(await response.text()).not.toContain('id="connect"')
    expect(response.headers.get('content-security-policy')).toContain("connect-src 'self';")
  })
})
