/**
 * The keys of a route that belong to the bridge: their names, defaults and rules. All other keys of a route belong to its adapter.
 */
import { FieldError } from '../broker/errors.ts'
import type { Field } from '../broker/schema.ts'
import { didYouMean } from '../broker/spelling.ts'
import { guardFields } from './guards.ts'
import type { BatchPolicy, RoutePolicy, SlowPolicy } from './route.ts'

/** What does not depend on the destination form. */
export type BasePolicy = Omit<RoutePolicy, 'send' | 'subscribe' | 'closedBy' | 'allow'>

type Rule = (value: unknown, name: string) => unknown

const oneOf =
  (...words: string[]): Rule =>
  (value, name) => {
    if (words.includes(value as string)) return value
    throw new FieldError([name], `must be ${words.join(' or ')}`)
  }

const truth: Rule = (value, name) => {
  if (typeof value === 'boolean') return value
  throw new FieldError([name], 'must be true or false')
}

const integer =
  (least: number, most: number): Rule =>
  (value, name) => {
    if (isWithin(value, least, most)) return value
    throw new FieldError([name], `must be a whole number from ${least} to ${most}`)
  }

const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A mapping with no other keys than these. Unknown keys were told with a hint where the file was read. */
function mapping(
  value: unknown,
  name: string,
  keys: readonly string[],
  form: string,
): Readonly<Record<string, unknown>> {
  if (!isMapping(value)) throw new FieldError([name], form)
  const strange = Object.keys(value).find((key) => !keys.includes(key))
  if (strange !== undefined) throw new FieldError([name, strange], `unknown key${didYouMean(strange, keys)}`)
  return value
}

const SLOW = 'must be pause, drop-oldest, drop-newest, disconnect, conflate or { conflate: <header name> }'

const slowPolicy: Rule = (value, name): SlowPolicy => {
  switch (value) {
    case 'pause':
    case 'drop-oldest':
    case 'drop-newest':
    case 'disconnect':
      return { kind: value }
    case 'conflate':
      return { kind: 'conflate', header: 'destination' }
  }
  const { conflate } = mapping(value, name, ['conflate'], SLOW)
  if (typeof conflate !== 'string' || conflate === '') throw new FieldError([name, 'conflate'], 'must be a header name')
  return { kind: 'conflate', header: conflate }
}

const LONGEST_BATCH_MS = 10_000
const BATCH_BYTES = 65_536

const batchPolicy: Rule = (value, name): BatchPolicy => {
  const given = mapping(value, name, ['delay', 'bytes'], 'must be like { delay: 20ms, bytes: 64KiB }')
  const { delay, bytes = BATCH_BYTES } = given
  if (delay === undefined) throw new FieldError([name], 'needs a delay')
  if (!isWithin(delay, 1, LONGEST_BATCH_MS)) throw new FieldError([name, 'delay'], 'must be 1ms to 10s')
  if (!isWithin(bytes, 1, 2 ** 30)) throw new FieldError([name, 'bytes'], 'must be 1 byte to 1GiB')
  return { delayMs: delay, bytes }
}

function isWithin(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most
}

interface PolicyField extends Field {
  readonly name: keyof BasePolicy
  readonly rule: Rule
}

/** A day: nobody waits longer for a broker, and timers stay below 2^31 ms. */
const LONGEST_HOLD_MS = 24 * 3600 * 1000

const POLICY: readonly PolicyField[] = [
  {
    name: 'errors',
    values: ['close', 'keep'],
    default: 'close',
    description: 'after the ERROR of one refused operation: close (as STOMP says) or keep the connection',
    rule: oneOf('close', 'keep'),
  },
  {
    name: 'onGap',
    values: ['mark', 'close'],
    default: 'mark',
    description: 'when a recovery may have lost messages: mark the next one with bridge-gap:true, or close',
    rule: oneOf('mark', 'close'),
  },
  {
    name: 'holdMs',
    default: 30_000,
    unit: 'ms',
    description: 'how long SEND and SUBSCRIBE wait for a broker that is away',
    rule: integer(0, LONGEST_HOLD_MS),
  },
  {
    name: 'resend',
    default: true,
    description: 'publish again what was unconfirmed when the connection died; false: ERROR outcome-unknown',
    rule: truth,
  },
  {
    name: 'nack',
    values: ['requeue', 'reject'],
    default: 'requeue',
    description: 'what NACK does without a requeue header: requeue, or reject (dead-letter or drop)',
    rule: oneOf('requeue', 'reject'),
  },
  {
    name: 'prefetch',
    shape: 'number',
    default: undefined,
    description:
      'most unsettled messages of one subscription, 1-65535; not given: limits.prefetchAuto, limits.prefetchClient',
    rule: integer(1, 65_535),
  },
  {
    name: 'identity',
    values: ['backend', 'public', 'off'],
    default: 'backend',
    description: 'who sees stomp-user and stomp-session: backend, public (browsers too) or off',
    rule: oneOf('backend', 'public', 'off'),
  },
  {
    name: 'share',
    default: true,
    description: 'topics with ack:auto: one subscription at the broker for all who want the same; false: each its own',
    rule: truth,
  },
  {
    name: 'slow',
    values: ['pause', 'drop-oldest', 'drop-newest', 'disconnect', 'conflate'],
    default: undefined,
    description:
      'a topic whose reader is too slow: disconnect (the default), drop-oldest, drop-newest, conflate, { conflate: <header> }; pause needs share: false',
    fields: [
      { name: 'conflate', shape: 'text', default: undefined, description: 'the header whose newest value counts' },
    ],
    rule: slowPolicy,
  },
  {
    name: 'batch',
    default: undefined,
    description:
      'like { delay: 20ms, bytes: 64KiB }: messages to those who share wait for each other; not given: they do not',
    fields: [
      { name: 'delay', default: undefined, unit: 'ms', description: 'the longest wait' },
      { name: 'bytes', default: BATCH_BYTES, unit: 'bytes', description: 'what goes without waiting' },
    ],
    rule: batchPolicy,
  },
]

/** Options that every entry of `routes:` may have, a preset too. */
export const commonFields: readonly Field[] = [
  { name: 'broker', shape: 'text', default: undefined, description: 'a name from brokers:' },
  ...POLICY.map(({ rule: _, ...field }) => field),
  {
    name: 'allow',
    default: undefined,
    description: 'what clients may choose; not given: all with credentials: client, else [topic, queue, temp-queue]',
  },
  ...guardFields,
]

/** Options of an entry with `destination`. */
export const destinationFields: readonly Field[] = [
  {
    name: 'destination',
    shape: 'text',
    default: undefined,
    description: 'pattern: {name} is one segment, {name+} one or more',
  },
  {
    name: 'slash',
    values: ['dot'],
    default: undefined,
    description: 'dot: the segments of {name+} are joined by dots (room/1 is room.1)',
  },
]

/**
 * @param entry one of `routes:`, durations in milliseconds
 * @param others keys that somebody else reads
 * @param fault called with each fault; the field then has its default
 */
export function readPolicy(
  entry: Readonly<Record<string, unknown>>,
  others: readonly string[],
  fault: (error: FieldError) => void,
): BasePolicy {
  const policy: Record<string, unknown> = {}
  for (const { name, rule, default: standard } of POLICY) {
    policy[name] = standard
    if (entry[name] === undefined || others.includes(name)) continue
    try {
      policy[name] = rule(entry[name], name)
    } catch (error) {
      if (!(error instanceof FieldError)) throw error
      fault(error)
    }
  }
  return policy as unknown as BasePolicy
}
