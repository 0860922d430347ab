/**
 * CONNECT and STOMP: version, heart-beats, who it is. Brokers that are passed the client's own credentials are linked before CONNECTED, so that
 * a refused login is an ERROR and not a surprise at the first SEND.
 */
import type { Credentials } from '../broker/broker.ts'
import { ProtocolError } from '../stomp/errors.ts'
import { type Frame, header } from '../stomp/frame.ts'
import { negotiateHeartbeat, parseHeartbeat } from '../stomp/heartbeat.ts'
import { negotiate, versions } from '../stomp/version.ts'
import { PolicyError } from './failure.ts'
import type { Session } from './session.ts'

export function connect(session: Session, frame: Frame): void {
  const version = negotiate(header(frame, 'accept-version'))
  if (version === undefined) {
    throw new ProtocolError('version-not-supported', `supported versions are ${versions.join(',')}`)
  }
  const agreed = negotiateHeartbeat(parseHeartbeat(header(frame, 'heart-beat')), session.snapshot.heartbeat)
  session.adopt(version)
  admit(session, frame).then(
    () => session.connected(agreed, header(frame, 'client-id')),
    (error: unknown) => session.fail(error, { receipt: header(frame, 'receipt') }),
  )
}

async function admit(session: Session, frame: Frame): Promise<void> {
  const credentials = credentialsOf(frame)
  const verdict = await session.house.authenticator.authenticate({ credentials, remote: session.wire.handshake.remote })
  if (!verdict.admitted) throw new PolicyError('login-required', verdict.rule)
  session.identify(verdict.user)
  const own = [...session.snapshot.brokers.values()].filter((broker) => broker.credentials === 'client')
  // PROMISES §5: the password is kept nowhere but in the pooled connection; it goes out of scope with this call.
  await Promise.all(own.map((broker) => session.lanes.open(broker, credentials)))
}

function credentialsOf(frame: Frame): Credentials | undefined {
  const login = header(frame, 'login')
  if (login === undefined) return undefined
  return { login, passcode: header(frame, 'passcode') ?? '', host: header(frame, 'host') }
}
