/** Names between STOMP and MQTT, both ways, and what the fields of the MQTT adapter refuse. No broker. */
import { describe, expect, test } from 'vitest'
import { brokerSettings } from '../../src/adapters/mqtt/fields.ts'
import { compileRoute } from '../../src/adapters/mqtt/route.ts'
import { textFault } from '../../src/adapters/mqtt/text.ts'
import { checkPublishable, matches, overlap } from '../../src/adapters/mqtt/topics.ts'
import { FieldError } from '../../src/broker/errors.ts'

const variables = (path: string): Record<string, string> => Object.assign(Object.create(null), { path })
const route = (options: Readonly<Record<string, unknown>> = {}) =>
  compileRoute({ topic: '{path}', ...options }, ['path'])
const DOTS = { separator: '.' }

describe('a destination becomes a topic and comes back', () => {
  test.each([
    ['a/b/c', {}, 'a/b/c'],
    ['a.b/c', {}, 'a.b/c'],
    ['a.b.c', DOTS, 'a/b/c'],
    // a slash in such a value was written %2F: it is the dot that parts no levels
    ['a/b.c', DOTS, 'a.b/c'],
    ['x', { topic: 'site/{path}/state' }, 'site/x/state'],
    ['a.b', { ...DOTS, topic: 'v1.2/{path}' }, 'v1.2/a/b'],
    ['broker/load', { topic: '$SYS/{path}' }, '$SYS/broker/load'],
  ])('%s of %o is %s', (path, options, topic) => {
    const made = route(options).target(variables(path))
    expect([made.topic, made.wildcard]).toEqual([topic, false])
    expect(() => checkPublishable(made)).not.toThrow()
    expect(route(options).variables(made)).toEqual({ path })
  })

  test('a topic with an empty level has a destination', () => {
    const target = route(DOTS).target(variables('#')).concrete('/a//b')
    expect(route(DOTS).variables(target)).toEqual({ path: '.a..b' })
  })

  test('a queue and a topic of one name are two places', () => {
    const queue = route({ group: 'g' }).target(variables('jobs'))
    expect(queue.filter).toBe('$share/g/jobs')
    expect(route({ group: 'g' }).variables(queue)).toEqual({ path: 'jobs' })
    expect(route().variables(queue)).toBeUndefined()
  })
})

describe('wildcards', () => {
  test.each([
    ['plant.*.temp', 'plant/+/temp'],
    ['plant.+.temp', 'plant/+/temp'],
    ['plant.#', 'plant/#'],
    ['plant.**', 'plant/#'],
    ['plant.>', 'plant/#'],
    ['#', '#'],
    ['*', '+'],
  ])('%s subscribes to %s, and is no place for a SEND', (path, filter) => {
    const target = route(DOTS).target(variables(path))
    expect([target.filter, target.wildcard]).toEqual([filter, true])
    expect(() => checkPublishable(target)).toThrow(expect.objectContaining({ code: 'bad-destination' }))
  })

  test.each(['a.#.c', 'a.**.c', 'a.b*', 'a.b+c', 'a#', 'a.b#'])('%s is more than MQTT can say', (path) => {
    expect(() => route(DOTS).target(variables(path))).toThrow(expect.objectContaining({ code: 'bad-destination' }))
  })
})

describe('what no client reaches', () => {
  test.each([
    ['$SYS/broker/load'],
    ['$share/g/x'],
    ['stomp-bridge/status'],
    ['nul\u0000'],
    ['line\nfeed'],
    ['lone \ud800'],
    ['\ufffe'],
    [`long${'x'.repeat(65_535)}`],
  ])('%j', (path) => {
    expect(() => route().target(variables(path))).toThrow(expect.objectContaining({ code: 'bad-destination' }))
  })

  test.each(['a//b', '/a', 'a/'])('%s for a SEND: an empty level', (path) => {
    const target = route().target(variables(path))
    expect(() => checkPublishable(target)).toThrow(expect.objectContaining({ code: 'bad-destination' }))
  })
})

