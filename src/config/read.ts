/**
 * How the text or the value of one option becomes the value the program uses. Knows no option by name.
 */
import { FieldError } from '../broker/errors.ts'
import { type JsonSchema, orVariable, reference } from './json.ts'

export interface Reader<V> {
  /** Takes what YAML, an environment variable or a flag gave (text, number, boolean, list); returns the narrow value, or throws FieldError with the rule. */
  read(value: unknown): V
  /** What an editor may know of it. Allows all that `read` takes, and some that it refuses: `${VAR}` is any text. */
  readonly json: JsonSchema
}

const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/
const DURATION_UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const SIZE = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB)?$/
const SIZE_UNITS = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

/** `250ms`, `10s`, `5m`, `1h` or a number of milliseconds, into whole milliseconds; undefined when it is none. */
export function durationOf(value: unknown): number | undefined {
  const found = DURATION.exec(String(value))
  return found === null ? undefined : Math.round(Number(found[1]) * DURATION_UNITS[(found[2] ?? 'ms') as 'ms'])
}

/** `64KiB`, `4MiB`, `1GiB` or a number of bytes, into whole bytes; undefined when it is none. */
export function sizeOf(value: unknown): number | undefined {
  const found = SIZE.exec(String(value))
  return found === null ? undefined : Math.round(Number(found[1]) * SIZE_UNITS[(found[2] ?? 'B') as 'B'])
}

/** @param least, most milliseconds, both allowed */
export function duration(least: number, most: number): Reader<number> {
  const rule = `must be a duration from ${durationText(least)} to ${durationText(most)}, like 250ms or 10s`
  return {
    json: { allOf: [reference('duration')] },
    read(value) {
      const ms = durationOf(value)
      if (ms !== undefined && ms >= least && ms <= most) return ms
      throw new FieldError([], rule)
    },
  }
}

/** @param least, most bytes, both allowed */
export function size(least: number, most: number): Reader<number> {
  const rule = `must be a size from ${sizeText(least)} to ${sizeText(most)}, like 64KiB or 4MiB`
  return {
    json: { allOf: [reference('size')] },
    read(value) {
      const bytes = sizeOf(value)
      if (bytes !== undefined && bytes >= least && bytes <= most) return bytes
      throw new FieldError([], rule)
    },
  }
}

export function integer(least: number, most: number): Reader<number> {
  return {
    json: orVariable({ type: 'integer', minimum: least, maximum: most }),
    read(value) {
      const text = String(value)
      const number = Number(text)
      if (/^\d+$/.test(text) && number >= least && number <= most) return number
      throw new FieldError([], `must be a whole number from ${least} to ${most}`)
    },
  }
}

export const truth: Reader<boolean> = {
  json: orVariable({ type: 'boolean' }),
  read(value) {
    if (value === true || value === 'true') return true
    if (value === false || value === 'false') return false
    throw new FieldError([], 'must be true or false')
  },
}

export function oneOf<const W extends string>(...words: readonly W[]): Reader<W> {
  const values = words.flatMap((word) => (word === 'true' || word === 'false' ? [word === 'true', word] : [word]))
  return {
    json: orVariable({ enum: values }),
    read(value) {
      const found = words.find((word) => word === String(value))
      if (found !== undefined) return found
      throw new FieldError([], `must be ${words.slice(0, -1).join(', ')} or ${words.at(-1)}`)
    },
  }
}

/** @param rule what the text must be, for the error */
export function text(pattern: RegExp, rule: string): Reader<string> {
  return {
    json: { type: 'string' },
    read(value) {
      if (typeof value === 'string' && pattern.test(value)) return value
      throw new FieldError([], `must be ${rule}`)
    },
  }
}

/**
 * A list, or its items in one text, separated by commas.
 * @param item a RegExp, or whatever else tells
 */
export function list(item: { test(word: string): boolean }, rule: string): Reader<readonly string[]> {
  return {
    json: { allOf: [reference('texts')] },
    read(value) {
      const items: unknown[] = Array.isArray(value) ? value : String(value).split(',').filter(Boolean)
      return items.map((each) => {
        const word = typeof each === 'string' ? each.trim() : ''
        if (item.test(word)) return word
        throw new FieldError([], `must be a list of ${rule}`)
      })
    },
  }
}

/** `auto` is undefined: the program decides. */
export function orAuto<V>({ read, json }: Reader<V>): Reader<V | undefined> {
  return {
    json: { anyOf: [{ const: 'auto' }, json] },
    read: (value) => (value === 'auto' ? undefined : read(value)),
  }
}

/** As an operator would write it: `30s`. */
export function durationText(ms: number): string {
  if (ms >= 3_600_000 && ms % 3_600_000 === 0) return `${ms / 3_600_000}h`
  return ms >= 1000 && ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`
}

/** As an operator would write it: `4MiB`. */
export function sizeText(bytes: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB'] as const) {
    if (bytes >= SIZE_UNITS[unit] && bytes % SIZE_UNITS[unit] === 0) return `${bytes / SIZE_UNITS[unit]}${unit}`
  }
  return `${bytes}B`
}
