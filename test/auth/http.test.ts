/** A backend that decides: a real one, which says yes and no, and breaks in every way. */
import { describe, expect, test } from 'vitest'
import { createHttp } from '../../src/auth/http/index.ts'
import { attempt, brief, ever, faultOf, openServer, Scene, type Server, type Shown, says } from './scene.ts'

async function open(options: Record<string, unknown> = {}) {
  const scene = new Scene()
  const server = await openServer()
  says200(server, { user: 'ann' })
  const standard = { url: `${server.url}/auth`, onError: 'deny' }
  const http = scene.keep(createHttp({ ...standard, ...options }, scene.context('http')))
  return { scene, server, http }
}

function says200(server: Server, answer: unknown): void {
  server.answer = (_, response) => response.end(typeof answer === 'string' ? answer : JSON.stringify(answer))
}

function saysStatus(server: Server, status: number): void {
  server.answer = (_, response) => response.writeHead(status).end('{"user":"eve"}')
}

const SHOWN: Shown = { headers: { Authorization: 'Bearer secret', 'X-Tenant': 'acme', other: 'hidden' } }

describe('the question', () => {
  test('holds what the configuration names, and nothing else', async () => {
    const { http, server } = await open({ headers: ['authorization', 'X-Tenant', 'missing'], cookies: ['JSESSIONID'] })
    const upgrade = { cookie: 'other=hidden; JSESSIONID=abc', authorization: 'hidden' }
    await says(http, { ...SHOWN, upgrade, login: 'ann', passcode: 'hidden', url: '/ws?hidden' })
    expect(server.hits).toEqual(['POST /auth'])
    expect(JSON.parse(server.bodies[0]!)).toEqual({
      headers: { authorization: 'Bearer secret', 'x-tenant': 'acme' },
      cookies: { JSESSIONID: 'abc' },
      remote: '192.0.2.1',
    })
  })

  test('is not asked when nothing of it was shown', async () => {
    const { http, server } = await open({ headers: ['authorization'], cookies: ['JSESSIONID'] })
    expect(await says(http, { login: 'ann', passcode: 'x', upgrade: { cookie: 'a=b' } })).toBe('passed')
    expect(server.hits).toEqual([])
  })
})

describe('the answer', () => {
  test('200: user, roles, claims, an end', async () => {
    const { http, server, scene } = await open()
    const expiresAt = new Date(scene.clock.now() + 60_000).toISOString()
    says200(server, { user: 'ann', roles: ['dev'], claims: { tenant: 'acme', groups: ['a', 'b'] }, expiresAt })
    expect(await http.authenticate(attempt(SHOWN), ever)).toEqual({
      kind: 'admitted',
      user: {
        name: 'ann',
        roles: new Set(['dev']),
        claims: new Map([
          ['tenant', ['acme']],
          ['groups', ['a', 'b']],
        ]),
        expiresAtMs: scene.clock.now() + 60_000,
        authenticator: 'http',
      },
    })
  })

  test('an end in seconds; one that has passed is the end', async () => {
    const { http, server, scene } = await open({ cache: 0 })
    says200(server, { user: 'ann', expiresAt: scene.clock.now() / 1000 + 1 })
    expect(await http.authenticate(attempt(SHOWN), ever)).toMatchObject({
      user: { expiresAtMs: scene.clock.now() + 1000 },
    })
    says200(server, { user: 'ann', expiresAt: scene.clock.now() / 1000 })
    expect(await says(http, SHOWN)).toBe('refused token-expired')
  })

  test.each([401, 403])('%i is no, whatever else it says', async (status) => {
    const { http, server } = await open()
    saysStatus(server, status)
    expect(await says(http, SHOWN)).toBe('refused login-refused')
  })

  const broken: [string, unknown][] = [
    ['no user', {}],
    ['an empty user', { user: '' }],
    ['a user with a line feed', { user: 'ann\nadmin' }],
    ['a user that is an object', { user: { name: 'ann' } }],
    ['roles that are none', { user: 'ann', roles: { admin: true } }],
    ['claims that are none', { user: 'ann', claims: ['admin'] }],
    ['an end that is none', { user: 'ann', expiresAt: 'tomorrow' }],
    ['an end that is null', { user: 'ann', expiresAt: null }],
    ['a list', ['ann']],
    ['null', null],
    ['a page', '<html>log in</html>'],
    ['nothing', ''],
    ['half an answer', '{"user":"ann"'],
    ['70 KB', { user: 'ann', claims: { x: 'x'.repeat(70_000) } }],
  ]

  test.each(broken)('%s is none', async (_, answer) => {
    const { http, server } = await open()
    says200(server, answer)
    const verdict = await http.authenticate(attempt(SHOWN), ever)
    expect(brief(verdict)).toBe('refused auth-unavailable')
    expect(JSON.stringify(verdict)).not.toMatch(/admin|secret/)
  })

  test.each([201, 204, 302, 307, 400, 404, 429, 500, 503])('%i is none', async (status) => {
    const { http, server } = await open()
    saysStatus(server, status)
    expect(await says(http, SHOWN)).toBe('refused auth-unavailable')
  })

  test('a redirect is not followed: the credentials stay here', async () => {
    const elsewhere = await openServer()
    says200(elsewhere, { user: 'eve' })
    const { http, server } = await open()
    for (const status of [301, 302, 303, 307, 308]) {
      server.answer = (_, response) => response.writeHead(status, { location: `${elsewhere.url}/auth` }).end()
      expect(await says(http, SHOWN)).toBe('refused auth-unavailable')
    }
    expect(elsewhere.hits).toEqual([])
  })
})

