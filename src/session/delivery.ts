/**
 * One delivery into the bytes of one MESSAGE. The part before the message id is the same for every MESSAGE of a subscription and is made
 * once; exact subscriptions have their destination in it.
 */
import type { Delivery } from '../broker/broker.ts'
import type { Place } from '../routing/route.ts'
import type { Router } from '../routing/router.ts'
import { encodeMessage, headerLine } from '../stomp/encoder.ts'
import type { Version } from '../stomp/version.ts'
import { fromMessage } from './headers.ts'

/** What all MESSAGEs of one subscription have in common. Equal views make equal bytes for equal deliveries. */
export class MessageView {
  readonly place: Place
  readonly version: Version
  readonly #router: Router
  readonly #prefix: string

  /** @param id the `id` of the SUBSCRIBE; undefined (STOMP 1.0 only): MESSAGE has no `subscription` header */
  constructor(router: Router, place: Place, id: string | undefined, version: Version) {
    this.#router = router
    this.place = place
    this.version = version
    const subscription = id === undefined ? '' : headerLine('subscription', id, version)
    const destination = place.traits.wildcard ? '' : headerLine('destination', place.destination, version)
    this.#prefix = `MESSAGE\n${subscription}${destination}`
  }

  /** @param marks further header lines, encoded: `ack`, `bridge-gap` */
  encode(delivery: Delivery, messageId: string, marks: string): Buffer {
    let prefix = `${this.#prefix}message-id:${messageId}\n${marks}`
    if (this.place.traits.wildcard) {
      prefix += headerLine('destination', this.#router.destinationOf(this.place, delivery.target), this.version)
    }
    if (delivery.redelivered) prefix += 'redelivered:true\n'
    const { broker, policy } = this.place.route
    const { replyTo } = delivery.message.properties
    const reply = replyTo === undefined ? undefined : this.#router.replyDestination(broker, replyTo)
    const headers = fromMessage(delivery.message, reply, policy.identity === 'public')
    return encodeMessage(prefix, headers, delivery.message.body, this.version)
  }

  /** Where the answer to this delivery goes, as the client will see it; undefined when it asks for none. */
  replyDestination(delivery: Delivery): string | undefined {
    const { replyTo } = delivery.message.properties
    return replyTo === undefined ? undefined : this.#router.replyDestination(this.place.route.broker, replyTo)
  }
}

/** Of all MESSAGEs after a recovery that may have lost some, the first (PROMISES §2, Gaps). */
export const GAP = 'bridge-gap:true\n'
