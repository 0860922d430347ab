/** Authenticators in a row, from a configuration; and those that have next to nothing to configure. */
import { describe, expect, test } from 'vitest'
import type { Admission } from '../../src/auth/authenticator.ts'
import { type AuthEntry, authenticators, createChain } from '../../src/auth/index.ts'
import { createPassthrough } from '../../src/auth/passthrough.ts'
import { FieldError } from '../../src/broker/errors.ts'
import { attempt, brief, ever, Scene, type Shown, says } from './scene.ts'
import { forged, ISSUER, NOW, pem, rsa, token } from './tokens.ts'

const RSA = rsa('k')
const JWT = {
  authenticator: 'jwt',
  issuer: ISSUER,
  audience: 'stomp',
  algorithms: ['RS256'],
  keys: [{ pem: pem(RSA) }],
}
const HASH = '$scrypt$ln=10,r=1,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
const USERS = { authenticator: 'users', users: { ann: { password: HASH } } }
const ANONYMOUS = { authenticator: 'anonymous' }

const open = async (...entries: AuthEntry[]) => {
  const scene = new Scene()
  return scene.keep(await createChain(entries, scene.context()))
}

describe('a chain', () => {
  test('asks in order; the first that was shown something of its kind decides', async () => {
    const chain = await open(JWT, USERS, ANONYMOUS)
    const good = await token(RSA)
    expect(await says(chain, { login: 'ann', passcode: good })).toBe('admitted ann')
    expect(await says(chain, { login: 'ann', passcode: 'wrong' })).toBe('refused login-refused')
    expect(await says(chain, {})).toBe('admitted undefined')
  })

  test('a forged token does not become a guest', async () => {
    const chain = await open(JWT, ANONYMOUS)
    expect(await says(chain, { headers: { 'auth-token': forged({ alg: 'none' }) } })).toBe('refused login-refused')
  })

  test('nothing shown: the refusal says what may be', async () => {
    const chain = await open(JWT, USERS)
    const verdict = await chain.authenticate(attempt({}), ever)
    expect(brief(verdict)).toBe('refused login-required')
    expect(verdict).toMatchObject({ rule: expect.stringMatching(/Authorization.*"login" and "passcode"/) })
    expect(await says(await open(), {})).toBe('refused login-required')
  })

  test('one that breaks is no reason to ask the next', async () => {
    const chain = await open(JWT, ANONYMOUS)
    const odd = {
      ...attempt({}),
      header: () => {
        throw new Error('a fault of ours')
      },
    }
    await expect(chain.authenticate(odd, ever)).rejects.toThrow('a fault of ours')
  })

  test('a token is renewed by whoever has admitted the user', async () => {
    const other = { ...JWT, keys: [{ pem: pem(rsa('other')) }], from: ['auth-token'] }
    const chain = await open(other, { ...JWT, from: ['passcode'] }, ANONYMOUS)
    const admitted = async (shown: Shown) => ((await chain.authenticate(attempt(shown), ever)) as Admission).user
    const ann = await admitted({ login: '', passcode: await token(RSA) })
    expect(ann.authenticator).toBe('jwt-2')
    const fresh = await token(RSA, { exp: NOW + 999 })
    expect(brief(await chain.refresh(fresh, ann, ever))).toBe('admitted ann')
    expect(brief(await chain.refresh(fresh, { ...ann, authenticator: 'jwt' }, ever))).toBe('refused login-refused')
    expect(brief(await chain.refresh(fresh, await admitted({}), ever))).toBe('refused login-refused')
    expect(brief(await chain.refresh(fresh, { ...ann, authenticator: 'gone' }, ever))).toBe('refused login-refused')
  })

  test('tells all that is wrong with it, each with its path', async () => {
    const made = open({ ...JWT, keys: [] }, { authenticator: 'ldap' }, ANONYMOUS, {
      ...USERS,
      users: { ann: {} },
    } as never)
    const error: unknown = await made.catch((thrown: unknown) => thrown)
    if (!(error instanceof AggregateError)) throw error
    const paths = error.errors.map((each: FieldError) => each instanceof FieldError && each.path.join('.'))
    expect(paths).toEqual(['0.keys', '1.authenticator', '2.authenticator', '3.users.ann.password'])
  })
})

test('every kind documents its options; each has one line', () => {
  expect([...authenticators.keys()]).toEqual(['anonymous', 'users', 'jwt', 'http', 'passthrough'])
  for (const { fields } of authenticators.values()) {
    for (const { description } of fields) expect(description).toMatch(/^\S[^\n]*\S$/)
  }
})

test.each<[string, Record<string, unknown>, boolean]>([
  ['jwt', {}, false],
  ['jwt', { from: ['passcode', 'query:t'] }, false],
  ['jwt', { from: ['passcode', 'cookie:session'] }, true],
  ['jwt', { from: 'cookie:session' }, true],
  ['jwt', { from: { cookie: 1 } }, false],
  ['http', {}, false],
  ['http', { cookies: [] }, false],
  ['http', { cookies: ['JSESSIONID'] }, true],
  ['users', { from: ['cookie:session'] }, false],
  ['anonymous', {}, false],
  ['passthrough', {}, false],
])('%s with %j needs a list of origins: %s', (kind, options, needs) => {
  expect(authenticators.get(kind)!.needsOrigins(options)).toBe(needs)
})

