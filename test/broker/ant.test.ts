/** Ant paths: what org.springframework.util.AntPathMatcher says of a pattern and a path, and which names carry them in a broker. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type AntSeparator, antName, antTemplate } from '../../src/broker/ant.ts'
import { FieldError } from '../../src/broker/errors.ts'
import { compileTemplate } from '../../src/broker/template.ts'

/** As a broker and the bridge together do it: words first, as AMQP 0-9-1 §3.1.3.3 compares them, then the filter. */
function matches(pattern: string, path: string, separator: AntSeparator = '/'): boolean {
  const { name, filter } = antName(pattern, separator)
  const concrete = antName(path, separator).name
  return wordsMatch(name.split('.'), concrete.split('.')) && (filter?.accepts?.(concrete) ?? true)
}

function wordsMatch([first, ...rest]: readonly string[], words: readonly string[]): boolean {
  if (first === undefined) return words.length === 0
  if (first === '#')
    return wordsMatch(rest, words) || (words.length > 0 && wordsMatch([first, ...rest], words.slice(1)))
  return words.length > 0 && (first === '*' || first === words[0]) && wordsMatch(rest, words.slice(1))
}

describe('AntPathMatcher with its standard separator', () => {
  test.each([
    // without wildcards, equal
    ['chat', 'chat', true],
    ['chat', 'Chat', false],
    ['chat/7', 'chat/7', true],
    ['chat/7', 'chat.7', false],
    ['chat/#', 'chat/7', false],
    ['chat/#', 'chat/#', true],
    // ? is one character
    ['t?st', 'test', true],
    ['t?st', 'tst', false],
    ['t?st', 'teest', false],
    ['t?st', 't/st', false],
    ['??', 'ab', true],
    ['??', 'a', false],
    ['?', '😀', true],
    ['??', '😀', false],
    ['?.x', '..x', true],
    // * is any number of characters of a segment; a dot is one
    ['*', 'test', true],
    ['*', 'price.stock', true],
    ['*', 'a/b', false],
    ['test*', 'test', true],
    ['test*', 'testing', true],
    ['test*', 'test/t', false],
    ['*test', 'thistest', true],
    ['*test*', 'thisistesting', true],
    ['*ab*ac', 'abxabac', true],
    ['*ab*ac', 'abxab', false],
    ['price.stock.*', 'price.stock.ibm', true],
    ['price.stock.*', 'price.stock.us.ibm', true],
    ['price.stock.*', 'price.stock', false],
    ['price.stock.*', 'price.bonds.ibm', false],
    ['*/7', 'chat/7', true],
    ['*/7', 'a/b/7', false],
    ['a**b', 'a-x-b', true],
    ['a**b', 'a/b', false],
    // ** is any number of segments
    ['**', 'a', true],
    ['**', 'a/b/c', true],
    ['chat/**', 'chat', true],
    ['chat/**', 'chat/7', true],
    ['chat/**', 'chat/7/typing', true],
    ['chat/**', 'chats/7', false],
    ['chat/**/typing', 'chat/typing', true],
    ['chat/**/typing', 'chat/a/b/typing', true],
    ['chat/**/typing', 'chat/a/b', false],
    ['**/typing', 'typing', true],
    ['**/typing', 'chat/7/typing', true],
    ['**/7/**/9', 'a/7/8/7/b/9', true],
    ['**/a?/**/b*', 'x/ab/y/z/bcd', true],
    ['**/a?/**/b*', 'x/ab/y/z/cbd', false],
    ['**/a?/c', 'ax/ay/c', true],
    ['**/?', 'a/bb', false],
    // {x} is *
    ['chat/{room}', 'chat/7', true],
    ['chat/{room}', 'chat/7/typing', false],
    ['chat-{room}', 'chat-7', true],
    ['chat-{room}', 'chat/7', false],
    ['{a}.{b}', 'x.y', true],
    ['{a}.{b}', 'xy', false],
    // braces that are no variable mean themselves
    ['a{', 'a{', true],
    ['a{}', 'a{}', true],
    ['a{}', 'ab', false],
    // a slash at the end is told apart
    ['chat/', 'chat/', true],
    ['chat/', 'chat', false],
    ['*', 'chat/', false],
    ['chat/*', 'chat/', true],
    ['chat/?', 'chat/', false],
    ['chat/**', 'chat/', true],
  ])('%s and %s: %s', (pattern, path, expected) => {
    expect(matches(pattern, path)).toBe(expected)
  })
})

