/** The preset `mqtt`, as an operator meets it: what it opens where. No broker is dialled. */
import { describe, expect, test } from 'vitest'
import { mqttBroker } from '../../src/adapters/mqtt/index.ts'
import { systemClock } from '../../src/broker/clock.ts'
import { silentBrokerObserver } from '../../src/broker/observer.ts'
import { buildRoutes, type RouteEntry } from '../../src/routing/build.ts'
import { routeFacts } from '../../src/routing/describe.ts'
import type { Route } from '../../src/routing/route.ts'
import { Router } from '../../src/routing/router.ts'

function routes(entry: RouteEntry = {}, exposed = false): Route[] {
  const broker = mqttBroker('plant', {}, { observer: silentBrokerObserver, clock: systemClock })
  return buildRoutes([{ preset: 'mqtt', broker: 'plant', ...entry }], new Map([['plant', broker]]), new Set(), {
    exposed,
    authenticates: false,
    originMatcher: (list) => (origin) => list.includes(origin),
  })
}

describe('destinations', () => {
  test.each([
    ['/topic/plant.7.temp', 'plant/7/temp', 'copy'],
    ['/topic/plant/7/temp', 'plant/7/temp', 'copy'],
    ['/topic/plant.*.temp', 'plant/+/temp', 'copy'],
    ['/topic/plant/#', 'plant/#', 'copy'],
    ['/plant/7/temp', 'plant/7/temp', 'copy'],
    ['/v1.2/state', 'v1.2/state', 'copy'],
    ['/queue/jobs', '$share/stomp-bridge/jobs', 'compete'],
  ])('%s is %s', (destination, filter, distribution) => {
    const place = new Router(routes()).resolve(destination)!
    expect([place.target, place.traits]).toMatchObject([{ filter }, { distribution, settles: false, defers: true }])
  })

  test.each([
    ['/topic/plant.*.temp', '/topic/plant.7.temp'],
    ['/topic/plant/*/temp', '/topic/plant/7/temp'],
    ['/plant/+/temp', '/plant/7/temp'],
  ])('what %s hears is told as %s', (subscribed, told) => {
    const router = new Router(routes())
    const place = router.resolve(subscribed)!
    const exact = router.resolve('/plant/7/temp')!
    expect(router.destinationOf(place, exact.target)).toBe(told)
  })
})

describe('SEND', () => {
  test.each([
    ['is open on loopback', {}, false, 'open'],
    ['is closed where others can connect', {}, true, 'closed'],
    ['is open there when the operator says so', { send: true }, true, 'open'],
    ['is closed where he does not want it', { send: false }, false, 'closed'],
  ])('%s', (_, entry, exposed, send) => {
    const made = routes(entry, exposed)
    expect(made.map(({ policy }) => [policy.send, policy.subscribe])).toEqual(Array(3).fill([send, 'open']))
    expect(made.some((route) => routeFacts(route).opener === 'send: true')).toBe(send === 'closed')
  })
})

test('is not held while the broker is away, unless told; NACK is the adapter’s to read', () => {
  expect(routes().map(({ policy }) => [policy.holdMs, policy.nack])).toEqual(Array(3).fill([0, 'requeue']))
  const told = routes({ holdMs: 5_000, nack: 'reject' })
  expect(told.map(({ policy }) => [policy.holdMs, policy.nack])).toEqual(Array(3).fill([5_000, 'reject']))
})

test.each([
  [{ qos: 2 }, 'qos'],
  [{ nack: 'requeue' }, 'nack'],
  [{ holdMs: -1 }, 'holdMs'],
  [{ group: '' }, 'group'],
])('%o is a fault', (entry, path) => {
  const fault = expect.objectContaining({ path: ['routes', 0, path] })
  expect(() => routes(entry)).toThrow(expect.objectContaining({ errors: [fault] }))
})