describe('no answer', () => {
  test('in time', async () => {
    const { http, server, scene } = await open()
    server.answer = () => {}
    const verdict = says(http, SHOWN)
    await expect.poll(() => server.hits).toHaveLength(1)
    scene.clock.advance(2_000)
    expect(await verdict).toBe('refused auth-unavailable')
    expect(scene.told).toEqual([expect.stringMatching(/^warning http: .*2000 ms/)])
  })

  test('a body that never ends is cut off, in bytes and in time', async () => {
    const { http, server, scene } = await open()
    server.answer = (_, response) => response.write('{"user":')
    const verdict = says(http, SHOWN)
    await expect.poll(() => server.hits).toHaveLength(1)
    scene.clock.advance(2_000)
    expect(await verdict).toBe('refused auth-unavailable')
    server.answer = (_, response) => {
      const more = () => response.destroyed || response.write(' '.repeat(65_536), more)
      more()
    }
    expect(await says(http, SHOWN)).toBe('refused auth-unavailable')
  })

  test('and it is told once, and once when it is back', async () => {
    const { http, server, scene } = await open({ cache: 0 })
    await server.stop()
    for (let n = 0; n < 3; n++) expect(await says(http, SHOWN)).toBe('refused auth-unavailable')
    await server.start()
    for (let n = 0; n < 3; n++) expect(await says(http, SHOWN)).toBe('admitted ann')
    expect(scene.told.map((line) => line.split(':')[0])).toEqual(['warning http', 'recovered http'])
    expect(scene.told.join()).not.toContain('secret')
  })

  test('onError: allow lets everybody in, without a name; a no stays a no', async () => {
    const { http, server } = await open({ onError: 'allow' })
    saysStatus(server, 401)
    expect(await says(http, SHOWN)).toBe('refused login-refused')
    await server.stop()
    const other = { headers: { authorization: 'Bearer another' } }
    const verdict = await http.authenticate(attempt(other), ever)
    expect(verdict).toMatchObject({ kind: 'admitted', user: { name: undefined, roles: new Set() } })
  })

  test('because the bridge stops: nothing is left and nothing is told', async () => {
    const { http, server, scene } = await open()
    server.answer = () => {}
    const verdict = says(http, SHOWN)
    await expect.poll(() => server.hits).toHaveLength(1)
    await http[Symbol.asyncDispose]()
    expect(await verdict).toBe('refused auth-unavailable')
    expect([scene.told, scene.clock.pending]).toEqual([[], 0])
  })
})

