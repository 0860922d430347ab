/**
 * What the bridge looks like from outside: sessions, subscriptions, routes and brokers as rows of the ops API, made at the moment of asking from
 * the things themselves. Looks, and changes nothing. No row holds what logs anybody in.
 */

import { canonical } from '../broker/address.ts'
import type { OutageWatch } from '../broker/outage.ts'
import { type Listing, type ListingOf, listing, type Sort } from '../ops/list.ts'
import type { Json, ListName, Row } from '../ops/parts.ts'
import type { Route } from '../routing/route.ts'
import type { House } from '../session/house.ts'
import type { Session } from '../session/session.ts'
import type { Sessions } from '../session/sessions.ts'
import type { ClientSubscription } from '../session/subscription.ts'
import type { Current } from './current.ts'
import { isRequired } from './readiness.ts'

/** What there is to look at. A reload may put something else behind `house.snapshot` and `current`. */
export interface Sights {
  readonly house: House
  readonly sessions: Sessions
  readonly outages: OutageWatch
  current(): Pick<Current, 'config' | 'loaded' | 'loadedAt'> & { readonly routes: readonly Route[] }
}

/** A subscription and whose it is. */
interface Held {
  readonly session: Session
  readonly subscription: ClientSubscription
}

/** Subscriptions in the answer about one connection, sessions of one user; the rest are in the lists. */
const SHOWN = 100

export function listings(sights: Sights): Readonly<Record<ListName, Listing>> {
  return {
    connections: listing(connections(sights)),
    users: listing(users(sights)),
    subscriptions: listing(subscriptions(sights)),
    routes: listing(routes(sights)),
    brokers: listing(brokers(sights)),
  }
}

/** @param id as `Sessions.find` */
export function connectionView({ sessions, house }: Sights, id: string): Row | undefined {
  const session = sessions.find(id)
  if (session === undefined) return undefined
  const now = house.clock.now()
  const held = session.subscriptions.all().slice(0, SHOWN)
  return {
    ...connectionRow(session, now),
    held: held.map((subscription) => subscriptionRow({ session, subscription }, now)),
  }
}

const ascends = <T>(key: (entry: T) => number | string): Sort<T> => ({ order: 'asc', key })
const descends = <T>(key: (entry: T) => number): Sort<T> => ({ order: 'desc', key })

function connections({ sessions, house }: Sights): ListingOf<Session> {
  return {
    entries: () => sessions.all(),
    sorts: {
      // Equal ones stay as they are: the oldest first.
      buffered: descends(bufferedOf),
      age: ascends((session) => session.timers.since),
      heard: ascends((session) => session.timers.lastHeard),
      user: ascends((session) => session.user.name ?? ''),
      remote: ascends((session) => session.wire.handshake.remote),
      unacked: descends(unackedOf),
      pending: descends((session) => session.pending.frames),
      subscriptions: descends((session) => session.subscriptions.size),
      sent: descends((session) => session.wire.sent),
    },
    filters: {
      user: (session, value) => session.user.name === value,
      remote: isFrom,
      destination: (session, value) => session.subscriptions.all().some(({ place }) => place.destination === value),
      route: (session, value) => session.subscriptions.all().some(({ place }) => place.route.pattern === value),
      broker: (session, value) => session.lanes.has(value),
    },
    row: (session) => connectionRow(session, house.clock.now()),
  }
}

/** Somebody with a name, and all that he has open here. */
interface Present {
  readonly name: string
  readonly sessions: Session[]
}

/** Of this bridge alone; whoever is anonymous is nobody. */
function users({ sessions }: Sights): ListingOf<Present> {
  return {
    entries: () => present(sessions),
    sorts: {
      name: ascends(({ name }) => name),
      sessions: descends((user) => user.sessions.length),
    },
    filters: { user: ({ name }, value) => name === value },
    row: ({ name, sessions }) => ({
      name,
      sessions: sessions.length,
      ids: sessions.slice(0, SHOWN).map(({ id }) => id),
    }),
  }
}

function present(sessions: Sessions): Iterable<Present> {
  const found = new Map<string, Present>()
  for (const session of sessions.all()) {
    const { name } = session.user
    if (name === undefined || !session.identity.isAdmitted) continue
    const known = found.get(name)
    if (known === undefined) found.set(name, { name, sessions: [session] })
    else known.sessions.push(session)
  }
  return found.values()
}

function subscriptions({ sessions, house }: Sights): ListingOf<Held> {
  return {
    entries: () => allHeld(sessions),
    sorts: {
      unacked: descends(({ subscription }) => subscription.unacked),
      age: ascends(({ subscription }) => subscription.stream.since),
      dropped: descends(({ subscription }) => subscription.stream.leftOut),
      shared: descends(({ subscription }) => subscription.shared ?? 0),
      destination: ascends(({ subscription }) => subscription.place.destination),
      user: ascends(({ session }) => session.user.name ?? ''),
    },
    filters: {
      connection: ({ session }, value) => session.wire.id === value || session.id === value,
      user: ({ session }, value) => session.user.name === value,
      remote: ({ session }, value) => isFrom(session, value),
      destination: ({ subscription }, value) => subscription.place.destination === value,
      route: ({ subscription }, value) => subscription.place.route.pattern === value,
      broker: ({ subscription }, value) => subscription.place.route.broker.name === value,
    },
    row: (held) => subscriptionRow(held, house.clock.now()),
  }
}

