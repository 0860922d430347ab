/**
 * SUBSCRIBE and UNSUBSCRIBE. The RECEIPT of a SUBSCRIBE is written when the upstream consumer and binding are live and before its first
 * MESSAGE; until then later frames for the same broker wait, so that a SUBSCRIBE sent before a SEND sees that SEND.
 */
import type { Broker, Link, SubscribeOptions } from '../broker/broker.ts'
import { BrokerError } from '../broker/errors.ts'
import type { Place } from '../routing/route.ts'
import { ProtocolError } from '../stomp/errors.ts'
import { type Frame, header } from '../stomp/frame.ts'
import { closedText, collectArguments } from './arguments.ts'
import { subscribed, unsubscribed } from './chronicle.ts'
import { sendAway } from './drain.ts'
import { PolicyError } from './failure.ts'
import { checkAccess } from './guard.ts'
import { boolean, brief } from './headers.ts'
import { isIgnored, meant, placeOf } from './place.ts'
import type { AckMode } from './request.ts'
import type { Session } from './session.ts'
import { ClientSubscription } from './subscription.ts'
import { SubscriptionTable } from './subscriptions.ts'
import { within } from './waiting.ts'

export function subscribe(session: Session, frame: Frame): void {
  const receipt = header(frame, 'receipt')
  const id = header(frame, 'id')
  const destination = header(frame, 'destination')!
  try {
    const place = placeOf(session, destination, 'subscribe')
    const subscription = request(session, frame, place, id)
    // It would wait here for what only another bridge can give.
    if (session.isDraining && subscription.options.settle === 'each') return void sendAway(session)
    session.subscriptions.add(subscription)
    session.pending.begin(0)
    const started = begins(session, place.route.broker)
    session.lanes.of(place.route.broker).run({
      run(link) {
        const starting = start(session, subscription, link, receipt)
        if (starting === undefined) started()
        return starting?.then(started)
      },
      fail(reason) {
        failed(session, subscription, receipt, reason)
        started()
      },
    })
  } catch (error) {
    if (isIgnored(session, frame, error)) return void session.house.counters.ignored++
    const route = meant(session.snapshot, destination)
    session.fail(error, { receipt, subscription: id, route: route?.pattern }, route?.policy.errors)
  }
}

/** For a SEND that waits for what is subscribed before it on another broker. PROMISES §3: one that is away stalls nobody else's frames. */
function begins({ snapshot, subscriptions }: Session, { health }: Broker): () => void {
  const counts = snapshot.brokers.size > 1 && (health.state === 'up' || health.state === 'blocked')
  return counts ? subscriptions.begins() : nothing
}

const nothing = (): void => {}

/** Checks all that can be known before the broker is asked. */
function request(session: Session, frame: Frame, place: Place, id: string | undefined): ClientSubscription {
  const { policy } = place.route
  if (policy.subscribe === 'closed') throw new PolicyError('forbidden', closedText(place, 'SUBSCRIBE'))
  checkAccess(session, place, 'subscribe')
  if (header(frame, 'selector') !== undefined) {
    throw new BrokerError(
      'unsupported',
      'header "selector" is not supported: filter in the client, or route by the destination',
    )
  }
  if (session.subscriptions.get(SubscriptionTable.key(id, place.destination)) !== undefined) {
    throw new PolicyError('duplicate-subscription', `subscription "${brief(id ?? place.destination)}" exists already`)
  }
  const { limits } = session.snapshot
  // Those that were unsubscribed and still owe ACKs hold something too.
  if (session.subscriptions.size >= limits.subscriptions || session.subscriptions.owed >= 2 * limits.subscriptions) {
    throw new PolicyError('too-many-subscriptions', `a session may have ${limits.subscriptions} subscriptions`)
  }
  const ack = ackMode(frame)
  if (ack !== 'auto' && !place.traits.settles && place.traits.defers !== true) {
    throw new BrokerError('unsupported', `ack:${ack} means nothing to this destination; it must be auto`)
  }
  const options = subscribeOptions(session, frame, place, ack, collectArguments(frame, place, 'SUBSCRIBE'))
  return new ClientSubscription(session, { number: session.subscriptions.nextNumber(), id, place, ack, options })
}

function ackMode(frame: Frame): AckMode {
  const ack = header(frame, 'ack') ?? 'auto'
  if (ack === 'auto' || ack === 'client' || ack === 'client-individual') return ack
  // STOMP 1.2, SUBSCRIBE ack Header: "The valid values for the ack header are auto, client, or client-individual."
  throw new ProtocolError('bad-value', `header "ack" must be auto, client or client-individual, not "${brief(ack)}"`)
}

function subscribeOptions(
  session: Session,
  frame: Frame,
  place: Place,
  ack: AckMode,
  args: Readonly<Record<string, string>>,
): SubscribeOptions {
  const { limits } = session.snapshot
  const durable = durableName(session, frame, place)
  const { prefetch: own, slow } = place.route.policy
  // What is to be held back must be settled.
  const free = durable === undefined && Object.keys(args).length === 0 && slow?.kind !== 'pause'
  const copies = place.traits.distribution === 'copy' && free
  const most = own ?? (ack === 'auto' ? limits.prefetchAuto : limits.prefetchClient)
  return {
    credit: prefetch(frame, ack === 'auto' ? most : Math.min(most, creditLeft(session))),
    creditBytes: limits.prefetchBytes,
    // A copy that nobody acknowledges is settled the moment it is given; everything else is settled by ACK or by having been sent.
    settle: ack === 'auto' && (copies || !place.traits.settles) ? 'presettled' : 'each',
    durable,
    arguments: args,
  }
}