describe('AntPathMatcher(".")', () => {
  test.each([
    ['price.stock.*', 'price.stock.ibm', true],
    ['price.stock.*', 'price.stock.us.ibm', false],
    ['price.**', 'price.stock.us.ibm', true],
    ['price.**', 'price', true],
    ['price.st?ck', 'price.stock', true],
    ['chat/*', 'chat/7', true],
    ['chat/*', 'chat/7.8', false],
    ['*', 'a/b', true],
    // "/topic/**" is one segment there, and its ** no more than a *
    ['**', 'price', true],
    ['**', 'price.stock', false],
    ['**.ibm', 'price.stock.ibm', false],
  ])('%s and %s: %s', (pattern, path, expected) => {
    expect(matches(pattern, path, '.')).toBe(expected)
  })
})

test.each([
  ['chat/7', 'chat.7', undefined],
  ['price.stock', 'price%2Estock', undefined],
  ['100%', '100%25', undefined],
  ['a#b/c*', 'a%23b.*', 'filter'],
  ['chat/*', 'chat.*', 'all'],
  ['chat/{room}/**', 'chat.*.#', 'all'],
  ['chat/a?', 'chat.*', 'filter'],
])('%s is %s in a broker', (path, name, filter) => {
  const made = antName(path, '/')
  expect(made.name).toBe(name)
  expect(made.filter && (made.filter.accepts === undefined ? 'all' : 'filter')).toBe(filter)
})

test('a path finds its way back, whatever stands in it', () => {
  const compiled = antTemplate(compileTemplate('topic.{name}', [], ['name']), '/', [])
  const wild = /[*?{}]/
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, unit: fc.constantFrom('a', '/', '.', '#', '%', '2', 'E', 'é', ' ') }),
      (name) => {
        fc.pre(!wild.test(name))
        const place = compiled.place({ name })
        expect(place.filter).toBeUndefined()
        expect(compiled.match(place.name)?.name).toBe(name)
      },
    ),
  )
})

test('the greedy matcher says what trying everything says', () => {
  const slow = (pattern: string, path: string): boolean => {
    const source = pattern
      .split('/')
      .map((segment) => (segment === '**' ? segment : segment.replace(/\*+/g, '[^/]*').replaceAll('?', '[^/]')))
      .join('/')
    const whole = `/${source}`.replaceAll('/**', '(?:/[^/]*)*')
    return new RegExp(`^${whole}$`).test(`/${path}`)
  }
  const pattern = fc.array(fc.constantFrom('**', '*', '?', 'a', 'a*', '*b', '?b', 'a?', '*a*b'), {
    minLength: 1,
    maxLength: 5,
  })
  const path = fc.array(fc.constantFrom('a', 'b', 'ab', 'aab', 'bb'), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(pattern, path, (some, other) => {
      expect(matches(some.join('/'), other.join('/'))).toBe(slow(some.join('/'), other.join('/')))
    }),
  )
})

test('a variable with a regular expression is refused', () => {
  expect(() => antName('{room:[0-9]+}', '/')).toThrow(expect.objectContaining({ code: 'unsupported' }))
})

test.each([255, 256])('a pattern of %i characters', (length) => {
  const pattern = `${'a'.repeat(length - 1)}*`
  if (length <= 255) expect(antName(pattern, '/').name).toBe('*')
  else expect(() => antName(pattern, '/')).toThrow(expect.objectContaining({ code: 'bad-destination' }))
})

test.each(['{name}.x', 'a{name}', 'a/{name}', '*.{name}', 'x'])('%s cannot hold Ant paths', (source) => {
  expect(() => antTemplate(compileTemplate(source, [], ['name']), '/', ['topic'])).toThrow(FieldError)
})
