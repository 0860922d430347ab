/**
 * What a configurable part (an adapter, the routing) tells about its options: enough to refuse an unknown key with "did you mean", to turn
 * `30s` into milliseconds, and to write config/default.yaml. Checking values stays with the part itself, which throws FieldError.
 */
export interface Field {
  /** The key as it stands in the file. */
  readonly name: string
  /** What counts when the key is missing; undefined = nothing. Its type is the type that text from `${VAR}` is turned into. */
  readonly default: unknown
  /** One line for config/default.yaml. */
  readonly description: string
  /** ms: a duration (`250ms`, `30s`, `5m`) · bytes: a size (`64KiB`, `4MiB`). config/ makes a number of it; left out: taken as written. */
  readonly unit?: 'ms' | 'bytes'
  /** Of a value that may be a mapping: what it may hold. */
  readonly fields?: readonly Field[]
  /** The words that it may be, or some of them when it may be more; for editors. */
  readonly values?: readonly (string | number | boolean)[]
  /** What it is, where the default does not tell; for editors. Left out: anything. */
  readonly shape?: 'text' | 'texts' | 'number' | 'truth'
  /** Never shown, nor what it holds. Passwords in URLs are known without. */
  readonly secret?: true
}

/** The options of one adapter. `adapter`, and the keys that every route has, are not among them. */
export interface Fragment {
  readonly brokerFields: readonly Field[]
  readonly routeFields: readonly Field[]
}
