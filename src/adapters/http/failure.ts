/**
 * What a request without a usable answer, or with one that refuses it, comes to for whoever has sent the message. Clients are told the status and
 * the rule; what a handler says itself only where the route lets it, and never more than a line.
 */
import { isUtf8 } from 'node:buffer'
import { BrokerError, type BrokerErrorCode } from '../../broker/errors.ts'
import type { Answer, CallError } from './call.ts'

/** The bridge cannot do more than hand on what is meant: the rest of what HTTP can say is `refused`. */
const CODES: Readonly<Record<number, BrokerErrorCode | undefined>> = {
  400: 'bad-message',
  403: 'forbidden',
  404: 'not-found',
  409: 'precondition-failed',
  410: 'not-found',
  412: 'precondition-failed',
  413: 'bad-message',
  415: 'bad-message',
  422: 'bad-message',
  429: 'limit',
}

/** Characters of a handler's own text. */
const MOST_TEXT = 200

/** @param pass whether the handler's own text is meant for clients */
export function refusalOf(answer: Answer, pass: boolean): BrokerError {
  const { status } = answer
  // RFC 9110 §15.4: following one would lead where the configuration does not.
  const moved = status >= 300 && status < 400 ? ', a redirect, which is not followed' : ''
  const said = pass ? textOf(answer) : undefined
  const text = `the handler has answered ${status}${moved}${said === undefined ? '' : `: ${said}`}`
  return new BrokerError(CODES[status] ?? 'refused', text)
}

function textOf({ headers, body }: Answer): string | undefined {
  const at = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'content-type')
  if (at < 0 || !/^text\/plain\s*(?:;|$)/i.test(headers[at + 1]!) || !isUtf8(body)) return undefined
  const text = body
    .toString()
    .replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g, ' ')
    .trim()
  return text === '' ? undefined : text.slice(0, MOST_TEXT)
}

/**
 * @param asks it has changed nothing and may be asked again: a GET
 */
export function lossOf(error: CallError, asks: boolean): BrokerError {
  const { fault } = error
  if (fault === 'too-long') return new BrokerError('limit', 'the answer of the handler is too long', { cause: error })
  if (asks || fault === 'unreachable') return new BrokerError('broker-unavailable', WORDS[fault], { cause: error })
  const text = `${WORDS[fault]}; whether it has done what was asked is not known`
  return new BrokerError('outcome-unknown', text, { cause: error })
}

const WORDS = {
  unreachable: 'the handlers cannot be reached: nothing was sent',
  late: 'the handler has not answered in time',
  lost: 'the connection to the handler has broken',
  stale: 'the connection to the handler has broken',
  garbage: 'the handler has answered what is no HTTP',
} as const

export function closedError(): BrokerError {
  return new BrokerError('closed', 'the bridge has closed this broker')
}

/** The reply could not go where it should: whatever the reason, it is not that of the message. */
export function replyFailure(destination: string, error: unknown): BrokerError {
  const code = error instanceof BrokerError ? error.code : 'refused'
  const why = error instanceof BrokerError ? error.message : 'it could not be published'
  return new BrokerError(code === 'closed' ? 'outcome-unknown' : code, `the answer to ${destination}: ${why}`, {
    cause: error,
  })
}
