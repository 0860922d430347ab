/** Reading options that somebody wrote: what the checks of a broker and of a route have in common. Throws FieldError and nothing else. */
import { FieldError } from '../../broker/errors.ts'

/** As written; durations and sizes are numbers. */
export type Options = Readonly<Record<string, unknown>>

/** @throws FieldError */
export function refuseUnknown(options: Options, known: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !known.includes(name))
  if (unknown !== undefined) throw new FieldError([unknown], `is not an option here; there are ${known.join(', ')}`)
}

/** @throws FieldError */
export function oneOf<const V extends string>(options: Options, name: string, values: readonly V[]): V | undefined {
  const value = options[name]
  if (value === undefined) return undefined
  const found = values.find((each) => each === value)
  if (found === undefined) throw new FieldError([name], `must be ${values.join(' or ')}`)
  return found
}

/** @throws FieldError */
export function boolean(options: Options, name: string): boolean | undefined {
  const value = options[name]
  if (value === undefined || typeof value === 'boolean') return value
  throw new FieldError([name], 'must be true or false')
}
