/**
 * The sessions that share the deliveries of one upstream subscription, in strands of those who get the same but for their subscription ids. It finds
 * each member its strand, and hands on what it hears.
 *
 * Members have no credit and settle nothing; what becomes of one that reads too slowly is its outlet's affair.
 */
import type { Delivery, Sink } from '../broker/broker.ts'
import type { Clock } from '../broker/clock.ts'
import type { BrokerError } from '../broker/errors.ts'
import type { BrokerTraffic } from '../broker/traffic.ts'
import type { Framing } from '../transports/wire.ts'
import type { Spans } from './spans.ts'
import { Strand } from './strand.ts'
import type { Stream } from './stream.ts'
import { traceDelivery } from './traced.ts'
import type { Turn } from './turn.ts'

export interface Member {
  /** The `id` of its SUBSCRIBE. */
  readonly id: string | undefined
  readonly stream: Stream
  resumed(gap: boolean): void
  end(reason: BrokerError): void
}

export class Audience implements Sink {
  readonly #number: number
  readonly #traffic: BrokerTraffic
  readonly #turn: Turn
  readonly #clock: Clock
  readonly #spans: Spans | undefined
  readonly #members = new Map<Member, Strand>()
  readonly #strands = new Map<Framing, Map<string, Strand>>()
  #ended: BrokerError | undefined

  /**
   * @param number unique in the process: message ids of two audiences never meet
   * @param traffic of the broker that it listens to
   * @param spans left out: nobody traces its deliveries
   */
  constructor(number: number, traffic: BrokerTraffic, turn: Turn, clock: Clock, spans?: Spans) {
    this.#number = number
    this.#traffic = traffic
    this.#turn = turn
    this.#clock = clock
    this.#spans = spans
  }

  /** A member that comes too late hears so at once. */
  add(member: Member): void {
    if (this.#ended !== undefined) {
      member.end(this.#ended)
      return
    }
    const { id, stream } = member
    const strand = this.#strandFor(stream)
    this.#members.set(member, strand)
    strand.add(id === undefined ? 'none' : `id ${id}`, stream)
  }

  /** What was delivered before still goes out. Idempotent. */
  remove(member: Member): void {
    const strand = this.#members.get(member)
    if (strand === undefined) return
    this.#members.delete(member)
    strand.remove(member.stream)
    if (strand.size > 0) return
    const strands = this.#strands.get(strand.framing)
    strands?.delete(strand.key)
    if (strands?.size === 0) this.#strands.delete(strand.framing)
  }

  /** After a reload: a member sees its destination through the routes that there are now. */
  adopt(member: Member): void {
    this.#members.get(member)?.adopt(member.stream)
  }

  deliver(delivery: Delivery): void {
    this.#traffic.arrived(delivery.message.body.length)
    const messageId = `m${this.#number}-${delivery.tag}`
    for (const strands of this.#strands.values()) {
      for (const strand of strands.values()) strand.deliver(delivery, messageId)
    }
    if (this.#spans !== undefined) this.#trace(this.#spans, delivery)
  }

  lost(): void {
    // Nothing is unsettled here; the gap is told when deliveries go on.
  }

  resumed(gap: boolean): void {
    this.#settle()
    for (const member of [...this.#members.keys()]) member.resumed(gap)
  }

  end(reason: BrokerError): void {
    this.#ended = reason
    this.#settle()
    for (const member of [...this.#members.keys()]) member.end(reason)
    this.#members.clear()
    this.#strands.clear()
  }

  /** One span for all members, as the first of them sees it; nobody listens while an empty audience lingers. */
  #trace(spans: Spans, delivery: Delivery): void {
    const [first] = this.#members.keys()
    if (first === undefined) return
    const span = traceDelivery(spans, first.stream.view, delivery, this.#members.size)
    if (span === undefined) return
    const all = [...this.#strands.values()].flatMap((strands) => [...strands.values()])
    let left = all.length
    // When the last of them has written it.
    for (const strand of all) strand.onceWritten(() => --left === 0 && span.end())
  }

  /** Members of one framing, version and destination; of each session one, so that its MESSAGEs keep their order. */
  #strandFor(stream: Stream): Strand {
    const { outlet, view } = stream
    const { framing } = outlet.wire
    let strands = this.#strands.get(framing)
    if (strands === undefined) {
      strands = new Map()
      this.#strands.set(framing, strands)
    }
    for (let layer = 0; ; layer++) {
      const key = `${view.version}\0${layer}\0${view.place.destination}`
      const strand = strands.get(key)
      if (strand === undefined) {
        const made = new Strand(key, stream, this.#turn, this.#clock)
        strands.set(key, made)
        return made
      }
      if (!strand.has(outlet) && strand.suits(stream)) return strand
    }
  }

  /** What was delivered before is told before. */
  #settle(): void {
    for (const strands of this.#strands.values()) for (const strand of strands.values()) strand.settle()
  }
}
