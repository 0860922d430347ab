/**
 * The only maker of ERROR frames, and the table of what each failure means on the wire: title, close code, whether it always closes.
 *
 * STOMP 1.2, ERROR: "The server MAY send ERROR frames if something goes wrong. In this case, it MUST then close the connection just
 * after sending the ERROR frame." Routes with `errors: keep` deviate for errors of one operation (PROMISES §4).
 * Peers never see a library's or broker's own text: an unknown error is "internal error" and nothing more.
 */
import { BrokerError, type BrokerErrorCode } from '../broker/errors.ts'
import { encodeFrame } from '../stomp/encoder.ts'
import { ProtocolError, protocolErrorCodes } from '../stomp/errors.ts'
import type { Version } from '../stomp/version.ts'

/** Not allowed, over a limit, too slow, or no longer wanted. */
export type PolicyCode =
  | 'forbidden'
  | 'no-route'
  | 'route-gone'
  | 'login-required'
  | 'token-expired'
  | 'auth-unavailable'
  | 'too-many-attempts'
  | 'too-many-connections'
  | 'session-too-long'
  | 'rate-limit'
  | 'bad-payload'
  | 'connect-timeout'
  | 'heartbeat-timeout'
  | 'slow-consumer'
  | 'too-many-subscriptions'
  | 'too-many-transactions'
  | 'transaction-too-large'
  | 'duplicate-subscription'
  | 'duplicate-transaction'
  | 'unknown-subscription'
  | 'unknown-transaction'
  | 'unknown-ack'
  | 'transaction-failed'
  | 'stale-ack'
  | 'client-id-required'
  | 'gap'
  | 'outage'
  | 'ended-by-operator'

export class PolicyError extends Error {
  override readonly name = 'PolicyError'
  readonly code: PolicyCode
  /** The pattern of the route that it is about; for the log. */
  readonly route: string | undefined

  /** @param message the rule, in one or two lines that the client may read */
  constructor(code: PolicyCode, message: string, options?: { cause?: unknown; route?: string }) {
    super(message, options)
    this.code = code
    this.route = options?.route
  }
}

export type FailureCode = ProtocolError['code'] | PolicyCode | BrokerErrorCode | 'internal'

/** RFC 6455 §7.4.1, and 44xx of our own after HTTP's 4xx. Each reason to close is named once, here. */
export const CLOSE = {
  normal: 1000,
  goingAway: 1001,
  protocol: 1002,
  tooLarge: 1009,
  policy: 1008,
  internal: 1011,
  restart: 1012,
  tryAgain: 1013,
  unauthorized: 4401,
  forbidden: 4403,
  timeout: 4408,
  conflict: 4409,
  tooMany: 4429,
  expired: 4498,
  ended: 4499,
} as const

export interface Failure {
  readonly code: FailureCode
  /** The `message` header. */
  readonly title: string
  /** The body: which rule, and what to do. */
  readonly text: string
  readonly close: number
  /** Errors of one operation may leave the connection open; all others always close it. */
  readonly operation: boolean
}

type Row = readonly [title: string, close: number, scope: 'operation' | 'connection']

