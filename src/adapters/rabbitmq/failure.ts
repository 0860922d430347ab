/**
 * What the broker and amqplib say when something goes wrong, in the port's words. RabbitMQ's own text is kept as `cause` and never
 * shown to clients.
 */
import { asError, BrokerError } from '../../broker/errors.ts'
import { tlsFailure } from '../../broker/tls.ts'

/** The AMQP reply code; undefined when the connection or channel is simply gone, or the fault is ours. */
export function replyCode(error: unknown): number | undefined {
  const code = (error as { readonly code?: unknown } | undefined)?.code
  return typeof code === 'number' ? code : undefined
}

/**
 * @param what names the thing for the client: `queue "orders"`
 * @returns undefined when this is no answer of the broker but a lost connection
 */
export function refusal(thrown: unknown, what: string): BrokerError | undefined {
  const cause = asError(thrown)
  if (thrown instanceof BrokerError) return thrown
  switch (replyCode(thrown)) {
    case 403:
      return new BrokerError('forbidden', `${what}: not permitted`, { cause })
    case 404:
      return new BrokerError('not-found', `${what} does not exist`, { cause })
    case 405:
      return new BrokerError('forbidden', `${what} belongs to another connection`, { cause })
    case 406:
      // "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out": rabbitmq.com/consumers.html#acknowledgement-timeout
      if (/acknowledgement.*timed out/i.test(cause.message)) {
        return new BrokerError('ack-timeout', `${what}: the broker gave up waiting for acknowledgements`, { cause })
      }
      return new BrokerError('precondition-failed', `${what} exists with other properties, or does not allow this`, {
        cause,
      })
    default:
      return undefined
  }
}

/** Why the broker has closed the channel of something that stood. @param what as of `refusal` */
export function ending(thrown: unknown, what: string): BrokerError {
  return refusal(thrown, what) ?? new BrokerError('cancelled', `${what}: ended by the broker`, { cause: thrown })
}

/**
 * Why something cannot be had, and waiting will not mend it.
 * @returns undefined when only the connection was lost, which comes back
 */
export function unmendable(thrown: unknown, what: string): BrokerError | undefined {
  const reason = refusal(thrown, what)
  if (reason !== undefined) return reason
  // Our own arguments, which amqplib could not encode.
  const error = asError(thrown)
  const isOurs = error instanceof TypeError || error instanceof RangeError
  return isOurs
    ? new BrokerError('bad-message', `${what}: an argument cannot be expressed in AMQP`, { cause: error })
    : undefined
}

/** AMQP 0-9-1 §1.2: 5xx are connection errors; 541 may also be the broker's own trouble. */
export function isHardError(error: unknown): boolean {
  const code = replyCode(error)
  return code !== undefined && code >= 500
}

/**
 * For operators: that it cannot be reached, and what TLS or the network said of it, `ECONNREFUSED` or `ENOTFOUND`.
 * @param where `host:port`
 */
export function unreachable(where: string, cause: Error): string {
  const { code, message } = cause as NodeJS.ErrnoException
  // amqplib's own timeout has no code, only Node's words for it: "connect ETIMEDOUT".
  const why = tlsFailure(cause) ?? /^(?:connect )?(E[A-Z]{3,})\b/.exec(typeof code === 'string' ? code : message)?.[1]
  return `cannot connect to ${where}${why === undefined ? '' : `: ${why}`}`
}

/** A login that the broker refused. amqplib gives these errors no code, only text. */
export function isLoginRefused(error: Error): boolean {
  return /\b403 \(ACCESS.REFUSED\)/.test(error.message)
}

/** `connection.open` was refused: no such virtual host, no right to it, or it is not up yet. amqplib swallows the reason. */
export function isOpenRefused(error: Error): boolean {
  return /Expected ConnectionOpenOk; got <ConnectionClose/.test(error.message)
}

/** amqplib's words when a connection has no channel number left. */
export function isOutOfChannels(error: unknown): boolean {
  return error instanceof Error && error.message === 'No channels left to allocate'
}

/** The exchange that a channel error names; '' is the default exchange, undefined = it names none. */
export function exchangeNamed(error: Error): string | undefined {
  const found = /exchange '(.*?)' in vhost '/.exec(error.message)?.[1]
  return found === 'amq.default' ? '' : found
}

/** "PRECONDITION_FAILED - message size 6000 is larger than configured max size 5000": the second number. */
export function largestMessage(error: Error): number | undefined {
  const found = /larger than (?:configured )?max size '?(\d+)/.exec(error.message)?.[1]
  return found === undefined ? undefined : Number(found)
}

export const closedError = (): BrokerError =>
  new BrokerError('closed', 'the connection to the broker was closed by the bridge')

/** Nothing about why: a stranger learns neither names nor addresses. */
export const loginRefusedError = (cause?: Error): BrokerError =>
  new BrokerError('login-refused', 'the broker refused the login', { cause })

export const unavailableError = (cause?: Error): BrokerError =>
  new BrokerError('broker-unavailable', 'the broker is not available', { cause })

export const unknownError = (cause?: Error): BrokerError =>
  new BrokerError('outcome-unknown', 'the broker has not confirmed the message, and may have it or not', { cause })
