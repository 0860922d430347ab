/**
 * What happens to sessions, for those who keep a list of who is there: plain facts, never called per message. src/flows/ tells them to the world.
 */
import type { Session } from './session.ts'
import type { ClientSubscription } from './subscription.ts'

export interface SessionFacts {
  /** As CONNECTED shows it, and backends see it as `stomp-session`. */
  readonly session: string
  /** undefined = anonymous. */
  readonly user: string | undefined
}

export interface SubscriptionFacts extends SessionFacts {
  /** The `id` of its SUBSCRIBE; undefined: it has none (STOMP 1.0). */
  readonly subscription: string | undefined
  /** As its client wrote it. */
  readonly destination: string
}

/** For each session: `connected`, then pairs of `subscribed` and `unsubscribed`, then `disconnected`, which ends all that are still subscribed. */
export interface Chronicle {
  connected(facts: SessionFacts): void
  subscribed(facts: SubscriptionFacts): void
  unsubscribed(facts: SubscriptionFacts): void
  disconnected(facts: SessionFacts): void
}

export function factsOf({ id, user }: Session): SessionFacts {
  return { session: id, user: user.name }
}

/** The RECEIPT of its SUBSCRIBE is written. */
export function subscribed(session: Session, subscription: ClientSubscription): void {
  if (!session.subscriptions.isCurrent(subscription)) return
  subscription.isKnown = true
  session.house.chronicle?.subscribed({ ...factsOf(session), ...subscriptionFacts(subscription) })
}

/** Its name is free again: its client has unsubscribed it, or it was ended. */
export function unsubscribed(session: Session, subscription: ClientSubscription): void {
  session.subscriptions.release(subscription)
  if (!subscription.isKnown) return
  subscription.isKnown = false
  session.house.chronicle?.unsubscribed({ ...factsOf(session), ...subscriptionFacts(subscription) })
}

function subscriptionFacts({ id, place }: ClientSubscription): Omit<SubscriptionFacts, keyof SessionFacts> {
  return { subscription: id, destination: place.destination }
}
