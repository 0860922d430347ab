/** What the ops port answers when it refuses: a status, a constant for programs, a line for people. */

export type OpsErrorCode =
  | 'bad-body'
  | MessageRefusal
  | 'bad-query'
  | 'bad-token'
  | 'from-a-page'
  | 'internal'
  | 'media-type'
  | 'method-not-allowed'
  | 'no-reload'
  | 'not-found'
  | 'token-not-configured'
  | 'token-required'
  | 'too-large'
  | 'too-many-attempts'
  | 'too-many-traces'
  | 'unknown-host'

/** Why a message was not published, as an ERROR would say it to a client; `not-taken` stands for what cannot happen to an operator. */
export type MessageRefusal =
  | 'bad-destination'
  | 'bad-message'
  | 'broker-unavailable'
  | 'no-route'
  | 'not-taken'
  | 'outcome-unknown'
  | 'refused'
  | 'unsupported'
  | 'user-absent'

/** 503: the same request may succeed later. */
const REFUSALS: Readonly<Record<MessageRefusal, number>> = {
  'bad-destination': 400,
  'bad-message': 400,
  'broker-unavailable': 503,
  'no-route': 404,
  'not-taken': 422,
  'outcome-unknown': 503,
  refused: 503,
  unsupported: 400,
  'user-absent': 404,
}

/** What a broker's refusal of a message is called here. @param code of a BrokerError */
export function messageRefusal(code: string): OpsErrorCode {
  if (code === 'not-found') return code
  return Object.hasOwn(REFUSALS, code) ? (code as MessageRefusal) : 'not-taken'
}

const STATUS: Readonly<Record<OpsErrorCode, number>> = {
  ...REFUSALS,
  'bad-body': 400,
  'bad-query': 400,
  'bad-token': 401,
  'from-a-page': 403,
  internal: 500,
  'media-type': 415,
  'method-not-allowed': 405,
  'no-reload': 409,
  'not-found': 404,
  'token-not-configured': 403,
  'token-required': 401,
  'too-large': 413,
  'too-many-attempts': 429,
  'too-many-traces': 409,
  'unknown-host': 403,
}

export class OpsError extends Error {
  override readonly name = 'OpsError'
  readonly code: OpsErrorCode
  readonly status: number
  /** Further headers of the answer. */
  readonly headers: Readonly<Record<string, string>>

  /** @param message the rule, and what to do, for whoever has asked */
  constructor(code: OpsErrorCode, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.code = code
    this.status = STATUS[code]
    this.headers = headers
  }
}