const ROWS: Readonly<Record<PolicyCode | BrokerErrorCode, Row>> = {
  forbidden: ['forbidden', CLOSE.forbidden, 'operation'],
  'no-route': ['no route', CLOSE.policy, 'operation'],
  'route-gone': ['route gone', CLOSE.policy, 'operation'],
  'login-required': ['login required', CLOSE.unauthorized, 'connection'],
  'login-refused': ['login refused', CLOSE.unauthorized, 'connection'],
  'token-expired': ['token expired', CLOSE.expired, 'connection'],
  'auth-unavailable': ['authentication unavailable', CLOSE.tryAgain, 'operation'],
  'too-many-attempts': ['too many attempts', CLOSE.tooMany, 'operation'],
  'too-many-connections': ['too many connections', CLOSE.tooMany, 'connection'],
  'session-too-long': ['session too long', CLOSE.timeout, 'connection'],
  'rate-limit': ['rate limit', CLOSE.tooMany, 'operation'],
  'bad-payload': ['bad payload', CLOSE.policy, 'operation'],
  'connect-timeout': ['CONNECT timeout', CLOSE.timeout, 'connection'],
  'heartbeat-timeout': ['heart-beat timeout', CLOSE.timeout, 'connection'],
  'slow-consumer': ['slow consumer', CLOSE.policy, 'connection'],
  'too-many-subscriptions': ['too many subscriptions', CLOSE.tooMany, 'operation'],
  'too-many-transactions': ['too many transactions', CLOSE.tooMany, 'operation'],
  'transaction-too-large': ['transaction too large', CLOSE.tooMany, 'operation'],
  'duplicate-subscription': ['duplicate subscription', CLOSE.policy, 'operation'],
  'duplicate-transaction': ['duplicate transaction', CLOSE.policy, 'operation'],
  'unknown-subscription': ['unknown subscription', CLOSE.policy, 'operation'],
  'unknown-transaction': ['unknown transaction', CLOSE.policy, 'operation'],
  'unknown-ack': ['unknown ack id', CLOSE.policy, 'operation'],
  'transaction-failed': ['transaction failed', CLOSE.policy, 'operation'],
  'stale-ack': ['stale ack in transaction', CLOSE.policy, 'operation'],
  'client-id-required': ['client-id required', CLOSE.policy, 'operation'],
  gap: ['messages may have been lost', CLOSE.restart, 'connection'],
  outage: ['broker unavailable', CLOSE.restart, 'connection'],
  'ended-by-operator': ['ended by the operator', CLOSE.ended, 'connection'],
  'user-absent': ['user absent', CLOSE.policy, 'operation'],
  'bad-destination': ['bad destination', CLOSE.policy, 'operation'],
  'bad-message': ['bad message', CLOSE.policy, 'operation'],
  'not-found': ['not found', CLOSE.policy, 'operation'],
  refused: ['refused by the broker', CLOSE.tryAgain, 'operation'],
  'precondition-failed': ['precondition failed', CLOSE.policy, 'operation'],
  unsupported: ['unsupported', CLOSE.policy, 'operation'],
  'broker-unavailable': ['broker unavailable', CLOSE.tryAgain, 'operation'],
  'outcome-unknown': ['outcome unknown', CLOSE.tryAgain, 'operation'],
  cancelled: ['subscription cancelled by the broker', CLOSE.policy, 'operation'],
  'ack-timeout': ['acknowledgement timeout', CLOSE.policy, 'operation'],
  'taken-over': ['taken over by a newer session', CLOSE.conflict, 'operation'],
  limit: ['limit reached', CLOSE.tooMany, 'operation'],
  closed: ['server is going away', CLOSE.goingAway, 'connection'],
}

/** All that an ERROR can say in `bridge-code`. */
export const failureCodes = [...protocolErrorCodes, ...Object.keys(ROWS), 'internal'] as readonly FailureCode[]

export function failureOf(error: unknown): Failure {
  if (error instanceof ProtocolError) {
    const close = error.tooLarge ? CLOSE.tooLarge : CLOSE.protocol
    return { code: error.code, title: error.code.replaceAll('-', ' '), text: error.message, close, operation: false }
  }
  if (error instanceof PolicyError || error instanceof BrokerError) {
    const [title, close, scope] = ROWS[error.code]
    return { code: error.code, title, text: error.message, close, operation: scope === 'operation' }
  }
  return { code: 'internal', title: 'internal error', text: 'internal error', close: CLOSE.internal, operation: false }
}

/** What the failed frame was about. */
export interface FailureContext {
  /** The frame's `receipt`, so that its sender need not wait for the RECEIPT. */
  readonly receipt?: string | undefined
  /** The id of the subscription that is concerned. */
  readonly subscription?: string | undefined
  /** The pattern of the route that was meant; for the log. */
  readonly route?: string | undefined
  /** The trace that the message belongs to; for the log. */
  readonly traceId?: string | undefined
}

/** `bridge-code` is the constant that programs may rely on; `message` and the body are for people. */
export function errorFrame(failure: Failure, context: FailureContext, version: Version): Buffer {
  const headers = ['message', failure.title, 'bridge-code', failure.code]
  if (context.receipt !== undefined) headers.push('receipt-id', context.receipt)
  if (context.subscription !== undefined) headers.push('subscription', context.subscription)
  // STOMP 1.2, Protocol Negotiation: "the server MUST respond with an ERROR frame" listing the versions it supports
  if (failure.code === 'version-not-supported') headers.push('version', '1.0,1.1,1.2')
  headers.push('content-type', 'text/plain')
  return encodeFrame('ERROR', headers, Buffer.from(`${failure.text}\n`), version)
}
