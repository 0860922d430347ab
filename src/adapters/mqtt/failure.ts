/**
 * From MQTT's reason codes and the library's errors to what the port speaks. Texts for clients name the reason in MQTT's words and nothing else
 * of the broker; the library's error goes along as `cause`.
 */
import { BrokerError, type BrokerErrorCode } from '../../broker/errors.ts'

/** MQTT 5 §2.4. */
export const REASON = {
  noMatchingSubscribers: 0x10,
  sessionTakenOver: 0x8e,
} as const

type Row = readonly [text: string, code: BrokerErrorCode]

const ROWS: Readonly<Record<number, Row>> = {
  131: ['implementation specific error', 'refused'],
  132: ['unsupported protocol version', 'refused'],
  133: ['client identifier not valid', 'refused'],
  134: ['bad user name or password', 'login-refused'],
  135: ['not authorized', 'forbidden'],
  136: ['server unavailable', 'broker-unavailable'],
  137: ['server busy', 'refused'],
  138: ['banned', 'forbidden'],
  139: ['server shutting down', 'broker-unavailable'],
  141: ['keep alive timeout', 'broker-unavailable'],
  142: ['session taken over', 'taken-over'],
  143: ['topic filter invalid', 'bad-destination'],
  144: ['topic name invalid', 'bad-destination'],
  145: ['packet identifier in use', 'refused'],
  147: ['receive maximum exceeded', 'refused'],
  149: ['packet too large', 'bad-message'],
  150: ['message rate too high', 'refused'],
  151: ['quota exceeded', 'refused'],
  152: ['administrative action', 'refused'],
  153: ['payload format invalid', 'bad-message'],
  154: ['retain not supported', 'unsupported'],
  155: ['QoS not supported', 'unsupported'],
  158: ['shared subscriptions not supported', 'unsupported'],
  159: ['connection rate exceeded', 'refused'],
  161: ['subscription identifiers not supported', 'unsupported'],
  162: ['wildcard subscriptions not supported', 'unsupported'],
}

/** MQTT 3.1.1 §3.2.2.3. */
const CONNACK_3: Readonly<Record<number, string>> = {
  1: 'unacceptable protocol version',
  2: 'identifier rejected',
  3: 'server unavailable',
  4: 'bad user name or password',
  5: 'not authorized',
}

/** One line for the operator. */
export function reasonText(code: number): string {
  return ROWS[code]?.[0] ?? CONNACK_3[code] ?? `reason 0x${code.toString(16).padStart(2, '0')}`
}

/** A publish that was answered with a reason of 0x80 or more. */
export function publishRefused(code: number, cause?: unknown): BrokerError {
  return new BrokerError(ROWS[code]?.[1] ?? 'refused', `the broker refused the message: ${reasonText(code)}`, { cause })
}

/** A SUBSCRIBE that was answered with a reason of 0x80 or more. MQTT 3.1.1 §3.9.3 knows only 0x80, which brokers send for want of rights. */
export function subscribeRefused(code: number, cause?: unknown): BrokerError {
  const kind = ROWS[code]?.[1] ?? (code === 0x80 ? 'forbidden' : 'refused')
  const text = code === 0x80 ? 'no reason given' : reasonText(code)
  return new BrokerError(kind, `the broker refused the subscription: ${text}`, { cause })
}

export function closedError(): BrokerError {
  return new BrokerError('closed', 'the bridge has closed this broker')
}

export function takenOver(): BrokerError {
  return new BrokerError('taken-over', 'a newer session has taken over this durable subscription')
}

export function unavailableError(cause?: Error): BrokerError {
  return new BrokerError('broker-unavailable', 'the broker is away: the message was not published', { cause })
}

export function unknownError(cause?: Error): BrokerError {
  return new BrokerError('outcome-unknown', 'the connection was lost before the broker confirmed', { cause })
}

/** What the library throws or hands to callbacks may carry a reason code. */
export function reasonOf(error: unknown): number | undefined {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'number' ? code : undefined
}