describe('passthrough', () => {
  const open = (options: Record<string, unknown> = {}) => {
    const scene = new Scene()
    return { scene, passthrough: scene.keep(createPassthrough(options, scene.context('passthrough'))) }
  }
  type Outcome = Parameters<NonNullable<Admission['settle']>>[0]

  /** What the broker would say, at once. */
  async function knocks(
    passthrough: ReturnType<typeof open>['passthrough'],
    shown: Shown,
    outcome: Outcome,
  ): Promise<string> {
    const verdict = await passthrough.authenticate(attempt(shown), ever)
    if (verdict.kind === 'admitted') verdict.settle!(outcome)
    return brief(verdict)
  }

  test('lets whoever has a login knock', async () => {
    const { passthrough } = open()
    expect(await says(passthrough, { login: 'ann', passcode: 'x' })).toBe('admitted ann')
    expect(await says(passthrough, {})).toBe('passed')
    expect(await says(passthrough, { login: 'a\nb', passcode: 'x' })).toBe('refused login-refused')
    expect(await says(passthrough, { login: 'x'.repeat(256), passcode: 'x' })).toBe('refused login-refused')
  })

  test('beside a token, which the broker looks at alone, the login must be its user’s to be believed', async () => {
    const { passthrough } = open()
    const ann = await token(RSA, { sub: 'ann' })
    const claim = await token(RSA, { sub: 'x', name: 'ann' })
    expect(await says(passthrough, { login: 'ann', passcode: ann })).toBe('admitted ann')
    expect(await says(passthrough, { login: 'admin', passcode: ann })).toBe('admitted undefined')
    expect(await says(passthrough, { login: '', passcode: ann })).toBe('admitted undefined')
    expect(await says(passthrough, { login: 'ann', passcode: claim })).toBe('admitted undefined')
    expect(await says(open({ user: 'name' }).passthrough, { login: 'ann', passcode: claim })).toBe('admitted ann')
    expect(await says(passthrough, { login: 'ann', passcode: 'eyJx.e30' })).toBe('admitted ann')
    expect(await says(passthrough, { login: 'ann', passcode: 'eyJx.rubbish.x' })).toBe('admitted undefined')
  })

  test('wrong passwords are limited; right ones, and a broker that is down, are not', async () => {
    const { passthrough, scene } = open({ failuresPerLogin: 3 })
    for (let n = 0; n < 10; n++) {
      expect(await knocks(passthrough, { login: 'ann', passcode: 'right' }, 'accepted')).toBe('admitted ann')
      expect(await knocks(passthrough, { login: 'bob', passcode: `${n}` }, 'unknown')).toBe('admitted bob')
    }
    const verdicts: string[] = []
    for (let n = 0; n < 5; n++) verdicts.push(await knocks(passthrough, { login: 'eve', passcode: `${n}` }, 'refused'))
    expect(verdicts).toEqual([...Array(3).fill('admitted eve'), ...Array(2).fill('refused too-many-attempts')])
    scene.clock.advance(20_000)
    expect(await knocks(passthrough, { login: 'eve', passcode: 'x' }, 'refused')).toBe('admitted eve')
  })

  test('a thousand at once, before the broker has answered any', async () => {
    const { passthrough } = open()
    const verdicts = await Promise.all(
      Array.from({ length: 1_000 }, (_, n) => says(passthrough, { login: 'ann', passcode: `${n}` })),
    )
    expect(verdicts.filter((verdict) => verdict === 'admitted ann')).toHaveLength(20)
  })
})

describe('after a reload', () => {
  const DEAREST = HASH.replace('ln=10', 'ln=11')
  const users = (list: Record<string, unknown>): AuthEntry => ({ authenticator: 'users', users: list })
  const user = (authenticator: string, name: string, roles: string[] = []) => ({
    name,
    roles: new Set(roles),
    claims: new Map<string, readonly string[]>(),
    expiresAtMs: undefined,
    authenticator,
  })
  const ANN = user('users', 'ann', ['staff'])
  const LIST = users({ ann: { password: HASH, roles: ['staff'] }, bob: { password: HASH } })

  test('who is on the list with the same password and roles is the same object', async () => {
    const before = await open(LIST)
    const after = await open(users({ ann: { password: HASH, roles: ['staff'] } }), ANONYMOUS)
    expect(after.review(ANN, before)).toBe(ANN)
  })

  test('other roles hold', async () => {
    const after = await open(users({ ann: { password: HASH, roles: ['guest'] } }))
    expect(after.review(ANN, await open(LIST))).toMatchObject({ name: 'ann', roles: new Set(['guest']) })
  })

  test('who is gone, or has another password, is refused', async () => {
    const before = await open(LIST)
    for (const list of [users({ bob: { password: HASH } }), users({ ann: { password: DEAREST } }), ANONYMOUS]) {
      expect((await open(list)).review(ANN, before)).toMatchObject({ kind: 'refused', code: 'login-refused' })
    }
  })

  test('a list may have another place in the chain', async () => {
    const after = await open(users({ cid: { password: HASH } }), LIST)
    expect(after.review(ANN, await open(LIST))).toMatchObject({ name: 'ann', authenticator: 'users-2' })
  })

  test('tokens and guests are believed as before', async () => {
    const [before, after] = [await open(JWT, ANONYMOUS), await open(LIST)]
    for (const one of [user('jwt', 'ann'), user('anonymous', 'x'), user('', 'x')])
      expect(after.review(one, before)).toBe(one)
  })

  test('a member whose entry has not changed is taken over, wrong guesses and all', async () => {
    const scene = new Scene()
    const entries = [{ ...USERS, failuresPerLogin: 1 }]
    const before = scene.keep(await createChain(entries, scene.context()))
    await says(before, { login: 'ann', passcode: 'wrong' })
    const after = scene.keep(await createChain([...entries, ANONYMOUS], scene.context(), { entries, chain: before }))
    expect(await says(after, { login: 'ann', passcode: 'wrong' })).toBe('refused too-many-attempts')
  })
})
