/**
 * A message as it crosses the port, in both directions. Knows no protocol: STOMP header names are session/'s affair, AMQP and MQTT
 * property names the adapters'.
 */

/**
 * What brokers have words for. One monomorphic class: every field is always present, so that V8 keeps one hidden class on the hot path.
 * Everything else a client sends stays in {@link Message.headers}.
 */
export class Properties {
  contentType: string | undefined = undefined
  contentEncoding: string | undefined = undefined
  correlationId: string | undefined = undefined
  /** The application's own id (AMQP message-id), not STOMP's `message-id`. */
  messageId: string | undefined = undefined
  type: string | undefined = undefined
  appId: string | undefined = undefined
  /** The sender's name as the broker checks it (AMQP user-id). */
  userId: string | undefined = undefined
  /** Milliseconds the message may wait before the broker drops it; an integer ≥ 0. */
  expirationMs: number | undefined = undefined
  /** 0-255. */
  priority: number | undefined = undefined
  /** Milliseconds since 1970. */
  timestampMs: number | undefined = undefined
  /** Asked for by the sender: true, false, or not said (then the adapter decides by route and receipt). */
  persistent: boolean | undefined = undefined
  /** Outbound: where answers go, a target of the same broker that its own `Route.target` made. Inbound: likewise, or undefined. */
  replyTo: unknown = undefined
}

export interface Message {
  /** A view into a read chunk: never written to, and copied by whoever keeps it after the call that handed it over has settled. */
  readonly body: Buffer
  /** name, value, name, value …: the user's own headers in order; of equal names the first counts. No Map, no plain object (`__proto__`). */
  readonly headers: readonly string[]
  readonly properties: Properties
}
