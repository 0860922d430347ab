/**
 * What a session tells of single messages to whoever traces them: types only. src/ops/tracing.ts makes them with OpenTelemetry's words; a house
 * without `spans` is not traced, and one look at that field is all that it costs.
 */
import type { Delivery, Outcome } from '../broker/broker.ts'
import type { Place } from '../routing/route.ts'
import type { Failure } from './failure.ts'
import type { TraceContext } from './trace-context.ts'

/** One operation on one message. Of the calls that end it only the first counts. */
export interface Span {
  /** It is done. @param outcome of a delivery: what the broker was told; undefined: the broker is told nothing */
  end(outcome?: Outcome): void
  /** It has failed. */
  fail(failure: Pick<Failure, 'code' | 'text'>): void
}

export interface SendSpan extends Span {
  /** Headers for a message that comes without a context of its own: name, value … */
  readonly context: readonly string[]
}

/** A SEND that has just come. */
export interface Sending {
  /** As the client wrote it. */
  readonly destination: string
  /** undefined: it leads nowhere. */
  readonly place: Place | undefined
  /** Bytes of the body. */
  readonly bytes: number
  /** The `correlation-id` and `amqp-message-id` of the frame. */
  readonly correlationId: string | undefined
  readonly messageId: string | undefined
  /** Which connection it came on, as the log names it. */
  readonly client: string
  /** The message's own context. */
  readonly parent: TraceContext | undefined
}

/** A delivery that has just come from a broker. */
export interface Receiving {
  /** Of the subscription, or of one of those that share it; undefined: an answer that no SUBSCRIBE asked for. */
  readonly place: Place | undefined
  /** The concrete one, as the subscriber will see it; called for what is recorded. */
  destination(): string
  readonly broker: Place['route']['broker']
  readonly delivery: Delivery
  /** Subscriptions of clients that get it. */
  readonly receivers: number
  readonly parent: TraceContext | undefined
}

export interface Spans {
  /** undefined: this one is not recorded. */
  send(sending: Sending): SendSpan | undefined
  delivery(receiving: Receiving): Span | undefined
}
