/**
 * `routes:` of the configuration into routes: checks the keys that the bridge owns, unfolds presets, and lets each broker check its own.
 * Finds all faults, not the first. Knows no file and no position: a fault's path begins at `routes`.
 */
import type { Route as AdapterRoute, Broker } from '../broker/broker.ts'
import { BrokerError, FieldError } from '../broker/errors.ts'
import type { Field } from '../broker/schema.ts'
import { allowedArguments, checkWords, type Grant, opens, readAllow } from './allow.ts'
import { type Guards, readGuards, type Standard } from './guards.ts'
import { permitFaults } from './overlap.ts'
import { compilePattern, type PatternOptions } from './pattern.ts'
import { standardPermit } from './permit.ts'
import { type BasePolicy, commonFields, destinationFields, readPolicy } from './policy.ts'
import { type Preset, type PresetRoute, presets } from './presets.ts'
import type { Route, RoutePolicy } from './route.ts'

/** One entry of `routes:` as written, durations and sizes as numbers. */
export type RouteEntry = Readonly<Record<string, unknown>>

/** What config/ must know to refuse an unknown key and to write default.yaml. */
export const routingFields = {
  /** Of every entry. */
  common: commonFields,
  /** Of an entry with `destination`, beside those of its adapter. */
  destination: destinationFields,
  /** Of an entry with `preset`, by the preset's name. */
  presets: new Map<string, readonly Field[]>([...presets].map(([name, preset]) => [name, preset.fields])),
} as const

/** A route but for its places. */
type Made = Omit<Route, 'index' | 'entry'>

/** How a bridge is placed, where that makes a difference to what routes open. */
export interface Setting {
  /** Other machines can reach it: presets open less. */
  readonly exposed: boolean
  /** Somebody asks clients who they are: a route without `permit` then needs a user. */
  readonly authenticates: boolean
  /** Reads a list of origins, as `listen.origins` is read. */
  readonly originMatcher: (list: readonly string[]) => (origin: string) => boolean
}

const ALONE: Setting = {
  exposed: false,
  authenticates: false,
  originMatcher: (list) => (origin) => list.includes(origin),
}

type Report = (path: readonly (string | number)[], rule: string) => void

/**
 * @param brokers by the names that routes use
 * @param failed brokers that could not be made, for faults told elsewhere: routes to them are checked as far as that goes, and left out
 * @param setting decides what a preset's `send` is when it is not given
 * @throws AggregateError whose `errors` are FieldErrors, one per fault, paths like `['routes', 3, 'routingKey']`
 */
export function buildRoutes(
  entries: readonly RouteEntry[],
  brokers: ReadonlyMap<string, Broker>,
  failed: ReadonlySet<string> = new Set(),
  setting: Setting = ALONE,
): Route[] {
  const faults = new Map<string, FieldError>()
  const report = (entry: number, path: readonly (string | number)[], rule: string): void => {
    const whole = ['routes', entry, ...path]
    const key = whole.join('\0')
    // The routes of one preset break the same rule all together: once is enough.
    if (!faults.has(key)) faults.set(key, new FieldError(whole, rule))
  }
  const routes: Route[] = []
  for (const [place, entry] of entries.entries()) {
    const made = buildEntry(entry, brokers, failed, setting, (path, rule) => report(place, path, rule))
    routes.push(...made.map((each, count) => ({ index: routes.length + count, entry: place, ...each })))
  }
  for (const { route, path, rule } of permitFaults(routes)) report(route.entry, path, rule)
  if (faults.size > 0) throw new AggregateError(faults.values(), 'routes have faults')
  return routes
}

