/** What a plan takes over from the one before it: the very objects. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { silentAuthObserver } from '../../src/auth/context.ts'
import { authenticators } from '../../src/auth/index.ts'
import { adapters } from '../../src/bridge/index.ts'
import { type Plan, plan } from '../../src/bridge/plan.ts'
import { settle } from '../../src/bridge/reload-carry.ts'
import { changesOf, needRestart } from '../../src/bridge/reload-changes.ts'
import { silentBrokerObserver } from '../../src/broker/observer.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { Config } from '../../src/config/schema.ts'
import { routingFields } from '../../src/routing/build.ts'

function configOf(yaml: string): Config {
  const folder = mkdtempSync(join(tmpdir(), 'stomp-bridge-'))
  const file = join(folder, 'bridge.yaml')
  writeFileSync(file, yaml)
  const loaded = loadConfig({ file, env: {}, flags: {}, fragments: adapters, routing: routingFields, authenticators })
  rmSync(folder, { recursive: true })
  expect(loaded.describe(loaded.faults)).toEqual([])
  return loaded.config
}

const OBSERVERS = { broker: silentBrokerObserver, auth: silentAuthObserver }

function planOf(yaml: string, before?: Plan): Promise<Plan> {
  return plan(configOf(yaml), OBSERVERS, before)
}

const A = '{ destination: "/a/{n}", broker: one, queue: "a.{n}" }'
const B = '{ destination: "/b/{n}", broker: one, queue: "b.{n}" }'
const ONE = 'one: { adapter: memory }'

function yaml(routes: readonly string[], brokers: readonly string[] = [ONE], rest = ''): string {
  return `brokers: { ${brokers.join(', ')} }\nroutes: [${routes.join(', ')}]\n${rest}`
}

describe('routes', () => {
  test('with the same entry are the same objects, wherever they stand', async () => {
    const before = await planOf(yaml([A, B]))
    const after = await planOf(yaml([B, '{ destination: "/c", broker: one, queue: c }', A]), before)
    const [b, c, a] = after.routes
    expect(a).toBe(before.routes[0])
    expect(b).toBe(before.routes[1])
    expect(before.routes).not.toContain(c)
  })

  test('get their new position when the plan comes into force, and not before', async () => {
    const before = await planOf(yaml([A, B]))
    const after = await planOf(yaml([B, A]), before)
    expect(before.routes.map(({ index }) => index)).toEqual([0, 1])
    settle(after.routes, after.positions)
    expect(after.routes.map(({ index, entry, pattern }) => [index, entry, pattern])).toEqual([
      [0, 0, '/b/{n}'],
      [1, 1, '/a/{n}'],
    ])
  })

  test('of a preset are taken over together', async () => {
    const preset = '{ preset: memory, broker: one }'
    const before = await planOf(yaml([preset, A]))
    const after = await planOf(yaml([preset]), before)
    expect(after.routes.length).toBeGreaterThan(1)
    for (const route of after.routes) expect(before.routes).toContain(route)
  })

  test('of which there are two equal ones are each taken over once', async () => {
    const before = await planOf(yaml([A]))
    const after = await planOf(yaml([A, A]), before)
    expect(after.routes[0]).toBe(before.routes[0])
    expect(after.routes[1]).not.toBe(before.routes[0])
  })

  test('that mean something else because of what stands elsewhere are new', async () => {
    const users = (word: string) => `auth: { chain: [{ authenticator: ${word} }] }\n`
    const before = await planOf(yaml([A], [ONE], users('anonymous')))
    const jwt =
      'auth: { chain: [{ authenticator: jwt, issuer: i, audience: a, algorithms: [HS256], keys: [{ secret: "0123456789abcdef0123456789abcdef" }] }] }\n'
    const after = await planOf(yaml([A], [ONE], jwt), before)
    expect(after.routes[0]).not.toBe(before.routes[0])
    expect(after.routes[0]!.policy.permit).not.toEqual(before.routes[0]!.policy.permit)
  })
})

describe('brokers', () => {
  test('with the same options are the same objects, and so are their routes', async () => {
    const before = await planOf(yaml([A]))
    const after = await planOf(
      yaml([A], ['two: { adapter: memory }', 'one: { adapter: memory, required: false }']),
      before,
    )
    expect(after.brokers.get('one')).toBe(before.brokers.get('one'))
    expect(after.routes[0]).toBe(before.routes[0])
  })

  test('with others are new, and so are their routes', async () => {
    const before = await planOf(yaml([A]))
    const after = await planOf(yaml([A], ['one: { adapter: memory, maxMessages: 5 }']), before)
    expect(after.brokers.get('one')).not.toBe(before.brokers.get('one'))
    expect(after.routes[0]).not.toBe(before.routes[0])
  })

  test('called like something that every object has are no trap', async () => {
    const before = await planOf(yaml([A]))
    const named = A.replace('one', 'constructor')
    await expect(planOf(yaml([named], ['constructor: { adapter: memory }']), before)).resolves.toBeDefined()
  })
})

describe('authenticators', () => {
  const ANONYMOUS = '{ authenticator: anonymous }'
  const USERS =
    '{ authenticator: users, users: { ann: { password: "$scrypt$ln=10,r=1,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" } } }'
  const chain = (...entries: string[]) => yaml([A], [ONE], `auth: { chain: [${entries.join(', ')}] }\n`)

  test('of which nothing has changed are the same chain', async () => {
    const before = await planOf(chain(USERS, ANONYMOUS))
    expect((await planOf(chain(USERS, ANONYMOUS), before)).authenticator).toBe(before.authenticator)
  })

  test('that stay in a chain that has changed keep what they remember', async () => {
    const before = await planOf(chain(USERS))
    const after = await planOf(chain(USERS, ANONYMOUS), before)
    expect(after.authenticator).not.toBe(before.authenticator)
    expect(after.authenticator.members[0]).toBe(before.authenticator.members[0])
  })
})

describe('what has changed', () => {
  const changes = (before: string, after: string) => changesOf(configOf(before), configOf(after))

  test('is told by name and number, without values', () => {
    const before = yaml([A, B], [ONE, 'old: { adapter: memory }'])
    const after = yaml(
      [A, B.replace('b.', 'c.'), '{ destination: "/c", broker: new, queue: c }'],
      ['one: { adapter: memory, maxMessages: 7 }', 'new: { adapter: memory }'],
      'limits: { sendRate: 12345, connectTimeout: 3s }\nlisten: { origins: ["https://secret.example.com"] }\nlog: { level: warn }\n',
    )
    expect(changes(before, after)).toEqual(
      [
        'routes +2 -1',
        'brokers +new ~one -old',
        'listen.origins',
        'limits.connectTimeout',
        'limits.sendRate',
        'log.level',
      ].sort(byOrder(changes(before, after))),
    )
  })

  test('is also an order, where the first one wins', () => {
    expect(changes(yaml([A, B]), yaml([B, A]))).toEqual(['routes in another order'])
  })

  test('is nothing for the same in other words', () => {
    expect(changes(yaml([A]), `# a comment\n${yaml([A], [ONE], 'limits: { sendRate: 0 }\n')}`)).toEqual([])
  })
})

/** The order of sections is the schema's: not what this is about. */
function byOrder(found: readonly string[]): (one: string, other: string) => number {
  return (one, other) => found.indexOf(one) - found.indexOf(other)
}

