/**
 * The sessions that share the deliveries of one upstream subscription. Members that must receive the same bytes (framing, version,
 * subscription id, destination) form a group: a delivery is encoded and packed once per group, then written to each member.
 *
 * Members have no credit and settle nothing; one that reads too slowly is ended by its own outlet.
 */
import type { Delivery, Sink } from '../broker/broker.ts'
import type { BrokerError } from '../broker/errors.ts'
import type { Framing } from '../transports/wire.ts'
import type { MessageView } from './delivery.ts'

export interface Member {
  /** Equal for members of one framing that receive equal bytes. */
  readonly groupKey: string
  readonly framing: Framing
  readonly view: MessageView
  /** `packed` are the bytes for the whole group; the rest is for a member that needs others. */
  receive(packed: Buffer, delivery: Delivery, messageId: string): void
  resumed(gap: boolean): void
  end(reason: BrokerError): void
}

interface Group {
  readonly framing: Framing
  readonly view: MessageView
  readonly members: Set<Member>
}

export class Audience implements Sink {
  readonly #number: number
  readonly #groups = new Map<Framing, Map<string, Group>>()
  #ended: BrokerError | undefined

  /** @param number unique in the process: message ids of two audiences never meet */
  constructor(number: number) {
    this.#number = number
  }

  /** A member that comes too late hears so at once. */
  add(member: Member): void {
    if (this.#ended !== undefined) {
      member.end(this.#ended)
      return
    }
    let ofFraming = this.#groups.get(member.framing)
    if (ofFraming === undefined) {
      ofFraming = new Map()
      this.#groups.set(member.framing, ofFraming)
    }
    let group = ofFraming.get(member.groupKey)
    if (group === undefined) {
      group = { framing: member.framing, view: member.view, members: new Set() }
      ofFraming.set(member.groupKey, group)
    }
    group.members.add(member)
  }

  /** Idempotent. */
  remove(member: Member): void {
    const ofFraming = this.#groups.get(member.framing)
    const group = ofFraming?.get(member.groupKey)
    if (ofFraming === undefined || group === undefined) return
    group.members.delete(member)
    if (group.members.size === 0) ofFraming.delete(member.groupKey)
    if (ofFraming.size === 0) this.#groups.delete(member.framing)
  }

  deliver(delivery: Delivery): void {
    const messageId = `m${this.#number}-${delivery.tag}`
    for (const ofFraming of this.#groups.values()) {
      for (const group of ofFraming.values()) {
        const packed = group.framing.pack(group.view.encode(delivery, messageId, ''))
        for (const member of group.members) member.receive(packed, delivery, messageId)
      }
    }
  }

  lost(): void {
    // Nothing is unsettled here; the gap is told when deliveries go on.
  }

  resumed(gap: boolean): void {
    for (const member of this.#all()) member.resumed(gap)
  }

  end(reason: BrokerError): void {
    this.#ended = reason
    for (const member of this.#all()) member.end(reason)
    this.#groups.clear()
  }

  /** A copy: a member that hears of an end leaves. */
  #all(): Member[] {
    return [...this.#groups.values()].flatMap((ofFraming) =>
      [...ofFraming.values()].flatMap((group) => [...group.members]),
    )
  }
}
