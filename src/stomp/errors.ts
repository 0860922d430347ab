/**
 * What a client can do wrong in the language itself, as opposed to what it may not do (PolicyError, session/) and what a broker refuses
 * (BrokerError, broker/). Every ProtocolError ends the connection: after a broken frame nobody knows where the next one begins.
 */

/** Which rule was broken, as a constant that tests and metrics may rely on. Texts may change, codes may not. */
export type ProtocolErrorCode =
  /** Not a command of STOMP, not one of the agreed version, or one that only servers send. */
  | 'unknown-command'
  /** A header that the command requires in this version is not there. */
  | 'missing-header'
  /** A header line without colon, with an empty name, or not in UTF-8. */
  | 'bad-header'
  /** A backslash sequence that the agreed version does not define. */
  | 'bad-escape'
  /** A header whose value does not have the required form, e.g. `heart-beat:ten`. */
  | 'bad-value'
  /** `content-length` is not a row of decimal digits. */
  | 'bad-content-length'
  /** The octet after the announced body is not NUL. */
  | 'missing-nul'
  /** STOMP 1.1 and 1.2 give a body to SEND, MESSAGE and ERROR only. */
  | 'body-not-allowed'
  /** The body, or the head as a whole, is over its limit. */
  | 'frame-too-large'
  /** One header line is over its limit. */
  | 'header-too-long'
  /** More header lines than the limit. */
  | 'too-many-headers'
  /** Another frame before CONNECT. */
  | 'not-connected'
  /** A second CONNECT. */
  | 'already-connected'
  /** No version in common: the only one of these that is not made in this folder, but by the CONNECT of the session. */
  | 'version-not-supported'

const ALL: Readonly<Record<ProtocolErrorCode, true>> = {
  'unknown-command': true,
  'missing-header': true,
  'bad-header': true,
  'bad-escape': true,
  'bad-value': true,
  'bad-content-length': true,
  'missing-nul': true,
  'body-not-allowed': true,
  'frame-too-large': true,
  'header-too-long': true,
  'too-many-headers': true,
  'not-connected': true,
  'already-connected': true,
  'version-not-supported': true,
}

/** All of them. */
export const protocolErrorCodes = Object.keys(ALL) as readonly ProtocolErrorCode[]

/** Codes that mean "over a limit" and not "against the grammar". */
const LIMITS: ReadonlySet<ProtocolErrorCode> = new Set(['frame-too-large', 'header-too-long', 'too-many-headers'])

export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  readonly code: ProtocolErrorCode
  /** The `receipt` header of the frame that broke the rule, for `receipt-id`; undefined when it has none or it could not be read. */
  readonly receipt: string | undefined

  /** @param message one line that the client may read: names the rule, never repeats a header's value */
  constructor(code: ProtocolErrorCode, message: string, receipt?: string) {
    super(message)
    this.code = code
    this.receipt = receipt
  }

  /** Close with 1009 (message too big) rather than 1002 (protocol error). */
  get tooLarge(): boolean {
    return LIMITS.has(this.code)
  }
}
