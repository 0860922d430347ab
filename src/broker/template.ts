/**
 * Templates such as `site/{path+}` or `orders.{region}.{id}`: how an adapter turns the variables of a destination pattern into a name in its
 * broker, and back. Here, and not in routing/, because adapters may know only this folder.
 *
 * A template is invertible when each variable stands once and two variables never touch; `compileTemplate` checks both.
 * Matching back is a single left-to-right pass per literal, without backtracking beyond the last literal: no pattern can be made slow.
 */
import { BrokerError, FieldError } from './errors.ts'

/** Variable values by name; null prototype. Values are decoded; a `{name+}` value keeps `/` between its segments. */
export type Variables = Readonly<Record<string, string>>

export interface Template {
  readonly source: string
  /** In order of appearance. */
  readonly names: readonly string[]
  /** Throws BrokerError `bad-destination` when a value would not find its way back: it is empty, or holds the literal that ends it. */
  render(variables: Variables): string
  /** undefined when `text` was not made by this template. */
  match(text: string): Variables | undefined
}

/** `{name}` and `{name+}` are the same here: only a destination pattern counts segments. */
const VARIABLE = /\{([a-z][A-Za-z0-9_-]*)\+?\}/g

/**
 * @param path of the field, for the error
 * @param names the variables of the destination pattern that exist
 * @throws FieldError for an unknown or repeated variable, a stray brace, two variables that touch
 */
export function compileTemplate(
  source: string,
  path: readonly (string | number)[],
  names: readonly string[],
): Template {
  const { literals, used } = split(source)
  for (const [index, name] of used.entries()) {
    if (!names.includes(name)) throw new FieldError(path, `{${name}} is not a variable of the destination`)
    if (used.indexOf(name) !== index)
      throw new FieldError(path, `{${name}} stands twice: a delivery could not find its way back`)
  }
  if (literals.some((literal) => /[{}]/.test(literal)))
    throw new FieldError(path, `"${source}" has a brace that is no {variable}`)
  if (literals.slice(1, -1).some((literal) => literal === '')) {
    throw new FieldError(path, `two variables touch in "${source}": a delivery could not find its way back`)
  }
  return {
    source,
    names: used,
    render: (values) => render(values, literals, used),
    match: (text) => match(text, literals, used),
  }
}

function render(values: Variables, literals: readonly string[], names: readonly string[]): string {
  const text = literals.reduce((built, literal, index) => built + (values[names[index - 1]!] ?? '') + literal)
  const back = match(text, literals, names)
  const lost = names.find((name) => back?.[name] !== values[name])
  if (lost !== undefined) {
    throw new BrokerError(
      'bad-destination',
      `"${values[lost]}" cannot stand for {${lost}}: it would not find its way back`,
    )
  }
  return text
}

function split(source: string): { literals: string[]; used: string[] } {
  const literals: string[] = []
  const used: string[] = []
  let from = 0
  for (const found of source.matchAll(VARIABLE)) {
    literals.push(source.slice(from, found.index))
    used.push(found[1]!)
    from = found.index + found[0].length
  }
  literals.push(source.slice(from))
  return { literals, used }
}

/** Each variable ends at the first occurrence of the literal after it, the last one at the end of the text. */
function match(text: string, literals: readonly string[], names: readonly string[]): Variables | undefined {
  const first = literals[0]!
  const last = literals.at(-1)!
  if (literals.length === 1) return text === first ? Object.freeze(Object.create(null)) : undefined
  if (!text.startsWith(first) || !text.endsWith(last)) return undefined
  const end = text.length - last.length
  const values: Record<string, string> = Object.create(null)
  let from = first.length
  for (const [index, name] of names.entries()) {
    const isLast = index === names.length - 1
    const until = isLast ? end : text.indexOf(literals[index + 1]!, from + 1)
    if (until <= from || until > end) return undefined
    values[name] = text.slice(from, until)
    from = until + (isLast ? 0 : literals[index + 1]!.length)
  }
  return values
}
