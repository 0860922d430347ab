/** The small parts: limits of guesses, queues, names and claims, cookies, URLs for logs. */
import { describe, expect, test } from 'vitest'
import { Attempts } from '../../src/auth/attempts.ts'
import { cookieOf } from '../../src/auth/cookie.ts'
import { fingerprints } from '../../src/auth/fingerprint.ts'
import { claimAt, flatClaims, isName, rolesOf } from '../../src/auth/identity.ts'
import { Lru } from '../../src/auth/lru.ts'
import { redactUrl } from '../../src/auth/redact.ts'
import { looksLikeToken } from '../../src/auth/token.ts'
import { Turnstile } from '../../src/auth/turnstile.ts'
import { FakeClock } from '../support/clock.ts'
import { ever } from './scene.ts'

describe('guesses', () => {
  const open = (perAddress = 100, perLogin = 3) => {
    const clock = new FakeClock()
    return { clock, attempts: new Attempts(clock, { perAddress, perLogin }) }
  }
  const wrong = (attempts: Attempts, remote: string, login?: string): boolean => {
    const ticket = attempts.begin(remote, login, String(Math.random()))
    ticket?.refused()
    return ticket !== undefined
  }

  test('so many wrong ones for a login, from anywhere; a third of a minute brings one more', () => {
    const { attempts, clock } = open()
    const from = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4']
    expect(from.map((remote) => wrong(attempts, remote, 'ann'))).toEqual([true, true, true, false])
    expect(wrong(attempts, '192.0.2.1', 'bob')).toBe(true)
    clock.advance(19_999)
    expect(wrong(attempts, '192.0.2.1', 'ann')).toBe(false)
    clock.advance(1)
    expect(wrong(attempts, '192.0.2.1', 'ann')).toBe(true)
    expect(wrong(attempts, '192.0.2.1', 'ann')).toBe(false)
  })

  test('so many wrong ones from an address, for whatever logins', () => {
    const { attempts } = open(3)
    expect(['a', 'b', 'c', 'd'].map((login) => wrong(attempts, '192.0.2.1', login))).toEqual([true, true, true, false])
    expect(wrong(attempts, '192.0.2.2', 'd')).toBe(true)
  })

  test('right ones, and undecided ones that came to nothing, cost nothing', () => {
    const { attempts } = open(3)
    for (let turn = 0; turn < 100; turn++) {
      attempts.begin('192.0.2.1', 'ann', 'right')!.admitted()
      attempts.begin('192.0.2.1', 'bob', 'maybe')!.dropped()
    }
    expect(wrong(attempts, '192.0.2.1', 'ann')).toBe(true)
  })

  test('a thousand at once: what is undecided counts', () => {
    const { attempts } = open(1_000)
    const tickets = Array.from({ length: 1_000 }, (_, n) => attempts.begin('192.0.2.1', 'ann', `guess ${n}`))
    expect(tickets.filter((ticket) => ticket !== undefined)).toHaveLength(3)
  })

  test('five thousand with the same password at once are one guess', () => {
    const { attempts } = open(1)
    const tickets = Array.from({ length: 5_000 }, (_, n) => attempts.begin(`192.0.2.${n % 250}`, 'service', 'right'))
    expect(tickets).not.toContain(undefined)
  })

  test('many users behind one address may log in at once; when they all fail it pays for all of them', () => {
    const { attempts, clock } = open(10)
    const tickets = Array.from({ length: 50 }, (_, n) => attempts.begin('192.0.2.1', `user ${n}`, 'p'))
    for (const ticket of tickets) ticket!.refused()
    clock.advance(60_000)
    expect(wrong(attempts, '192.0.2.1', 'ann')).toBe(false)
    clock.advance(4 * 60_000)
    expect(wrong(attempts, '192.0.2.1', 'ann')).toBe(true)
  })

  test('guesses from elsewhere do not lock out where the login has succeeded', () => {
    const { attempts } = open()
    attempts.begin('192.0.2.1', 'ann', 'right')!.admitted()
    for (let turn = 0; turn < 10; turn++) wrong(attempts, '198.51.100.1', 'ann')
    expect(attempts.begin('198.51.100.2', 'ann', 'right')).toBeUndefined()
    expect(attempts.begin('192.0.2.1', 'ann', 'right')).toBeDefined()
  })

  test('a ticket counts once', () => {
    const { attempts } = open(2)
    const ticket = attempts.begin('192.0.2.1', 'ann', 'x')!
    ticket.refused()
    ticket.refused()
    ticket.dropped()
    expect(wrong(attempts, '192.0.2.1', 'ann')).toBe(true)
    expect(wrong(attempts, '192.0.2.1', 'ann')).toBe(false)
  })

  test('an IPv6 client is its /64', () => {
    const { attempts } = open(2)
    const froms = ['2001:db8:1:2::1', '2001:db8:1:2:ffff::1', '2001:db8:1:2::3', '2001:db8:1:3::1']
    expect(froms.map((remote) => wrong(attempts, remote))).toEqual([true, true, false, true])
  })
})

