/**
 * SEND: a frame into a publish. What can be checked without the broker is checked here and now; the publish is called in the order of the
 * frames, and its promise is the RECEIPT.
 */
import type { Link, PublishOptions } from '../broker/broker.ts'
import { elapsed } from '../broker/clock.ts'
import { BrokerError } from '../broker/errors.ts'
import type { Message } from '../broker/message.ts'
import { absence } from '../routing/inner.ts'
import { isReserved } from '../routing/reserved.ts'
import type { Place } from '../routing/route.ts'
import { type Frame, firstOf, header } from '../stomp/frame.ts'
import { closedText, collectArguments, isArgument, NO_ARGUMENTS } from './arguments.ts'
import { failureOf, PolicyError } from './failure.ts'
import { checkAccess, checkPayload } from './guard.ts'
import { brief, toMessage } from './headers.ts'
import { isIgnored, meant, placeOf } from './place.ts'
import { isToSelf, sendToSelf } from './self.ts'
import type { Session } from './session.ts'
import type { SendSpan } from './spans.ts'
import { renewToken, TOKEN_DESTINATION } from './token.ts'
import { traceContextOf } from './trace-context.ts'

/** A SEND that has passed every check and waits for its turn. */
export interface Publication {
  readonly place: Place
  readonly message: Message
  readonly options: PublishOptions
  /** The frame's `receipt`. */
  readonly receipt: string | undefined
  /** What it takes while it waits: body and headers. */
  readonly bytes: number
  /** From the frame's arrival to the confirm; undefined: nobody traces it. */
  readonly span: SendSpan | undefined
}

/** Unsettled frames up to which the broker is taken to keep up. */
const FLOWING = 16

export function send(session: Session, frame: Frame): void {
  const receipt = header(frame, 'receipt')
  const destination = header(frame, 'destination')!
  let span: SendSpan | undefined
  try {
    if (destination === TOKEN_DESTINATION) {
      renewToken(session, frame)
      return
    }
    if (isToSelf(session, destination)) {
      sendToSelf(session, frame, destination)
      return
    }
    const place = placeOf(session, destination, 'send')
    if (session.house.spans !== undefined) span = traceSend(session, frame, destination, place)
    const transaction = header(frame, 'transaction')
    const confirmed = receipt !== undefined || transaction !== undefined
    // What may wait for long is copied: a view would pin the whole chunk it came in, heart-beats and all.
    const waits = transaction !== undefined || session.pending.frames >= FLOWING
    const kept = waits ? { ...frame, body: Buffer.from(frame.body) } : frame
    const publication = prepare(session, kept, place, receipt, confirmed, span)
    // What is refused costs nothing: nobody uses up a route's rate who may not send there.
    const { quotas, clock } = session.house
    session.pending.delay(quotas.spend(session.identity.key, place.route, frame.body.length), clock)
    if (transaction === undefined) enqueue(session, publication)
    else session.transactions.addSend(transaction, publication)
  } catch (error) {
    if (isIgnored(session, frame, error)) return void session.house.counters.ignored++
    const route = meant(session.snapshot, destination)
    span ??= traceSend(session, frame, destination, undefined)
    span?.fail(failureOf(error))
    const traceId = traceIdOf(frame.headers, span)
    session.fail(error, { receipt, route: route?.pattern, traceId }, route?.policy.errors)
  }
}

/** @returns undefined: nobody traces it */
function traceSend(
  session: Session,
  frame: Frame,
  destination: string,
  place: Place | undefined,
): SendSpan | undefined {
  return session.house.spans?.send({
    destination,
    place,
    bytes: frame.body.length,
    correlationId: header(frame, 'correlation-id'),
    messageId: header(frame, 'amqp-message-id'),
    client: session.wire.id,
    parent: traceContextOf(frame.headers),
  })
}

/** For the log. */
function traceIdOf(headers: readonly string[], span: SendSpan | undefined): string | undefined {
  return traceContextOf(span?.context ?? headers)?.traceId
}

