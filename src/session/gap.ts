/** A subscription whose route says `onGap: close` has lost messages: its session goes, at a time of its own, for all others have lost them too. */
import type { Timer } from '../broker/clock.ts'
import { PolicyError } from './failure.ts'
import type { Session } from './session.ts'
import type { ClientSubscription } from './subscription.ts'

/** Ends the session with ERROR `gap` within `drain.spread`. The caller cancels it when the subscription ends first. */
export function takeLeave(session: Session, { id, place }: ClientSubscription): Timer {
  const { house, snapshot } = session
  const error = new PolicyError('gap', `messages of ${place.destination} may have been lost: fetch anew`)
  return house.clock.after(Math.random() * snapshot.spreadMs, () => session.fail(error, { subscription: id }))
}

/** As `Session.fail`. */
export type Tell = (...told: Parameters<Session['fail']>) => void
