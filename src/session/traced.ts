/**
 * An upstream subscription of one client whose deliveries are traced: it stands between the subscription and its broker, and is there only in a
 * traced house. A span lasts from the delivery until the broker is told what became of it: the kernel has taken it (`ack:auto`), ACK, NACK, or
 * given back. What nobody settles is over when it is written.
 */
import type { Delivery, Link, Outcome, Sink, SubscribeOptions, Subscription } from '../broker/broker.ts'
import type { BrokerError } from '../broker/errors.ts'
import type { MessageView } from './delivery.ts'
import type { Span, Spans } from './spans.ts'
import { traceContextOf } from './trace-context.ts'

/** As `link.subscribe`, for one client that sees its deliveries as `view` says. @param spans undefined: nobody traces them */
export function subscribeTraced(
  spans: Spans | undefined,
  view: MessageView,
  link: Link,
  options: SubscribeOptions,
  sink: Sink,
): Subscription {
  if (spans === undefined) return link.subscribe(view.place.target, options, sink)
  return new TracedSubscription(spans, view, link, options, sink)
}

/** The span of a delivery that `receivers` subscriptions get, all of which see it as `view` says, or much like it. */
export function traceDelivery(
  spans: Spans,
  view: MessageView,
  delivery: Delivery,
  receivers: number,
): Span | undefined {
  return spans.delivery({
    place: view.place,
    broker: view.place.route.broker,
    destination: () => view.header(delivery, 'destination') ?? view.place.destination,
    delivery,
    receivers,
    parent: traceContextOf(delivery.message.headers),
  })
}

/** Why a span ends whose delivery the broker will give again: no acknowledgement can reach the connection that it came on. */
const LOST = { code: 'broker-unavailable', text: 'the connection was lost: the message comes again' } as const

class TracedSubscription implements Sink, Subscription {
  readonly #spans: Spans
  readonly #view: MessageView
  readonly #settles: boolean
  readonly #sink: Sink
  readonly #upstream: Subscription
  /** Of what is recorded and unsettled, by tag; credit bounds them. */
  readonly #open = new Map<number, Span>()

  constructor(spans: Spans, view: MessageView, link: Link, options: SubscribeOptions, sink: Sink) {
    this.#spans = spans
    this.#view = view
    this.#settles = options.settle === 'each'
    this.#sink = sink
    // Last: deliveries may come before it returns.
    this.#upstream = link.subscribe(view.place.target, options, this)
  }

  get live(): Promise<void> {
    return this.#upstream.live
  }

  get address(): unknown {
    return this.#upstream.address
  }

  deliver(delivery: Delivery): void {
    const span = traceDelivery(this.#spans, this.#view, delivery, 1)
    if (span !== undefined && this.#settles) this.#open.set(delivery.tag, span)
    this.#sink.deliver(delivery)
    if (!this.#settles) span?.end()
  }

  lost(): void {
    for (const span of this.#open.values()) span.fail(LOST)
    this.#open.clear()
    this.#sink.lost()
  }

  resumed(gap: boolean): void {
    this.#sink.resumed(gap)
  }

  end(reason: BrokerError): void {
    for (const span of this.#open.values()) span.fail({ code: reason.code, text: reason.message })
    this.#open.clear()
    this.#sink.end(reason)
  }

  settle(tags: readonly number[], outcome: Outcome): Promise<readonly number[]> {
    for (const tag of tags) {
      this.#open.get(tag)?.end(outcome)
      this.#open.delete(tag)
    }
    return this.#upstream.settle(tags, outcome)
  }

  isDeferred(tag: number): boolean {
    return this.#upstream.isDeferred?.(tag) ?? false
  }

  stop(forget?: boolean): Promise<void> {
    return this.#upstream.stop(forget)
  }

  /** What is unsettled goes back to the broker. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const span of this.#open.values()) span.end('released')
    this.#open.clear()
    await this.#upstream[Symbol.asyncDispose]()
  }
}
