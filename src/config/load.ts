/**
 * A file, the environment and flags into a frozen Config, with all faults at once. Does no other I/O than reading the file and the secrets it
 * names; imports no adapter and no routing: their options are handed in as fragments.
 */
import type { Field, Fragment } from '../broker/schema.ts'
import { type Entry, effective } from './effective.ts'
import { isEntry, type RoutingFields, readBrokers, readChain, readRoutes } from './entries.ts'
import { type Fault, type Path, pathText } from './errors.ts'
import type { Digests } from './files.ts'
import { type Flags, flagTexts, originOutside, standardEntries, urlFlags } from './origin.ts'
import { environmentName, readScalars } from './scalars.ts'
import { type Config, scalars, toConfig } from './schema.ts'
import { type Environment, Source } from './source.ts'
import { readTests } from './tests.ts'

export type { Flags }

export interface LoadOptions {
  /** undefined = none: the memory broker, or what `flags.rabbitmq` says. */
  readonly file: string | undefined
  readonly env: Environment
  readonly flags: Flags
  /** By the adapter's name. */
  readonly fragments: ReadonlyMap<string, Fragment>
  readonly routing: RoutingFields
  /** The options of each kind of authenticator, by its name. */
  readonly authenticators: ReadonlyMap<string, { readonly fields: readonly Field[] }>
}

export interface LoadResult {
  /** What is faulty holds its default or is left out, so that what is left can be checked too. With faults, start nothing. */
  readonly config: Config
  readonly faults: readonly Fault[]
  /** What was read: the file, and those that it names with `${file:…}`. Empty without a file. */
  readonly files: Digests
  /** Of the file's text as it was read: the first 12 digits of its SHA-256 in hex. undefined: there is none, or it could not be read. */
  readonly hash: string | undefined
  /**
   * One line each, `file:line:column: routes[3].routingKey: rule`, in the order of the file; of several faults at one path the first. For the
   * faults above and for those of deeper checks. A fault from outside the file names its flag or environment variable instead.
   */
  describe(faults: readonly Fault[]): string[]
  /** `bridge.yaml:12`, the flag or the variable, where something stands or would stand; `default` for what nobody has written. */
  where(path: Path): string
  /** Every value that counts, with its origin, secrets masked; only without faults. */
  effective(): readonly Entry[]
}

const HASH_DIGITS = 12

export function loadConfig(options: LoadOptions): LoadResult {
  const { file, env, flags, fragments, routing } = options
  const source = file === undefined ? undefined : new Source(file, env)
  const faults: Fault[] = [...(source?.faults ?? [])]
  const { brokers: writtenBrokers, routes: writtenRoutes, tests: writtenTests, ...rest } = rootOf(source, faults)
  const { chain: writtenChain, scalarTree } = withoutChain(rest)
  const values = readScalars(scalarTree, env, flagTexts(flags), faults)
  const chain = readChain(writtenChain, options.authenticators, faults)
  const standard = standardEntries(flags)
  const isBare = writtenBrokers === undefined && writtenRoutes === undefined
  const urls = urlFlags(flags)
  if (!isBare && urls.length > 0) {
    faults.push({ path: [], message: `--${urls[0]} is for files without brokers and routes`, offset: 0 })
  }
  if (urls.length > 1) {
    faults.push({ path: [], message: '--rabbitmq and --mqtt together need a file: see config/both.yaml', offset: 0 })
  }
  const brokersIn = isBare ? standard.brokers : writtenBrokers
  const brokers = readBrokers(brokersIn, fragments, faults)
  const adapters = new Map(Object.keys(brokersIn ?? {}).map((name) => [name, brokers[name]?.adapter]))
  const routesIn = isBare ? standard.routes : writtenRoutes
  const routes = readRoutes(routesIn, adapters, fragments, routing, faults)
  if (!isBare && writtenRoutes === undefined) {
    faults.push({ path: [], message: 'there are no routes: no destination would exist', offset: 0 })
  }
  const origin = (path: Path): string =>
    originOutside(path, env, flags) ??
    (source === undefined || (isBare && isEntryPath(path)) ? 'default' : source.line(path))
  return {
    config: toConfig(values, brokers, routes, chain, readTests(writtenTests, faults)),
    faults,
    files: source?.files ?? new Map(),
    hash: (file && source?.files.get(file)?.slice(0, HASH_DIGITS)) || undefined,
    describe: (found) =>
      describe(
        [...found].filter((fault) => !isEcho(fault, adapters, routesIn)),
        source,
        env,
        flags,
      ),
    where: origin,
    effective: () => effective({ ...written(options, source, isBare), origin }, { ...options, scalars }),
  }
}

