/**
 * Small pieces of JSON Schema (draft-07), as readers and fragments need them; jsonschema.ts puts them together. They are a help while typing: what
 * is really allowed is said by the readers. Knows no option by name.
 */

/** One schema, or a part of one. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** What a schema that uses the pieces below must hold as its `definitions`. */
export const definitions = {
  // ${VAR}, ${VAR:-default} and ${file:/path} may become anything.
  variable: { type: 'string', pattern: '\\$\\{' },
  // What durationOf in read.ts takes.
  duration: {
    anyOf: [
      { type: 'number', minimum: 0 },
      { type: 'string', pattern: '^\\d+(\\.\\d+)?(ms|s|m|h)?$' },
      { $ref: '#/definitions/variable' },
    ],
  },
  // What sizeOf in read.ts takes.
  size: {
    anyOf: [
      { type: 'number', minimum: 0 },
      { type: 'string', pattern: '^\\d+(\\.\\d+)?(B|KiB|MiB|GiB)?$' },
      { $ref: '#/definitions/variable' },
    ],
  },
  texts: { anyOf: [{ type: 'array', items: { type: 'string' } }, { type: 'string' }] },
} as const satisfies Readonly<Record<string, JsonSchema>>

/** In a schema of its own: beside other keywords `$ref` would hide them (draft-07). */
export function reference(name: keyof typeof definitions): JsonSchema {
  return { $ref: `#/definitions/${name}` }
}

/** The schema, or a text with a variable instead. */
export function orVariable(schema: JsonSchema): JsonSchema {
  return { anyOf: [schema, reference('variable')] }
}