describe('what needs a restart', () => {
  test.each([
    ['listen: { host: 127.0.0.2 }', ['listen', 'host']],
    ['listen: { port: 1 }', ['listen', 'port']],
    ['listen: { websocket: { path: /stomp } }', ['listen', 'websocket', 'path']],
    ['listen: { websocket: { ping: 20s } }', ['listen', 'websocket', 'ping']],
    ['listen: { websocket: { compression: true } }', ['listen', 'websocket', 'compression']],
    ['listen: { tls: { cert: a.pem, key: b.pem } }', ['listen', 'tls']],
    ['ops: { enabled: false }', ['ops', 'enabled']],
    ['ops: { port: 1 }', ['ops', 'port']],
    ['limits: { handshakeTimeout: 1s }', ['limits', 'handshakeTimeout']],
    ['log: { format: json }', ['log', 'format']],
  ])('%s', (text, path) => {
    const faults = needRestart(configOf(yaml([A])), configOf(yaml([A], [ONE], text)))
    expect(faults).toEqual([{ path, message: 'needs a restart' }])
  })

  test.each([
    'listen: { origins: ["https://a.example.com"], hosts: [a], trustedProxies: [loopback], missingOrigin: refuse }',
    'auth: { chain: [{ authenticator: anonymous }] }',
    'heartbeat: { outgoing: 1s }',
    'limits: { connections: 1, frameBytes: 1MiB, sendRate: 4, dryRun: true }',
    'outage: { max: 1m }',
    'fanout: { linger: 1s }',
    'drain: { grace: 1s, spread: 1s }',
    'reload: { watch: false }',
    'log: { level: debug }',
  ])('not %s', (text) => {
    expect(needRestart(configOf(yaml([A])), configOf(yaml([A], [ONE], text)))).toEqual([])
  })
})
