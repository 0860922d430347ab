/**
 * The scalar part of the configuration: defaults < file < environment < flags, merged by convict and read by the schema's readers.
 *
 * convict throws one error with all texts joined, and prints values; so its formats note faults instead of throwing. It also stumbles over
 * values of the wrong shape; so the file's tree is checked and pruned before convict sees it.
 */
import convict from 'convict'
import { FieldError } from '../broker/errors.ts'
import { didYouMean } from '../broker/spelling.ts'
import type { Fault, Path } from './errors.ts'
import { isLeaf, type Leaf, type Tree, type Values } from './leaf.ts'
import { isSecretName } from './mask.ts'
import { scalars } from './schema.ts'
import type { Environment } from './source.ts'

const ENVIRONMENT_PREFIX = 'STOMP_BRIDGE'

/** `['listen', 'websocket', 'path']` is STOMP_BRIDGE_LISTEN_WEBSOCKET_PATH; `connectTimeout` is CONNECT_TIMEOUT. */
export function environmentName(path: Path): string {
  const words = path.map((step) => String(step).replace(/[A-Z]/g, '_$&').toUpperCase())
  return [ENVIRONMENT_PREFIX, ...words].join('_')
}

/**
 * @param tree the file's, without `brokers` and `routes`
 * @param flags texts by dotted path: `listen.port`
 * @param faults gets what is wrong; a faulty option then has its default, so that the rest can be checked
 */
export function readScalars(
  tree: Readonly<Record<string, unknown>>,
  env: Environment,
  flags: ReadonlyMap<string, string>,
  faults: Fault[],
): Values<typeof scalars> {
  const pruned = prune(tree, scalars, [], faults)
  const values: Record<string, unknown> = {}
  // An empty variable is how compose files and shells say "not set".
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const config = convict(describe(scalars, [], values, faults), { env: given, args: [] })
  config.load(pruned)
  for (const [path, value] of flags) config.set(path, value)
  config.validate({ allowed: 'warn', output: () => {} })
  return values as Values<typeof scalars>
}

/** convict's schema of a tree, whose formats read each value into `values`. */
function describe(tree: Tree, path: Path, values: Record<string, unknown>, faults: Fault[]): convict.Schema<unknown> {
  const schema: Record<string, unknown> = {}
  for (const [name, node] of Object.entries(tree)) {
    const own = [...path, name]
    if (isLeaf(node)) {
      const format = (value: unknown): void => {
        values[name] = readLeaf(node, value, own, faults)
      }
      schema[name] = { default: node.default, doc: node.doc, env: environmentName(own), format }
    } else {
      const below: Record<string, unknown> = {}
      values[name] = below
      schema[name] = describe(node, own, below, faults)
    }
  }
  return schema as convict.Schema<unknown>
}

function readLeaf(leaf: Leaf<unknown>, value: unknown, path: Path, faults: Fault[]): unknown {
  try {
    return leaf.read(value)
  } catch (error) {
    if (!(error instanceof FieldError)) throw error
    const shown = isSecretName(String(path.at(-1))) ? '' : `, not ${JSON.stringify(value)}`
    faults.push({ path, message: `${error.message}${shown}` })
    return leaf.read(leaf.default)
  }
}

/** What of the file's tree has the shape of the schema; the rest are faults. */
function prune(tree: Readonly<Record<string, unknown>>, schema: Tree, path: Path, faults: Fault[]): object {
  const kept: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(tree)) {
    const own = [...path, name]
    const node = Object.hasOwn(schema, name) ? schema[name] : undefined
    const isGroup = typeof value === 'object' && value !== null && !Array.isArray(value)
    if (node === undefined) {
      const known = path.length === 0 ? [...Object.keys(schema), 'brokers', 'routes', 'tests'] : Object.keys(schema)
      faults.push({ path: own, message: `unknown key${didYouMean(name, known)}`, key: true })
    } else if (isLeaf(node)) {
      if (value === null) faults.push({ path: own, message: 'has no value' })
      else if (isGroup) faults.push({ path: own, message: 'must be one value' })
      else kept[name] = value
    } else if (isGroup) {
      kept[name] = prune(value as Readonly<Record<string, unknown>>, node, own, faults)
    } else if (value !== null) {
      faults.push({ path: own, message: `must hold ${Object.keys(node).join(', ')}` })
    }
  }
  return kept
}
