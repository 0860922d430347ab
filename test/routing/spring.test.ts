/** Preset `spring`: where its destinations lead, on each broker that it fits, and how deliveries find their way back. */
import { describe, expect, test } from 'vitest'
import { memoryBroker } from '../../src/adapters/memory/index.ts'
import { mqttBroker } from '../../src/adapters/mqtt/index.ts'
import { rabbitmqBroker } from '../../src/adapters/rabbitmq/index.ts'
import type { Broker } from '../../src/broker/broker.ts'
import { systemClock } from '../../src/broker/clock.ts'
import type { FieldError } from '../../src/broker/errors.ts'
import { silentBrokerObserver } from '../../src/broker/observer.ts'
import { buildRoutes, type RouteEntry } from '../../src/routing/build.ts'
import { Router } from '../../src/routing/router.ts'

const deps = { clock: systemClock, observer: silentBrokerObserver }
const brokers: ReadonlyMap<string, Broker> = new Map<string, Broker>([
  ['local', memoryBroker('local', {}, deps) as Broker],
  ['rabbit', rabbitmqBroker('rabbit', { url: 'amqp://guest:guest@localhost' }, deps) as Broker],
  ['plant', mqttBroker('plant', {}, deps) as Broker],
])

function spring(broker: string, entry: RouteEntry = {}) {
  const routes = buildRoutes([{ preset: 'spring', broker, ...entry }], brokers)
  const router = new Router(routes)
  const target = (destination: string, verb: 'send' | 'subscribe' = 'subscribe') => {
    const place = router.resolve(destination)
    return place?.route.adapter.describe(place.target, verb)
  }
  return { routes, router, target }
}

function faultsOf(entry: RouteEntry): string[] {
  try {
    spring('local', entry)
  } catch (error) {
    return (error as AggregateError).errors.map((fault: FieldError) => fault.path.slice(2).join('.'))
  }
  return []
}

describe('where destinations lead', () => {
  test.each([
    ['/topic/chat/7', 'topic topic.chat.7', 'exchange amq.topic, key topic.chat.7'],
    ['/topic/price.stock', 'topic topic.price%2Estock', 'exchange amq.topic, key topic.price%2Estock'],
    ['/queue/jobs', 'topic queue.jobs', 'exchange amq.topic, key queue.jobs'],
    ['/topic/chat/*', 'topic topic.chat.*', 'exchange amq.topic, key topic.chat.*'],
    ['/topic/**', 'topic topic.#', 'exchange amq.topic, key topic.#'],
    ['/topic/chat/{room}', 'topic topic.chat.*', 'exchange amq.topic, key topic.chat.*'],
    [
      '/topic/price.*',
      'topic topic.*, of which what price.* matches',
      'exchange amq.topic, key topic.*, of which what price.* matches',
    ],
    ['/topic/100%', 'topic topic.100%25', 'exchange amq.topic, key topic.100%25'],
    // as everywhere in destinations, for what a handler's answer goes to is written so
    ['/topic/100%25', 'topic topic.100%25', 'exchange amq.topic, key topic.100%25'],
    ['/topic/chat/', undefined, undefined],
    ['/topic', undefined, undefined],
    ['/topics/chat', undefined, undefined],
    ['/app/chat', undefined, undefined],
  ])('%s', (destination, memory, rabbitmq) => {
    expect(spring('local').target(destination)).toBe(memory)
    expect(spring('rabbit').target(destination)).toBe(rabbitmq)
  })

  test('with dots as separator', () => {
    const { target } = spring('rabbit', { pathSeparator: '.', exchange: 'web' })
    expect(target('/topic/price.stock.*')).toBe('exchange web, key topic.price.stock.*')
    expect(target('/topic/chat/7')).toBe('exchange web, key topic.chat%2F7')
    // to AntPathMatcher(".") it is the one segment "/topic/**"
    expect(target('/topic/**')).toBe('exchange web, key topic.*')
  })

  test('prefixes of one’s own, with and without a slash at the end', () => {
    const { target } = spring('local', { prefixes: ['/sub/', '/v1.0/all'] })
    expect(target('/sub/chat/room/1')).toBe('topic sub.chat.room.1')
    expect(target('/v1.0/all/x')).toBe('topic v1%2E0.all.x')
    expect(target('/topic/x')).toBeUndefined()
  })

  test('queue: compete gives each message to one', () => {
    expect(spring('local', { queue: 'compete' }).target('/queue/jobs/a')).toBe('queue jobs/a')
    expect(spring('rabbit', { queue: 'compete' }).target('/queue/jobs/a')).toBe('queue jobs/a')
    expect(spring('rabbit', { queue: 'compete' }).target('/topic/a')).toBe('exchange amq.topic, key topic.a')
  })

  test.each(['local', 'rabbit'])('a pattern is nothing to send to (%s)', (broker) => {
    const { target } = spring(broker)
    for (const pattern of ['/topic/*', '/topic/a?', '/topic/{x}']) {
      expect(() => target(pattern, 'send')).toThrow(expect.objectContaining({ code: 'bad-destination' }))
    }
  })
})

describe.each(['local', 'rabbit'])('the way back on %s', (broker) => {
  test.each([
    ['/topic/**', '/topic/chat/7'],
    ['/topic/**', '/topic/price.stock.ibm'],
    ['/topic/price.*', '/topic/price.a'],
    ['/topic/*', '/topic/100%25'],
    ['/queue/*', '/queue/a#b'],
  ])('%s of %s', (pattern, sent) => {
    const { router } = spring(broker)
    const place = router.resolve(pattern)!
    expect(place.traits).toMatchObject({ wildcard: true, distribution: 'copy' })
    expect(router.destinationOf(place, router.resolve(sent)!.target)).toBe(sent)
  })
})

test('it closes after a gap, unless it is told not to', () => {
  const onGap = (entry: RouteEntry): unknown[] => spring('rabbit', entry).routes.map(({ policy }) => policy.onGap)
  expect(onGap({})).toEqual(['close', 'close'])
  expect(onGap({ onGap: 'mark' })).toEqual(['mark', 'mark'])
})

describe('what is wrong with it', () => {
  test.each([
    [{ broker: 'plant' }, ['broker']],
    [{ prefixes: '/topic' }, ['prefixes']],
    [{ prefixes: [] }, ['prefixes']],
    [{ prefixes: ['topic'] }, ['prefixes.0']],
    [{ prefixes: ['/'] }, ['prefixes.0']],
    [{ prefixes: ['/a/{b}'] }, ['prefixes.0']],
    [{ prefixes: ['/topic', '/user'] }, ['prefixes.1']],
    [{ prefixes: ['/topic', '/topic/chat'] }, ['prefixes.1']],
    [{ prefixes: ['/topic', '/topic'] }, ['prefixes.0']],
    [{ queue: 'share' }, ['queue']],
    [{ pathSeparator: '-' }, ['pathSeparator']],
    [{ exchange: 'web' }, ['exchange']],
  ])('%o', (entry, paths) => {
    expect(faultsOf(entry)).toEqual(paths)
  })

  test('another permit on what it covers', () => {
    const other = { destination: '/ops/{x}', broker: 'rabbit', exchange: 'amq.topic', routingKey: 'topic.ops.{x}' }
    const entries = [
      { preset: 'spring', broker: 'rabbit' },
      { ...other, permit: { subscribe: 'role:ops' } },
    ]
    expect(() => buildRoutes(entries, brokers)).toThrow(AggregateError)
    expect(() => buildRoutes([{ preset: 'spring', broker: 'rabbit' }, other], brokers)).not.toThrow()
  })
})
