/** What a route of this adapter says beside its name: the same object for all targets of the route. */

export interface RouteRule {
  /** 1: everything is sent at QoS 1 · 0: nothing is subscribed to above QoS 0 · undefined: as the client asks, subscribed at 1. */
  readonly qos: 0 | 1 | undefined
  /** Clients may say `retain:true`. */
  readonly retain: boolean
  /** A message that nobody subscribes to is refused (MQTT 5 only: reason 0x10). */
  readonly mandatory: boolean
  /** The share name; undefined = every subscription gets its own copy. */
  readonly group: string | undefined
  /** deferred: PUBACK when the client has acknowledged · emulate: PUBACK at once, acknowledged in the bridge · refuse: only `ack:auto`. */
  readonly ack: 'deferred' | 'emulate' | 'refuse'
  /** What becomes of an unacknowledged head after `ackTimeoutMs`. */
  readonly nack: 'redeliver' | 'reject'
  /** Milliseconds; 0 = for ever. */
  readonly ackTimeoutMs: number
  /** How long the broker keeps a durable subscription whose client is away. */
  readonly sessionExpirySeconds: number
}