/** Broker or route: where the file has none, they come from elsewhere. */
function isEntryPath([list]: Path): boolean {
  return list === 'brokers' || list === 'routes'
}

/** As it is in the file, `${…}` and all. */
function written({ env, flags }: LoadOptions, source: Source | undefined, isBare: boolean) {
  const root = (source?.written ?? {}) as Readonly<Record<string, unknown>>
  const { chain, scalarTree } = withoutChain(root)
  const texts = flagTexts(flags)
  return {
    scalar: (path: Path): unknown =>
      texts.get(path.join('.')) ?? (env[environmentName(path)] || valueAt(scalarTree, path)),
    chain,
    tests: root.tests,
    ...(isBare ? standardEntries(flags) : { brokers: root.brokers, routes: root.routes }),
  }
}

function valueAt(tree: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, step) => (isEntry(value) ? value[step] : undefined), tree) ?? undefined
}

function rootOf(source: Source | undefined, faults: Fault[]): Readonly<Record<string, unknown>> {
  const tree = source?.tree ?? {}
  if (typeof tree === 'object' && !Array.isArray(tree)) return tree as Readonly<Record<string, unknown>>
  faults.push({ path: [], message: 'must be a mapping of listen, brokers, routes and so on' })
  return {}
}

/** `auth.chain` is a list of entries among scalars. */
function withoutChain(tree: Readonly<Record<string, unknown>>) {
  const { auth } = tree
  if (typeof auth !== 'object' || auth === null || Array.isArray(auth)) return { chain: undefined, scalarTree: tree }
  const { chain, ...scalars } = auth as Readonly<Record<string, unknown>>
  return { chain, scalarTree: { ...tree, auth: scalars } }
}

/** A broker without a known adapter is left out and told; that a route then misses it is no fault of the route. */
function isEcho({ path }: Fault, adapters: ReadonlyMap<string, string | undefined>, routes: unknown): boolean {
  const [list, index, key] = path
  if (list !== 'routes' || key !== 'broker' || !Array.isArray(routes)) return false
  const broker: unknown = routes[Number(index)]?.broker
  return typeof broker === 'string' && adapters.has(broker) && adapters.get(broker) === undefined
}

function describe(faults: readonly Fault[], source: Source | undefined, env: Environment, flags: Flags): string[] {
  const seen = new Set<string>()
  const lines: { order: number; text: string }[] = []
  for (const fault of faults) {
    const path = pathText(fault.path)
    const identity = `${path}\0${fault.offset ?? ''}\0${fault.path.length === 0 ? fault.message : ''}`
    if (seen.has(identity)) continue
    seen.add(identity)
    const message = withoutSecrets(source?.redact(fault.message) ?? fault.message)
    const outside = originOutside(fault.path, env, flags)
    const { line, col } = outside === undefined && source ? source.position(fault) : { line: 0, col: 0 }
    const where = outside ?? source?.where(fault) ?? 'configuration'
    lines.push({ order: line * 10_000 + col, text: `${where}: ${path === '' ? '' : `${path}: `}${message}` })
  }
  return lines.sort((a, b) => a.order - b.order).map(({ text }) => text)
}

/** Whoever wrote the message: the user part of a URL is never shown. */
function withoutSecrets(message: string): string {
  return message.replace(/:\/\/[^\s/@]*@/g, '://***@')
}
