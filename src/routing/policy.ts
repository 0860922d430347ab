/**
 * The keys of a route that belong to the bridge: their names, defaults and rules. All other keys of a route belong to its adapter.
 */
import { FieldError } from '../broker/errors.ts'
import type { Field } from '../broker/schema.ts'
import type { RoutePolicy } from './route.ts'

/** What does not depend on the destination form. */
export type BasePolicy = Pick<RoutePolicy, 'errors' | 'onGap' | 'holdMs' | 'resend' | 'nack' | 'prefetch' | 'identity'>

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
    if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value
    throw new FieldError([name], `must be a whole number from ${least} to ${most}`)
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
    default: 'close',
    description: 'after the ERROR of one refused operation: close (as STOMP says) or keep the connection',
    rule: oneOf('close', 'keep'),
  },
  {
    name: 'onGap',
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
    default: 'requeue',
    description: 'what NACK does without a requeue header: requeue, or reject (dead-letter or drop)',
    rule: oneOf('requeue', 'reject'),
  },
  {
    name: 'prefetch',
    default: undefined,
    description:
      'most unsettled messages of one subscription, 1-65535; not given: limits.prefetchAuto, limits.prefetchClient',
    rule: integer(1, 65_535),
  },
  {
    name: 'identity',
    default: 'backend',
    description: 'who sees stomp-user and stomp-session: backend, public (browsers too) or off',
    rule: oneOf('backend', 'public', 'off'),
  },
]

/** Options that every entry of `routes:` may have, a preset too. */
export const commonFields: readonly Field[] = [
  { name: 'broker', default: undefined, description: 'a name from brokers:' },
  ...POLICY.map(({ rule: _, ...field }) => field),
  {
    name: 'allow',
    default: undefined,
    description: 'what clients may choose; not given: all with credentials: client, else [topic, queue, temp-queue]',
  },
]

/** Options of an entry with `destination`. */
export const destinationFields: readonly Field[] = [
  { name: 'destination', default: undefined, description: 'pattern: {name} is one segment, {name+} one or more' },
  {
    name: 'slash',
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