describe('a turnstile', () => {
  const gate = () => {
    let open = (): void => {}
    const work = new Promise<void>((resolve) => {
      open = resolve
    })
    return { open, work: () => work }
  }

  test('lets so many in, makes so many wait, and tells the next one', async () => {
    const turnstile = new Turnstile(1, 1)
    const [first, second] = [gate(), gate()]
    const log: string[] = []
    const run = (name: string, { work }: typeof first) =>
      turnstile.pass(ever, 'anywhere', async () => {
        log.push(`${name} in`)
        await work()
        log.push(`${name} out`)
      })
    const one = run('one', first)
    const two = run('two', second)
    expect(await run('three', gate())).toBeUndefined()
    first.open()
    await one
    second.open()
    await two
    expect(log).toEqual(['one in', 'one out', 'two in', 'two out'])
  })

  test('who leaves the queue is not run, and his place is free', async () => {
    const turnstile = new Turnstile(1, 1)
    const first = gate()
    const one = turnstile.pass(ever, 'anywhere', first.work)
    const leaving = new AbortController()
    const two = expect(turnstile.pass(leaving.signal, 'anywhere', async () => 'two')).rejects.toThrow('gone')
    leaving.abort(new Error('gone'))
    await two
    const three = turnstile.pass(ever, 'anywhere', async () => 'three')
    first.open()
    await one
    expect(await three).toBe('three')
  })

  test('those from many places take turns; when it is full, who has most loses his newest', async () => {
    const turnstile = new Turnstile(1, 4)
    const first = gate()
    const log: string[] = []
    const enters = (from: string, name: string) =>
      turnstile.pass(ever, from, async () => {
        log.push(name)
        return true
      })
    const started = turnstile.pass(ever, 'a', first.work)
    const flood = ['a1', 'a2', 'a3', 'a4', 'a5'].map((name) => enters('a', name))
    const others = [enters('b', 'b1'), enters('c', 'c1'), enters('b', 'b2')]
    first.open()
    await started
    expect(await Promise.all(flood)).toEqual([true, true, undefined, undefined, undefined])
    expect(await Promise.all(others)).toEqual([true, true, undefined])
    expect(log).toEqual(['a1', 'b1', 'c1', 'a2'])
  })

  test('work that fails gives its place back', async () => {
    const turnstile = new Turnstile(1, 0)
    await expect(turnstile.pass(ever, 'anywhere', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await turnstile.pass(ever, 'anywhere', async () => 'yes')).toBe('yes')
  })
})

test('a table of bounded size forgets what was not used for longest', () => {
  const table = new Lru<string, number>(2)
  table.set('a', 1)
  table.set('b', 2)
  table.get('a')
  table.set('c', 3)
  expect([table.get('a'), table.get('b'), table.get('c'), table.size]).toEqual([1, undefined, 3, 2])
})

test('fingerprints are equal for equal parts, and belong to one table', () => {
  const [one, other] = [fingerprints(), fingerprints()]
  expect(one('a', 'b')).toBe(one('a', 'b'))
  expect(one('a', 'b')).not.toBe(one('ab', ''))
  expect(one('a')).not.toBe(other('a'))
})

describe('names, roles, claims', () => {
  test.each(['ann', 'Ann Lee', '*', 'a.b', 'ä', 'x'.repeat(255)])('%s is a name', (name) => {
    expect(isName(name)).toBe(true)
  })

  test.each<unknown>([
    '',
    'x'.repeat(256),
    'a\nb',
    'a\0',
    '\u001b[31m',
    '\u0085',
    'a\u2028b',
    '\u202eann',
    '\ud800',
    7,
    null,
  ])('%j is none', (name) => {
    expect(isName(name)).toBe(false)
  })

  test.each<[unknown, string[] | undefined]>([
    [undefined, []],
    [null, []],
    ['', []],
    ['read  write', ['read', 'write']],
    [
      ['read', 'write more'],
      ['read', 'write more'],
    ],
    [['read', 7], undefined],
    [{ read: true }, undefined],
    [7, undefined],
    [[`a\nb`], undefined],
    [Array.from({ length: 1_001 }, (_, n) => `r${n}`), undefined],
  ])('roles of %j', (value, roles) => {
    const found = rolesOf(value)
    expect(found && [...found]).toEqual(roles)
  })

  test('a claim is found by its name, then along its dots, never in a prototype', () => {
    const claims = {
      sub: 'ann',
      'https://a.b/roles': ['x'],
      realm: { roles: ['y'], deep: { er: 1 } },
      list: [{ a: 1 }],
    }
    expect(claimAt(claims, 'https://a.b/roles')).toEqual(['x'])
    expect(claimAt(claims, 'realm.roles')).toEqual(['y'])
    expect(claimAt(claims, 'realm.deep.er')).toBe(1)
    for (const path of [
      'nobody',
      'realm.nobody',
      'sub.length',
      'list.0.a',
      'constructor',
      '__proto__',
      'realm.toString',
    ]) {
      expect(claimAt(claims, path)).toBeUndefined()
    }
  })

  test('claims are made flat, bounded, and a name with real dots goes first', () => {
    const deep = { a: { b: { c: { d: 'too deep' } } } }
    const flat = flatClaims({
      ...deep,
      'x.y': 'real',
      x: { y: 'nested', n: 7 },
      on: true,
      tags: ['a', 1, null, {}],
      no: null,
    })
    expect(Object.fromEntries(flat)).toEqual({ 'x.y': ['real'], 'x.n': ['7'], on: ['true'], tags: ['a', '1'] })
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`c${n}`, 'v']))
    expect(flatClaims(many).size).toBe(200)
    expect(flatClaims(JSON.parse('{"__proto__":"x"}')).get('__proto__')).toEqual(['x'])
  })
})