function prepare(
  session: Session,
  frame: Frame,
  place: Place,
  receipt: string | undefined,
  confirmed: boolean,
  span: SendSpan | undefined,
): Publication {
  const { policy } = place.route
  if (policy.send === 'closed') throw new PolicyError('forbidden', closedText(place, 'SEND'))
  if (policy.send === 'delivered' && !session.addresses.has(place.destination)) {
    throw new PolicyError(
      'forbidden',
      `SEND to ${brief(place.destination)}: no message of this session had it as reply-to`,
    )
  }
  checkAccess(session, place, 'send')
  checkPayload(frame, place)
  const found = collectArguments(frame, place, 'SEND')
  const args = found === NO_ARGUMENTS ? undefined : found
  const sender = policy.identity === 'off' ? undefined : { user: session.user.name, session: session.id }
  const isRead = args === undefined ? isNever : (name: string, value: string) => isArgument(place, name, value)
  const message = toMessage(frame, isRead, sender)
  const replyTo = header(frame, 'reply-to')
  if (replyTo !== undefined) setReplyTo(session, message, place, replyTo)
  // What its sender says of its trace is passed on as it is, readable or not.
  if (span !== undefined && firstOf(message.headers, 'traceparent') === undefined)
    (message.headers as string[]).push(...span.context)
  const options: PublishOptions = { receipt: confirmed, holdMs: policy.holdMs, resend: policy.resend, arguments: args }
  return { place, message, options, receipt, bytes: weight(frame), span }
}

const isNever = (): boolean => false

function weight(frame: Frame): number {
  return frame.headers.reduce((sum, text) => sum + text.length, frame.body.length)
}

/**
 * PROMISES §5: "`reply-to` is a temp-queue of this session or a destination that the client may SUBSCRIBE to; else forbidden". Where a topic is
 * no address that the broker has words for, it travels as a header, and STOMP clients at the other end read it as they would here.
 */
function setReplyTo(session: Session, message: Message, place: Place, replyTo: string): void {
  const answer = isReserved(replyTo) ? undefined : session.snapshot.router.resolve(replyTo)
  if (answer === undefined) throw new PolicyError('forbidden', `reply-to: no route for ${brief(replyTo)}`)
  if (answer.route.broker !== place.route.broker) {
    throw new BrokerError(
      'unsupported',
      `reply-to ${brief(replyTo)} is on another broker than ${brief(place.destination)}`,
    )
  }
  const own = answer.traits.distribution === 'once' && answer.route.policy.closedBy === undefined
  if (!own) checkAccess(session, answer, 'subscribe')
  if (!own && answer.route.policy.subscribe !== 'open') {
    throw new PolicyError('forbidden', `reply-to ${brief(replyTo)}: this client may not subscribe to it`)
  }
  if (answer.traits.distribution === 'copy' && answer.traits.answers !== true)
    (message.headers as string[]).push('reply-to', replyTo)
  else message.properties.replyTo = answer.target
}

function enqueue(session: Session, publication: Publication): void {
  const { bytes } = publication
  let began = 0
  session.pending.begin(bytes)
  const { route, traits } = publication.place
  const lane = session.lanes.of(route.broker)
  // A handler's answer goes to another broker: who has subscribed before he asked gets it.
  const before = traits.distribution === 'once' ? session.subscriptions.starting : undefined
  if (before !== undefined) lane.run({ run: () => before, fail: () => {} })
  lane.run({
    run(link) {
      began = session.house.turn.ticks()
      publish(link, publication).then(
        () => {
          confirmed(session, publication, began)
          session.receipt(publication.receipt)
          session.pending.done(bytes)
        },
        (error: unknown) => refused(error),
      )
      return undefined
    },
    fail: refused,
  })

  function refused(error: unknown): void {
    const { pattern, policy } = publication.place.route
    publication.span?.fail(failureOf(error))
    const traceId = traceIdOf(publication.message.headers, publication.span)
    const told = absence(publication.place, error)
    session.fail(told, { receipt: publication.receipt, route: pattern, traceId }, policy.errors)
    session.pending.done(bytes)
  }
}

/** As `Link.publish`. */
export function publish(link: Link, { place, message, options }: Publication): Promise<void> {
  place.traffic.publishes(message.body.length)
  return link.publish(place.target, message, options)
}

/** The broker has confirmed what was published at `began`, in ticks. */
export function confirmed({ house }: Session, { place, span }: Publication, began: number): void {
  span?.end()
  place.traffic.broker.confirms.observe(elapsed(began, house.turn.ticks()))
}
