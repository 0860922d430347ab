/**
 * What waits for a client that reads too slowly: the private queue that its outlet falls back to, bounded in bytes and age. Here, and only here,
 * messages are left out, by the policy of their route:
 *
 *   pause        nothing is left out; the credit of its own upstream subscription bounds it
 *   drop-oldest  what has waited longest makes room, of this subscription or else of another one with this policy; what is too old goes
 *   drop-newest  what comes finds no room, or the oldest too old
 *   conflate     the newest of equal keys replaces the older one; it has its own place in the order, at the end. Then as drop-oldest, but nothing
 *                gets too old: it is the newest there is
 *   disconnect   no room, or the oldest too old: the session must go
 *
 * So what a client gets is always a part of what it would have got, in the same order; a MESSAGE tells how many are missing before it.
 */
import type { Delivery } from '../broker/broker.ts'
import type { Clock, Timer } from '../broker/clock.ts'
import type { SlowPolicy } from '../routing/route.ts'
import { type Arrival, Chain, type Parcel, type Waiting } from './chain.ts'
import type { SessionCounters } from './counters.ts'
import type { Stream } from './stream.ts'

const UNMARKED = { dropped: 0, gap: false } as const

export class Backlog {
  readonly #ageMs: number
  readonly #clock: Clock
  readonly #counters: SessionCounters
  readonly #expired: () => void
  readonly #chains = new Map<Stream, Chain>()
  #bytes = 0
  #order = 0
  #dropped = false
  #timer: Timer | undefined

  /**
   * @param ageMs how long a message may wait
   * @param expired something of `disconnect` has waited too long: the session must go
   */
  constructor(ageMs: number, clock: Clock, counters: SessionCounters, expired: () => void) {
    this.#ageMs = ageMs
    this.#clock = clock
    this.#counters = counters
    this.#expired = expired
  }

  /** Weight of all that waits, but for what credit bounds. */
  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#chains.size === 0
  }

  /**
   * A message that nobody settles.
   * @param room bytes that may wait; one message may exceed them alone
   * @returns false: the session must go
   */
  add(stream: Stream, parcel: Parcel, room: number): boolean {
    return this.#admit({ stream, parcel, delivery: undefined, weight: parcel.tail.bytes.length }, room)
  }

  /** A delivery that is settled when it has been written. @returns false: the session must go */
  hold(stream: Stream, delivery: Delivery, room: number): boolean {
    const weight = stream.slow.kind === 'pause' ? 0 : delivery.message.body.length
    return this.#admit({ stream, parcel: undefined, delivery, weight }, room)
  }

  /** What is to be written next, now taken out; undefined = nothing waits any more. */
  next(): Waiting | undefined {
    for (;;) {
      const first = this.#first()
      if (first === undefined) return undefined
      const item = first.oldest!
      if (item.stream.slow.kind === 'drop-oldest' && this.#isTooOld(item)) {
        this.#drop(first, item)
        continue
      }
      first.remove(item)
      this.#forget(first, item)
      return item
    }
  }

  /** Nothing more of this stream is to be written. @returns its deliveries that somebody must settle */
  withdraw(stream: Stream): Delivery[] {
    const chain = this.#chains.get(stream)
    const deliveries: Delivery[] = []
    for (let item = chain?.oldest; item !== undefined; item = item.after) {
      this.#bytes -= item.weight
      if (item.delivery !== undefined) deliveries.push(item.delivery)
    }
    this.#chains.delete(stream)
    if (this.isEmpty) this.close()
    return deliveries
  }

  /** Forgets everything. Idempotent. */
  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#chains.clear()
    this.#bytes = 0
  }

  #admit(arrival: Arrival, room: number): boolean {
    const { stream, weight } = arrival
    const { kind } = stream.slow
    const chain = this.#chains.get(stream) ?? new Chain(stream)
    this.#makeRoom(chain, arrival, room)
    const tooLate = (kind === 'drop-newest' || kind === 'disconnect') && this.#isTooOld(chain.oldest)
    if (tooLate || !this.#fits(weight, room)) {
      if (kind === 'disconnect') return false
      stream.mark({ dropped: 1, gap: false })
      this.#leftOut(stream)
      return true
    }
    const since = this.#clock.now()
    chain.push({ ...arrival, since, order: ++this.#order, marks: UNMARKED, before: undefined, after: undefined })
    this.#chains.set(stream, chain)
    this.#bytes += weight
    if (kind === 'disconnect') this.#timer ??= this.#clock.after(this.#ageMs, () => this.#look())
    return true
  }

  /** Leaves out what this one replaces, what is too old, and what is older, as far as its policy says so. */
  #makeRoom(chain: Chain, { stream, parcel, weight }: Arrival, room: number): void {
    const { kind } = stream.slow
    const replaced = chain.of(parcel?.key)
    if (replaced !== undefined) this.#drop(chain, replaced)
    if (kind === 'drop-oldest') while (this.#isTooOld(chain.oldest)) this.#drop(chain, chain.oldest!)
    if (kind !== 'drop-oldest' && kind !== 'conflate') return
    while (!this.#fits(weight, room)) {
      const victim = chain.oldest === undefined ? this.#first('drop-oldest') : chain
      if (victim === undefined) return
      this.#drop(victim, victim.oldest!)
    }
  }

  /** The chain whose oldest message came before those of all others. @param kind only of this policy */
  #first(kind?: SlowPolicy['kind']): Chain | undefined {
    let first: Chain | undefined
    for (const chain of this.#chains.values()) {
      if (kind !== undefined && chain.stream.slow.kind !== kind) continue
      if (first === undefined || chain.oldest!.order < first.oldest!.order) first = chain
    }
    return first
  }

  #fits(weight: number, room: number): boolean {
    return weight === 0 || this.#bytes === 0 || this.#bytes + weight <= room
  }

  #isTooOld(item: Waiting | undefined): boolean {
    return item !== undefined && this.#clock.now() - item.since >= this.#ageMs
  }

  #drop(chain: Chain, item: Waiting): void {
    chain.drop(item)
    this.#forget(chain, item)
    this.#leftOut(item.stream)
  }

  #forget(chain: Chain, item: Waiting): void {
    this.#bytes -= item.weight
    if (chain.oldest !== undefined) return
    this.#chains.delete(chain.stream)
    if (this.isEmpty) this.close()
  }

  #leftOut(stream: Stream): void {
    this.#counters.drops[stream.slow.kind]++
    stream.leftOut++
    if (this.#dropped) return
    this.#dropped = true
    stream.dropping()
  }

  /** Has anything of `disconnect` waited too long? */
  #look(): void {
    this.#timer = undefined
    let since = Number.POSITIVE_INFINITY
    for (const { stream, oldest } of this.#chains.values()) {
      if (stream.slow.kind === 'disconnect') since = Math.min(since, oldest!.since)
    }
    if (since === Number.POSITIVE_INFINITY) return
    const left = since + this.#ageMs - this.#clock.now()
    if (left <= 0) this.#expired()
    else this.#timer = this.#clock.after(left, () => this.#look())
  }
}
