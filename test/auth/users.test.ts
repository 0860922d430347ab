/** Logins and passwords of the configuration. Costs are counted, never timed. */
import { scryptSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createUsers } from '../../src/auth/users/index.ts'
import { hashOf, matches, readHash, type Scrypt, systemScrypt } from '../../src/auth/users/phc.ts'
import { attempt, brief, ever, faultOf, Scene, says } from './scene.ts'

/** Cheap: the least that is allowed. */
function cheap(password: string, { ln = 10, salt = 'saltsaltsalt' } = {}): string {
  const hash = scryptSync(password, salt, 32, { N: 2 ** ln, r: 1, p: 1 })
  const text = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')
  return `$scrypt$ln=${ln},r=1,p=1$${text(Buffer.from(salt))}$${text(hash)}`
}

const USERS = {
  ann: { password: cheap('right'), roles: ['admin', 'dev'] },
  bob: { password: cheap('other', { ln: 12, salt: 'anothersalt' }) },
}

function open(options: Record<string, unknown> = {}, derive?: Scrypt) {
  const scene = new Scene()
  return { scene, users: scene.keep(createUsers({ users: USERS, ...options }, scene.context('users'), derive)) }
}

describe('the hash', () => {
  test.each([
    // RFC 7914 §12
    [
      'pleaseletmein',
      '$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw',
    ],
    // passlib's documentation
    ['password', '$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E'],
  ])('of %s made by others', async (password, text) => {
    expect(await matches(password, readHash(text)!)).toBe(true)
    expect(await matches(`${password} `, readHash(text)!)).toBe(false)
  })

  test('a new one has a salt of its own, and is right for nothing else', async () => {
    const fast: Scrypt = (password, salt, length) => systemScrypt(password, salt, length, { N: 1024, r: 1, p: 1 })
    const [one, other] = [await hashOf('x', fast), await hashOf('x', fast)]
    expect(one).not.toBe(other)
    expect(await matches('x', readHash(one)!, fast)).toBe(true)
    expect(await matches('y', readHash(one)!, fast)).toBe(false)
  })

  const [salt, hash] = ['c2FsdHNhbHRzYWx0', 'A'.repeat(43)]
  test.each([
    ['', 'nothing'],
    ['right', 'a plain password'],
    [`$argon2id$v=19$m=65536,t=3,p=4$${salt}$${hash}`, 'another algorithm'],
    [`$scrypt$ln=9,r=8,p=1$${salt}$${hash}`, 'too cheap'],
    [`$scrypt$ln=21,r=8,p=1$${salt}$${hash}`, 'gigabytes'],
    [`$scrypt$ln=20,r=99,p=1$${salt}$${hash}`, 'gigabytes through r'],
    [`$scrypt$ln=17,r=8,p=99$${salt}$${hash}`, 'minutes through p'],
    [`$scrypt$ln=15,r=0,p=1$${salt}$${hash}`, 'r of 0'],
    [`$scrypt$ln=15,r=8,p=0$${salt}$${hash}`, 'p of 0'],
    [`$scrypt$ln=15,r=8,p=1$${salt}$AAAA`, 'a hash of 3 bytes'],
    [`$scrypt$ln=15,r=8,p=1$AAAA$${hash}`, 'a salt of 3 bytes'],
    [`$scrypt$ln=15,r=8,p=1$${salt}$${hash}\n`, 'a line break'],
  ])('%s is none: %s', (text) => {
    expect(readHash(text)).toBeUndefined()
  })
})

describe('logins', () => {
  test('the right password comes in, with its roles', async () => {
    const { users } = open()
    const verdict = await users.authenticate(attempt({ login: 'ann', passcode: 'right' }), ever)
    expect(verdict).toEqual({
      kind: 'admitted',
      user: {
        name: 'ann',
        roles: new Set(['admin', 'dev']),
        claims: new Map(),
        expiresAtMs: undefined,
        authenticator: 'users',
      },
    })
    expect(await says(users, { login: 'bob', passcode: 'other' })).toBe('admitted bob')
  })

  test.each([
    ['ann', 'wrong'],
    ['ann', ''],
    ['ann', 'other'],
    ['eve', 'right'],
    ['', ''],
    ['__proto__', 'right'],
    ['constructor', ''],
    ['ANN', 'right'],
  ])('%s with "%s" does not', async (login, passcode) => {
    const { users } = open()
    const verdict = await users.authenticate(attempt({ login, passcode }), ever)
    expect(brief(verdict)).toBe('refused login-refused')
    // who may not come in cannot tell whether there is such a user
    expect(verdict).toEqual(
      await users.authenticate(attempt({ login: 'nobody', passcode: 'x', remote: '192.0.2.9' }), ever),
    )
  })

  test('without a login it is not asked', async () => {
    expect(await says(open().users, { headers: { authorization: 'Bearer x' } })).toBe('passed')
  })

  test('an unknown login costs what the dearest known one does', async () => {
    const work: string[] = []
    const { users } = open({}, (password, salt, length, options) => {
      work.push(`${options.N} ${options.r} ${options.p} ${length}`)
      return systemScrypt(password, salt, length, options)
    })
    for (const login of ['bob', 'nobody', '']) await says(users, { login, passcode: 'x' })
    expect(work).toEqual(Array(3).fill('4096 1 1 32'))
  })
})

