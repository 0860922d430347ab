/**
 * `brokers:` and `routes:` of a configuration, which convict cannot describe: their shape, their keys, and the units of their values. What the
 * values mean is checked by the adapters and by routing/, which throw FieldError.
 */
import type { Field, Fragment } from '../broker/schema.ts'
import { didYouMean } from '../broker/spelling.ts'
import type { Fault, Path } from './errors.ts'
import { durationOf, sizeOf } from './read.ts'
import type { AuthConfig, BrokerConfig, RouteConfig } from './schema.ts'

/** The keys of a route that belong to the bridge; handed over by whoever knows routing/. */
export interface RoutingFields {
  /** Of every entry. */
  readonly common: readonly Field[]
  /** Of an entry with `destination`, beside those of its adapter. */
  readonly destination: readonly Field[]
  /** Of an entry with `preset`, by the preset's name. */
  readonly presets: ReadonlyMap<string, readonly Field[]>
}

type Entry = Readonly<Record<string, unknown>>

/** Of every broker, whatever its adapter. */
const COMMON: readonly Field[] = [
  { name: 'required', default: true, description: 'false: /readyz stays 200 while this broker is away' },
]

/** All that a broker with this adapter may have beside `adapter`. */
export function brokerFieldsOf({ brokerFields }: Pick<Fragment, 'brokerFields'>): readonly Field[] {
  return [...COMMON, ...brokerFields]
}

/** @param value of `brokers` in the file; undefined = none */
export function readBrokers(
  value: unknown,
  fragments: ReadonlyMap<string, Fragment>,
  faults: Fault[],
): Record<string, BrokerConfig> {
  const brokers: Record<string, BrokerConfig> = Object.create(null)
  const entries = value === undefined || value === null ? {} : value
  if (!isEntry(entries)) {
    faults.push({ path: ['brokers'], message: 'must be brokers by name, like "rabbit: { adapter: rabbitmq }"' })
    return brokers
  }
  for (const [name, entry] of Object.entries(entries)) {
    const path = ['brokers', name]
    if (!/^[A-Za-z][\w-]*$/.test(name)) faults.push({ path, message: 'a name is letters, digits, - and _', key: true })
    if (!isEntry(entry)) {
      faults.push({ path, message: 'must have an adapter' })
      continue
    }
    const { adapter } = entry
    const fragment = typeof adapter === 'string' ? fragments.get(adapter) : undefined
    if (typeof adapter !== 'string' || fragment === undefined) {
      if (tellSlip(entry, 'adapter', path, faults)) continue
      const hint = didYouMean(String(adapter), fragments.keys())
      const rule = `adapter must be ${[...fragments.keys()].join(' or ')}${hint}`
      faults.push({ path: adapter === undefined ? path : [...path, 'adapter'], message: rule })
      continue
    }
    const { adapter: _, ...options } = entry
    const { required, ...own } = readFields(options, brokerFieldsOf(fragment), path, ['adapter'], faults)
    if (required !== undefined && typeof required !== 'boolean') {
      faults.push({ path: [...path, 'required'], message: 'must be true or false' })
    }
    brokers[name] = { ...own, adapter, ...(required === false ? { required } : {}) }
  }
  return brokers
}

/**
 * @param value of `routes` in the file; undefined = none
 * @param brokers all that the file names, with the adapter where it is known
 */
export function readRoutes(
  value: unknown,
  brokers: ReadonlyMap<string, string | undefined>,
  fragments: ReadonlyMap<string, Fragment>,
  routing: RoutingFields,
  faults: Fault[],
): RouteConfig[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) {
    faults.push({ path: ['routes'], message: 'must be a list, each item beginning with "- "' })
    return []
  }
  return value.flatMap((entry: unknown, index) => {
    const path = ['routes', index]
    if (!isEntry(entry)) {
      faults.push({ path, message: 'must have a destination, or a preset, and a broker' })
      return []
    }
    checkNames(entry, brokers, routing, path, faults)
    return [readFields(entry, routeFields(entry, brokers, fragments, routing), path, ['destination', 'preset'], faults)]
  })
}

/**
 * @param value of `auth.chain` in the file; undefined = none
 * @param kinds the options of each authenticator, by its name
 * @returns one for each item, also for one that is faulty, so that what is found in the others later has the right place
 */
