/**
 * CONNECT and STOMP: version, heart-beats, who it is. Brokers that are passed the client's own credentials are linked before CONNECTED, so that
 * a refused login is an ERROR and not a surprise at the first SEND.
 */
import type { Admission, Attempt, Authenticator, Verdict } from '../auth/authenticator.ts'
import type { Credentials } from '../broker/broker.ts'
import { BrokerError } from '../broker/errors.ts'
import { ProtocolError } from '../stomp/errors.ts'
import { type Frame, header } from '../stomp/frame.ts'
import { negotiateHeartbeat, parseHeartbeat } from '../stomp/heartbeat.ts'
import { negotiate, versions } from '../stomp/version.ts'
import { sendAway } from './drain.ts'
import { PolicyError } from './failure.ts'
import type { Session } from './session.ts'
import { abortedBy } from './waiting.ts'

export function connect(session: Session, frame: Frame): void {
  if (session.isDraining) return void sendAway(session)
  const version = negotiate(header(frame, 'accept-version'))
  if (version === undefined) {
    throw new ProtocolError('version-not-supported', `supported versions are ${versions.join(',')}`)
  }
  const asked = parseHeartbeat(header(frame, 'heart-beat'))
  session.adopt(version)
  admit(session, frame).then(
    () => session.connected(negotiateHeartbeat(asked, session.snapshot.heartbeat), header(frame, 'client-id')),
    (error: unknown) => session.fail(error, { receipt: header(frame, 'receipt') }),
  )
}

async function admit(session: Session, frame: Frame): Promise<void> {
  const attempt = attemptOf(session, frame)
  const admission = admitted(session, await verdictOf(session, attempt))
  if (session.ended.isOver) return
  session.identity.renew(admission.user)
  const own = [...session.snapshot.brokers.values()].filter((broker) => broker.credentials === 'client')
  try {
    // PROMISES §5: the password is kept nowhere but in the pooled connection; it goes out of scope with this call.
    await Promise.all(own.map((broker) => session.lanes.open(broker, attempt.credentials)))
    admission.settle?.('accepted')
  } catch (error) {
    admission.settle?.(error instanceof BrokerError && error.code === 'login-refused' ? 'refused' : 'unknown')
    throw error
  }
  if (!session.ended.isOver) session.identity.admit()
}

async function verdictOf(session: Session, attempt: Attempt): Promise<Verdict> {
  const { house, ended } = session
  for (;;) {
    const { authenticator }: { authenticator: Authenticator } = house
    const verdict = await abortedBy(ended, (signal) => authenticator.authenticate(attempt, signal))
    if (authenticator === house.authenticator || verdict.kind !== 'admitted' || ended.isOver) return verdict
    // A reload came in between: who was let in by what holds no longer is looked at again.
    verdict.settle?.('unknown')
  }
}

/**
 * @throws PolicyError, or BrokerError `login-refused`, for a refusal; what the log may know beyond the rule is the `cause`
 */
export function admitted(session: Session, verdict: Verdict): Admission {
  if (verdict.kind === 'admitted') return verdict
  if (verdict.kind === 'passed') {
    throw new PolicyError('login-required', `clients must show ${session.house.authenticator.accepts}`)
  }
  const { code, rule, reason: cause } = verdict
  throw code === 'login-refused' ? new BrokerError(code, rule, { cause }) : new PolicyError(code, rule, { cause })
}

function attemptOf(session: Session, frame: Frame): Attempt {
  const { remote, headers, url, origin } = session.wire.handshake
  return {
    credentials: credentialsOf(frame),
    remote,
    header(name) {
      const wanted = name.toLowerCase()
      const at = frame.headers.findIndex((text, index) => index % 2 === 0 && text.toLowerCase() === wanted)
      return at === -1 ? undefined : frame.headers[at + 1]
    },
    request: { headers, url, origin },
  }
}

function credentialsOf(frame: Frame): Credentials | undefined {
  const login = header(frame, 'login')
  if (login === undefined) return undefined
  return { login, passcode: header(frame, 'passcode') ?? '', host: header(frame, 'host') }
}