describe('memory', () => {
  test('a yes counts for 30 s, for the same from the same address', async () => {
    const { http, server, scene } = await open()
    await says(http, SHOWN)
    scene.clock.advance(29_999)
    saysStatus(server, 401)
    expect(await says(http, SHOWN)).toBe('admitted ann')
    expect(await says(http, { ...SHOWN, remote: '192.0.2.2' })).toBe('refused login-refused')
    expect(await says(http, { headers: { authorization: 'Bearer secret2' } })).toBe('refused login-refused')
    scene.clock.advance(1)
    expect(await says(http, SHOWN)).toBe('refused login-refused')
    expect(server.hits).toHaveLength(4)
  })

  test('a no counts for 5 s', async () => {
    const { http, server, scene } = await open()
    saysStatus(server, 403)
    for (let n = 0; n < 3; n++) await says(http, SHOWN)
    expect(server.hits).toHaveLength(1)
    scene.clock.advance(5_000)
    says200(server, { user: 'ann' })
    expect(await says(http, SHOWN)).toBe('admitted ann')
  })

  test('no answer counts for nothing', async () => {
    const { http, server } = await open()
    saysStatus(server, 500)
    await says(http, SHOWN)
    says200(server, { user: 'ann' })
    expect(await says(http, SHOWN)).toBe('admitted ann')
  })

  test('a remembered yes ends when it says so', async () => {
    const { http, server, scene } = await open()
    says200(server, { user: 'ann', expiresAt: scene.clock.now() / 1000 + 10 })
    expect(await says(http, SHOWN)).toBe('admitted ann')
    scene.clock.advance(10_000)
    expect(await says(http, SHOWN)).toBe('refused token-expired')
  })

  test('the same question at one time is asked once', async () => {
    const { http, server } = await open({ cache: 0 })
    const verdicts = await Promise.all(Array.from({ length: 100 }, () => says(http, SHOWN)))
    expect(new Set(verdicts)).toEqual(new Set(['admitted ann']))
    expect(server.hits).toHaveLength(1)
  })
})

describe('under attack', () => {
  const guess = (n: number): Shown => ({ headers: { authorization: `Bearer ${n}` }, remote: `192.0.2.${n % 250}` })

  test('so many questions at a time, so many wait, the others come back later', async () => {
    const { http, server } = await open({ concurrency: 2, queue: 3 })
    const held: (() => void)[] = []
    server.answer = (_, response) => held.push(() => response.end('{"user":"ann"}'))
    const verdicts = Array.from({ length: 7 }, (_, n) => says(http, guess(n)))
    expect(await Promise.all(verdicts.slice(5))).toEqual(Array(2).fill('refused auth-unavailable'))
    for (let n = 0; n < 5; n++) {
      await expect.poll(() => held.length).toBeGreaterThan(0)
      expect(held.length).toBeLessThanOrEqual(2)
      held.shift()!()
    }
    expect(await Promise.all(verdicts.slice(0, 5))).toEqual(Array(5).fill('admitted ann'))
  })

  test('of wrong ones from one address so many are asked for', async () => {
    const { http, server } = await open({ failuresPerAddress: 5 })
    saysStatus(server, 401)
    for (let n = 0; n < 20; n++) await says(http, { ...guess(n), remote: '192.0.2.1' })
    expect(server.hits).toHaveLength(5)
    expect(await says(http, { ...guess(99), remote: '192.0.2.1' })).toBe('refused too-many-attempts')
    expect(await says(http, { ...guess(99), remote: '192.0.2.2' })).toBe('refused login-refused')
  })
})

test.each<[string, Record<string, unknown>]>([
  ['url', { url: undefined }],
  ['url', { url: 'secret' }],
  ['url', { url: 'ftp://127.0.0.1/' }],
  ['url', { url: 'http://backend.internal/auth' }],
  ['url', { url: 'https://user:secret@backend.internal/auth' }],
  ['url', { url: 'file:///etc/passwd', plain: true }],
  ['plain', { plain: 'yes' }],
  ['headers', { headers: [] }],
  ['headers.0', { headers: [7] }],
  ['onError', { onError: undefined }],
  ['onError', { onError: 'secret' }],
  ['timeout', { timeout: 0 }],
  ['cache', { cache: -1 }],
  ['concurrency', { concurrency: 0 }],
  ['method', { method: 'GET' }],
])('a fault in %s', (path, options) => {
  const scene = new Scene()
  const fault = faultOf(() => createHttp({ url: 'https://a.example/', onError: 'deny', ...options }, scene.context()))
  expect(fault.startsWith(`${path}: `)).toBe(true)
  expect(fault).not.toContain('secret')
})

test('plain: true allows http to other machines', () => {
  const scene = new Scene()
  const options = { url: 'http://backend.internal/auth', plain: true, onError: 'deny' }
  expect(createHttp(options, scene.context()).name).toBe('auth')
})
