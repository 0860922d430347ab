/**
 * One delivery into the bytes of one MESSAGE. Its first lines (the head) are those of a subscription and may carry marks; the rest (the tail) is the
 * same for all subscribers of one destination and version, whatever their ids.
 */
import { Buffer, isUtf8 } from 'node:buffer'
import type { Delivery } from '../broker/broker.ts'
import type { Place } from '../routing/route.ts'
import type { Router } from '../routing/router.ts'
import { encodeMessage, headerLine } from '../stomp/encoder.ts'
import type { Version } from '../stomp/version.ts'
import { fromMessage } from './headers.ts'
import type { Session } from './session.ts'

/** What all MESSAGEs of one subscription have in common. */
export class MessageView {
  readonly version: Version
  #place: Place
  #router: Router
  /** `MESSAGE` and the subscription. */
  readonly #start: string
  /** '' for a wildcard: each delivery has its own. */
  readonly #destination: string
  readonly #textOnly: boolean

  /** @param id the `id` of the SUBSCRIBE; undefined (STOMP 1.0 only): MESSAGE has no `subscription` header */
  constructor({ snapshot, version, wire }: Session, place: Place, id: string | undefined) {
    this.#router = snapshot.router
    this.#textOnly = wire.framing.textOnly
    this.#place = place
    this.version = version
    this.#start = `MESSAGE\n${id === undefined ? '' : headerLine('subscription', id, version)}`
    this.#destination = place.traits.wildcard ? '' : headerLine('destination', place.destination, version)
  }

  get place(): Place {
    return this.#place
  }

  /** After a reload: the same destination, through the routes that there are now. */
  adopt(router: Router, place: Place): void {
    this.#router = router
    this.#place = place
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
    return replyTo === undefined ? undefined : this.#router.replyDestination(this.#place.route.broker, replyTo)
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
    const { body } = delivery.message
    if (!this.#textOnly || isUtf8(body)) return encodeMessage(lines, this.#headers(delivery), body, this.version)
    // Some way must be found, and replacement characters would be none: this one says what it is.
    const text = Buffer.from(body.toString('base64'))
    return encodeMessage(`${lines}bridge-encoding:base64\n`, this.#headers(delivery), text, this.version)
  }

  #destinationOf(delivery: Delivery): string {
    const { destination, traits } = this.#place
    return traits.wildcard ? this.#router.destinationOf(this.#place, delivery.target) : destination
  }

  #headers(delivery: Delivery): string[] {
    const showSender = this.#place.route.policy.identity === 'public'
    return fromMessage(delivery.message, this.replyDestination(delivery), showSender)
  }
}
