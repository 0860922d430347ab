/**
 * What happens in the bridge, as lines of the log: the observers of brokers, sessions and the listener. One line per refusal, nothing per
 * message. Connections opened and closed are lines of `debug`: thousands of browsers come and go, and writing that down cost more than they do.
 * A peer's own words are short and without control characters before they come here.
 */
import type { AuthObserver } from '../auth/context.ts'
import type { BrokerObserver } from '../broker/observer.ts'
import type { SessionLabel, SessionObserver } from '../session/observer.ts'
import type { ListenObserver } from '../transports/listen.ts'
import type { Logger } from './log.ts'

export function brokerReport(log: Logger): BrokerObserver {
  return {
    health(broker, { state, reason }, cause) {
      const line = { broker, state, reason, ...causeOfOutage(reason, cause) }
      if (state === 'up') log.info({ broker, state }, 'broker is up')
      else if (state === 'connecting') log.debug(line, 'broker is connecting')
      else log.warn(line, `broker is ${state}`)
    },
    recovered: (broker, subscriptions, resent) => log.info({ broker, subscriptions, resent }, 'broker has recovered'),
    channelLost: (broker, cause) => log.warn({ broker, err: cause }, 'a shared channel was closed by the broker'),
    warning: (broker, text, cause) => log.warn({ broker, err: cause }, text),
  }
}

/** The network's own words say all that there is to say, and the stack of a socket nothing; anything else may be a fault of ours. */
function causeOfOutage(
  reason: string | undefined,
  cause: Error | undefined,
): { cause?: string; err?: Error | undefined } {
  if (cause === undefined || typeof (cause as NodeJS.ErrnoException).syscall !== 'string') return { err: cause }
  return cause.message === reason ? {} : { cause: cause.message }
}

export function authReport(log: Logger): AuthObserver {
  return {
    decided() {},
    warning: (authenticator, text) => log.warn({ authenticator }, text),
    recovered: (authenticator, text) => log.info({ authenticator }, text),
  }
}

/** Codes of an ERROR that are our fault or the operator's concern; all others are the client's. */
const WARNINGS: ReadonlySet<string> = new Set([
  'slow-consumer',
  'forbidden',
  'login-refused',
  'login-required',
  'token-expired',
  'auth-unavailable',
  'too-many-attempts',
  'too-many-connections',
  'rate-limit',
  'bad-payload',
  'broker-unavailable',
  'gap',
])

export function sessionReport(log: Logger): SessionObserver {
  return {
    connected: (session, version) => log.debug({ ...fields(session), version }, 'connected'),
    closed: (session, code, reason) => log.debug({ ...fields(session), code, reason }, 'closed'),
    failed(session, { code, text }, route, cause, traceId) {
      // OpenTelemetry, Trace Context in non-OTLP Log Formats: the field is called so.
      const line = { ...fields(session), code, route, rule: text, trace_id: traceId }
      if (code === 'internal') log.error({ ...line, err: cause }, 'internal error')
      else if (WARNINGS.has(code)) log.warn({ ...line, err: causeOf(cause) }, 'refused')
      else log.info({ ...line, err: causeOf(cause) }, 'refused')
    },
    starved: (session, subscription, destination) =>
      log.warn(
        { ...fields(session), subscription, destination },
        'no message was acknowledged for 60 s: no credit left',
      ),
    slow: (session, subscription, destination, policy) =>
      log.warn({ ...fields(session), subscription, destination, policy }, 'reads too slowly: messages are left out'),
  }
}

const CERTIFICATE = {
  renewed: 'a new certificate is in use',
  expiring: 'the certificate ends soon, or has ended: renew its files, they are read without a restart',
  broken: 'the new certificate cannot be used: the one before it stays',
} as const

export function listenReport(log: Logger): ListenObserver {
  return {
    refused: ({ reason, remote, hint, times, enforced }) =>
      log.warn(
        { reason, remote, times },
        `${enforced ? 'refused at the door' : 'dry run, not refused at the door'}: ${hint}`,
      ),
    certificate(note) {
      if (note.state === 'broken') return log.error({ rule: note.cause.message }, CERTIFICATE.broken)
      const validUntil = new Date(note.validUntil).toISOString()
      if (note.state === 'renewed') log.info({ validUntil }, CERTIFICATE.renewed)
      else log.warn({ validUntil }, CERTIFICATE.expiring)
    },
    failed: (cause) => log.error({ err: cause }, 'listener failed'),
  }
}

function fields({ id, remote, user }: SessionLabel): Record<string, unknown> {
  return user === undefined ? { session: id, remote } : { session: id, remote, user }
}

/** The library's own error behind ours, for the operator only. */
function causeOf(error: unknown): unknown {
  // A verdict that has no more to say to the operator than to the client says the same twice.
  return error instanceof Error && error.cause !== error.message ? error.cause : undefined
}
