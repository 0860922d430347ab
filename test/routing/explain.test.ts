/** What a frame comes to, and why: pure, with a broker that only has routes. The order and the codes are those of a session. */
import { describe, expect, test } from 'vitest'
import { buildRoutes, type RouteEntry } from '../../src/routing/build.ts'
import { type Explanation, explain } from '../../src/routing/explain.ts'
import { userRoute } from '../../src/routing/inner.ts'
import type { Who } from '../../src/routing/permit.ts'
import { FakeBroker } from './fake-broker.ts'

interface Asking {
  readonly user?: string
  readonly roles?: readonly string[]
  readonly claims?: Readonly<Record<string, readonly string[]>>
  readonly origin?: string
}

/** A bridge with these routes on one broker, to be asked. */
function bridge(...entries: RouteEntry[]) {
  const routes = buildRoutes(
    entries.map((entry) => ({ broker: 'rabbit', ...entry })),
    new Map([['rabbit', new FakeBroker('rabbit')]]),
  )
  const ask = (line: string, { user, roles = [], claims = {}, origin }: Asking = {}): Explanation => {
    const [verb, destination = ''] = line.split(' ')
    const who: Who = { name: user, roles: new Set(roles), claims: new Map(Object.entries(claims)) }
    return explain(routes, { verb: verb === 'SEND' ? 'send' : 'subscribe', destination, who, origin })
  }
  const near = (line: string) => ask(line).near.map(({ route, reason }) => [route.pattern, reason])
  return { ask, near }
}

describe('what is permitted', () => {
  const { ask } = bridge({
    destination: '/topic/{tenant}',
    name: 'news.{tenant}',
    permit: { send: ['role:editor', 'user:root'], subscribe: { where: { tenant: 'tenant' } } },
    origins: ['https://app.example.com'],
  })

  test('the target, the receipt and the rule that holds', () => {
    const said = ask('SEND /topic/acme', { user: 'ann', roles: ['editor'] })
    expect(said).toMatchObject({
      verdict: { allowed: true, code: undefined, rule: ['routes', 0, 'permit', 'send'] },
      target: 'name news.acme',
      receipt: 'the fake has it',
      acks: [],
    })
    expect(said.verdict.reason).toContain('role:editor')
  })

  test('each grant that fails says what is missing', () => {
    const { verdict } = ask('SEND /topic/acme', { user: 'ann', roles: ['reader'] })
    expect(verdict).toMatchObject({ allowed: false, code: 'forbidden', rule: ['routes', 0, 'permit', 'send'] })
    expect(verdict.reason).toContain('role:editor: ann has only reader')
    expect(verdict.reason).toContain('user:root: this is ann')
    expect(ask('SEND /topic/acme').verdict.reason).toContain('nobody has logged in')
  })

  test('a claim that is equal, another one, none, and a value that means more than itself', () => {
    const acme = { user: 'ann', claims: { tenant: ['acme'] } }
    expect(ask('SUBSCRIBE /topic/acme', acme).verdict.allowed).toBe(true)
    expect(ask('SUBSCRIBE /topic/evil', acme).verdict.reason).toContain('"evil", the claim "acme"')
    expect(ask('SUBSCRIBE /topic/acme', { user: 'ann' }).verdict.reason).toContain('no claim tenant')
    expect(ask('SUBSCRIBE /topic/*', acme).verdict.reason).toContain('more than itself')
  })

  test('pages of other origins', () => {
    const editor = { user: 'ann', roles: ['editor'] }
    expect(ask('SEND /topic/acme', { ...editor, origin: 'https://app.example.com' }).verdict.allowed).toBe(true)
    expect(ask('SEND /topic/acme', { ...editor, origin: 'https://evil.example' }).verdict).toMatchObject({
      code: 'forbidden',
      rule: ['routes', 0, 'origins'],
    })
  })

  test('the other verb beside it', () => {
    const { other } = ask('SEND /topic/acme', { user: 'ann', claims: { tenant: ['acme'] } })
    expect(other.allowed).toBe(true)
  })
})

test('a permit that another route has for the same place', () => {
  const { ask } = bridge(
    { destination: '/private/{x}', name: 'private.{x}', permit: 'role:admin' },
    { destination: '/all/{x}', name: '{x}', except: ['/private/{x}'] },
  )
  expect(ask('SEND /all/private.7').verdict).toMatchObject({ code: 'forbidden', rule: ['routes', 0, 'permit', 'send'] })
  expect(ask('SEND /all/private.7').verdict.reason).toContain('/private/{x}')
  expect(ask('SEND /all/public').verdict.allowed).toBe(true)
  expect(ask('SEND /all/private.7', { user: 'root', roles: ['admin'] }).verdict.reason).toContain('agrees')
})

test.each([
  ['SEND /nowhere/x', 'no-route'],
  ['SEND /topic/bridge.sessions', 'forbidden'],
  ['SUBSCRIBE /bridge/token', 'forbidden'],
  ['SUBSCRIBE /user/queue/x', 'forbidden'],
  ['SEND /topic/a!', 'bad-destination'],
  ['SEND /topic/*', 'bad-destination'],
  [`SEND /topic/${'x'.repeat(3000)}`, 'bad-destination'],
  ['SEND ', 'no-route'],
])('%s is refused with %s', (line, code) => {
  const { ask } = bridge({ destination: '/topic/{name}', name: '{name}' })
  expect(ask(line).verdict).toMatchObject({ allowed: false, code })
})

test('a new token has its own destination', () => {
  expect(bridge({ destination: '/topic/{name}', name: '{name}' }).ask('SEND /bridge/token').verdict.allowed).toBe(true)
})

