/**
 * What is wrong with a configuration: faults, each at a path, collected so that an operator sees all of them at once. Imports nothing; where
 * in a file a path stands is known to source.ts.
 */

export type Path = readonly (string | number)[]

/** One mistake. A FieldError of the port is one too. */
export interface Fault {
  /** From the root of the configuration: `['routes', 3, 'routingKey']`. */
  readonly path: Path
  /** One line: the rule that is broken. Never holds a value that may be secret. */
  readonly message: string
  /** The key itself is wrong, not its value. */
  readonly key?: boolean
  /** Position in the file's text, where the path does not tell it: bad YAML, a `${VAR}` that is not set. */
  readonly offset?: number
}

/** The configuration cannot be used; nothing was started. The process exits with 78 (EX_CONFIG of sysexits.h). */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly faults: readonly Fault[]

  constructor(faults: readonly Fault[]) {
    super(faults.map((fault) => `${pathText(fault.path)}: ${fault.message}`).join('\n'))
    this.faults = faults
  }
}

/** `routes[3].routingKey`; the root is the empty string. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`
    return text === '' ? step : `${text}.${step}`
  }, '')
}
