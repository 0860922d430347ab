/** What a client writes, on its way into a path and into headers: nothing of it leaves the place that the operator has fixed. */
import { describe, expect, test } from 'vitest'
import type { HttpTarget } from '../../src/adapters/http/index.ts'
import { compileRoute } from '../../src/adapters/http/route.ts'
import type { Route } from '../../src/broker/broker.ts'
import { FieldError } from '../../src/broker/errors.ts'
import { compilePattern } from '../../src/routing/pattern.ts'

const BASE = '/api/stomp'

function routeOf(destination: string, options: Record<string, unknown> = {}): Route<HttpTarget> {
  return compileRoute(BASE, { destination, ...options }, compilePattern(destination).names)
}

/** As the router does it: the pattern reads the variables, the route makes the target. */
function targetOf(destination: string, pattern = '/app/{path+}', options: Record<string, unknown> = {}): HttpTarget {
  return routeOf(pattern, options).target(compilePattern(pattern).match(destination)!)
}

describe('a path', () => {
  test.each([
    ['/app/chat/1', '/chat/1'],
    ['/app/a b', '/a%20b'],
    ['/app/räume/☕', '/r%C3%A4ume/%E2%98%95'],
    ['/app/a?b=c#d', '/a%3Fb%3Dc%23d'],
    ['/app/100%/x', '/100%25/x'],
    ['/app/https:', '/https%3A'],
    ['/app/a;v=1', '/a%3Bv%3D1'],
    ['/app/...', '/...'],
    ['/app/.hidden', '/.hidden'],
  ])('%s is asked at %s', (destination, path) => {
    expect(targetOf(destination).path).toBe(BASE + path)
  })

  test('of one segment keeps its slashes encoded', () => {
    expect(targetOf('/app/rooms/a%2Fb', '/app/rooms/{room}').path).toBe(`${BASE}/rooms/a%2Fb`)
  })

  const STRAY = [
    '..',
    '.',
    'a/..',
    '../../admin',
    '..%2F..%2Fadmin',
    'a%2F%2Fevil.example',
    '%2Fevil.example',
    'http:%2F%2Fevil.example',
    '%2e%2e',
    '%252e%252E/x',
    '.%2e/x',
    '..\\admin',
    '..%5cadmin',
    '..;/admin',
    '..?/admin',
    'x%2500',
    'a\r\nHost: evil.example',
    'a\0b',
    'a\u007fb',
    '\ud800',
    '*',
    'a/**',
    'x/#',
    'x'.repeat(5000),
  ]

  test.each(STRAY)('%j is refused', (value) => {
    for (const pattern of ['/app/{path+}', '/app/{path}']) {
      const variables = Object.assign(Object.create(null), { path: value })
      expect(() => routeOf(pattern).target(variables)).toThrow(expect.objectContaining({ code: 'bad-destination' }))
    }
  })

  test('what is not refused never leaves its base, whatever it is made of', () => {
    const bits = ['.', '/', '%', '2', 'e', '5', 'F', '\\', ';', '?', '#', '@', ':', 'a', ' ', '\n', '*', '&']
    const route = routeOf('/app/{path+}')
    let seed = 7
    const next = (most: number): number => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed % most
    }
    let taken = 0
    for (let turn = 0; turn < 5_000; turn++) {
      const path = Array.from({ length: 1 + next(8) }, () => bits[next(bits.length)]).join('')
      let target: HttpTarget
      try {
        target = route.target(Object.assign(Object.create(null), { path }))
      } catch {
        continue
      }
      taken++
      // As often as anybody in between may decode it.
      for (let text = target.path, times = 0; times < 4; times++) {
        const url = new URL(text, 'http://backend.test')
        expect([url.host, url.pathname.startsWith(`${BASE}/`), url.search + url.hash].join(' '), path).toMatch(
          times === 0 ? /^backend\.test true $/ : /^backend\.test true /,
        )
        text = text.replace(/%([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      }
    }
    expect(taken).toBeGreaterThan(500)
  })

  test.each([
    ['/fixed', '/fixed'],
    ['/v1/{path+}/say', '/v1/a/b/say'],
    ['/v1/{path}', '/v1/a%2Fb'],
  ])('may be written otherwise: %s', (path, wanted) => {
    expect(targetOf('/app/a/b', '/app/{path+}', { path }).path).toBe(BASE + wanted)
  })
})

describe('where an answer goes', () => {
  const places = (target: HttpTarget): string[] =>
    target.recipients.map(({ kind, destination }) => `${kind} ${destination}`)

  test('is /topic and the rest of the destination, as with Spring', () => {
    expect(places(targetOf('/app/chat/1'))).toEqual(['route /topic/chat/1'])
    expect(places(targetOf('/app/chat/a%2Fb', '/app/chat/{room}'))).toEqual(['route /topic/chat/a%2Fb'])
  })

  test.each([
    ['none', []],
    ['sender', ['sender /user/queue/chat/1']],
    ['user', ['user /queue/chat/1']],
    ['/queue/{path}', ['route /queue/chat/1']],
    [
      ['/topic/{path+}', '/user/queue/done', 'user'],
      ['route /topic/chat/1', 'sender /user/queue/done', 'user /queue/chat/1'],
    ],
  ])('reply: %j', (reply, wanted) => {
    expect(places(targetOf('/app/chat/1', '/app/{path+}', { reply }))).toEqual(wanted)
  })

  test.each(['/app/bridge.sessions', '/app/bridge/x', '/app/bridge'])(
    'is never what the bridge says itself: %s',
    (destination) => {
      expect(() => targetOf(destination)).toThrow(expect.objectContaining({ code: 'bad-destination' }))
    },
  )

  test.each([
    ['/topic/chat/{path+}', '/topic/chat/a/b', true],
    ['/topic/chat/{path+}', '/topic/chat/a', false],
    ['/topic/chat/{path+}', '/topic/chat/a/b/c', false],
    ['/topic/{any}', '/topic/x', true],
    ['/topic/{any}', '/topic/', false],
    ['/topic/{any}', '/topic/x/y', false],
    ['/topic/{any+}', '/topic/x/y', true],
    ['/topic/{any+}', '/topic//y', false],
    ['/topic/{any+}/end', '/topic/x/y/end', true],
    ['/topic/{any+}/end', '/topic/end', false],
    ['/topic/room-{id}', '/topic/room-7', true],
    ['/topic/room-{id}', '/topic/room-', false],
    ['/user/{name}/queue/x', '/user/bob/queue/x', true],
    ['/topic/exact', '/topic/exact', true],
    ['/topic/exact', '/topic/exacter', false],
    ['/topic/{any}', '/topic/a\0b', false],
  ])('%s lets an answer choose %j: %s', (replyTo, destination, allowed) => {
    expect(targetOf('/app/a/b', '/app/{path+}', { replyTo }).allows(destination)).toBe(allowed)
  })
})

describe('a route', () => {
  test('says what it does, without its host', () => {
    const route = routeOf('/app/{path+}')
    expect(route.summary).toBe('POST /api/stomp/{path+}, reply to /topic/{path+}')
    const target = targetOf('/app/a/b', '/app/{path+}', { reply: ['sender', 'user'] })
    expect(route.describe(target, 'send')).toBe('POST /api/stomp/a/b, reply to /user/queue/a/b and /user/*/queue/a/b')
    expect(route.describe(target, 'subscribe')).toBe('GET /api/stomp/a/b, one answer')
    expect(route.receipt(target)).toContain('2xx')
  })

  test('finds its own targets again, and tells its client its own destination', () => {
    const route = routeOf('/app/rooms/{room}')
    const target = route.target(compilePattern('/app/rooms/{room}').match('/app/rooms/a%2Fb')!)
    expect(target.destination).toBe('/app/rooms/a%2Fb')
    expect(route.variables(target)).toEqual({ room: 'a/b' })
    expect(routeOf('/app/rooms/{room}').variables(target)).toBeUndefined()
  })

  test.each<[Record<string, unknown>, string]>([
    [{ path: 'x' }, 'path'],
    [{ path: '/a?b' }, 'path'],
    [{ path: '/a/../b' }, 'path'],
    [{ path: '/%2e%2e/b' }, 'path'],
    [{ path: '/{other}' }, 'path'],
    [{ path: '/{path' }, 'path'],
    [{ path: '/ä' }, 'path'],
    [{ reply: 'everybody' }, 'reply'],
    [{ reply: '/app/other' }, 'reply'],
    [{ reply: '/topic/bridge.sessions' }, 'reply'],
    [{ reply: ['none', '/topic/a'] }, 'reply'],
    [{ reply: ['/topic/a', '/topic/{other}'] }, 'reply.1'],
    [{ replyTo: ['/app/{any}'] }, 'replyTo.0'],
    [{ replyTo: ['/topic/{a+}/{b+}'] }, 'replyTo.0'],
    [{ replyTo: '/topic/{a}-{b}' }, 'replyTo'],
    [{ ordered: 'no' }, 'ordered'],
    [{ retries: -1 }, 'retries'],
    [{ onError: 'ignore' }, 'onError'],
    [{ errorBody: true }, 'errorBody'],
    [{ identity: 'maybe' }, 'identity'],
    [{ topic: 'x' }, 'topic'],
  ])('refuses %j', (options, field) => {
    const make = (): unknown => routeOf('/app/{path+}', options)
    expect(make).toThrow(FieldError)
    expect(make).toThrow(
      expect.objectContaining({ path: field.split('.').map((step) => (/^\d$/.test(step) ? Number(step) : step)) }),
    )
  })

  test('of one segment must say where it leads', () => {
    expect(() => routeOf('/app')).toThrow(FieldError)
    expect(() => routeOf('/app', { path: '/all' })).toThrow(FieldError)
    expect(routeOf('/app', { path: '/all', reply: 'none' }).summary).toBe('POST /api/stomp/all, no reply')
  })
})
