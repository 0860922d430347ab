/** Destination patterns, both ways, and that no destination can make one slow. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FieldError } from '../../src/broker/errors.ts'
import { compilePattern, type PatternOptions } from '../../src/routing/pattern.ts'

describe('a destination is matched', () => {
  const dot: PatternOptions = { separator: '.' }
  const verbatim: PatternOptions = { verbatim: true }
  test.each<
    [pattern: string, destination: string, values: Record<string, string> | undefined, options?: PatternOptions]
  >([
    ['/queue/{name}', '/queue/a', { name: 'a' }],
    ['/queue/{name}', '/queue/a.b*#', { name: 'a.b*#' }],
    ['/queue/{name}', '/queue/', undefined],
    ['/queue/{name}', '/queue', undefined],
    ['/queue/{name}', '/queue/a/b', undefined],
    ['/queue/{name}', '/queue/a/', undefined],
    ['/queue/{name}', 'queue/a', undefined],
    ['/queue/{name}', '/Queue/a', undefined],
    ['/queue/{name}', ' /queue/a', undefined],
    ['/queue/{name}', '/queue/a%2Fb', { name: 'a/b' }],
    ['/queue/{name}', '/queue/a%2fb%25', { name: 'a/b%' }],
    ['/queue/{name}', '/queue/%252F', { name: '%2F' }],
    ['/queue/{name}', '/queue/100%', { name: '100%' }],
    ['/queue/{name}', '/queue/%41%é', { name: '%41%é' }],
    ['/queue/{name}', '/queue/__proto__', { name: '__proto__' }],
    ['{name}', 'jobs', { name: 'jobs' }],
    ['{name}', '/jobs', undefined],
    ['{name}', '', undefined],
    ['/exchange/{exchange}/{key}', '/exchange/e/k', { exchange: 'e', key: 'k' }],
    ['/exchange/{exchange}/{key}', '/exchange//k', undefined],
    ['/topic/price.{symbol}.eur', '/topic/price.x.eur', { symbol: 'x' }],
    ['/topic/price.{symbol}.eur', '/topic/price.eur', undefined],
    ['/topic/price.{symbol}.eur', '/topic/price..eur', undefined],
    ['/sensors/{path+}', '/sensors/a', { path: 'a' }],
    ['/sensors/{path+}', '/sensors/a/b/c', { path: 'a/b/c' }],
    ['/sensors/{path+}', '/sensors', undefined],
    ['/sensors/{path+}', '/sensors/', undefined],
    ['/sensors/{path+}', '/sensors/a//b', undefined],
    ['/sensors/{path+}', '/sensors/a/b/', undefined],
    ['/sensors/{path+}', '/sensors/%2Fa', { path: '/a' }],
    ['/{site}/{path+}/state', '/s/a/b/state', { site: 's', path: 'a/b' }],
    ['/{site}/{path+}/state', '/s/state', undefined],
    ['/{site}/{path+}/state', '/s/state/state/state', { site: 's', path: 'state/state' }],
    ['/fixed', '/fixed', {}],
    ['/fixed', '/fixed/x', undefined],
    ['/topic/{key+}', '/topic/room/1', { key: 'room.1' }, dot],
    ['/topic/{key+}', '/topic/room.1', { key: 'room.1' }, dot],
    ['/topic/{key+}', '/topic/room/*/#', { key: 'room.*.#' }, dot],
    ['/topic/{key+}', '/topic/a%2Fb/c', { key: 'a/b.c' }, dot],
    ['/reply-queue/{name+}', '/reply-queue/amq.gen-a%2F/b//', { name: 'amq.gen-a%2F/b//' }, verbatim],
    ['/reply-queue/{name+}', '/reply-queue/', undefined, verbatim],
  ])('%s reads %s as %o', (pattern, destination, values, options) => {
    const read = compilePattern(pattern, [], options).match(destination)
    expect(read && Object.entries(read)).toEqual(values && Object.entries(values))
  })
})

