/**
 * An authenticator's options, read one by one: defaults from its fields, rules in one line, FieldError with the path. Values never stand in
 * an error, for any of them may be a secret that was written into the wrong place.
 */
import { FieldError } from '../broker/errors.ts'
import type { Field } from '../broker/schema.ts'
import { didYouMean } from '../broker/spelling.ts'

type Step = string | number

/** A mapping from the configuration whose keys are known. */
export class Options {
  readonly #values: Readonly<Record<string, unknown>>
  readonly #fields: ReadonlyMap<string, Field>
  readonly #base: readonly Step[]

  /**
   * @param base the path of `values` in what the factory was given
   * @throws FieldError when it is no mapping, or has a key that no field names
   */
  constructor(values: unknown, fields: readonly Field[], base: readonly Step[] = []) {
    if (!isMapping(values)) throw new FieldError(base, `must hold ${fields.map(({ name }) => name).join(', ')}`)
    this.#values = values
    this.#fields = new Map(fields.map((field) => [field.name, field]))
    this.#base = base
    for (const name of Object.keys(values)) {
      if (this.#fields.has(name)) continue
      const known = [...this.#fields.keys()]
      this.fail([name], `unknown key; there are ${known.join(', ')}${didYouMean(name, known)}`)
    }
  }

  /** As written, or the default. */
  raw(name: string): unknown {
    return (Object.hasOwn(this.#values, name) ? this.#values[name] : undefined) ?? this.#fields.get(name)?.default
  }

  fail(path: readonly Step[], rule: string): never {
    throw new FieldError([...this.#base, ...path], rule)
  }

  text(name: string, rule = 'must be a text'): string {
    return this.optionalText(name, rule) ?? this.fail([name], rule)
  }

  optionalText(name: string, rule = 'must be a text'): string | undefined {
    const value = this.raw(name)
    if (value === undefined) return undefined
    return typeof value === 'string' && value !== '' ? value : this.fail([name], rule)
  }

  /** One text or a list of them, without repeats; empty only when the default is. */
  texts(name: string, rule = 'must be a text or a list of texts'): readonly string[] {
    const value = this.raw(name)
    const items: unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value]
    items.forEach((item, index) => {
      if (typeof item !== 'string' || item === '') this.fail(Array.isArray(value) ? [name, index] : [name], rule)
    })
    return [...new Set(items as string[])]
  }

  flag(name: string): boolean {
    const value = this.raw(name)
    return typeof value === 'boolean' ? value : this.fail([name], 'must be true or false')
  }

  /** A whole number, both bounds allowed; durations are milliseconds, sizes bytes. */
  count(name: string, least: number, most: number): number {
    const value = this.raw(name)
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most) return value
    const { unit } = this.#fields.get(name)!
    const words = unit === undefined ? '' : { ms: ' milliseconds', bytes: ' bytes' }[unit]
    return this.fail([name], `must be a whole number from ${least} to ${most}${words}`)
  }

  oneOf<const W extends string>(name: string, ...words: readonly W[]): W {
    const value = this.raw(name)
    return words.find((word) => word === value) ?? this.fail([name], `must be ${words.join(' or ')}`)
  }

  /** Where requests go: https, or http to this machine. Fixed by the operator; no user, no fragment. */
  url(name: string, { plain = false }: { readonly plain?: boolean } = {}): URL {
    const rule = 'must be an https:// URL, or http:// on loopback, without user and fragment'
    const text = this.text(name, rule)
    const url = URL.canParse(text) ? new URL(text) : this.fail([name], rule)
    const safe = url.protocol === 'https:' || (url.protocol === 'http:' && (plain || isLoopback(url.hostname)))
    if (!safe || url.username !== '' || url.password !== '' || url.hash !== '') this.fail([name], rule)
    return url
  }
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** @param host as URL.hostname gives it: IPv4 in its canonical form, IPv6 in brackets */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host)
}
