/** Templates: what is rendered finds its way back, what cannot is refused, at load or at the first destination. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BrokerError, FieldError } from '../../src/broker/errors.ts'
import { compileTemplate, type Variables } from '../../src/broker/template.ts'

const NAMES = ['a', 'b', 'path']

function compile(source: string, names: readonly string[] = NAMES) {
  return compileTemplate(source, ['topic'], names)
}

function variables(values: Record<string, string>): Variables {
  return Object.assign(Object.create(null), values)
}

/** What a thunk throws. */
function thrown(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  return expect.unreachable('nothing was thrown')
}

describe('a template', () => {
  it.each([
    ['plain', {}, 'plain'],
    ['{a}', { a: 'x' }, 'x'],
    ['{path+}', { path: 'x/y.z' }, 'x/y.z'],
    ['site/{path+}', { path: 'x/y' }, 'site/x/y'],
    ['{a}.{b}', { a: 'x', b: 'y.z' }, 'x.y.z'],
    ['orders.{a}-{b}.v1', { a: 'eu', b: '7-8' }, 'orders.eu-7-8.v1'],
    ['{a}', { a: '{b}' }, '{b}'],
  ])('%s renders %o as %s, and back', (source, values, text) => {
    const template = compile(source)
    expect(template.render(variables(values))).toBe(text)
    expect({ ...template.match(text) }).toEqual(values)
  })

  it('names its variables in their order', () => {
    expect(compile('{b}.{a}.x').names).toEqual(['b', 'a'])
    expect(compile('{b}.{a}.x').source).toBe('{b}.{a}.x')
  })

  it.each<[string, Record<string, string>, string]>([
    ['{a}.{b}', { a: 'x.y', b: 'z' }, 'the literal after it would end it early'],
    ['{a}', { a: '' }, 'empty'],
    ['x{a}y', { a: '' }, 'empty between literals'],
    ['{a}.{b}', { a: 'x', b: '' }, 'the last one empty'],
  ])('%s refuses %o: %s', (source, values) => {
    const error = thrown(() => compile(source).render(variables(values)))
    expect(error).toBeInstanceOf(BrokerError)
    expect(error).toMatchObject({ code: 'bad-destination' })
  })

  it.each([
    ['plain', 'plainer'],
    ['site/{a}', 'sit/x'],
    ['site/{a}', 'site/'],
    ['a{a}a', 'a'],
    ['a{a}a', 'aa'],
    ['{a}.v1', 'x.v2'],
    ['{a}.{b}', 'no dot'],
    ['{a}.{b}.{path}', 'x.y'],
    ['{a}--{b}--c', 'x--c'],
  ])('%s did not make %s', (source, text) => {
    expect(compile(source).match(text)).toBeUndefined()
  })

  it.each([
    ['{c}', 'an unknown variable'],
    ['{a}.{a}', 'a variable twice'],
    ['{a}{b}', 'two that touch'],
    ['{a}.{', 'a stray brace'],
    ['{a}.}', 'another one'],
    ['{A}', 'a name that is none'],
    ['{}', 'no name'],
    ['{{a}}', 'doubled braces'],
  ])('%s is an operator’s mistake: %s', (source) => {
    const error = thrown(() => compile(source))
    expect(error).toBeInstanceOf(FieldError)
    expect(error).toMatchObject({ path: ['topic'] })
  })

  it('gives values without a prototype', () => {
    const template = compile('{a}.{b}', ['a', 'b'])
    expect(Object.getPrototypeOf(template.match('x.y'))).toBeNull()
    expect(Object.getPrototypeOf(compile('plain').match('plain'))).toBeNull()
  })

  it('renders only what it can take apart again, whatever the values', () => {
    const part = fc.string({ unit: fc.constantFrom('x', '.', '/', '-', '{', '}', '%'), maxLength: 6 })
    const source = fc.constantFrom('{a}', 'p.{a}', '{a}.{b}', '{a}/{b}.s', 'p-{a}--{b}-s', '{a}.{b}/{path+}')
    fc.assert(
      fc.property(source, part, part, part, (text, a, b, path) => {
        const template = compile(text)
        const all = variables({ a, b, path })
        const used = Object.fromEntries(template.names.map((name) => [name, all[name]!]))
        let rendered: string
        try {
          rendered = template.render(all)
        } catch (error) {
          expect(error).toMatchObject({ code: 'bad-destination' })
          return
        }
        expect({ ...template.match(rendered) }).toEqual(used)
      }),
    )
  })

  it('takes apart only what it would render the same way', () => {
    const source = fc.constantFrom('{a}', 'x{a}', '{a}.{b}', '{a}.{b}.x', 'x{a}..{b}x')
    const text = fc.string({ unit: fc.constantFrom('x', '.'), maxLength: 12 })
    fc.assert(
      fc.property(source, text, (pattern, name) => {
        const template = compile(pattern)
        const values = template.match(name)
        if (values !== undefined) expect(template.render(values)).toBe(name)
      }),
      { numRuns: 1_000 },
    )
  })

  it('matches a hostile text in one pass', () => {
    const template = compile('{a}.x.{b}.y')
    expect(template.match(`${'.x'.repeat(50_000)}`)).toBeUndefined()
  })
})
