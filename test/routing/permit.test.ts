/** `permit:`: users × destinations × verbs, wildcards and claims that try to be more than a name, and routes that mean the same place. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FieldError } from '../../src/broker/errors.ts'
import { forbiddenBy, type Verb } from '../../src/routing/access.ts'
import { buildRoutes, type RouteEntry } from '../../src/routing/build.ts'
import type { Who } from '../../src/routing/permit.ts'
import { Router } from '../../src/routing/router.ts'
import { FakeBroker } from './fake-broker.ts'

function who(name?: string, roles: readonly string[] = [], claims: Readonly<Record<string, string>> = {}): Who {
  return { name, roles: new Set(roles), claims: new Map(Object.entries(claims).map(([key, value]) => [key, [value]])) }
}

const USERS = {
  nobody: who(),
  alice: who('alice', [], { tenant: 'acme' }),
  bob: who('bob', ['editor'], { tenant: 'zeta' }),
  root: who('root', ['admin']),
  star: who('*', [], { tenant: '#' }),
  dotted: who('alice.private', [], { tenant: 'acme.eu' }),
} as const

function build(...entries: RouteEntry[]) {
  const routes = buildRoutes(
    entries.map((entry) => ({ broker: 'plain', ...entry })),
    new Map([['plain', new FakeBroker('plain')]]),
    new Set(),
    { exposed: true, authenticates: true, originMatcher: (list) => (origin) => list.includes(origin) },
  )
  const router = new Router(routes)
  return (user: Who, verb: Verb, destination: string): boolean =>
    forbiddenBy(user, router.resolve(destination)!, verb) === undefined
}

function faultsOf(...entries: RouteEntry[]): string[] {
  try {
    build(...entries)
  } catch (error) {
    return (error as AggregateError).errors.map((fault: FieldError) => fault.path.join('.'))
  }
  return []
}

const MATRIX: readonly RouteEntry[] = [
  { destination: '/public/{x}', name: 'public.{x}', permit: { send: 'role:editor', subscribe: 'anyone' } },
  { destination: '/inbox/{user}', name: 'inbox.{user}', permit: [{ where: { user: 'user-name' } }, 'role:admin'] },
  {
    destination: '/tenant/{t}/{x+}',
    name: 't.{t}.{x}',
    permit: { subscribe: { where: { t: 'tenant' } }, send: 'nobody' },
  },
  { destination: '/plain/{x}', name: 'plain.{x}' },
  { destination: '/team/{x}', name: 'team.{x}', permit: ['user:alice', { role: 'editor', user: 'bob' }] },
]

describe('the matrix', () => {
  const may = build(...MATRIX)
  type Name = keyof typeof USERS
  const row = (verb: Verb, destination: string, ...allowed: Name[]) => [verb, destination, allowed] as const
  test.each([
    row('subscribe', '/public/news', 'nobody', 'alice', 'bob', 'root', 'star', 'dotted'),
    row('subscribe', '/public/*', 'nobody', 'alice', 'bob', 'root', 'star', 'dotted'),
    row('send', '/public/news', 'bob'),
    row('subscribe', '/inbox/alice', 'alice', 'root'),
    row('subscribe', '/inbox/*', 'root'),
    row('subscribe', '/inbox/alice.private', 'root'),
    row('send', '/inbox/bob', 'bob', 'root'),
    row('subscribe', '/tenant/acme/orders', 'alice'),
    row('subscribe', '/tenant/acme/*', 'alice'),
    row('subscribe', '/tenant/*/orders'),
    row('subscribe', '/tenant/zeta/#', 'bob'),
    row('send', '/tenant/acme/orders'),
    row('subscribe', '/plain/x', 'alice', 'bob', 'root', 'star', 'dotted'),
    row('send', '/plain/x', 'alice', 'bob', 'root', 'star', 'dotted'),
    row('send', '/team/x', 'alice', 'bob'),
  ])('%s %s: %j', (verb, destination, allowed) => {
    const names = Object.keys(USERS) as Name[]
    expect(names.filter((name) => may(USERS[name], verb, destination))).toEqual(
      names.filter((name) => allowed.includes(name)),
    )
  })
})

describe('what a permit may look like', () => {
  test.each<[unknown, string]>([
    ['somebody', 'routes.0.permit'],
    [[], 'routes.0.permit'],
    [['anyone', 'nobody'], 'routes.0.permit.1'],
    [{ send: 'anyone', read: 'anyone' }, 'routes.0.permit.read'],
    [{ subscribe: { where: { y: 'user-name' } } }, 'routes.0.permit.subscribe.where.y'],
    [{ subscribe: { where: {} } }, 'routes.0.permit.subscribe.where'],
    [{ where: { x: 7 } }, 'routes.0.permit.where.x'],
    [{ role: '' }, 'routes.0.permit.role'],
    [42, 'routes.0.permit'],
  ])('%j: a fault at %s', (permit, path) => {
    expect(faultsOf({ destination: '/a/{x}', name: '{x}', permit })).toEqual([path])
  })
})