describe('a destination is written', () => {
  const dot: PatternOptions = { separator: '.' }
  test.each<
    [
      pattern: string,
      values: Record<string, string>,
      destination: string | undefined,
      options?: PatternOptions,
      like?: string,
    ]
  >([
    ['/queue/{name}', { name: 'a' }, '/queue/a'],
    ['/queue/{name}', { name: 'a/b%' }, '/queue/a%2Fb%25'],
    ['/queue/{name}', { name: '' }, undefined],
    ['/queue/{name}', {}, undefined],
    ['/sensors/{path+}', { path: 'a/b%' }, '/sensors/a/b%25'],
    ['/sensors/{path+}', { path: '/a' }, '/sensors/%2Fa'],
    ['/topic/{key+}', { key: 'room.1' }, '/topic/room/1', dot, '/topic/room/*'],
    ['/topic/{key+}', { key: 'room.1' }, '/topic/room.1', dot, '/topic/room.*'],
    ['/topic/{key+}', { key: 'room.1' }, '/topic/room/1', dot, '/topic/#'],
    ['/topic/{key+}', { key: 'room..1' }, '/topic/room..1', dot, '/topic/room/#'],
    ['/topic/{key+}', { key: 'a/b.c' }, '/topic/a%2Fb/c', dot],
    ['/topic/{key+}', { key: 'a/b.c' }, '/topic/a%2Fb.c', dot, '/topic/x.#'],
    ['/reply-queue/{name+}', { name: 'a%2F/b' }, '/reply-queue/a%2F/b', { verbatim: true }],
  ])('%s with %o', (pattern, values, destination, options, like) => {
    expect(compilePattern(pattern, [], options).format(values, like)).toBe(destination)
  })
})

test.each([
  ['', 'nothing'],
  ['/', 'only a slash'],
  ['/a//{b}', 'an empty segment'],
  ['/a/{b}/', 'a slash at the end'],
  ['/a/{b', 'an open brace'],
  ['/a/b}', 'a closing brace'],
  ['/a/{}', 'no name'],
  ['/a/{B}', 'an upper-case name'],
  ['/a/{b}{c}', 'two variables in a segment'],
  ['/a/x{b+}', 'text beside {name+}'],
  ['/a/{b}/{b}', 'a name twice'],
  ['/{a+}/x/{b+}', 'two {name+}'],
  ['/a b/{c}', 'white space'],
  ['/a\n/{c}', 'a line break'],
])('the pattern "%s" is refused: %s', (pattern) => {
  const compile = () => compilePattern(pattern, ['routes', 0, 'destination'])
  expect(compile).toThrow(FieldError)
  expect(compile).toThrow(expect.objectContaining({ path: ['routes', 0, 'destination'] }))
})

describe('what is written is read back', () => {
  const nasty = fc.string({
    unit: fc.constantFrom('/', '%', '.', '2', 'F', '5', 'f', 'a', '*', '#', '{', '}', '+', 'é', '💣', ' '),
    minLength: 1,
    maxLength: 12,
  })
  const patterns: readonly (readonly [string, PatternOptions])[] = [
    ['/queue/{a}', {}],
    ['{a}', {}],
    ['/x/{a}/y-{b}.z', {}],
    ['/x/{a+}', {}],
    ['/{b}/{a+}/x/{c}', {}],
    ['/x/{a+}', { separator: '.' }],
    ['/x/{a+}/{b}', { separator: '.' }],
    ['/reply/{a+}', { verbatim: true }],
  ]
  test.each(patterns)('%s %o: match(format(v)) is v, in either separator', (source, options) => {
    const pattern = compilePattern(source, [], options)
    fc.assert(
      fc.property(nasty, nasty, nasty, fc.constantFrom(undefined, '/x/a.b', '/x/a/b'), (a, b, c, like) => {
        const all: Record<string, string> = { a, b, c }
        const values = Object.fromEntries(pattern.names.map((name) => [name, all[name]!]))
        const destination = pattern.format(values, like)
        expect(destination).toBeDefined()
        expect({ ...pattern.match(destination!) }).toEqual(values)
      }),
      { numRuns: 500 },
    )
  })

  test.each(patterns)('%s %o: a second way back changes nothing', (source, options) => {
    const pattern = compilePattern(source, [], options)
    fc.assert(
      fc.property(nasty, (text) => {
        const values = pattern.match(source.replace(/\{.*\}/, () => text))
        if (values === undefined) return
        const canonical = pattern.format(values)!
        expect(pattern.format(pattern.match(canonical)!)).toBe(canonical)
      }),
      { numRuns: 500 },
    )
  })
})

test.each([
  ['/{a}/{b+}/c/{d}/e', 'a/'],
  ['/x-{a}-x/{b+}/y-{c}-y', 'x-'],
  ['/{b+}', '%2'],
  ['/queue/{name}', '/'],
])('%s stays linear on a million characters', (pattern, unit) => {
  // Backtracking would not come back within the test's time; no clock is read.
  const { match } = compilePattern(pattern)
  expect(match(`/${unit.repeat(1_000_000 / unit.length)}\u0000`)).toSatisfy(() => true)
})