describe('filters', () => {
  test.each([
    ['a/b', 'a/b', true],
    ['a/+', 'a/b', true],
    ['a/+', 'a/b/c', false],
    ['a/+', 'a', false],
    ['+', '/a', false],
    ['+/+', '/a', true],
    ['a/#', 'a', true],
    ['a/#', 'a/b/c', true],
    ['a/#', 'ab', false],
    ['#', 'a/b', true],
    ['#', '$SYS/x', false],
    ['+/x', '$SYS/x', false],
    ['$SYS/#', '$SYS/x', true],
  ])('%s and the topic %s: %s', (filter, topic, expected) => {
    expect(matches(filter, topic)).toBe(expected)
  })

  test.each([
    ['a/b', 'a/b', true],
    ['a/b', 'a/c', false],
    ['a/+', '+/b', true],
    ['a/+', 'b/+', false],
    ['a/+', 'a/+/c', false],
    ['a/#', 'a', true],
    ['a/#', 'a/b/c', true],
    ['a/#', '+/b', true],
    ['a/#', 'b/#', false],
    ['#', 'x', true],
  ])('%s and %s overlap: %s', (left, right, expected) => {
    expect([overlap(left, right), overlap(right, left)]).toEqual([expected, expected])
  })
})

test.each([
  ['', true],
  ['ünïcode 漢字 🚀', true],
  ['x'.repeat(65_535), true],
  ['x'.repeat(65_536), false],
  ['ü'.repeat(32_768), false],
  ['tab\t', false],
  ['\u007f', false],
  ['\u0085', false],
  ['\udc00', false],
  ['\u{1fffe}', false],
])('MQTT may carry the text %j: %s', (text, allowed) => {
  expect(textFault(text) === undefined).toBe(allowed)
})

describe('an operator hears of', () => {
  test.each([
    ['no topic', {}, []],
    ['a wildcard in the template', { topic: 'a/+/{path}' }, ['topic']],
    ['a variable that is lost', { topic: 'a' }, ['topic']],
    ['a destination in place of a topic', { topic: '/topic/{path}' }, ['topic']],
    ['$share in place of a group', { topic: '$share/g/{path}' }, ['topic']],
    ['QoS 2', { topic: '{path}', qos: 2 }, ['qos']],
    ['a group of two words', { topic: '{path}', group: 'a/b' }, ['group']],
    ['RabbitMQ’s word for redelivery', { topic: '{path}', nack: 'requeue' }, ['nack']],
    ['a separator that is none', { topic: '{path}', separator: '-' }, ['separator']],
    ['an unknown key', { topic: '{path}', queue: 'x' }, ['queue']],
  ])('%s', (_, options, path) => {
    expect(() => compileRoute(options, ['path'])).toThrow(expect.objectContaining({ name: 'FieldError', path }))
  })

  test.each([
    ['another scheme', { url: 'amqp://x' }, ['url']],
    ['a path in the url', { url: 'mqtt://x/y' }, ['url']],
    ['protocol 3', { protocol: 3 }, ['protocol']],
    ['certificates without TLS', { url: 'mqtt://x', ca: 'pem' }, ['ca']],
    ['a certificate without its key', { url: 'mqtts://x', cert: 'pem' }, ['cert']],
    ['a server name without TLS', { url: 'mqtt://x', serverName: 'y' }, ['serverName']],
    ['a certificate that is none', { url: 'mqtts://x', cert: 'pem', key: 'pem' }, ['cert']],
    ['a control character in the client id', { clientId: 'a\n' }, ['clientId']],
    ['pauses in the wrong order', { reconnectMin: 500, reconnectMax: 100 }, ['reconnectMax']],
    ['an unknown key', { host: 'x' }, ['host']],
  ])('%s', (_, options, path) => {
    expect(() => brokerSettings(options)).toThrow(expect.objectContaining({ name: 'FieldError', path }))
  })

  test('a fault in a url, without its password', () => {
    const fault = (): unknown => brokerSettings({ url: 'mqtt://user:se%ZZcret@x' })
    expect(fault).toThrow(FieldError)
    expect(fault).not.toThrow(/cret/)
  })
})

test('commands are not held, unless the route says so; NACK is in the bridge’s own words', () => {
  expect(route().policy).toEqual({ holdMs: 0, nack: 'requeue' })
  expect(route({ holdMs: 500, nack: 'reject' }).policy).toEqual({ holdMs: 500, nack: 'reject' })
  const buried = route({ nack: 'dead/{path}' })
  expect(buried.policy).toEqual({ holdMs: 0, nack: 'reject' })
  expect(buried.target(variables('a')).deadLetter).toBe('dead/a')
})