describe('under attack', () => {
  /** Derivations that end when the test says so. */
  function held() {
    const waiting: (() => void)[] = []
    const derive: Scrypt = (_, __, length) =>
      new Promise((resolve) => waiting.push(() => resolve(Buffer.alloc(length))))
    return { waiting, derive }
  }

  test('so many are checked at a time, so many wait, the others are told', async () => {
    const { waiting, derive } = held()
    const { users } = open({ concurrency: 2, queue: 3 }, derive)
    const verdicts = Array.from({ length: 7 }, (_, n) => says(users, { login: `u${n}`, passcode: 'x' }))
    expect(await Promise.all(verdicts.slice(5))).toEqual(Array(2).fill('refused too-many-attempts'))
    expect(waiting).toHaveLength(2)
    while (waiting.length > 0) {
      waiting.shift()!()
      await new Promise((resolve) => setImmediate(resolve))
      expect(waiting.length).toBeLessThanOrEqual(2)
    }
    expect(await Promise.all(verdicts.slice(0, 5))).toEqual(Array(5).fill('refused login-refused'))
  })

  test('a client that goes leaves the queue', async () => {
    const { waiting, derive } = held()
    const { users } = open({ concurrency: 1, queue: 1 }, derive)
    const first = says(users, { login: 'ann' })
    const gone = new AbortController()
    const second = expect(users.authenticate(attempt({ login: 'ann' }), gone.signal)).rejects.toBe('gone')
    gone.abort('gone')
    await second
    const third = says(users, { login: 'ann' })
    for (const _ of [first, third]) {
      waiting.shift()!()
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect([await first, await third]).toEqual(Array(2).fill('refused login-refused'))
  })

  test('of 1,000 wrong passwords 20 are looked at; a minute later 20 more', async () => {
    let work = 0
    const { users, scene } = open({ queue: 1_000, failuresPerAddress: 10_000 }, async (_, __, length) => {
      work++
      return Buffer.alloc(length)
    })
    const guesses = () =>
      Promise.all(
        Array.from({ length: 1_000 }, (_, n) =>
          says(users, { login: 'ann', passcode: `${n}`, remote: `198.51.100.${n % 250}` }),
        ),
      )
    expect((await guesses()).filter((verdict) => verdict === 'refused login-refused')).toHaveLength(20)
    expect(work).toBe(20)
    scene.clock.advance(60_000)
    await guesses()
    expect(work).toBe(40)
  })

  test('over the limit not even the right password is looked at', async () => {
    const { users } = open({ failuresPerLogin: 1 })
    await says(users, { login: 'ann', passcode: 'wrong' })
    expect(await says(users, { login: 'ann', passcode: 'right' })).toBe('refused too-many-attempts')
  })
})

test.each<[string, Record<string, unknown>]>([
  ['users', { users: undefined }],
  ['users', { users: {} }],
  ['users', { users: [] }],
  ['users.ann', { users: { ann: 'secret' } }],
  ['users.ann.password', { users: { ann: {} } }],
  ['users.ann.password', { users: { ann: { password: 'secret' } } }],
  ['users.ann.password', { users: { ann: { password: 7 } } }],
  ['users.ann.passwd', { users: { ann: { passwd: 'secret' } } }],
  ['users.ann.roles', { users: { ann: { ...USERS.ann, roles: ['a\nb'] } } }],
  ['users.ann.roles', { users: { ann: { ...USERS.ann, roles: { secret: 1 } } } }],
  ['users.a\nb', { users: { 'a\nb': USERS.ann } }],
  ['concurrency', { concurrency: 0 }],
  ['queue', { queue: -1 }],
  ['usrs', { usrs: {} }],
])('a fault in %s', (path, options) => {
  const fault = faultOf(() => open(options))
  expect(fault.startsWith(`${path}: `)).toBe(true)
  expect(fault).not.toContain('secret')
})
