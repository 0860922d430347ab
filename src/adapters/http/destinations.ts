/**
 * Destinations as a route of handlers writes them: its own, where its answers go, and those that an answer may choose among. Templates filled with
 * the route's variables; in a value `/` and `%` are written `%2F` and `%25`, as everywhere in destinations. Knows no broker: what a destination
 * comes to is found out by the flow that answers go to.
 */
import { FieldError } from '../../broker/errors.ts'
import type { Variables } from '../../broker/template.ts'
import { fill, type Pieces, piecesOf } from './paths.ts'

/** PROMISES §5, Reserved: what the bridge itself says there is believed, so that no handler may say it. `/user/…` is open to handlers. */
const RESERVED = /^\/(?:bridge(?:\/|$)|topic\/bridge(?:[./]|$))/

/** What `/user` destinations of a subscriber begin with: without a name in it, it is the session's own. */
const OWN = '/user/queue/'

export function isReserved(destination: string): boolean {
  return RESERVED.test(destination)
}

/** `/user/queue/x`: back to the one session that has sent. */
export function isOwn(destination: string): boolean {
  return destination.startsWith(OWN)
}

export interface DestinationTemplate {
  readonly source: string
  render(variables: Variables): string
}

/** Variables of a destination pattern that are `{name+}`: their slashes part segments wherever they stand. */
export function manyOf(pattern: string): ReadonlySet<string> {
  const { slots } = piecesOf(pattern, ['destination'])
  return new Set(slots.flatMap(({ name, many }) => (many ? [name] : [])))
}

/**
 * @param field for the error
 * @param names the variables of the route
 * @param many those whose slashes part segments
 * @throws FieldError
 */
export function compileDestination(
  source: string,
  field: readonly (string | number)[],
  names: readonly string[],
  many: ReadonlySet<string>,
): DestinationTemplate {
  const pieces = checked(source, field, names)
  return { source, render: (variables) => filled(pieces, variables, many) }
}

function checked(source: string, field: readonly (string | number)[], names?: readonly string[]): Pieces {
  if (!/^\/[^\s\x00-\x1f\x7f]+$/.test(source)) throw new FieldError(field, `"${source}" must be a destination`)
  if (isReserved(source)) throw new FieldError(field, `"${source}" is reserved for the bridge itself`)
  return piecesOf(source, field, names)
}

function filled(pieces: Pieces, variables: Variables, many: ReadonlySet<string>): string {
  return fill(pieces, (slot) => escaped(variables[slot.name] ?? '', slot.many || many.has(slot.name)))
}

/** A name as one segment of a destination, or as several. */
export function escaped(value: string, many: boolean): string {
  const text = value.replaceAll('%', '%25')
  return many ? text : text.replaceAll('/', '%2F')
}

/** Destinations that an answer may choose. */
export interface Choice {
  readonly source: string
  /** Whether this destination is one of them, for an answer to what came with these variables. */
  allows(destination: string, variables: Variables): boolean
}

/** Stand in no destination. */
const ONE = '\0'
const SEVERAL = '\0\0'

/**
 * A variable of the route stands for its value, any other for what may stand in one segment, or with `+` for several segments.
 * @throws FieldError
 */
export function compileChoice(
  source: string,
  field: readonly (string | number)[],
  names: readonly string[],
  many: ReadonlySet<string>,
): Choice {
  const pieces = checked(source, field)
  const isFree = ({ name }: { readonly name: string }): boolean => !names.includes(name)
  const shape = fill(pieces, (slot) => (isFree(slot) ? (slot.many ? SEVERAL : ONE) : 'x')).split('/')
  const rule = 'each in a segment of its own, and only one of them with +'
  if (shape.some((word) => word.split(ONE).length > 2 && word !== SEVERAL))
    throw new FieldError(field, `"${source}": ${rule}`)
  if (shape.filter((word) => word === SEVERAL).length > 1) throw new FieldError(field, `"${source}": ${rule}`)
  return {
    source,
    allows(destination, variables) {
      if (/[\x00-\x1f\x7f]/.test(destination)) return false
      const wanted = fill(pieces, (slot) =>
        isFree(slot)
          ? slot.many
            ? SEVERAL
            : ONE
          : escaped(variables[slot.name] ?? '', slot.many || many.has(slot.name)),
      )
      return matches(destination.split('/'), wanted.split('/'))
    },
  }
}

function matches(words: readonly string[], wanted: readonly string[]): boolean {
  const at = wanted.indexOf(SEVERAL)
  if (at < 0) return words.length === wanted.length && words.every((word, index) => fits(word, wanted[index]!, index))
  const tail = wanted.length - at - 1
  if (words.length < wanted.length) return false
  const [head, middle, rest] = [
    words.slice(0, at),
    words.slice(at, words.length - tail),
    words.slice(words.length - tail),
  ]
  return (
    head.every((word, index) => fits(word, wanted[index]!, index)) &&
    !middle.includes('') &&
    rest.every((word, index) => fits(word, wanted[at + 1 + index]!, 1))
  )
}

/** @param place of the word: only the first may be empty, before the leading slash */
function fits(word: string, wanted: string, place: number): boolean {
  const [before = '', after] = wanted.split(ONE)
  if (after === undefined) return word === wanted && (word !== '' || place === 0)
  return word.length > before.length + after.length && word.startsWith(before) && word.endsWith(after)
}