describe('routes that mean the same place', () => {
  const guarded = { destination: '/secret/{x}', name: 'secret.{x}', permit: 'role:admin' }

  test('need the same permit: both lines are told', () => {
    expect(faultsOf(guarded, { destination: '/all/{x}', name: '{x}' })).toEqual(['routes.1', 'routes.0'])
    expect(faultsOf(guarded, { destination: '/all/{x}', name: '{x}', permit: 'role:admin' })).toEqual([])
    expect(faultsOf(guarded, { destination: '/other/{x}', name: 'other.{x}' })).toEqual([])
  })

  test('what a wildcard may mean is the same place, in the destination or in the route', () => {
    expect(faultsOf(guarded, { destination: '/every', name: 'secret.#' })).toEqual(['routes.1', 'routes.0'])
    expect(
      faultsOf({ ...guarded, destination: '/secret', name: 'secret' }, { destination: '/a/{x}', name: 'secret.{x}' }),
    ).toEqual(['routes.1', 'routes.0'])
    expect(faultsOf(guarded, { destination: '/secrets/{x}', name: 'secrets.{x}' })).toEqual([])
  })

  test('a where is never the same twice: its variables stand elsewhere', () => {
    const mine = { where: { a: 'user-name' } }
    const one = { destination: '/one/{a}/{b}', name: '{a}.{b}', permit: mine }
    const other = { destination: '/other/{b}/{a}', name: '{b}.{a}', permit: mine }
    expect(faultsOf(one, other)).toEqual(['routes.1', 'routes.0'])
  })

  test('or the wider one yields: then both have their say', () => {
    const may = build(guarded, { destination: '/all/{x}', name: '{x}', except: ['/secret/{x}'] })
    expect(may(USERS.alice, 'subscribe', '/all/news')).toBe(true)
    for (const destination of ['/all/secret.x', '/all/*', '/all/secret.*', '/all/#']) {
      expect(may(USERS.alice, 'subscribe', destination)).toBe(false)
      expect(may(USERS.root, 'subscribe', destination)).toBe(true)
    }
    expect(may(USERS.alice, 'send', '/all/secret.x')).toBe(false)
  })

  test('an exception that is no route of the broker is a fault', () => {
    expect(faultsOf(guarded, { destination: '/all/{x}', name: '{x}', except: ['/secret/x'] })).toContain(
      'routes.1.except.0',
    )
  })
})

/** AMQP 0-9-1 §3.1.3.3, word for word. */
function matches([first, ...rest]: readonly string[], name: readonly string[]): boolean {
  if (first === undefined) return name.length === 0
  if (first === '#') return matches(rest, name) || (name.length > 0 && matches([first, ...rest], name.slice(1)))
  return name.length > 0 && (first === '*' || first === name[0]) && matches(rest, name.slice(1))
}

test('no subscription ever receives a message that its user could not have subscribed to directly', () => {
  const word = fc.constantFrom('a', 'b', '*', '#', 'alice', 'secret', 'acme')
  const name = fc.constantFrom('secret.a', 'secret.b', 'a', 'a.b', 'inbox.alice', 'inbox.bob', 'secret')
  const may = build(
    { destination: '/secret/{x}', name: 'secret.{x}', permit: 'role:admin' },
    { destination: '/inbox/{user}', name: 'inbox.{user}', permit: { where: { user: 'user-name' } } },
    { destination: '/all/{x}', name: '{x}', except: ['/secret/{x}', '/inbox/{user}'] },
  )
  /** Which route a name belongs to: the first of the guarded ones that can mean it. */
  const directly = (text: string): string => {
    const [, kind, rest] = /^(secret|inbox)\.(.+)$/.exec(text) ?? []
    return rest === undefined ? `/all/${text}` : `/${kind}/${rest}`
  }
  const user = fc.constantFrom(...Object.values(USERS))
  const prefix = fc.constantFrom('/all/', '/secret/', '/inbox/')
  fc.assert(
    fc.property(
      user,
      prefix,
      fc.array(word, { minLength: 1, maxLength: 3 }),
      name,
      (asker, route, words, published) => {
        const pattern = `${route === '/all/' ? '' : `${route.slice(1, -1)}.`}${words.join('.')}`
        fc.pre(matches(pattern.split('.'), published.split('.')))
        if (may(asker, 'subscribe', `${route}${words.join('.')}`)) {
          expect(may(asker, 'subscribe', directly(published))).toBe(true)
        }
      },
    ),
    { numRuns: 2000 },
  )
})