test('the MESSAGE of a wildcard says where the message was sent to, in the words of the subscriber', () => {
  const { ask } = bridge({ destination: '/topic/{name+}', name: '{name+}', slash: 'dot' })
  expect(ask('SUBSCRIBE /topic/a').message).toMatch(/^\/topic\/a,/)
  expect(ask('SUBSCRIBE /topic/a/*').message).toContain('like /topic/a/x')
  expect(ask('SUBSCRIBE /topic/a.*').message).toContain('like /topic/a.x')
})

describe('what nearly matches', () => {
  const { near } = bridge(
    { destination: '/topic/orders.{region}', name: 'orders.{region}' },
    { destination: '/topic/{key}', name: 't.{key}' },
    { destination: '/queue/{name}/in', name: 'q.{name}' },
    { destination: '/deep/{path+}', name: 'd.{path+}' },
  )

  test('a route that comes too late', () => {
    expect(near('SEND /topic/orders.eu')).toEqual([
      ['/topic/{key}', 'matches too, but /topic/orders.{region} comes first'],
    ])
  })

  test('one wrong word', () => {
    expect(near('SEND /topics/x')).toEqual([['/topic/{key}', expect.stringContaining('segment 1 is "topics"')]])
    expect(near('SEND /queue/jobs/out')).toEqual([['/queue/{name}/in', expect.stringContaining('segment 3 is "out"')]])
  })

  test('a segment too many, or too few', () => {
    expect(near('SEND /topic/a/b').map(([pattern]) => pattern)).toEqual(['/topic/{key}'])
    expect(near('SEND /deep')).toEqual([['/deep/{path+}', expect.stringContaining('at least 2')]])
    expect(near('SEND /queue/jobs').map(([pattern]) => pattern)).toEqual(['/queue/{name}/in'])
  })

  test('the slash in front', () => {
    expect(near('SEND topic/x')).toContainEqual(['/topic/{key}', 'the destination must begin with /'])
  })

  test('what has nothing in common is left out, and a hundred near misses are five', () => {
    expect(near('SEND /somewhere/else/entirely')).toEqual([])
    const many = Array.from({ length: 100 }, (_, index) => ({ destination: `/topic/${index}`, name: `n${index}` }))
    expect(bridge(...many).near('SEND /topic/x').length).toBe(5)
  })
})

test('what a preset leaves shut says which word opens it', () => {
  const routes = (credentials: 'service' | 'client') =>
    buildRoutes(
      [{ preset: 'rabbitmq', broker: 'rabbit' }],
      new Map([
        [
          'rabbit',
          new FakeBroker('rabbit', {
            credentials,
            knows: ['exchange', 'routingKey', 'queue', 'declare', 'temp', 'reply'],
          }),
        ],
      ]),
    )
  const ask = (destination: string, credentials: 'service' | 'client' = 'service') =>
    explain(routes(credentials), {
      verb: 'send',
      destination,
      who: { name: undefined, roles: new Set(), claims: new Map() },
      origin: undefined,
    }).verdict
  expect(ask('/exchange/logs/x')).toMatchObject({ code: 'forbidden', rule: ['routes', 0, 'allow'] })
  expect(ask('/exchange/logs/x').reason).toContain('exchange')
  expect(ask('/exchange/logs/x', 'client').allowed).toBe(true)
  expect(ask('/reply-queue/amq.gen-1')).toMatchObject({ code: 'forbidden', rule: ['routes', 0, 'allow'] })
  expect(ask('/temp-queue/x')).toMatchObject({ code: 'forbidden' })
})

describe('destinations of the bridge itself', () => {
  const broker = new FakeBroker('rabbit')
  const adapter = { ...broker.route({ name: 'u.{name}.{path}' }, ['name', 'path']), special: '' }
  const options = { errors: 'close', onGap: 'mark', identity: 'backend', holdMs: 0, absent: 'ignore' } as const
  const permit = { send: ['role:support'], subscribe: ['anyone'] }
  const user = userRoute(Object.assign(broker, { inner: () => adapter }), { ...options, permit })
  const ask = (verb: 'send' | 'subscribe', destination: string, name?: string, roles: readonly string[] = []) =>
    explain(
      buildRoutes([{ broker: 'rabbit', destination: '/{all+}', name: '{all+}' }], new Map([['rabbit', broker]])),
      { verb, destination, who: { name, roles: new Set(roles), claims: new Map() }, origin: undefined },
      { user, sessions: undefined },
    )

  test('come before all routes', () => {
    expect(ask('subscribe', '/user/queue/x', 'ann')).toMatchObject({
      verdict: { allowed: true, rule: ['user', 'permit', 'subscribe'] },
      route: { pattern: '/user/{name}/{path+}' },
      target: 'name u.ann.queue/x',
      message: '/user/queue/x, as it was subscribed with',
      other: { allowed: false, code: 'forbidden', rule: ['user', 'permit', 'send'] },
    })
  })

  test('a SEND is to somebody, and says what he will see', () => {
    const said = ask('send', '/user/ann/queue/x', 'sue', ['support'])
    expect(said).toMatchObject({ verdict: { allowed: true }, target: 'name u.ann.queue/x' })
    expect(said.message).toContain('/user/queue/x, to each session of ann')
    expect(ask('send', '/user/ann', 'sue', ['support']).verdict).toMatchObject({ code: 'bad-destination' })
  })

  test('what is not served is closed', () => {
    for (const each of ['/topic/bridge.sessions', '/bridge/x', '/topic/bridge.other']) {
      expect(ask('subscribe', each, 'ann')).toMatchObject({ verdict: { code: 'forbidden' }, route: undefined })
    }
  })
})
