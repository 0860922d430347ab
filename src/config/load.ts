/**
 * A file, the environment and flags into a frozen Config, with all faults at once. Does no other I/O than reading the file and the secrets it
 * names; imports no adapter and no routing: their options are handed in as fragments.
 */
import type { Field, Fragment } from '../broker/schema.ts'
import { type RoutingFields, readBrokers, readChain, readRoutes } from './entries.ts'
import { type Fault, pathText } from './errors.ts'
import { environmentName, readScalars } from './scalars.ts'
import { type BrokerConfig, type Config, type RouteConfig, toConfig } from './schema.ts'
import { type Environment, Source } from './source.ts'

/** What the command line says, as texts; left out = not given. */
export interface Flags {
  readonly host?: string
  readonly port?: string
  /** URL of a RabbitMQ: one broker `rabbit` with the preset `rabbitmq`. */
  readonly rabbitmq?: string
  /** URL of an MQTT broker: one broker `mqtt` with the preset `mqtt`. */
  readonly mqtt?: string
}

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
  /**
   * One line each, `file:line:column: routes[3].routingKey: rule`, in the order of the file; of several faults at one path the first. For the
   * faults above and for those of deeper checks. A fault from outside the file names its flag or environment variable instead.
   */
  describe(faults: readonly Fault[]): string[]
}

/** Dotted paths of the flags that are scalar options. */
const FLAG_PATHS = { host: 'listen.host', port: 'listen.port' } as const

/** Flags that stand for a broker and its preset. */
const URL_FLAGS = ['rabbitmq', 'mqtt'] as const

export function loadConfig(options: LoadOptions): LoadResult {
  const { file, env, flags, fragments, routing } = options
  const source = file === undefined ? undefined : new Source(file, env)
  const faults: Fault[] = [...(source?.faults ?? [])]
  const { brokers: writtenBrokers, routes: writtenRoutes, ...rest } = rootOf(source, faults)
  const { chain: writtenChain, scalarTree } = withoutChain(rest)
  const values = readScalars(scalarTree, env, flagTexts(flags), faults)
  const chain = readChain(writtenChain, options.authenticators, faults)
  const standard = standardEntries(flags)
  const isBare = writtenBrokers === undefined && writtenRoutes === undefined
  const urls = URL_FLAGS.filter((name) => flags[name] !== undefined)
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
  return {
    config: toConfig(values, brokers, routes, chain),
    faults,
    describe: (found) =>
      describe(
        [...found].filter((fault) => !isEcho(fault, adapters, routesIn)),
        source,
        env,
        flags,
      ),
  }
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

function flagTexts(flags: Flags): Map<string, string> {
  const texts = new Map<string, string>()
  for (const name of ['host', 'port'] as const) {
    const value = flags[name]
    if (value !== undefined) texts.set(FLAG_PATHS[name], value)
  }
  return texts
}

function standardEntries({ rabbitmq, mqtt }: Flags): { brokers: Record<string, BrokerConfig>; routes: RouteConfig[] } {
  if (rabbitmq !== undefined) {
    return {
      brokers: { rabbit: { adapter: 'rabbitmq', url: rabbitmq } },
      routes: [{ preset: 'rabbitmq', broker: 'rabbit' }],
    }
  }
  if (mqtt !== undefined) {
    return { brokers: { mqtt: { adapter: 'mqtt', url: mqtt } }, routes: [{ preset: 'mqtt', broker: 'mqtt' }] }
  }
  return { brokers: { local: { adapter: 'memory' } }, routes: [{ preset: 'memory', broker: 'local' }] }
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
    const outside = originOutside(fault, path, env, flags)
    const { line, col } = outside === undefined && source ? source.position(fault) : { line: 0, col: 0 }
    const where = outside ?? source?.where(fault) ?? 'configuration'
    lines.push({ order: line * 10_000 + col, text: `${where}: ${path === '' ? '' : `${path}: `}${message}` })
  }
  return lines.sort((a, b) => a.order - b.order).map(({ text }) => text)
}

/** The flag or the environment variable that a value came from; undefined = the file, or nowhere. */
function originOutside({ path }: Fault, dotted: string, env: Environment, flags: Flags): string | undefined {
  for (const name of ['host', 'port'] as const) {
    if (FLAG_PATHS[name] === dotted && flags[name] !== undefined) return `--${name}`
  }
  const isEntry = path[0] === 'brokers' || path[0] === 'routes'
  if (isEntry) {
    const flag = URL_FLAGS.find((name) => flags[name] !== undefined)
    return flag && `--${flag}`
  }
  const name = environmentName(path)
  return path.length > 0 && env[name] !== undefined && env[name] !== '' ? `environment ${name}` : undefined
}

/** Whoever wrote the message: the user part of a URL is never shown. */
function withoutSecrets(message: string): string {
  return message.replace(/:\/\/[^\s/@]*@/g, '://***@')
}
