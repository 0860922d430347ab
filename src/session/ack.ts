/**
 * ACK and NACK. Ack ids are `<subscription number>-<tag>`, opaque to clients and valid only in the session that got them. AMQP and MQTT have no
 * confirm of an acknowledgement: the RECEIPT says that it was handed to an open connection, or, with `bridge-stale:true`, that the message's
 * connection is gone and the broker gives it again.
 */
import type { Outcome } from '../broker/broker.ts'
import { type Frame, header } from '../stomp/frame.ts'
import { PolicyError } from './failure.ts'
import { boolean, brief } from './headers.ts'
import type { Session } from './session.ts'
import type { ClientSubscription } from './subscription.ts'

/** An ACK or NACK that names a delivery of this session. */
export interface Settlement {
  readonly subscription: ClientSubscription
  readonly tag: number
  readonly outcome: Outcome
  readonly receipt: string | undefined
}

export function ack(session: Session, frame: Frame): void {
  acknowledge(session, frame, () => 'accepted')
}

export function nack(session: Session, frame: Frame): void {
  acknowledge(session, frame, (subscription) => {
    const requeue = header(frame, 'requeue')
    const again =
      requeue === undefined ? subscription.place.route.policy.nack === 'requeue' : boolean('requeue', requeue)
    return again ? 'released' : 'rejected'
  })
}

function acknowledge(session: Session, frame: Frame, outcomeFor: (subscription: ClientSubscription) => Outcome): void {
  const receipt = header(frame, 'receipt')
  // STOMP 1.2 ACK: "id" is the MESSAGE's ack header; 1.0 and 1.1: "message-id" is its message-id. They have the same value here.
  const id = header(frame, session.version === '1.2' ? 'id' : 'message-id')!
  const subscription = find(session, frame, id)
  if (subscription === undefined) throw unknown(id)
  try {
    if (subscription.look(tagOf(id)) === 'unknown') throw unknown(id)
    const settlement = { subscription, tag: tagOf(id), outcome: outcomeFor(subscription), receipt }
    const transaction = header(frame, 'transaction')
    if (transaction !== undefined) session.transactions.addSettlement(transaction, settlement)
    else settleNow(session, settlement, id)
  } catch (error) {
    session.fail(error, { receipt, subscription: subscription.id }, subscription.place.route.policy.errors)
  }
}

function settleNow(session: Session, settlement: Settlement, id: string): void {
  const { subscription, tag, outcome, receipt } = settlement
  const claim = subscription.claim(tag)
  if (claim === 'unknown') throw unknown(id)
  if (claim === 'stale') {
    session.receipt(receipt, STALE)
    return
  }
  session.pending.begin(0)
  void subscription.settle(claim, outcome).then((stale) => {
    session.receipt(receipt, marksOf(subscription, claim, stale))
    session.pending.done(0)
  })
}

/** On the RECEIPT of an ACK that came too late (PROMISES §2). */
export const STALE: readonly string[] = ['bridge-stale', 'true']
/** … of one that the broker will hear of when an older message is acknowledged (PROMISES §6). */
const DEFERRED: readonly string[] = ['bridge-deferred', 'true']

/** What the RECEIPT of a settlement says beside its id. */
export function marksOf(
  subscription: ClientSubscription,
  tags: readonly number[],
  stale: readonly number[],
): readonly string[] {
  if (stale.length > 0) return STALE
  return tags.some((tag) => subscription.isDeferred(tag)) ? DEFERRED : []
}

function find(session: Session, frame: Frame, id: string): ClientSubscription | undefined {
  const subscription = session.subscriptions.byNumber(Number.parseInt(id, 10))
  // STOMP 1.1, ACK: "subscription, which MUST be set to match the value of the subscription's id header"
  const named = session.version === '1.1' ? header(frame, 'subscription') : undefined
  return named === undefined || named === subscription?.id ? subscription : undefined
}

function tagOf(id: string): number {
  const found = /^[0-9]{1,15}-([0-9]{1,15})$/.exec(id)
  return found === null ? 0 : Number(found[1])
}

export function unknown(id: string): PolicyError {
  return new PolicyError('unknown-ack', `"${brief(id)}" is no unacknowledged message of this session`)
}
