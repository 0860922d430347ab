/**
 * One delivery into the bytes of one MESSAGE. Its first lines (the head) are those of a subscription and may carry marks; the rest (the tail) is the
 * same for all subscribers of one destination and version, whatever their ids.
 */
import type { Delivery } from '../broker/broker.ts'
import type { Place } from '../routing/route.ts'
import type { Router } from '../routing/router.ts'
import { encodeMessage, headerLine } from '../stomp/encoder.ts'
import type { Version } from '../stomp/version.ts'
import { fromMessage } from './headers.ts'

/** What all MESSAGEs of one subscription have in common. */
export class MessageView {
  readonly place: Place
  readonly version: Version
  readonly #router: Router
  /** `MESSAGE` and the subscription. */
  readonly #start: string
  /** '' for a wildcard: each delivery has its own. */
  readonly #destination: string

  /** @param id the `id` of the SUBSCRIBE; undefined (STOMP 1.0 only): MESSAGE has no `subscription` header */
  constructor(router: Router, place: Place, id: string | undefined, version: Version) {
    this.#router = router
    this.place = place
    this.version = version
    this.#start = `MESSAGE\n${id === undefined ? '' : headerLine('subscription', id, version)}`
    this.#destination = place.traits.wildcard ? '' : headerLine('destination', place.destination, version)
  }

  /** A whole frame. @param marks further header lines, encoded: `ack`, `bridge-gap` */
  encode(delivery: Delivery, messageId: string, marks: string): Buffer {
    return this.#encode(`${this.#start}${this.#destination}message-id:${messageId}\n${marks}`, delivery)
  }

  /** The first lines of a MESSAGE. @param marks further header lines, encoded */
  head(marks = ''): Buffer {
    return Buffer.from(this.#start + marks)
  }

  /** What follows a head: equal for views of equal version and destination. */
  tail(delivery: Delivery, messageId: string): Buffer {
    return this.#encode(`${this.#destination}message-id:${messageId}\n`, delivery)
  }

  /** Where the answer to this delivery goes, as the client will see it; undefined when it asks for none. */
  replyDestination(delivery: Delivery): string | undefined {
    const { replyTo } = delivery.message.properties
    return replyTo === undefined ? undefined : this.#router.replyDestination(this.place.route.broker, replyTo)
  }

  /** What the client will see of one header; undefined when the MESSAGE does not have it. */
  header(delivery: Delivery, name: string): string | undefined {
    if (name === 'destination') return this.#destinationOf(delivery)
    const headers = this.#headers(delivery)
    const at = headers.findIndex((each, index) => index % 2 === 0 && each === name)
    return at === -1 ? undefined : headers[at + 1]
  }

  #encode(start: string, delivery: Delivery): Buffer {
    let lines = start
    if (this.#destination === '') lines += headerLine('destination', this.#destinationOf(delivery), this.version)
    if (delivery.redelivered) lines += 'redelivered:true\n'
    return encodeMessage(lines, this.#headers(delivery), delivery.message.body, this.version)
  }

  #destinationOf(delivery: Delivery): string {
    const { destination, traits } = this.place
    return traits.wildcard ? this.#router.destinationOf(this.place, delivery.target) : destination
  }

  #headers(delivery: Delivery): string[] {
    const showSender = this.place.route.policy.identity === 'public'
    return fromMessage(delivery.message, this.replyDestination(delivery), showSender)
  }
}