function buildEntry(
  entry: RouteEntry,
  brokers: ReadonlyMap<string, Broker>,
  failed: ReadonlySet<string>,
  setting: Setting,
  report: Report,
): Made[] {
  const broker = findBroker(entry.broker, brokers, failed, report)
  const standards = typeof entry.preset === 'string' ? presets.get(entry.preset)?.standard : undefined
  const base = readPolicy({ ...standards, ...entry }, broker?.policyKeys ?? [], (fault) =>
    report(fault.path, fault.message),
  )
  const standard = { permit: standardPermit(setting.authenticates), originMatcher: setting.originMatcher }
  const preset = entry.preset
  if (preset !== undefined) {
    if (entry.destination !== undefined) report(['destination'], 'a preset brings its own destinations')
    const found = typeof preset === 'string' ? presets.get(preset) : undefined
    if (found !== undefined) {
      const asked = found.fields.some(({ name }) => name === 'send') ? { send: !setting.exposed } : {}
      const options = { ...asked, ...readOptions(entry, found.fields, report) }
      // A preset's variables are its own affair: no `where` can mention them.
      const guards = attempt(report, () => readGuards(entry, [], standard))
      return broker === undefined || guards === undefined
        ? []
        : unfold(entry, found, options, broker, { ...base, ...guards }, report)
    }
    report(['preset'], `must be ${[...presets.keys()].join(' or ')}`)
    return []
  }
  if (typeof entry.destination !== 'string') {
    report(entry.destination === undefined ? [] : ['destination'], 'a route needs a destination or a preset')
    return []
  }
  return plain(entry, entry.destination, broker, base, standard, report)
}

function findBroker(
  name: unknown,
  brokers: ReadonlyMap<string, Broker>,
  failed: ReadonlySet<string>,
  report: Report,
): Broker | undefined {
  const broker = typeof name === 'string' ? brokers.get(name) : undefined
  if (broker === undefined && !(typeof name === 'string' && failed.has(name))) {
    report(name === undefined ? [] : ['broker'], `a route needs a broker: ${[...brokers.keys()].join(' or ')}`)
  }
  return broker
}

function plain(
  entry: RouteEntry,
  destination: string,
  broker: Broker | undefined,
  base: BasePolicy,
  standard: Standard,
  report: Report,
): Made[] {
  const slash = entry.slash
  if (slash !== undefined && slash !== 'dot') report(['slash'], 'must be dot')
  if (slash === 'dot' && !destination.includes('+}')) report(['slash'], 'needs a {name+} in the destination')
  const reading: PatternOptions = slash === 'dot' ? { separator: '.' } : {}
  const draft = attempt(report, () => {
    const { names } = compilePattern(destination, ['destination'], reading)
    if (broker === undefined) return undefined
    const adapter = broker.route({ ...withoutOwnKeys(entry), ...claimed(entry, broker) }, names)
    const grant = readAllow(entry.allow, broker.credentials === 'client' ? 'all' : new Set())
    checkWords(grant, new Set(), new Set(adapter.arguments))
    checkPause(base, broker, adapter, names)
    const policy: RoutePolicy = {
      ...base,
      ...adapter.policy,
      ...readGuards(entry, names, standard),
      send: 'open',
      subscribe: 'open',
      closedBy: undefined,
      allow: allowedArguments(grant, adapter.arguments),
    }
    return { pattern: destination, reading, broker, adapter, policy }
  })
  return draft === undefined ? [] : [draft]
}

function unfold(
  entry: RouteEntry,
  preset: Preset,
  options: Readonly<Record<string, unknown>>,
  broker: Broker,
  base: BasePolicy & Guards,
  report: Report,
): Made[] {
  const grant =
    attempt(report, () => readAllow(entry.allow, broker.credentials === 'client' ? 'all' : new Set(preset.allow))) ??
    new Set<string>()
  const routes = attempt(report, () => preset.routes(options, broker.forms))
  if (routes === undefined) return []
  // The fields of a preset are not in the file: the fault is one of its options, or that it was put before this broker.
  const misfit: Report = (path, rule) =>
    entry[path[0] ?? ''] === undefined
      ? report(['preset'], `${String(entry.preset)} does not fit broker ${broker.name}: ${rule}`)
      : report(path, rule)
  const own = claimed(entry, broker)
  const drafts = routes.flatMap((route) => unfoldOne(route, broker, { base, own, grant }, misfit) ?? [])
  if (drafts.length === routes.length) {
    const forms = new Set(routes.flatMap(({ word }) => word ?? []))
    attempt(report, () => checkWords(grant, forms, new Set(drafts.flatMap(({ adapter }) => adapter.arguments))))
  }
  return drafts
}

