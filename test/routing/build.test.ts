/** `routes:` into routes: policies, presets, `allow`, and all faults at once. */
import { describe, expect, test } from 'vitest'
import type { FieldError } from '../../src/broker/errors.ts'
import { buildRoutes, type RouteEntry } from '../../src/routing/build.ts'
import { routeFacts } from '../../src/routing/describe.ts'
import type { Place } from '../../src/routing/route.ts'
import { Router } from '../../src/routing/router.ts'
import { FakeBroker as ScriptedBroker } from '../support/broker.ts'
import { FakeBroker, type FakeOptions } from './fake-broker.ts'

const RABBIT_KEYS = ['exchange', 'routingKey', 'queue', 'declare', 'temp', 'reply', 'topic']
const HEADERS = ['durable', 'auto-delete', 'exclusive', 'x-queue-name', 'x-message-ttl', 'x-max-length']

function brokers(options: FakeOptions = {}): Map<string, FakeBroker> {
  const plain = new FakeBroker('plain')
  const rabbit = new FakeBroker('rabbit', { knows: RABBIT_KEYS, arguments: HEADERS, ...options })
  return new Map([plain, rabbit].map((broker) => [broker.name, broker]))
}

function faultsOf(...entries: RouteEntry[]): string[] {
  try {
    buildRoutes(entries, brokers())
  } catch (error) {
    return (error as AggregateError).errors.map((fault: FieldError) => fault.path.slice(2).join('.'))
  }
  return []
}

function preset(entry: RouteEntry, options: FakeOptions = {}) {
  const routes = buildRoutes([{ broker: 'rabbit', ...entry }], brokers(options))
  const router = new Router(routes)
  const place = (destination: string): Place => router.resolve(destination)!
  const access = (destination: string) => {
    const { send, subscribe, closedBy } = place(destination).route.policy
    return `${send} ${subscribe}${closedBy === undefined ? '' : ` ${closedBy}`}`
  }
  return { routes, router, place, access }
}

test('what a route does not say has its default', () => {
  const [route] = buildRoutes([{ destination: '/q/{n}', broker: 'plain', name: '{n}' }], brokers())
  expect(route).toMatchObject({
    index: 0,
    pattern: '/q/{n}',
    policy: {
      send: 'open',
      subscribe: 'open',
      errors: 'close',
      onGap: 'mark',
      holdMs: 30_000,
      resend: true,
      nack: 'requeue',
      prefetch: undefined,
      identity: 'backend',
      share: true,
      slow: undefined,
      batch: undefined,
    },
  })
})

describe('slow, share and batch', () => {
  const policy = (entry: RouteEntry) =>
    buildRoutes([{ destination: '/q/{n}', broker: 'plain', name: '{n}', ...entry }], brokers())[0]!.policy

  test.each<[unknown, unknown]>([
    ['disconnect', { kind: 'disconnect' }],
    ['drop-oldest', { kind: 'drop-oldest' }],
    ['drop-newest', { kind: 'drop-newest' }],
    ['pause', { kind: 'pause' }],
    ['conflate', { kind: 'conflate', header: 'destination' }],
    [{ conflate: 'symbol' }, { kind: 'conflate', header: 'symbol' }],
  ])('slow: %j', (slow, expected) => {
    expect(policy({ slow }).slow).toEqual(expected)
  })

  test('batch: delay, and 64 KiB unless it says more or less', () => {
    expect(policy({ batch: { delay: 20 } }).batch).toEqual({ delayMs: 20, bytes: 65_536 })
    expect(policy({ batch: { delay: 20, bytes: 100 } }).batch).toEqual({ delayMs: 20, bytes: 100 })
  })

  test.each<[RouteEntry, string[]]>([
    [{ slow: 'drop' }, ['slow']],
    [{ slow: {} }, ['slow.conflate']],
    [{ slow: { conflate: 7 } }, ['slow.conflate']],
    [{ slow: { conflate: 'a', b: 1 } }, ['slow.b']],
    [{ slow: ['conflate'] }, ['slow']],
    [{ share: 'no' }, ['share']],
    [{ batch: 20 }, ['batch']],
    [{ batch: {} }, ['batch']],
    [{ batch: { delay: 0 } }, ['batch.delay']],
    [{ batch: { delay: 10_001 } }, ['batch.delay']],
    [{ batch: { delay: 1, bytes: 0 } }, ['batch.bytes']],
    [{ batch: { delay: 1, size: 1 } }, ['batch.size']],
  ])('%j is a fault', (entry, expected) => {
    expect(faultsOf({ destination: '/q/{n}', broker: 'plain', name: '{n}', ...entry })).toEqual(expected)
  })

  test('a topic cannot be paused while it is shared', () => {
    const local = new Map([['main', new ScriptedBroker('main')]])
    const build = (entry: RouteEntry) => () => buildRoutes([{ broker: 'main', slow: 'pause', ...entry }], local)
    const topic = { destination: '/t/{n}', topic: '{n}' }
    expect(build(topic)).toThrow(AggregateError)
    expect(build({ ...topic, share: false })).not.toThrow()
    expect(build({ destination: '/q/{n}', queue: '{n}' })).not.toThrow()
  })
})