/** @throws PolicyError `too-many-subscriptions` when all the session's credit is given to others */
function creditLeft({ snapshot, subscriptions }: Session): number {
  // What was unsubscribed gets nothing more: it holds what is not acknowledged of it.
  const taken = subscriptions
    .all()
    .filter(({ ack }) => ack !== 'auto')
    .map((each) => (subscriptions.isCurrent(each) ? each.options.credit : each.unacked))
  const left = taken.reduce((sum, count) => sum - count, snapshot.limits.unacked)
  if (left > 0) return left
  const most = `${snapshot.limits.unacked} unacknowledged messages`
  throw new PolicyError('too-many-subscriptions', `a session may have ${most}: ask for less with prefetch-count`)
}

/** `prefetch-count: 0` is the route's maximum (PROMISES §2, Credit). */
function prefetch(frame: Frame, most: number): number {
  const asked = header(frame, 'prefetch-count')
  if (asked === undefined) return most
  if (!/^[0-9]{1,9}$/.test(asked)) {
    throw new ProtocolError('bad-value', `header "prefetch-count" must be decimal digits, not "${brief(asked)}"`)
  }
  const count = Number(asked)
  return count === 0 ? most : Math.min(count, most)
}

/** Whose durable subscription this is (PROMISES §5, Durable identity); undefined when it is not durable. */
function durableName(session: Session, frame: Frame, place: Place): string | undefined {
  if (place.traits.distribution !== 'copy' || !asksDurable(frame)) return undefined
  const id = header(frame, 'id')
  if (id === undefined)
    throw new PolicyError('client-id-required', 'a durable subscription needs an "id" that stays the same')
  const { name } = session.principal
  // Without a name (a token that does not tell it) everybody's queue would be the same.
  if (place.route.broker.credentials === 'client' && name !== undefined) return JSON.stringify([name, id])
  if (name === undefined || session.clientId === undefined) {
    throw new PolicyError(
      'client-id-required',
      'a durable subscription needs a user and the header "client-id" in CONNECT: two tabs use the same subscription ids',
    )
  }
  return JSON.stringify([name, session.clientId, id])
}

function asksDurable(frame: Frame): boolean {
  const asked = header(frame, 'durable') ?? header(frame, 'persistent')
  return asked !== undefined && boolean('durable', asked)
}

/** @returns what holds the lane: settled when the subscription is live, or when it has failed */
function start(
  session: Session,
  subscription: ClientSubscription,
  link: Link,
  receipt: string | undefined,
): Promise<void> | undefined {
  if (session.ended.isOver) {
    failed(session, subscription, receipt, new BrokerError('closed', 'the session has ended'))
    return undefined
  }
  return within(session.house.clock, patience(subscription.place), session.ended, subscription.start(link)).then(
    () => {
      session.receipt(receipt)
      subscription.open(link)
      subscribed(session, subscription)
      session.pending.done(0)
    },
    (reason: unknown) => failed(session, subscription, receipt, reason),
  )
}

/** `holdMs` is for a broker that is away, and may be 0; one that is there is given the time that an answer may take. */
function patience({ route: { broker, policy } }: Place): number {
  const { state } = broker.health
  return state === 'up' || state === 'blocked' ? Math.max(policy.holdMs, ANSWER_MS) : policy.holdMs
}

const ANSWER_MS = 10_000

/** A failed SUBSCRIBE leaves no subscription (PROMISES §4). */
function failed(
  session: Session,
  subscription: ClientSubscription,
  receipt: string | undefined,
  reason: unknown,
): void {
  subscription.finish()
  const { pattern, policy } = subscription.place.route
  session.fail(reason, { receipt, subscription: subscription.id, route: pattern }, policy.errors)
  session.pending.done(0)
}

export function unsubscribe(session: Session, frame: Frame): void {
  const receipt = header(frame, 'receipt')
  const key = SubscriptionTable.key(header(frame, 'id'), header(frame, 'destination'))
  const subscription = session.subscriptions.get(key)
  if (subscription === undefined) {
    const unknown = new PolicyError('unknown-subscription', `there is no subscription with ${brief(key)}`)
    // Its SUBSCRIBE may have been ignored as well.
    if (isIgnored(session, frame, unknown)) return void session.house.counters.ignored++
    throw unknown
  }
  const context = { receipt, subscription: subscription.id }
  const { errors } = subscription.place.route.policy
  let forget: boolean
  try {
    forget = asksDurable(frame)
  } catch (error) {
    session.fail(error, context, errors)
    return
  }
  unsubscribed(session, subscription)
  session.pending.begin(0)
  // The consumer is cancelled before the RECEIPT, so that no MESSAGE of it follows.
  void subscription
    .stop(forget)
    .then(
      () => session.receipt(receipt),
      (error: unknown) => session.fail(error, context, errors),
    )
    .then(() => session.pending.done(0))
}
