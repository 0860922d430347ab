/**
 * Ant paths, the way in which Spring's SimpleBroker reads destinations (org.springframework.util.AntPathMatcher), for brokers whose names are
 * words between dots. Pure; for adapters, which put the names where they belong.
 *
 *   path                name                 each segment is a word; in a word . * # % and / are percent-encoded, so that it is no wildcard
 *   chat/7              chat.7
 *   price.stock.ibm     price%2Estock%2Eibm  a dot is a character, unless it is the separator
 *
 *   pattern             name                 what a SUBSCRIBE may write
 *   chat/*              chat.*               * alone is one segment, whatever stands in it; {x} is the same
 *   chat/**             chat.#               ** alone is any number of segments, none included, at any place
 *   chat/price.*        chat.*  + filter     * in a segment is any number of its characters, none included; ? is one of them
 *
 * Where words say less than the pattern, the broker gives the subscriber more than it asked for, and the filter picks what is meant. It is
 * `AntPathMatcher.match` but for two things: an empty segment is a segment here, where Spring drops it; and `{x:regex}` is refused, since a
 * client could keep the bridge busy with it.
 */
import { BrokerError, FieldError } from './errors.ts'
import type { Template, Variables } from './template.ts'

/** What parts segments: `/`, or `.` as with `setPathMatcher(new AntPathMatcher("."))`. */
export type AntSeparator = '/' | '.'

/** What an Ant pattern wants beyond what its name says. */
export interface AntFilter {
  /** The pattern as it was written: equal sources of one route want the same. */
  readonly source: string
  /** @param name a concrete one that the pattern's own name covers; undefined: it wants all of them */
  readonly accepts: ((name: string) => boolean) | undefined
}

export interface AntName {
  readonly name: string
  /** undefined: the path means itself, and no other. */
  readonly filter: AntFilter | undefined
}

/** A template whose only variable is an Ant path, the last words of the name. */
export interface AntTemplate {
  /** @throws BrokerError `bad-destination`, or `unsupported` for `{x:regex}` */
  place(variables: Variables): AntName
  /** undefined when `name` was not made by this template. */
  match(name: string): Variables | undefined
  /** See `Route.special`. */
  readonly special: string
}

/** Of a pattern: matching costs at most its length times that of the name. */
const LONGEST_PATTERN = 255
const SPECIAL = /[.*#%/]/g
const ENCODED = /%(2E|2A|23|25|2F)/g
/** AntPathMatcher.AntPathStringMatcher, GLOB_PATTERN; the name of a variable may be anything. */
const VARIABLE = /\{([^/{}]+)\}/g

/**
 * @param path of the field, for the error
 * @throws FieldError when the variable does not stand alone at the end
 */
export function antTemplate(
  template: Template,
  separator: AntSeparator,
  path: readonly (string | number)[],
): AntTemplate {
  const found = /^((?:[^{}*#/]+\.)?)\{[^{}]*\}$/.exec(template.source)
  const variable = template.names[0]
  if (found === null || variable === undefined) {
    throw new FieldError(path, 'must, with ant, end in its only {variable}, after words and dots: "topic.{name}"')
  }
  const prefix = found[1]!
  return {
    special: `${separator}*?{}`,
    place(variables) {
      const { name, filter } = antName(variables[variable] ?? '', separator)
      const accepts = filter?.accepts
      return {
        name: template.render(one(variable, name)),
        filter: filter && { ...filter, accepts: accepts && ((whole) => accepts(whole.slice(prefix.length))) },
      }
    },
    match(name) {
      const value = template.match(name)?.[variable]
      return value === undefined ? undefined : one(variable, value.split('.').map(decode).join(separator))
    },
  }
}

/** @throws BrokerError `bad-destination`, or `unsupported` for `{x:regex}` */
export function antName(path: string, separator: AntSeparator): AntName {
  const segments = path.split(separator).map(readSegment)
  // With dots the first segment is glued to the prefix: in `/topic/**` Spring sees the one segment "/topic/**", where ** is no more than *.
  if (separator === '.' && segments[0] === '**') segments[0] = '*'
  if (!segments.some(isWild)) return { name: segments.map(encode).join('.'), filter: undefined }
  if (path.length > LONGEST_PATTERN) {
    throw new BrokerError('bad-destination', `a pattern has at most ${LONGEST_PATTERN} characters after its prefix`)
  }
  const name = segments.map(wordOf).join('.')
  const isPlain = segments.every((segment) => !isWild(segment) || wordOf(segment) === '#' || segment === '*')
  const accepts = (concrete: string): boolean => matchSegments(segments, concrete.split('.').map(decode))
  return { name, filter: { source: path, accepts: isPlain ? undefined : accepts } }
}

/** `{x}` is `*`, and `**` beside other characters is one `*`. */
function readSegment(text: string): string {
  if (text === '**') return text
  const plain = text.replace(VARIABLE, (_, name: string) => {
    if (!name.includes(':')) return '*'
    throw new BrokerError(
      'unsupported',
      'a variable of a pattern is like {name}: regular expressions are not supported',
    )
  })
  return plain.replace(/\*+/g, '*')
}

function isWild(segment: string): boolean {
  return segment.includes('*') || segment.includes('?')
}

function wordOf(segment: string): string {
  if (segment === '**') return '#'
  return isWild(segment) ? '*' : encode(segment)
}

/**
 * `**` takes as few segments as it can; when what follows does not fit, the last one takes one more. That is enough: what fits after an earlier
 * `**` fits as well after a later one.
 */
function matchSegments(pattern: readonly string[], segments: readonly string[]): boolean {
  let at = 0
  let many = -1
  let taken = 0
  let index = 0
  while (index < segments.length) {
    if (pattern[at] === '**') {
      many = at++
      taken = index
    } else if (at < pattern.length && matchSegment(pattern[at]!, segments[index]!)) {
      at++
      index++
    } else if (many >= 0) {
      at = many + 1
      index = ++taken
    } else return false
  }
  while (pattern[at] === '**') at++
  return at === pattern.length
}

/** The same for the characters of one segment, of which `*` takes any number and `?` one. */
function matchSegment(pattern: string, text: string): boolean {
  let at = 0
  let many = -1
  let taken = 0
  let index = 0
  while (index < text.length) {
    const wanted = pattern[at]
    if (wanted === '*') {
      many = at++
      taken = index
    } else if (wanted === '?') {
      at++
      // java.util.regex: `.` is a code point, not half of one.
      index += text.codePointAt(index)! > 0xffff ? 2 : 1
    } else if (wanted === text[index]) {
      at++
      index++
    } else if (many >= 0) {
      at = many + 1
      index = ++taken
    } else return false
  }
  while (pattern[at] === '*') at++
  return at === pattern.length
}

function encode(word: string): string {
  return word.replace(SPECIAL, (special) => `%${special.charCodeAt(0).toString(16).toUpperCase()}`)
}

function decode(word: string): string {
  if (!word.includes('%')) return word
  return word.replace(ENCODED, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
}

function one(name: string, value: string): Variables {
  return Object.assign(Object.create(null), { [name]: value })
}
