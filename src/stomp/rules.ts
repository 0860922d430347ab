/**
 * Which frame a client may send, when, and with what: commands × states × versions, as a table to be checked against the specification
 * by eye. Knows nothing of what a header's value means; that a destination exists, or a transaction was begun, is session/'s affair.
 */
import { ProtocolError, type ProtocolErrorCode } from './errors.ts'
import { type Frame, header } from './frame.ts'
import type { Version } from './version.ts'

/** 'connecting': CONNECTED has not been sent yet. */
export type State = 'connecting' | 'connected'

interface Rule {
  readonly state: State
  /** STOMP 1.1 and 1.2, Body: "Only the SEND, MESSAGE, and ERROR frames MAY have a body. All other frames MUST NOT have a body." */
  readonly body: boolean
  /** Headers that must be there; of an inner list, one of them. undefined: not a command of this version. */
  readonly required: Readonly<Record<Version, Cell>>
}

type Cell = readonly (readonly string[])[] | undefined

/** Cells are header names; `a|b` is "one of", '' none, '-' "not in this version". */
function rule(command: string, state: State, body: string, v10: string, v11: string, v12: string): [string, Rule] {
  return [command, { state, body: body === 'body', required: { '1.0': cell(v10), '1.1': cell(v11), '1.2': cell(v12) } }]
}

function cell(names: string): Cell {
  if (names === '-') return undefined
  return names.split(' ').flatMap((name) => (name === '' ? [] : [name.split('|')]))
}

/**
 * What the specifications ask for, with one exception: 1.1 and 1.2 also require `accept-version` and `host` in CONNECT. Without the first
 * the client is one of 1.0 (version.ts); the second is not asked for, because stompjs does not send it unless told to.
 */
// biome-ignore format: a table
const RULES: ReadonlyMap<string, Rule> = new Map([
  //    command        state         body    1.0               1.1                        1.2
  rule('CONNECT',     'connecting', '',     '',               '',                        ''),
  rule('STOMP',       'connecting', '',     '',               '',                        ''),
  rule('SEND',        'connected',  'body', 'destination',    'destination',             'destination'),
  rule('SUBSCRIBE',   'connected',  '',     'destination',    'destination id',          'destination id'),
  rule('UNSUBSCRIBE', 'connected',  '',     'id|destination', 'id',                      'id'),
  rule('ACK',         'connected',  '',     'message-id',     'message-id subscription', 'id'),
  rule('NACK',        'connected',  '',     '-',              'message-id subscription', 'id'),
  rule('BEGIN',       'connected',  '',     'transaction',    'transaction',             'transaction'),
  rule('COMMIT',      'connected',  '',     'transaction',    'transaction',             'transaction'),
  rule('ABORT',       'connected',  '',     'transaction',    'transaction',             'transaction'),
  rule('DISCONNECT',  'connected',  '',     '',               '',                        ''),
])

/**
 * Throws unless a client may send this frame now. Checked in this order: the command, the state, the headers, the body.
 *
 * A body where there should be none is let through in 1.0, which does not forbid it.
 *
 * @param version the agreed one; '1.0' while 'connecting'
 * @throws ProtocolError 'unknown-command', 'not-connected', 'already-connected', 'missing-header' or 'body-not-allowed', with the
 *   frame's receipt
 */
export function check(frame: Frame, state: State, version: Version): void {
  const { command, body } = frame
  const rule = RULES.get(command)
  if (rule === undefined)
    throw failure(frame, 'unknown-command', `${JSON.stringify(command)} is not a command of clients`)
  if (rule.state !== state) throw wrongState(frame, state)
  const required = rule.required[version]
  if (required === undefined) throw failure(frame, 'unknown-command', `STOMP ${version} has no ${command}`)
  for (const names of required) {
    if (hasOneOf(frame, names)) continue
    throw failure(frame, 'missing-header', `${command} needs the header ${names.join(' or ')} in STOMP ${version}`)
  }
  if (body.length > 0 && !rule.body && version !== '1.0') {
    throw failure(frame, 'body-not-allowed', `${command} must not have a body`)
  }
}

function hasOneOf(frame: Frame, names: readonly string[]): boolean {
  for (const name of names) if (header(frame, name) !== undefined) return true
  return false
}

/** STOMP 1.2, Connecting: CONNECT comes first, and once. */
function wrongState(frame: Frame, state: State): ProtocolError {
  if (state === 'connecting') return failure(frame, 'not-connected', `${frame.command} before CONNECT`)
  return failure(frame, 'already-connected', 'a second CONNECT')
}

function failure(frame: Frame, code: ProtocolErrorCode, rule: string): ProtocolError {
  return new ProtocolError(code, rule, header(frame, 'receipt'))
}
