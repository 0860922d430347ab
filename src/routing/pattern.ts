/**
 * Destination patterns: `/queue/{name}`, `/sensors/{path+}`, `/topic/price.{symbol}`. A pattern reads the variables out of a destination that a
 * client wrote, and writes a destination from variables. Knows no broker and no route.
 *
 *   pattern  = segment *("/" segment)          only the first segment may be empty: the leading slash
 *   segment  = literal / literal "{" name "}" literal / "{" name "+}"
 *   name     = a-z *(a-z / A-Z / 0-9 / "_" / "-")
 *
 * `{name}` is the rest of one segment, at least one character. `{name+}` is one or more whole segments; a pattern has at most one of them. So
 * each variable's place is known from the number of segments alone: matching is one pass, and no destination can make it slow.
 *
 * In a destination `%2F` and `%25` stand for `/` and `%` inside a value; no other escape exists, so that a lone `%` needs none. Literals are
 * compared as they are written.
 */
import { FieldError } from '../broker/errors.ts'
import type { Variables } from '../broker/template.ts'

export interface PatternOptions {
  /** The value is everything after the literal, without %-decoding or segments: names that a broker has made up. The variable must come last. */
  readonly verbatim?: boolean
  /** `.`: the segments of `{name+}` are joined by dots in the value, so that `/topic/room/1` and `/topic/room.1` are one key. */
  readonly separator?: '/' | '.'
}

export interface Pattern {
  readonly source: string
  /** In order of appearance. */
  readonly names: readonly string[]
  /** The values, decoded; a `{name+}` value keeps the separator between its segments. undefined = not of this pattern. */
  match(destination: string): Variables | undefined
  /**
   * The way back: `match(format(v))` equals `v`. undefined when a value is missing or empty.
   * @param like a destination of this pattern, whose separator (slash or dot) is used where both would do
   */
  format(variables: Variables, like?: string): string | undefined
}

/** What stands between two slashes of a pattern. */
export interface Segment {
  readonly before: string
  /** undefined: `before` is the whole segment. */
  readonly name: string | undefined
  readonly after: string
  readonly many: boolean
}

const SEGMENT = /^([^{}]*)\{([a-z][A-Za-z0-9_-]*)(\+?)\}([^{}]*)$/

/** Throws FieldError with `path` and the rule that the pattern breaks. */
export function compilePattern(
  source: string,
  path: readonly (string | number)[] = [],
  options: PatternOptions = {},
): Pattern {
  const segments = segmentsOf(source, path)
  const names = segments.flatMap((segment) => segment.name ?? [])
  checkNames(source, names, segments, path)
  if (options.verbatim === true) return verbatimPattern(source, names, segments)
  const many = segments.some((segment) => segment.many)
  const separator = options.separator ?? '/'
  const prefix = source.includes('{') ? source.slice(0, source.indexOf('{')) : source
  // One part more than there are segments tells that the destination is too long: no need to split the rest of it.
  const most = many ? undefined : segments.length + 1
  return {
    source,
    names,
    match: (destination) =>
      destination.startsWith(prefix) ? match(destination.split('/', most), segments, many, separator) : undefined,
    format: (variables, like) => format(variables, segments, separator, slashes(like, segments.length)),
  }
}

/** Throws FieldError with `path` and the rule that the pattern breaks. */
export function segmentsOf(source: string, path: readonly (string | number)[] = []): Segment[] {
  if (source === '' || source === '/') throw new FieldError(path, 'must not be empty')
  if (/[\s\x00-\x1f\x7f]/.test(source)) throw new FieldError(path, `"${source}" must not hold white space`)
  return source.split('/').map((text, index) => {
    if (text === '' && index > 0) throw new FieldError(path, `"${source}" has an empty segment`)
    if (!/[{}]/.test(text)) return { before: text, name: undefined, after: '', many: false }
    const found = SEGMENT.exec(text)
    if (found === null) {
      throw new FieldError(path, `"${text}" must hold one {name} or {name+}; a name begins with a lower-case letter`)
    }
    const [, before = '', name, plus, after = ''] = found
    if (plus === '+' && before + after !== '') {
      throw new FieldError(path, `{${name}+} in "${text}" must be a segment of its own`)
    }
    return { before, name, after, many: plus === '+' }
  })
}

function checkNames(
  source: string,
  names: readonly string[],
  segments: readonly Segment[],
  path: readonly (string | number)[],
): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new FieldError(path, `{${twice}} stands twice in "${source}"`)
  if (segments.filter((segment) => segment.many).length > 1) {
    throw new FieldError(path, `"${source}" has two {name+}: where the first one ends would be a guess`)
  }
}

function verbatimPattern(source: string, names: readonly string[], segments: readonly Segment[]): Pattern {
  const prefix = source.slice(0, source.lastIndexOf('/') + 1)
  const name = segments.at(-1)?.name
  if (name === undefined || names.length !== 1) throw new FieldError([], `"${source}" must end in its only variable`)
  return {
    source,
    names,
    match: (destination) =>
      destination.length > prefix.length && destination.startsWith(prefix)
        ? variables([[name, destination.slice(prefix.length)]])
        : undefined,
    format: (values) => (values[name] ? prefix + values[name] : undefined),
  }
}

function match(
  parts: readonly string[],
  segments: readonly Segment[],
  many: boolean,
  separator: string,
): Variables | undefined {
  const extra = parts.length - segments.length
  if (many ? extra < 0 : extra !== 0) return undefined
  const values: [string, string][] = []
  let at = 0
  for (const { before, name, after, many: isMany } of segments) {
    const until = at + 1 + (isMany ? extra : 0)
    const held = parts.slice(at, until)
    at = until
    const part = held[0]!
    if (name === undefined) {
      if (part !== before) return undefined
    } else if (isMany) {
      if (held.includes('')) return undefined
      values.push([name, held.map(decode).join(separator)])
    } else {
      if (part.length <= before.length + after.length) return undefined
      if (!part.startsWith(before) || !part.endsWith(after)) return undefined
      values.push([name, decode(part.slice(before.length, part.length - after.length))])
    }
  }
  return variables(values)
}

function format(
  values: Variables,
  segments: readonly Segment[],
  separator: string,
  slashed: boolean,
): string | undefined {
  const parts: string[] = []
  for (const { before, name, after, many } of segments) {
    const value = name === undefined ? '' : values[name]
    if (value === undefined || (value === '' && name !== undefined)) return undefined
    const words = many && (separator === '/' || slashed) ? value.split(separator) : [value]
    // An empty word between two slashes would be no destination: then the whole value is one segment, its slashes written as %2F.
    const whole = words.includes('') ? [value] : words
    parts.push(before + whole.map(encode).join('/') + after)
  }
  return parts.join('/')
}

/** A destination with dots and without a further slash was written by somebody who uses dots. */
function slashes(like: string | undefined, segments: number): boolean {
  if (like === undefined) return true
  const parts = like.split('/')
  return parts.length > segments || !parts.some((part) => part.includes('.'))
}

function variables(values: readonly (readonly [string, string])[]): Variables {
  const all: Record<string, string> = Object.create(null)
  for (const [name, value] of values) all[name] = value
  return all
}

function decode(text: string): string {
  return text.includes('%') ? text.replace(/%2([5f])/gi, (_, digit) => (digit === '5' ? '%' : '/')) : text
}

function encode(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('/', '%2F')
}
