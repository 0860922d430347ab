/**
 * The configuration that counts, value by value, each with its origin; secrets masked. For `stomp-bridge config` and for whoever shows it
 * elsewhere. Pure; values are as an operator writes them: `10s`, and `${RABBITMQ_PASSWORD}` where that is what the file says.
 */
import type { Field, Fragment } from '../broker/schema.ts'
import { brokerFieldsOf, isEntry, type RoutingFields } from './entries.ts'
import type { Path } from './errors.ts'
import { isLeaf, type Leaf, type Tree } from './leaf.ts'
import { isSecretName, maskSecret, maskText } from './mask.ts'
import { durationText, sizeText } from './read.ts'

export interface Entry {
  readonly path: Path
  /** A scalar, or an empty list or mapping. */
  readonly value: unknown
  /** `bridge.yaml:12`, `environment STOMP_BRIDGE_LISTEN_PORT`, `--port` or `default`. */
  readonly origin: string
}

/** What the values are made of. */
export interface Written {
  /** Scalar options that flags, environment or file have, by dotted path, as they are written; the strongest. */
  scalar(path: Path): unknown
  readonly chain: unknown
  readonly brokers: unknown
  readonly routes: unknown
  readonly tests: unknown
  /** Of something that is written. */
  origin(path: Path): string
}

/** The options that there are. */
export interface Options {
  readonly scalars: Tree
  readonly fragments: ReadonlyMap<string, Fragment>
  readonly routing: RoutingFields
  readonly authenticators: ReadonlyMap<string, { readonly fields: readonly Field[] }>
}

/** In the order of default.yaml. The configuration has no faults. */
export function effective(written: Written, options: Options): Entry[] {
  const { fragments, routing, authenticators } = options
  const brokers = isEntry(written.brokers) ? written.brokers : {}
  const adapterOf = (broker: unknown): Fragment | undefined => {
    const entry = brokers[String(broker)]
    return isEntry(entry) ? fragments.get(String(entry.adapter)) : undefined
  }
  return [
    ...scalarEntries(options.scalars, [], written),
    ...listEntries(written.chain, ['auth', 'chain'], written, (entry) => authenticators.get(kindOf(entry))?.fields),
    ...Object.entries(brokers).flatMap(([name, entry]) => {
      const fragment = adapterOf(name)
      return withDefaults(entry, ['brokers', name], written, fragment && brokerFieldsOf(fragment))
    }),
    ...listEntries(written.routes, ['routes'], written, (entry) =>
      routeFields(entry, adapterOf(entry.broker), routing),
    ),
    ...listEntries(written.tests, ['tests'], written, () => []),
  ]
}

function kindOf({ authenticator }: Readonly<Record<string, unknown>>): string {
  return String(authenticator)
}

/**
 * The fields whose defaults count for every route of its kind. An adapter's own ones are left out, since they depend on each other, but where
 * it has another default for a key of the bridge.
 */
function routeFields(
  entry: Readonly<Record<string, unknown>>,
  fragment: Fragment | undefined,
  { common, presets }: RoutingFields,
): readonly Field[] {
  const own = new Map(fragment?.routeFields.map((field) => [field.name, field]))
  return [...(presets.get(String(entry.preset)) ?? []), ...common.map((field) => own.get(field.name) ?? field)]
}

function scalarEntries(tree: Tree, path: Path, written: Written): Entry[] {
  return Object.entries(tree).flatMap(([name, node]) => {
    const own = [...path, name]
    if (!isLeaf(node)) return scalarEntries(node, own, written)
    const value = written.scalar(own)
    if (value !== undefined) return walk(plain(value, node), own, written.origin, isSecretName(name))
    return walk(plain(node.default, node), own, () => 'default', false)
  })
}

/** Numbers and truth values as such, whoever wrote them as texts; an empty text that is a list, as one. */
function plain(value: unknown, { read }: Leaf<unknown>): unknown {
  if (typeof value !== 'string' || value.includes('${')) return value
  const meant = read(value)
  if (Array.isArray(meant) && value === '') return []
  const isSame = (typeof meant === 'number' || typeof meant === 'boolean') && String(meant) === value
  return isSame ? meant : value
}

function listEntries(
  list: unknown,
  path: Path,
  written: Written,
  fieldsOf: (entry: Readonly<Record<string, unknown>>) => readonly Field[] | undefined,
): Entry[] {
  if (!Array.isArray(list)) return []
  return list.flatMap((entry: unknown, index) =>
    withDefaults(entry, [...path, index], written, isEntry(entry) ? fieldsOf(entry) : undefined),
  )
}

/** What is written, then what counts because it is not. */
function withDefaults(entry: unknown, path: Path, written: Written, fields: readonly Field[] = []): Entry[] {
  if (!isEntry(entry)) return []
  const secrets = new Set(fields.filter((field) => field.secret === true).map(({ name }) => name))
  const given = Object.entries(entry).flatMap(([name, value]) =>
    walk(value, [...path, name], written.origin, secrets.has(name) || isSecretName(name)),
  )
  const defaults = fields
    .filter((field) => field.default !== undefined && entry[field.name] === undefined)
    .flatMap((field) => walk(standardValue(field), [...path, field.name], () => 'default', false))
  return [...given, ...defaults]
}

function walk(value: unknown, path: Path, origin: Written['origin'], secret: boolean): Entry[] {
  const below: [string | number, unknown][] | undefined = Array.isArray(value)
    ? [...value.entries()]
    : isEntry(value)
      ? Object.entries(value)
      : undefined
  if (below?.length === 0) return [{ path, value, origin: origin(path) }]
  if (below !== undefined) {
    return below.flatMap(([step, part]) =>
      walk(part, [...path, step], origin, secret || (typeof step === 'string' && isSecretName(step))),
    )
  }
  const shown = secret ? maskSecret(value) : typeof value === 'string' ? maskText(value) : value
  return [{ path, value: shown, origin: origin(path) }]
}

function standardValue({ default: standard, unit }: Field): unknown {
  if (typeof standard !== 'number' || unit === undefined) return standard
  return unit === 'ms' ? durationText(standard) : sizeText(standard)
}
