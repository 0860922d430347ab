/**
 * A message to one session alone, though its user may have more: the answer of a handler to who has asked, and what a client sends to its own id,
 * `/user/{session}/queue/x`. The session is here, so no broker is asked; and since nobody else gets it, nobody need permit it.
 */
import type { Message } from '../broker/message.ts'
import { absent } from '../routing/inner.ts'
import { USER_PREFIX } from '../routing/reserved.ts'
import { type Frame, header } from '../stomp/frame.ts'
import { PolicyError } from './failure.ts'
import { brief, toMessage } from './headers.ts'
import { placeOf, resolve } from './place.ts'
import type { Session } from './session.ts'

/**
 * To the subscriptions that `session` has to `destination`, which is one of its user's.
 * @returns whether there is any
 * @throws BrokerError `bad-destination`
 */
export function tellSelf(session: Session, destination: string, message: Message): boolean {
  const place = destination.startsWith(USER_PREFIX) ? resolve(session, destination, 'subscribe') : undefined
  if (place === undefined) return false
  const { broker } = place.route
  const found = session.subscriptions
    .all()
    .filter((each) => each.place.route.broker === broker && broker.isSame(each.place.target, place.target))
    .filter((each) => session.subscriptions.isCurrent(each))
  for (const each of found) {
    // Its own numbers are free: what it shares has those of its audience.
    each.deliver({ message, target: each.place.target, redelivered: false, tag: ++session.told })
  }
  return found.length > 0
}

/** Whether a SEND means the session that it comes from. */
export function isToSelf({ id }: Session, destination: string): boolean {
  if (!destination.startsWith(id, USER_PREFIX.length)) return false
  return destination.startsWith(USER_PREFIX) && destination[USER_PREFIX.length + id.length] === '/'
}

/** @throws PolicyError, BrokerError */
export function sendToSelf(session: Session, frame: Frame, destination: string): void {
  const { route, variables, traffic } = placeOf(session, destination, 'send')
  const { policy, pattern } = route
  if (header(frame, 'transaction') !== undefined) {
    throw new PolicyError('forbidden', `${brief(destination)} takes no part in transactions`, { route: pattern })
  }
  const sender = policy.identity === 'off' ? undefined : { user: session.user.name, session: session.id }
  const message = toMessage(frame, () => false, sender)
  const { quotas, clock } = session.house
  session.pending.delay(quotas.spend(session.identity.key, route, frame.body.length), clock)
  traffic.publishes(frame.body.length)
  const isThere = tellSelf(session, destination.replace(`${session.id}/`, ''), message)
  if (!isThere && policy.absent === 'error') throw absent(variables)
  session.receipt(header(frame, 'receipt'))
}
