/**
 * `tests:` of a configuration: what the operator expects of single destinations. Here their shape is checked, whenever a configuration is loaded;
 * whether they come true is asked by `stomp-bridge check`.
 *
 *   - send: /topic/orders.eu        or subscribe:
 *     user: ann                     with roles and claims; left out, or anonymous: true: somebody without a name
 *     expect: { allowed: true, route: "/topic/{key}", target: "exchange amq.topic, key orders.eu" }
 */
import type { Field } from '../broker/schema.ts'
import { isEntry, readFields } from './entries.ts'
import type { Fault, Path } from './errors.ts'

export interface TestConfig {
  readonly verb: 'send' | 'subscribe'
  readonly destination: string
  /** undefined = anonymous; then without roles and claims. */
  readonly user: string | undefined
  readonly roles: readonly string[]
  /** As a token could hold them. */
  readonly claims: Readonly<Record<string, unknown>>
  readonly origin: string | undefined
  readonly expect: Expectation
}

/** At least one of them is given. */
export interface Expectation {
  readonly allowed?: boolean
  /** Of the ERROR. */
  readonly code?: string
  /** The pattern, as written in `routes:` or by its preset. */
  readonly route?: string
  /** A name from `brokers:`. */
  readonly broker?: string
  /** In the words of `stomp-bridge explain`. */
  readonly target?: string
}

const expectFields: readonly Field[] = [
  { name: 'allowed', default: undefined, shape: 'truth', description: 'whether this client may' },
  {
    name: 'code',
    default: undefined,
    shape: 'text',
    description: 'of the ERROR that he gets: forbidden, no-route, bad-destination',
  },
  { name: 'route', default: undefined, shape: 'text', description: 'the pattern that matches, as it is written' },
  { name: 'broker', default: undefined, shape: 'text', description: 'the broker behind it' },
  { name: 'target', default: undefined, shape: 'text', description: 'the place there, in the words of explain' },
]

export const testFields: readonly Field[] = [
  { name: 'send', default: undefined, shape: 'text', description: 'destination of a SEND' },
  { name: 'subscribe', default: undefined, shape: 'text', description: '… or of a SUBSCRIBE' },
  { name: 'user', default: undefined, shape: 'text', description: 'the name of who asks; not given: nobody logged in' },
  { name: 'roles', default: undefined, shape: 'texts', description: 'his roles' },
  { name: 'claims', default: undefined, description: 'his claims, like { tenant: acme }' },
  { name: 'anonymous', default: undefined, shape: 'truth', description: 'true says that there is no user on purpose' },
  { name: 'origin', default: undefined, shape: 'text', description: 'of the page' },
  {
    name: 'expect',
    default: undefined,
    description: 'at least one of allowed, code, route, broker, target',
    fields: expectFields,
  },
]

/**
 * @param value of `tests` in the file; undefined = none
 * @returns those without a fault
 */
export function readTests(value: unknown, faults: Fault[]): TestConfig[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) {
    faults.push({ path: ['tests'], message: 'must be a list, each item beginning with "- send: " or "- subscribe: "' })
    return []
  }
  return value.flatMap((entry: unknown, index) => readTest(entry, ['tests', index], faults) ?? [])
}

function readTest(entry: unknown, path: Path, faults: Fault[]): TestConfig | undefined {
  const before = faults.length
  if (!isEntry(entry)) {
    faults.push({ path, message: 'must have send or subscribe, and expect' })
    return undefined
  }
  const read = readFields(entry, testFields, path, [], faults)
  checkShapes(read, testFields, path, faults)
  const { send, subscribe, user, roles = [], claims = {}, anonymous, origin, expect = {} } = read
  const fault = (message: string, ...below: string[]): void => {
    faults.push({ path: [...path, ...below], message })
  }
  if ((send === undefined) === (subscribe === undefined)) fault('must have either send or subscribe')
  if (anonymous === true && user !== undefined) fault('is not anonymous: there is a user', 'anonymous')
  for (const name of ['roles', 'claims'])
    if (user === undefined && read[name] !== undefined) fault('belong to a user: there is none', name)
  if (!isEntry(claims)) fault('must be claims by name, like { tenant: acme }', 'claims')
  if (!isEntry(expect) || Object.keys(expect).length === 0) {
    const names = expectFields.map(({ name }) => name).join(', ')
    fault(`must have at least one of ${names}`, ...(read.expect === undefined ? [] : ['expect']))
  } else {
    checkShapes(expect, expectFields, [...path, 'expect'], faults)
    if (expect.allowed === true && expect.code !== undefined) fault('what is allowed has no code', 'expect', 'code')
  }
  if (faults.length > before) return undefined
  return {
    verb: send === undefined ? 'subscribe' : 'send',
    destination: (send ?? subscribe) as string,
    user: user as string | undefined,
    roles: roles as readonly string[],
    claims: claims as TestConfig['claims'],
    origin: origin as string | undefined,
    expect: expect as Expectation,
  }
}

const SHAPES = {
  text: { test: isText, rule: 'must be a text' },
  texts: { test: (value: unknown) => Array.isArray(value) && value.every(isText), rule: 'must be a list of texts' },
  truth: { test: (value: unknown) => typeof value === 'boolean', rule: 'must be true or false' },
  number: { test: (value: unknown) => typeof value === 'number', rule: 'must be a number' },
} as const

function checkShapes(
  entry: Readonly<Record<string, unknown>>,
  fields: readonly Field[],
  path: Path,
  faults: Fault[],
): void {
  for (const { name, shape } of fields) {
    const value = entry[name]
    if (value === undefined || shape === undefined || SHAPES[shape].test(value)) continue
    faults.push({ path: [...path, name], message: SHAPES[shape].rule })
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