/** What all routes of one entry have in common. */
interface Common {
  readonly base: BasePolicy & Guards
  /** Keys of the bridge that the adapter reads. */
  readonly own: Readonly<Record<string, unknown>>
  readonly grant: Grant
}

function unfoldOne(route: PresetRoute, broker: Broker, { base, own, grant }: Common, misfit: Report): Made | undefined {
  const { verbatim = false, separator = '/' } = route
  const reading: PatternOptions = { verbatim, separator }
  const { names } = compilePattern(route.destination, ['preset'], reading)
  const adapter = attempt(misfit, () => {
    const made = broker.route({ ...route.options, ...own }, names)
    checkPause(base, broker, made, names)
    return made
  })
  if (adapter === undefined) return undefined
  const policy = {
    ...base,
    ...adapter.policy,
    ...access(route, grant),
    allow: allowedArguments(grant, adapter.arguments),
  }
  return { pattern: route.destination, reading, broker, adapter, policy }
}

function access({ use, word }: PresetRoute, grant: Grant): Pick<RoutePolicy, 'send' | 'subscribe' | 'closedBy'> {
  const open = opens(grant, word)
  const closedBy = open ? undefined : word
  if (use === 'reply-to') return { send: 'closed', subscribe: 'closed', closedBy }
  if (use === 'listeners') return { send: 'closed', subscribe: open ? 'open' : 'closed', closedBy }
  if (open) return { send: 'open', subscribe: 'open', closedBy }
  return { send: use === 'answers' ? 'delivered' : 'closed', subscribe: 'closed', closedBy }
}

/** Nobody who shares a subscription can pause it for himself. */
function checkPause(
  { slow, share }: BasePolicy,
  broker: Broker,
  adapter: AdapterRoute,
  names: readonly string[],
): void {
  if (slow?.kind !== 'pause' || !share || !isTopic(broker, adapter, names)) return
  throw new FieldError(['slow'], 'pause needs share: false, for a topic is shared by all who subscribe to it')
}

/** Looks at a target of this route, whichever. */
function isTopic(broker: Broker, adapter: AdapterRoute, names: readonly string[]): boolean {
  const variables = Object.assign(Object.create(null), Object.fromEntries(names.map((name) => [name, 'x'])))
  try {
    return broker.traits(adapter.target(variables)).distribution === 'copy'
  } catch (error) {
    if (error instanceof BrokerError) return false
    throw error
  }
}

/** A preset's options have the type of their default; those without one are the adapter's to check. */
function readOptions(entry: RouteEntry, fields: readonly Field[], report: Report): Record<string, unknown> {
  const options: Record<string, unknown> = {}
  for (const { name, default: standard, values } of fields) {
    const value = entry[name] ?? standard
    if (value === undefined) continue
    const rule = misread(value, standard, values)
    // The rest is checked with the default.
    options[name] = rule === undefined ? value : standard
    if (rule !== undefined) report([name], rule)
  }
  return options
}

/** What is wrong with a value; undefined: nothing. */
function misread(value: unknown, standard: unknown, values: Field['values'] = []): string | undefined {
  if (standard === undefined) return undefined
  if (values.length > 0) return values.includes(value as string) ? undefined : `must be ${values.join(' or ')}`
  if (Array.isArray(standard)) {
    const isList = Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string')
    return isList ? undefined : 'must be a list of texts'
  }
  if (typeof value === typeof standard && value !== '') return undefined
  return typeof standard === 'boolean' ? 'must be true or false' : 'must be a name'
}

/** The bridge's keys that this kind of broker reads its own way. */
function claimed(entry: RouteEntry, { policyKeys = [] }: Broker): Record<string, unknown> {
  return Object.fromEntries(policyKeys.flatMap((name) => (entry[name] === undefined ? [] : [[name, entry[name]]])))
}

function withoutOwnKeys(entry: RouteEntry): Record<string, unknown> {
  const own = new Set([...commonFields, ...destinationFields].map(({ name }) => name))
  return Object.fromEntries(Object.entries(entry).filter(([name]) => !own.has(name)))
}

function attempt<V>(report: Report, run: () => V): V | undefined {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof FieldError)) throw error
    report(error.path, error.message)
    return undefined
  }
}
