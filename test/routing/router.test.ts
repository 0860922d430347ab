/** From destinations to places and back: order, wildcards, separators, bounds. */
import { expect, test } from 'vitest'
import { buildRoutes, type RouteEntry } from '../../src/routing/build.ts'
import { Router } from '../../src/routing/router.ts'
import { FakeBroker } from './fake-broker.ts'

function house(...entries: RouteEntry[]) {
  const a = new FakeBroker('a')
  const b = new FakeBroker('b')
  const brokers = new Map([a, b].map((broker) => [broker.name, broker]))
  const routes = buildRoutes(entries, brokers)
  return { a, b, routes, router: new Router(routes) }
}

test('the first route that matches wins', () => {
  const { router } = house(
    { destination: '/topic/news', broker: 'a', name: 'headlines' },
    { destination: '/topic/{key}', broker: 'b', name: 't.{key}' },
  )
  expect(router.resolve('/topic/news')).toMatchObject({ target: 'headlines', destination: '/topic/news' })
  expect(router.resolve('/topic/newsletter')).toMatchObject({ target: 't.newsletter' })
  expect(router.resolve('/queue/news')).toBeUndefined()
})

test('a name that the broker cannot have is a bad destination, not a missing route', () => {
  const { router } = house(
    { destination: '/queue/{name}', broker: 'a', name: '{name}' },
    { destination: '/queue/x!', broker: 'b', name: 'x' },
  )
  expect(() => router.resolve('/queue/x!')).toThrow(expect.objectContaining({ code: 'bad-destination' }))
})

test('a destination has at most 2,048 characters', () => {
  const { router } = house({ destination: '/queue/{name}', broker: 'a', name: '{name}' })
  const longest = `/queue/${'x'.repeat(2048 - '/queue/'.length)}`
  expect(router.resolve(longest)?.destination).toBe(longest)
  expect(() => router.resolve(`${longest}x`)).toThrow(expect.objectContaining({ code: 'bad-destination' }))
})

test('an exact subscription gets back the string it wrote', () => {
  const { router } = house({ destination: '/queue/{name}', broker: 'a', name: '{name}' })
  const place = router.resolve('/queue/50%')!
  expect(router.destinationOf(place, '50%')).toBe('/queue/50%')
})

test('a wildcard subscription gets concrete destinations, through its own route', () => {
  const { router } = house(
    { destination: '/all/{key}', broker: 'a', name: '{key}' },
    { destination: '/topic/{key}', broker: 'a', name: '{key}' },
  )
  const place = router.resolve('/topic/a.*')!
  expect(router.destinationOf(place, 'a.b')).toBe('/topic/a.b')
  expect(router.destinationOf(place, 'a.b/c%')).toBe('/topic/a.b%2Fc%25')
})

test('what its own route could not have made comes back through another route of that broker, or under its own name', () => {
  const { router } = house(
    { destination: '/b/{key}', broker: 'b', name: '{key}' },
    { destination: '/topic/{key}', broker: 'a', name: 'topic:{key}' },
    { destination: '/rest/{key+}', broker: 'a', name: 'rest:{key+}' },
  )
  const place = router.resolve('/topic/a.*')!
  expect(router.destinationOf(place, 'rest:x/y')).toBe('/rest/x/y')
  expect(router.destinationOf(place, 'nowhere')).toBe('/topic/a.*')
})

test('slash: dot gives each subscriber the separator it wrote', () => {
  const { router } = house({ destination: '/topic/{key+}', broker: 'a', name: '{key+}', slash: 'dot' })
  const spring = router.resolve('/topic/room/*')!
  const rabbit = router.resolve('/topic/room.*')!
  expect(spring.target).toBe('room.*')
  expect(rabbit.target).toBe('room.*')
  expect(router.destinationOf(spring, 'room.1')).toBe('/topic/room/1')
  expect(router.destinationOf(rabbit, 'room.1')).toBe('/topic/room.1')
})

test('an address to reply to is that of the first route of its broker', () => {
  const { router, a, b } = house(
    { destination: '/b/{key}', broker: 'b', name: '{key}' },
    { destination: '/reply/{name}', broker: 'a', name: 'reply:{name}' },
  )
  expect(router.replyDestination(a, 'reply:x')).toBe('/reply/x')
  expect(router.replyDestination(a, 'other')).toBeUndefined()
  expect(router.replyDestination(b, 'reply:x')).toBe('/b/reply:x')
})

test('places are remembered, and the same while they are', () => {
  const { router, a } = house({ destination: '/queue/{name}', broker: 'a', name: '{name}' })
  const first = router.resolve('/queue/x')
  expect(router.resolve('/queue/x')).toBe(first)
  expect(a.targets).toBe(1)
})

test('a flood of destinations does not push out a busy one, nor fill the memory', () => {
  const { a, routes } = house({ destination: '/queue/{name}', broker: 'a', name: '{name}' })
  const router = new Router(routes, undefined, 8)
  const busy = router.resolve('/queue/busy')
  for (let count = 0; count < 1000; count++) {
    router.resolve(`/queue/${count}`)
    expect(router.resolve('/queue/busy')).toBe(busy)
  }
  const made = a.targets
  router.resolve('/queue/0')
  expect(a.targets).toBe(made + 1)
})

test('a long destination is resolved each time', () => {
  const { router, a } = house({ destination: '/queue/{name}', broker: 'a', name: '{name}' })
  const long = `/queue/${'x'.repeat(600)}`
  expect(router.resolve(long)).toEqual(router.resolve(long))
  expect(a.targets).toBe(2)
})