/** One after the other: a list of all would be as long as the bridge is large. */
function* allHeld(sessions: Sessions): Generator<Held> {
  for (const session of sessions.all()) {
    for (const subscription of session.subscriptions.all()) yield { session, subscription }
  }
}

function routes({ current }: Sights): ListingOf<Route> {
  return {
    entries: () => current().routes,
    sorts: {
      index: ascends(({ index }) => index),
      destination: ascends(({ pattern }) => pattern),
      broker: ascends(({ broker }) => broker.name),
    },
    filters: {
      destination: ({ pattern }, value) => pattern === value,
      broker: ({ broker }, value) => broker.name === value,
    },
    row: routeRow,
  }
}

function brokers({ house, outages, current }: Sights): ListingOf<string> {
  const stateOf = (name: string): string => house.snapshot.brokers.get(name)!.health.state
  return {
    entries: () => house.snapshot.brokers.keys(),
    sorts: { name: ascends((name) => name), state: ascends(stateOf) },
    filters: { broker: (name, value) => name === value, state: (name, value) => stateOf(name) === value },
    row: (name) => {
      const { health, credentials, users } = house.snapshot.brokers.get(name)!
      const { config, routes } = current()
      return {
        name,
        adapter: config.brokers[name]?.adapter ?? null,
        state: health.state,
        since: timeText(health.since),
        reason: health.reason ?? null,
        required: isRequired(config, name),
        missing: outages.isMissing(name),
        credentials,
        users: users ?? null,
        routes: routes.filter(({ broker }) => broker.name === name).length,
      }
    },
  }
}

function connectionRow(session: Session, now: number): Row {
  const { wire, timers, outlet, pending, user } = session
  const { agreed } = timers
  return {
    id: wire.id,
    session: session.id,
    user: user.name ?? null,
    authenticator: user.authenticator === '' ? null : user.authenticator,
    remote: wire.handshake.remote,
    origin: wire.handshake.origin ?? null,
    transport: wire.framing.name,
    subprotocol: wire.handshake.subprotocol === '' ? null : wire.handshake.subprotocol,
    state: agreed === undefined ? 'connecting' : 'open',
    version: agreed === undefined ? null : session.version,
    connectedAt: timeText(timers.since),
    ageMs: now - timers.since,
    lastHeardAt: timeText(timers.lastHeard),
    heartbeat: agreed === undefined ? null : { outgoingMs: agreed.outgoingMs, incomingMs: agreed.incomingMs },
    subscriptions: session.subscriptions.size,
    unacked: unackedOf(session),
    // Frames whose end is not known yet: SENDs that await their confirm, and what waits behind them.
    pending: pending.frames,
    // More is under way than it may have: it is not read until some of that is settled.
    paused: timers.isDeaf,
    bufferedBytes: bufferedOf(session),
    // It reads too slowly: its messages wait one by one.
    slow: outlet.isLagging,
    sentBytes: wire.sent,
  }
}

function subscriptionRow({ session, subscription }: Held, now: number): Row {
  const { place, stream, options } = subscription
  return {
    connection: session.wire.id,
    user: session.user.name ?? null,
    remote: session.wire.handshake.remote,
    id: subscription.id ?? null,
    destination: place.destination,
    route: place.route.pattern,
    broker: place.route.broker.name,
    ack: subscription.ack,
    durable: options.durable !== undefined,
    // Subscriptions that get what one subscription at the broker brings; null: it has its own.
    shared: subscription.shared ?? null,
    unacked: subscription.unacked,
    // Messages that may be unacknowledged, or under way; null: no bound.
    credit: Number.isFinite(options.credit) ? options.credit : null,
    dropped: stream.leftOut,
    subscribedAt: timeText(stream.since),
    ageMs: now - stream.since,
  }
}

function routeRow({ index, pattern, broker, adapter, policy }: Route): Row {
  return {
    // The bridge's own have none: they come before all others.
    index: index < 0 ? null : index,
    destination: pattern,
    broker: broker.name,
    target: adapter.summary,
    send: policy.send,
    subscribe: policy.subscribe,
    closedBy: policy.closedBy ?? null,
    permit: { send: grants(policy.permit.send), subscribe: grants(policy.permit.subscribe) },
    errors: policy.errors,
    onGap: policy.onGap,
    nack: policy.nack,
    holdMs: policy.holdMs,
    share: policy.share,
    slow: policy.slow?.kind ?? null,
    identity: policy.identity,
  }
}

function grants(rule: Route['policy']['permit']['send']): Json {
  return rule.map(({ who, user, role, where }) => ({
    who,
    user: user ?? null,
    role: role ?? null,
    where: where.map(([variable, claim]) => [variable, claim]),
  }))
}

function unackedOf(session: Session): number {
  return session.subscriptions.all().reduce((sum, { unacked }) => sum + unacked, 0)
}

/** In the wire, and in the backlog of one that reads too slowly. */
function bufferedOf({ wire, outlet }: Session): number {
  return wire.buffered + outlet.waiting
}

function isFrom(session: Session, value: string): boolean {
  return session.wire.handshake.remote === (canonical(value) ?? value)
}

export function timeText(ms: number): string {
  return new Date(ms).toISOString()
}
