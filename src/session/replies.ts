/**
 * Request and reply of one session: answers that arrive for its temp-queues, which no SUBSCRIBE asked for, and the addresses that requests to
 * it named as `reply-to`, to which it may answer.
 */
import type { Broker, Delivery, Sink } from '../broker/broker.ts'
import type { BrokerError } from '../broker/errors.ts'
import type { TrafficBook } from '../broker/traffic.ts'
import type { Router } from '../routing/router.ts'
import { encodeMessage, headerLine } from '../stomp/encoder.ts'
import type { Version } from '../stomp/version.ts'
import { SAID } from './counters.ts'
import { fromMessage } from './headers.ts'
import type { Outlet } from './outlet.ts'
import type { Spans } from './spans.ts'
import { traceContextOf } from './trace-context.ts'

/** Addresses remembered per session; the oldest is forgotten. */
const MOST_ADDRESSES = 1024

/** `reply-to` destinations that this session was given with a MESSAGE. */
export class ReplyAddresses {
  readonly #known = new Set<string>()

  /** undefined: no answer is asked for. */
  add(destination: string | undefined): void {
    if (destination === undefined) return
    this.#known.delete(destination)
    this.#known.add(destination)
    if (this.#known.size <= MOST_ADDRESSES) return
    for (const oldest of this.#known) {
      this.#known.delete(oldest)
      return
    }
  }

  has(destination: string): boolean {
    return this.#known.has(destination)
  }
}

/** What is asked of the session, each time anew. */
export interface RepliesContext {
  readonly house: { readonly traffic: TrafficBook; readonly spans?: Spans | undefined }
  readonly snapshot: { readonly router: Router }
  readonly version: Version
  readonly outlet: Outlet
  readonly addresses: ReplyAddresses
  /** The broker has come to refuse whom this link is for. */
  fail(reason: BrokerError): void
}

/**
 * Where a link delivers answers. Their MESSAGE has the temp-queue's destination as `subscription`, as RabbitMQ's plugin does: stompjs hands
 * it to `onUnhandledMessage`, or to the callback of a subscription with that id.
 */
export class Replies implements Sink {
  readonly #broker: Broker
  readonly #context: RepliesContext

  constructor(broker: Broker, context: RepliesContext) {
    this.#broker = broker
    this.#context = context
  }

  deliver(delivery: Delivery): void {
    const { house, snapshot, version, outlet, addresses } = this.#context
    const { router } = snapshot
    const destination = router.replyDestination(this.#broker, delivery.target)
    if (destination === undefined) return
    const span = house.spans?.delivery({
      place: undefined,
      broker: this.#broker,
      destination: () => destination,
      delivery,
      receivers: 1,
      parent: traceContextOf(delivery.message.headers),
    })
    const prefix = `MESSAGE\n${headerLine('subscription', destination, version)}${headerLine('destination', destination, version)}`
    const { replyTo } = delivery.message.properties
    const answer = replyTo === undefined ? undefined : router.replyDestination(this.#broker, replyTo)
    addresses.add(answer)
    const headers = fromMessage(delivery.message, answer, false)
    const id = headerLine('message-id', `reply-${this.#broker.name}-${delivery.tag}`, version)
    house.traffic.broker(this.#broker.name).arrived(delivery.message.body.length)
    outlet.frame(encodeMessage(`${prefix}${id}`, headers, delivery.message.body, version), SAID.reply)
    span?.end()
  }

  lost(): void {
    // The next request declares a new temp-queue; an answer that was under way is lost with the old one, as in AMQP.
  }

  resumed(): void {}

  end(reason: BrokerError): void {
    this.#context.fail(reason)
  }
}
