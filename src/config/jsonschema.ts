/**
 * The JSON Schema of a configuration file (draft-07, what yaml-language-server reads best), made from the same schema and fragments as the checks,
 * so that it cannot lie. It helps while typing: it knows every key and what kind of value it takes. `stomp-bridge check` knows the rest.
 */
import type { Field, Fragment } from '../broker/schema.ts'
import { brokerFieldsOf, type RoutingFields } from './entries.ts'
import { definitions, type JsonSchema, orVariable, reference } from './json.ts'
import { isLeaf, type Tree } from './leaf.ts'
import { scalars } from './schema.ts'
import { testFields } from './tests.ts'

/** The same as entries.ts reads. */
export function jsonSchema(
  fragments: ReadonlyMap<string, Fragment>,
  routing: RoutingFields,
  authenticators: ReadonlyMap<string, { readonly fields: readonly Field[] }>,
): JsonSchema {
  const tree = treeProperties(scalars)
  const chain = {
    description: 'Who may connect: asked in this order; the first that is shown something of its kind decides.',
    type: 'array',
    items: byKind(
      'authenticator',
      [...authenticators].map(([kind, { fields }]) => [kind, fields]),
    ),
  }
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'stomp-bridge',
    definitions: { ...definitions, route: { properties: commonOf(fragments, routing) } },
    ...mapping({
      ...tree,
      auth: withProperty(tree.auth!, 'chain', chain),
      brokers: {
        description: 'What the messages go to, by names of your own.',
        type: 'object',
        propertyNames: { pattern: '^[A-Za-z][A-Za-z0-9_-]*$' },
        additionalProperties: byKind(
          'adapter',
          [...fragments].map(([adapter, fragment]) => [adapter, brokerFieldsOf(fragment)]),
        ),
      },
      routes: {
        description: 'From destinations to places in brokers. The first match wins; no match is an ERROR.',
        type: 'array',
        items: routeJson(fragments, routing),
      },
      tests: {
        description: 'What single destinations shall come to; stomp-bridge check tries them.',
        type: 'array',
        items: { ...mapping(properties(testFields)), required: ['expect'] },
      },
    }),
  }
}

function mapping(properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return { type: 'object', additionalProperties: false, properties }
}

function withProperty(schema: JsonSchema, name: string, value: JsonSchema): JsonSchema {
  return { ...schema, properties: { ...(schema.properties as JsonSchema), [name]: value } }
}

/** A section may stand there empty. */
function treeProperties(tree: Tree): Record<string, JsonSchema> {
  return Object.fromEntries(
    Object.entries(tree).map(([name, node]) => [
      name,
      isLeaf(node)
        ? { description: node.doc, default: node.default, ...node.json }
        : { ...mapping(treeProperties(node)), type: ['object', 'null'] },
    ]),
  )
}

/** One entry whose kind says which other keys there are. */
function byKind(key: string, kinds: readonly (readonly [string, readonly Field[]])[]): JsonSchema {
  return {
    type: 'object',
    required: [key],
    properties: { [key]: { enum: kinds.map(([kind]) => kind) } },
    allOf: kinds.map(([kind, fields]) => ({
      if: { properties: { [key]: { const: kind } }, required: [key] },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: mapping({ [key]: { const: kind }, ...properties(fields) }),
    })),
  }
}

/** Which broker a route names is in another place of the file: a route may have the keys of any adapter. */
function routeJson(
  fragments: ReadonlyMap<string, Fragment>,
  { common, destination, presets }: RoutingFields,
): JsonSchema {
  const names = [...presets.keys()]
  const shared = Object.fromEntries(
    common.map(({ name }) => [name, { $ref: `#/definitions/route/properties/${name}` }] as const),
  )
  const own = [...fragments.values()].flatMap(({ routeFields }) => routeFields).filter(({ name }) => !(name in shared))
  const plain = { ...shared, ...properties([...destination, ...own]) }
  return {
    type: 'object',
    required: ['broker'],
    if: { required: ['preset'] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: {
      properties: { preset: { enum: names } },
      allOf: [...presets].map(([name, fields]) => ({
        if: { properties: { preset: { const: name } } },
        // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
        then: mapping({ preset: { const: name }, ...shared, ...properties(fields) }),
      })),
    },
    else: { ...mapping(plain), required: ['destination'] },
  }
}

/** What every route may have; an adapter may read a key of the bridge its own way. */
function commonOf(fragments: ReadonlyMap<string, Fragment>, { common }: RoutingFields): Record<string, JsonSchema> {
  const own = [...fragments.values()].flatMap(({ routeFields }) => routeFields)
  return properties([...common, ...own.filter(({ name }) => common.some((field) => field.name === name))])
}

/** Fields of one name that mean different things may be either. */
function properties(fields: readonly Field[]): Record<string, JsonSchema> {
  const byName = Map.groupBy(fields, ({ name }) => name)
  return Object.fromEntries(
    [...byName].map(([name, same]) => {
      const schemas = [...new Map(same.map((field) => [JSON.stringify(fieldJson(field)), fieldJson(field)])).values()]
      return [name, schemas.length === 1 ? schemas[0]! : { anyOf: schemas }]
    }),
  )
}

function fieldJson(field: Field): JsonSchema {
  const { description, default: standard } = field
  return { description, ...(standard === undefined ? {} : { default: standard }), ...valueJson(field) }
}

function valueJson({ default: standard, unit, fields, values, shape }: Field): JsonSchema {
  const kinds: JsonSchema[] = []
  if (values !== undefined) kinds.push({ enum: values })
  if (fields !== undefined) kinds.push(mapping(properties(fields)))
  if (kinds.length > 0)
    return { anyOf: [...kinds, ...(shape === undefined ? [] : [shapeJson(shape)]), reference('variable')] }
  if (unit !== undefined) return { allOf: [reference(unit === 'ms' ? 'duration' : 'size')] }
  const known = shape ?? shapeOf(standard)
  return known === undefined ? {} : shapeJson(known)
}

function shapeOf(standard: unknown): Field['shape'] {
  if (typeof standard === 'string') return 'text'
  if (typeof standard === 'number') return 'number'
  if (typeof standard === 'boolean') return 'truth'
  return Array.isArray(standard) ? 'texts' : undefined
}

function shapeJson(shape: NonNullable<Field['shape']>): JsonSchema {
  switch (shape) {
    case 'text':
      return { type: 'string' }
    case 'texts':
      return { allOf: [reference('texts')] }
    case 'number':
      return orVariable({ type: 'number' })
    case 'truth':
      return orVariable({ type: 'boolean' })
  }
}