test('what it says counts, for a preset in all its routes', () => {
  const said = {
    errors: 'keep',
    onGap: 'close',
    holdMs: 0,
    resend: false,
    nack: 'reject',
    prefetch: 1,
    identity: 'off',
  }
  for (const { policy } of preset({ preset: 'rabbitmq', ...said }).routes) expect(policy).toMatchObject(said)
})

describe('faults are all told, with their paths', () => {
  test.each<[string, RouteEntry, string[]]>([
    ['errors', { errors: 'drop' }, ['errors']],
    ['onGap', { onGap: true }, ['onGap']],
    ['holdMs', { holdMs: -1 }, ['holdMs']],
    ['holdMs as text', { holdMs: '30 seconds' }, ['holdMs']],
    ['resend', { resend: 'yes' }, ['resend']],
    ['nack', { nack: 'drop' }, ['nack']],
    ['prefetch 0', { prefetch: 0 }, ['prefetch']],
    ['prefetch 65536', { prefetch: 65_536 }, ['prefetch']],
    ['identity', { identity: 'private' }, ['identity']],
    ['slash', { slash: 'comma' }, ['slash']],
    ['slash without {name+}', { slash: 'dot' }, ['slash']],
    ['allow no list', { allow: 'durable' }, ['allow']],
    ['allow no word', { allow: [7] }, ['allow.0']],
    ['allow a destination form on a plain route', { allow: ['x-arguments', 'exchange'] }, ['allow.1']],
    ['an unknown broker', { broker: 'rabit' }, ['broker']],
    ['no broker', { broker: undefined }, ['']],
    ['a bad pattern', { destination: '/q/{n' }, ['destination']],
    ['no destination', { destination: undefined }, ['']],
    ['a field of the adapter', { name: '{other}' }, ['name']],
    ['an unknown field', { nmae: 'x' }, ['nmae']],
    ['three of them', { errors: 1, nack: 2, destination: '{' }, ['errors', 'nack', 'destination']],
  ])('%s', (_, change, paths) => {
    expect(faultsOf({ destination: '/q/{n}', broker: 'plain', name: '{n}', ...change })).toEqual(paths)
  })

  test.each<[string, RouteEntry, string[]]>([
    ['an unknown preset', { preset: 'rabitmq' }, ['preset']],
    ['a preset before the wrong broker is told once', { preset: 'rabbitmq', broker: 'plain' }, ['preset']],
    ['a preset with a destination', { preset: 'rabbitmq', destination: '/x' }, ['destination']],
    [
      'options of the wrong type',
      { preset: 'rabbitmq', topicExchange: 1, slashTopics: 'yes' },
      ['topicExchange', 'slashTopics'],
    ],
    ['a word that opens nothing', { preset: 'rabbitmq', allow: ['topic', 'topics'] }, ['allow.1']],
  ])('%s', (_, entry, paths) => {
    expect(faultsOf({ broker: 'rabbit', ...entry })).toEqual(paths)
  })

  test('positions are those of the list', () => {
    const good = { destination: '/q/{n}', broker: 'plain', name: '{n}' }
    const build = () => buildRoutes([good, { ...good, nack: 1 }, { preset: 'memory', broker: 'no' }], brokers())
    expect(build).toThrow(
      expect.objectContaining({
        errors: [
          expect.objectContaining({ path: ['routes', 1, 'nack'] }),
          expect.objectContaining({ path: ['routes', 2, 'broker'] }),
        ],
      }),
    )
  })

  test('a route to a broker that has faults of its own has none for that', () => {
    const entries = [{ destination: '/q/{n}', broker: 'broken', name: '{n}' }]
    expect(buildRoutes(entries, brokers(), new Set(['broken']))).toEqual([])
  })
})

