/**
 * The errors that cross the port. `BrokerError` is what a broker refuses or loses while the bridge runs; `FieldError` is an
 * operator's mistake in one field of a route or a broker, found while the configuration is loaded.
 *
 * Knows nothing of STOMP: which of these closes a session, and with what text, is decided in session/failure.ts.
 */

/** What went wrong, as a constant that tests and metrics may rely on. Texts may change, codes may not. */
export type BrokerErrorCode =
  /** The destination cannot be expressed in this broker, or its name breaks the broker's rules. */
  | 'bad-destination'
  /** A header or property of the message would be refused by the broker (`expiration:abc`, `CC`, over 60 KiB of headers). */
  | 'bad-message'
  /** No such queue or exchange, or a `mandatory` message that no queue took. */
  | 'not-found'
  /** No route of the configuration matches. */
  | 'no-route'
  /** To a user who has no session, or none with that subscription, where the configuration calls that an error. */
  | 'user-absent'
  /** The identity may not do this: RabbitMQ's ACCESS_REFUSED, a queue of another session. */
  | 'forbidden'
  /** The broker refused the credentials of this identity. */
  | 'login-refused'
  /** The broker said no to this message: publisher nack, a full memory broker. */
  | 'refused'
  /** The broker's own object contradicts what was asked: AMQP 406 of a declare. */
  | 'precondition-failed'
  /** The adapter has no word for this, e.g. an unknown `x-` argument, a selector. */
  | 'unsupported'
  /** No connection, and it did not come back within `holdMs`. Nothing was published; nothing will be. */
  | 'broker-unavailable'
  /** The connection died between publish and confirm, and the route says `resend: false`. */
  | 'outcome-unknown'
  /** The broker ended the subscription by itself: its queue was deleted. */
  | 'cancelled'
  /** The broker gave up waiting for an acknowledgement. */
  | 'ack-timeout'
  /** Another session took over this durable subscription. */
  | 'taken-over'
  /** A limit of the adapter: new queue names per minute, connections. */
  | 'limit'
  /** The link or the broker was closed by the bridge. */
  | 'closed'

export class BrokerError extends Error {
  override readonly name = 'BrokerError'
  readonly code: BrokerErrorCode

  /** @param message one line a client may read: names the rule or the destination, never the broker's own text (that is `cause`) */
  constructor(code: BrokerErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
  }

  /** The same request may succeed later without anybody changing anything. */
  get retryable(): boolean {
    return this.code === 'broker-unavailable' || this.code === 'outcome-unknown' || this.code === 'refused'
  }
}

/** Any value that was thrown, as an Error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

/** An operator's mistake in one field; config/ adds file, line and column. */
export class FieldError extends Error {
  override readonly name = 'FieldError'
  /** Path below the object that was checked, e.g. `['routingKey']`. */
  readonly path: readonly (string | number)[]

  /** @param rule one line: what the field must be and what it is */
  constructor(path: readonly (string | number)[], rule: string) {
    super(rule)
    this.path = path
  }
}
