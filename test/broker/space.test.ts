/** Which names two routes, or a route and a target, have in common. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ANYTHING, meets, type Names, plainNames, wordNames } from '../../src/broker/space.ts'

const AMQP = { one: '*', many: '#' }
const meet = (one: Names, other: Names): boolean =>
  meets({ kind: 'topic', parts: [one] }, { kind: 'topic', parts: [other] })
const template = plainNames
const binding = (key: string): Names => wordNames(key, AMQP, '.')

describe('templates', () => {
  test.each([
    ['orders.eu', 'orders.eu', true],
    ['orders.eu', 'orders.us', false],
    ['orders.{x}', 'orders.eu', true],
    ['orders.{x}', 'stock.{y}', false],
    ['{x}', 'anything.at.all', true],
    ['a.{x}', '{y}.b', true],
    ['a{x}c', 'b{y}c', false],
    ['inbox.{user}', 'inbox.{user}.done', true],
    ['', '', true],
    ['', 'a', false],
    ['', '{x}', true],
  ])('%s and %s: %s', (one, other, expected) => {
    expect(meet(template(one), template(other))).toBe(expected)
    expect(meet(template(other), template(one))).toBe(expected)
  })
})

describe('wildcards', () => {
  test.each([
    ['secret.*', 'secret.a', true],
    ['*.a', 'secret.{x}', true],
    ['public.#', 'secret.{x}', false],
    ['#', 'secret.{x}', true],
    ['secret.#', 'secret', true],
    ['#.secret', 'secret', true],
    ['a.#.b', 'a.b', true],
    ['a.#.b', 'a.x.y.b', true],
    ['a.#.b', 'a.x.c', false],
    ['pub*', 'public', false],
    ['orders.#', 'orders-archive', false],
    ['a.#.#.#.#.#', 'b', true],
  ])('%s and %s: %s', (key, source, expected) => {
    expect(meet(binding(key), template(source))).toBe(expected)
  })

  test.each([
    ['secret.{x}', 'secret', true],
    ['secret.{x}', 'secrets', false],
    ['secret.{x}', 'secret.#', true],
    ['{x}.b', 'b', true],
    ['pre-{x}', 'pre', false],
    ['orders.{x}', 'orders-archive.{y}', false],
  ])('a variable of %s may be a wildcard: %s %s', (one, other, expected) => {
    expect(meet(binding(one), binding(other))).toBe(expected)
  })

  test('a name that a wildcard matches always meets it, whatever the words', () => {
    const word = fc.constantFrom('a', 'b', '*', '#')
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 5 }),
        fc.array(fc.constantFrom('a', 'b'), { maxLength: 5 }),
        (key, name) => {
          fc.pre(key.length > 0 && name.length > 0 && matches(key, name))
          expect(meet(binding(key.join('.')), template(name.join('.')))).toBe(true)
        },
      ),
    )
  })
})

test('kinds never meet, and every part has to', () => {
  expect(meets({ kind: 'queue', parts: [ANYTHING] }, { kind: 'topic', parts: [ANYTHING] })).toBe(false)
  const logs = { kind: 'exchange', parts: [template('logs'), ANYTHING] }
  expect(meets(logs, { kind: 'exchange', parts: [template('logs'), template('x')] })).toBe(true)
  expect(meets(logs, { kind: 'exchange', parts: [template('metrics'), template('x')] })).toBe(false)
})

/** AMQP 0-9-1 §3.1.3.3, word for word. */
function matches([first, ...rest]: readonly string[], name: readonly string[]): boolean {
  if (first === undefined) return name.length === 0
  if (first === '#') return matches(rest, name) || (name.length > 0 && matches([first, ...rest], name.slice(1)))
  return name.length > 0 && (first === '*' || first === name[0]) && matches(rest, name.slice(1))
}