describe('preset rabbitmq', () => {
  test.each([
    ['/topic/a.*', 'exchange=amq.topic;routingKey=a.*'],
    ['/queue/jobs', 'queue=jobs;declare=missing'],
    ['jobs', 'queue=jobs;declare=missing'],
    ['/queue/a%2Fb', 'queue=a/b;declare=missing'],
    ['/amq/queue/jobs', 'queue=jobs;declare=never'],
    ['/exchange/logs', 'exchange=logs'],
    ['/exchange/logs/app.%25', 'exchange=logs;routingKey=app.%'],
    ['/temp-queue/mine', 'temp=mine'],
    ['/reply-queue/amq.gen-x%2F/y', 'queue=amq.gen-x%2F/y;reply=true'],
  ])('%s is %s', (destination, target) => {
    expect(preset({ preset: 'rabbitmq' }).place(destination).target).toBe(target)
  })

  test.each([
    '/topic/a/b',
    '/queue/a/b',
    '/queue/',
    '/exchange/',
    '/exchange//key',
    '/exchange/a/b/c',
    '/other/x',
    '/amq/queue',
  ])('%s has no route', (destination) => {
    expect(preset({ preset: 'rabbitmq' }).router.resolve(destination)).toBeUndefined()
  })

  test('topicExchange is behind /topic', () => {
    const { place } = preset({ preset: 'rabbitmq', topicExchange: 'events' })
    expect(place('/topic/x').target).toBe('exchange=events;routingKey=x')
  })

  test('slashTopics takes slashes for dots', () => {
    const { place, router } = preset({ preset: 'rabbitmq', slashTopics: true })
    expect(place('/topic/room/1').target).toBe(place('/topic/room.1').target)
    const delivered = 'exchange=amq.topic;routingKey=room.7'
    expect(router.destinationOf(place('/topic/room/*'), delivered)).toBe('/topic/room/7')
    expect(router.destinationOf(place('/topic/room.*'), delivered)).toBe('/topic/room.7')
  })

  test.each([
    ['/topic/x', 'open open'],
    ['/queue/x', 'open open'],
    ['x', 'open open'],
    ['/temp-queue/x', 'closed closed'],
    ['/exchange/x', 'closed closed exchange'],
    ['/exchange/x/y', 'closed closed exchange'],
    ['/amq/queue/x', 'closed closed amq-queue'],
    ['/reply-queue/x', 'delivered closed reply-queue'],
  ])('with a service account %s is %s', (destination, access) => {
    expect(preset({ preset: 'rabbitmq' }).access(destination)).toBe(access)
  })

  test.each(['/topic/x', '/queue/x', 'x', '/exchange/x', '/exchange/x/y', '/amq/queue/x', '/reply-queue/x'])(
    'with credentials of the client %s is open',
    (destination) => {
      const { access, place } = preset({ preset: 'rabbitmq' }, { credentials: 'client' })
      expect(access(destination)).toBe('open open')
      expect(place(destination).route.policy.allow).toBe('all')
    },
  )

  test('a temp-queue is never a destination, and without its word no reply-to', () => {
    expect(preset({ preset: 'rabbitmq', allow: 'all' }).access('/temp-queue/x')).toBe('closed closed')
    expect(preset({ preset: 'rabbitmq', allow: ['topic'] }).access('/temp-queue/x')).toBe('closed closed temp-queue')
  })

  test('allow opens what it lists and closes what it does not, also with credentials of the client', () => {
    const { access } = preset({ preset: 'rabbitmq', allow: ['exchange', 'topic'] }, { credentials: 'client' })
    expect(access('/exchange/x/y')).toBe('open open')
    expect(access('/queue/x')).toBe('closed closed queue')
  })

  test.each([
    [undefined, ['durable', 'exclusive']],
    [
      ['topic', 'x-arguments'],
      ['durable', 'exclusive', 'x-message-ttl', 'x-max-length'],
    ],
    [
      ['topic', 'x-queue-name'],
      ['durable', 'exclusive', 'x-queue-name'],
    ],
    [
      ['topic', 'auto-delete', 'x-max-length'],
      ['durable', 'auto-delete', 'exclusive', 'x-max-length'],
    ],
  ])('allow %o lets clients set %o', (allow, headers) => {
    const { place } = preset({ preset: 'rabbitmq', allow })
    expect([...(place('/topic/x').route.policy.allow as ReadonlySet<string>)]).toEqual(headers)
  })

  test('the start-up page says what is closed', () => {
    const facts = preset({ preset: 'rabbitmq' }).routes.map(routeFacts)
    const closed = facts.filter(({ send, subscribe }) => subscribe === 'closed' && send !== 'anyone')
    expect(closed.map(({ destination, send, opener }) => [destination, send, opener])).toEqual([
      ['/exchange/{exchange}', 'closed', 'allow: [exchange]'],
      ['/exchange/{exchange}/{key}', 'closed', 'allow: [exchange]'],
      ['/amq/queue/{name}', 'closed', 'allow: [amq-queue]'],
      ['/temp-queue/{name}', 'closed', undefined],
      ['/reply-queue/{name+}', 'reply-to', 'allow: [reply-queue]'],
    ])
  })
})

test('preset memory has topics and queues with any number of segments', () => {
  const { place, access } = preset({ preset: 'memory' })
  expect(place('/topic/a/b.c').target).toBe('topic=a/b.c')
  expect(place('/queue/a/b').target).toBe('queue=a/b')
  expect(access('/topic/x')).toBe('open open')
})
