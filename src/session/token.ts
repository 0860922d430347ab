/**
 * SEND to `/bridge/token`: a new token for the same user, while messages flow. The body is the token. Its RECEIPT comes when the new rights
 * hold; subscriptions that they no longer cover end with an ERROR.
 */
import type { User } from '../auth/authenticator.ts'
import { BrokerError } from '../broker/errors.ts'
import { forbiddenBy } from '../routing/access.ts'
import { TOKEN_DESTINATION } from '../routing/reserved.ts'
import { type Frame, header } from '../stomp/frame.ts'
import { admitted } from './connect.ts'
import { PolicyError } from './failure.ts'
import { brief } from './headers.ts'
import type { Session } from './session.ts'
import { abortedBy } from './waiting.ts'

export { TOKEN_DESTINATION }

export function renewToken(session: Session, frame: Frame): void {
  const receipt = header(frame, 'receipt')
  if (header(frame, 'transaction') !== undefined) {
    throw new PolicyError('forbidden', `${TOKEN_DESTINATION} takes no part in transactions`)
  }
  session.pending.begin(0)
  renewed(session, frame.body.toString('utf8').trim())
    .then(
      (user) => {
        if (session.ended.isOver) return
        session.identity.renew(user)
        for (const lost of uncovered(session)) {
          const destination = brief(lost.place.destination)
          lost.end(new BrokerError('forbidden', `the new token does not permit to subscribe ${destination}`))
        }
        session.receipt(receipt)
      },
      // Until it expires the old token stands: a key server that is away for a moment costs nobody the connection.
      (error: unknown) => session.fail(error, { receipt }, isPassing(error) ? 'keep' : 'close'),
    )
    .finally(() => session.pending.done(0))
}

async function renewed(session: Session, token: string): Promise<User> {
  const { authenticator } = session.house
  const refusal = new PolicyError('login-required', `${brief(session.user.authenticator)} has no token to renew`)
  if (authenticator.refresh === undefined) throw refusal
  const { user } = session
  const verdict = await abortedBy(session.ended, (signal) => authenticator.refresh!(token, user, signal))
  return admitted(session, verdict).user
}

function uncovered(session: Session) {
  return session.subscriptions.all().filter(({ place }) => forbiddenBy(session.user, place, 'subscribe') !== undefined)
}

function isPassing(error: unknown): boolean {
  return error instanceof PolicyError && (error.code === 'auth-unavailable' || error.code === 'too-many-attempts')
}