export function readChain(
  value: unknown,
  kinds: ReadonlyMap<string, { readonly fields: readonly Field[] }>,
  faults: Fault[],
): AuthConfig[] {
  if (value === undefined || value === null) return []
  const path = ['auth', 'chain']
  if (!Array.isArray(value)) {
    faults.push({ path, message: 'must be a list, each item beginning with "- authenticator: "' })
    return []
  }
  return value.map((entry: unknown, index): AuthConfig => {
    const { authenticator, ...options }: Entry = isEntry(entry) ? entry : {}
    const name = typeof authenticator === 'string' ? authenticator : ''
    const kind = kinds.get(name)
    if (kind === undefined) {
      if (isEntry(entry) && tellSlip(entry, 'authenticator', [...path, index], faults)) return { authenticator: name }
      const rule = `must be ${[...kinds.keys()].join(' or ')}${didYouMean(name, kinds.keys())}`
      faults.push({ path: [...path, index, 'authenticator'], message: rule })
      return { authenticator: name }
    }
    const read = readFields(options, kind.fields, [...path, index], [], faults)
    // Unknown keys are told: whoever reads the options shall find what else is wrong.
    const known = Object.entries(read).filter(([key]) => kind.fields.some((field) => field.name === key))
    return { ...Object.fromEntries(known), authenticator: name }
  })
}

/** The key that says of which kind an entry is was misspelt: without it no other key of the entry can be looked at. True: it was told. */
function tellSlip(entry: Entry, wanted: string, path: Path, faults: Fault[]): boolean {
  if (entry[wanted] !== undefined) return false
  const slip = Object.keys(entry).find((key) => didYouMean(key, [wanted]) !== '')
  if (slip === undefined) return false
  faults.push({ path: [...path, slip], message: `unknown key${didYouMean(slip, [wanted])}`, key: true })
  return true
}

/** Names of brokers and presets, here because only here is a near miss told. */
function checkNames(
  entry: Entry,
  brokers: ReadonlyMap<string, unknown>,
  { presets }: RoutingFields,
  path: Path,
  faults: Fault[],
): void {
  const check = (key: string, known: Iterable<string>): void => {
    const name = entry[key]
    const names = [...known]
    if (name === undefined || (typeof name === 'string' && names.includes(name))) return
    const there = names.length === 0 ? 'there is none' : `there is ${names.join(', ')}`
    faults.push({
      path: [...path, key],
      message: `no ${key} "${String(name)}"; ${there}${didYouMean(String(name), names)}`,
    })
  }
  check('broker', brokers.keys())
  check('preset', presets.keys())
}

/** What an entry may hold; of a broker or preset that is not known, whatever any of them may. */
function routeFields(
  entry: Entry,
  brokers: ReadonlyMap<string, string | undefined>,
  fragments: ReadonlyMap<string, Fragment>,
  routing: RoutingFields,
): readonly Field[] {
  if (entry.preset !== undefined) {
    const own = routing.presets.get(String(entry.preset)) ?? [...routing.presets.values()].flat()
    return [...routing.common, ...own]
  }
  const fragment = fragments.get(brokers.get(String(entry.broker)) ?? '')
  const own = fragment?.routeFields ?? [...fragments.values()].flatMap((each) => each.routeFields)
  return [...routing.common, ...routing.destination, ...own]
}

/**
 * An entry whose keys are known: unknown ones and such without a value are faults; units become numbers.
 * @param others keys that are known beside the fields
 */
export function readFields(
  entry: Entry,
  fields: readonly Field[],
  path: Path,
  others: readonly string[],
  faults: Fault[],
): Record<string, unknown> {
  const read: Record<string, unknown> = {}
  const known = new Map(fields.map((field) => [field.name, field]))
  for (const [name, value] of Object.entries(entry)) {
    const field = known.get(name)
    if (field === undefined && !others.includes(name)) {
      const hint = didYouMean(name, [...known.keys(), ...others])
      faults.push({ path: [...path, name], message: `unknown key${hint}`, key: true })
    } else if (value === null) {
      faults.push({ path: [...path, name], message: 'has no value' })
      continue
    }
    read[name] = field === undefined ? value : convert(field, value, [...path, name], faults)
  }
  return read
}

const UNITS = {
  ms: { read: durationOf, rule: 'must be a duration like 250ms or 10s' },
  bytes: { read: sizeOf, rule: 'must be a size like 64KiB or 4MiB' },
} as const

/** `30s` and `4MiB` into numbers, and texts from `${VAR}` into what the default of the field is. */
function convert(field: Field, value: unknown, path: Path, faults: Fault[]): unknown {
  const { unit, fields, default: standard } = field
  if (fields !== undefined && isEntry(value)) return readFields(value, fields, path, [], faults)
  if (typeof value !== 'string') return value
  if (unit !== undefined) {
    const number = UNITS[unit].read(value)
    if (number === undefined) faults.push({ path, message: UNITS[unit].rule })
    return number ?? value
  }
  if (typeof standard === 'number' && /^\d+(?:\.\d+)?$/.test(value)) return Number(value)
  if ((typeof standard === 'boolean' || field.shape === 'truth') && /^(?:true|false)$/.test(value))
    return value === 'true'
  return value
}

export function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
