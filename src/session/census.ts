/**
 * How things stand in all open sessions, added up when somebody asks: what is not counted as it happens. One walk over the sessions and
 * their subscriptions; changes nothing.
 */
import type { Version } from '../stomp/version.ts'
import type { Session } from './session.ts'

/** Subscriptions of clients to one broker. */
export interface SubscriptionCount {
  /** Together with others, from one subscription at the broker. */
  shared: number
  /** From a subscription at the broker of its own. */
  own: number
}

export interface Census {
  /** Sessions that were admitted, by their version. */
  readonly versions: Readonly<Record<Version, number>>
  /** The same sessions by the name of their framing. */
  readonly framings: ReadonlyMap<string, number>
  /** Bytes written since they were opened, as the wires take them. */
  readonly written: number
  /** Bytes that wait for clients, in the wires and behind them: of all together, and of the one with the most. */
  readonly waiting: number
  readonly mostWaiting: number
  /** MESSAGEs that were not acknowledged yet. */
  readonly unacked: number
  /** Frames whose RECEIPT is not due yet, whether one was asked for or not. */
  readonly pending: number
  /** By the name of the broker. */
  readonly subscriptions: ReadonlyMap<string, Readonly<SubscriptionCount>>
}

export function takeCensus(sessions: Iterable<Session>): Census {
  const versions: Record<Version, number> = { '1.0': 0, '1.1': 0, '1.2': 0 }
  const framings = new Map<string, number>()
  const subscriptions = new Map<string, SubscriptionCount>()
  let written = 0
  let waiting = 0
  let mostWaiting = 0
  let unacked = 0
  let pending = 0
  for (const session of sessions) {
    const { wire, outlet } = session
    if (session.identity.isAdmitted) {
      const { name } = wire.framing
      versions[session.version]++
      framings.set(name, (framings.get(name) ?? 0) + 1)
    }
    const behind = wire.buffered + outlet.waiting
    written += wire.written
    waiting += behind
    mostWaiting = Math.max(mostWaiting, behind)
    pending += session.pending.frames
    unacked += countSubscriptions(session, subscriptions)
  }
  return { versions, framings, written, waiting, mostWaiting, unacked, pending, subscriptions }
}

/** @returns MESSAGEs that are not acknowledged */
function countSubscriptions({ subscriptions }: Session, into: Map<string, SubscriptionCount>): number {
  let unacked = 0
  for (const subscription of subscriptions.all()) {
    unacked += subscription.unacked
    // What was unsubscribed and is still owed ACKs gets nothing more.
    if (!subscriptions.isCurrent(subscription)) continue
    const { name } = subscription.place.route.broker
    let count = into.get(name)
    if (count === undefined) {
      count = { shared: 0, own: 0 }
      into.set(name, count)
    }
    if (subscription.shared === undefined) count.own++
    else count.shared++
  }
  return unacked
}
