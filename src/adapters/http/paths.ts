/**
 * The path of a request: a template that the operator wrote, filled with values that a client chose. Pure; knows no host, for nothing that stands
 * here can change it.
 *
 *   template  = "/" *( literal / "{" name "}" / "{" name "+}" )
 *   {name}    one segment: a slash in the value is %2F
 *   {name+}   the value as it is, segment by segment
 *
 * What could lead out of the path that the operator has fixed is refused and not repaired: servers and the proxies in front of them disagree on
 * who decodes what, and how often. So `.` and `..` are refused however often they are encoded, as are empty segments and control characters.
 */
import { BrokerError, FieldError } from '../../broker/errors.ts'
import type { Variables } from '../../broker/template.ts'

const VARIABLE = /\{([a-z][A-Za-z0-9_-]*)(\+?)\}/g
/** RFC 3986 §3.3, pchar and "/": what may stand in a path without being encoded, and what is encoded. */
const LITERAL = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/
/** Characters. Servers take 8 KiB for the whole first line, and more is no name. */
const LONGEST = 4_096

/** A variable in a template of a path or a destination. */
interface Slot {
  readonly name: string
  /** Its slashes part segments. */
  readonly many: boolean
}

/** Literals, with a slot between each two of them. */
export interface Pieces {
  readonly literals: readonly string[]
  readonly slots: readonly Slot[]
}

/**
 * @param field of the template, for the error
 * @param names the variables that may stand in it; undefined: any
 * @throws FieldError for a variable that does not exist, and for a stray brace
 */
export function piecesOf(source: string, field: readonly (string | number)[], names?: readonly string[]): Pieces {
  const literals: string[] = []
  const slots: Slot[] = []
  let from = 0
  for (const found of source.matchAll(VARIABLE)) {
    const [whole, name = '', plus] = found
    if (names !== undefined && !names.includes(name))
      throw new FieldError(field, `{${name}} is not a variable of the destination`)
    literals.push(source.slice(from, found.index))
    slots.push({ name, many: plus === '+' })
    from = found.index + whole.length
  }
  literals.push(source.slice(from))
  if (literals.some((literal) => /[{}]/.test(literal)))
    throw new FieldError(field, `"${source}" has a brace that is no {variable}`)
  return { literals, slots }
}

/** @param value gives the text of each slot */
export function fill({ literals, slots }: Pieces, value: (slot: Slot) => string): string {
  return literals.reduce((built, literal, index) => built + value(slots[index - 1]!) + literal)
}

export interface PathTemplate {
  readonly source: string
  /** @throws BrokerError `bad-destination` for a value that could lead elsewhere */
  render(variables: Variables): string
}

/** @throws FieldError below `field` */
export function compilePath(source: string, field: readonly string[], names: readonly string[]): PathTemplate {
  const pieces = piecesOf(source, field, names)
  if (source !== '' && !source.startsWith('/')) throw new FieldError(field, 'must begin with /')
  if (!pieces.literals.every((literal) => LITERAL.test(literal)))
    throw new FieldError(field, `"${source}" must be the path of a URL, without ? and #, other characters as %XX`)
  if (strays(fill(pieces, () => 'x'))) throw new FieldError(field, `"${source}" must not hold ., .. or empty segments`)
  return {
    source,
    render(variables) {
      const path = fill(pieces, ({ name, many }) => encoded(variables[name] ?? '', many))
      if (strays(path)) throw refused('a name in it could lead elsewhere')
      if (path.length > LONGEST) throw refused(`its path has more than ${LONGEST} characters`)
      return path
    },
  }
}

function encoded(value: string, many: boolean): string {
  // encodeURIComponent throws for half a surrogate pair.
  if (!value.isWellFormed()) throw refused('it is not Unicode')
  const words = value.split('/')
  // A question to many handlers at once has no answer; and nobody's room is called so.
  if (words.some((word) => WILDCARD.test(word))) throw refused('a handler is one, and * and # would be many')
  return (many ? words : [value]).map(encodeURIComponent).join('/')
}

const WILDCARD = /^(?:\*{1,2}|#)$/

/** Encoded once or many times: `%2e`, `%252e`, … */
const DOT = /%(?:25)*2e/gi
const SLASH = /%(?:25)*(?:2f|5c)|\\/gi
/** What ends a segment for some readers: `;`, `?` and `#`. */
const REST = /(?:;|%(?:25)*(?:3b|3f|23))[^/]*/gi
const CONTROL = /%(?:25)*(?:[01][0-9a-f]|7f)/i

/** Whether some reader of this path may find another one in it than that which was meant. The whole path is looked at: a dot may be a literal's. */
function strays(path: string): boolean {
  if (CONTROL.test(path)) return true
  const read = path.replace(SLASH, '/').replace(REST, '').replace(DOT, '.')
  return /\/\/|(?:^|\/)\.{1,2}(?:\/|$)/.test(read)
}

function refused(why: string): BrokerError {
  return new BrokerError('bad-destination', `this destination is no path of a handler: ${why}`)
}