test.each<[string | string[] | undefined, string | undefined]>([
  [undefined, undefined],
  ['session=abc', 'abc'],
  ['a=1; session=abc; b=2', 'abc'],
  ['session="abc"', 'abc'],
  ['session="', '"'],
  ['session=', ''],
  ['session=a=b', 'a=b'],
  ['session=first; session=second', 'first'],
  ['Session=abc', undefined],
  ['xsession=abc', undefined],
  ['session', undefined],
  ['a="; session=abc', 'abc'],
  [['a=1', 'session=abc'], 'abc'],
])('the cookie of %j', (header, value) => {
  expect(cookieOf(header, 'session')).toBe(value)
})

test.each([
  ['/ws', '/ws'],
  ['/ws?', '/ws?***'],
  ['/ws?access_token=eyJ.a.b&v=1', '/ws?access_token=***&v=***'],
  ['/ws?eyJ.a.b', '/ws?***'],
  ['/ws?a=b=c;d=e?f', '/ws?a=***&d=***'],
])('%s is logged as %s', (url, shown) => {
  expect(redactUrl(url)).toBe(shown)
})

test.each([
  ['eyJhbGciOiJub25lIn0.e30.', true],
  ['eyJhbGciOiJSUzI1NiJ9.e30.c2ln', true],
  ['eyJhbGciOiJSUzI1NiJ9.a.b.c.d', true],
  ['password', false],
  ['a.b.c', false],
  ['eyJ', false],
  ['eyJh bG.e30.x', false],
])('%s looks like a token: %s', (text, does) => {
  expect(looksLikeToken(text)).toBe(does)
})
