/** What waits of one subscription, oldest first. Anything can be taken out of the middle: a newer value replaces an older one of its key. */
import type { Delivery } from '../broker/broker.ts'
import type { SlowPolicy } from '../routing/route.ts'
import type { Tail } from '../transports/wire.ts'
import type { MessageView } from './delivery.ts'
import type { Marks, Stream } from './stream.ts'

/** A message that nobody settles, as all who wait for it share it. */
export interface Parcel {
  /** The encoded end of its frame. */
  readonly tail: Tail
  /** The `reply-to` that the client will see. */
  readonly reply: string | undefined
  /** Messages of equal keys replace one another (`conflate`); undefined: none does. */
  readonly key: string | undefined
}

/** What comes to wait: a parcel, or a delivery of an upstream subscription of its own, which is encoded and noted in the ledger when it is written. */
export interface Arrival {
  readonly stream: Stream
  readonly parcel: Parcel | undefined
  readonly delivery: Delivery | undefined
  /** Bytes that it counts against the bound; 0: credit bounds it. */
  readonly weight: number
}

/** A message as it waits: all that must be known of it, and no more, for the message itself may be a view into something large. */
export function parcelOf(view: MessageView, slow: SlowPolicy, delivery: Delivery, tail: Tail): Parcel {
  const reply = view.replyDestination(delivery)
  if (slow.kind !== 'conflate') return { tail, reply, key: undefined }
  // What waits is as old as its key is quiet: it must not keep the whole pool slab that it was cut from.
  const isCut = tail.bytes.buffer.byteLength > 2 * tail.bytes.length
  const bytes = isCut ? Buffer.concat([tail.bytes]) : tail.bytes
  return { tail: { bytes, isText: tail.isText }, reply, key: view.header(delivery, slow.header) }
}

export interface Waiting extends Arrival {
  /** Milliseconds since 1970. */
  readonly since: number
  /** Its place among all that wait in this session. */
  readonly order: number
  marks: Marks
  before: Waiting | undefined
  after: Waiting | undefined
}

export class Chain {
  readonly stream: Stream
  #keys: Map<string, Waiting> | undefined
  #oldest: Waiting | undefined
  #newest: Waiting | undefined

  constructor(stream: Stream) {
    this.stream = stream
  }

  get oldest(): Waiting | undefined {
    return this.#oldest
  }

  /** What waits under this key. */
  of(key: string | undefined): Waiting | undefined {
    return key === undefined ? undefined : this.#keys?.get(key)
  }

  push(item: Waiting): void {
    item.marks = this.stream.takeMarks()
    item.before = this.#newest
    if (this.#newest === undefined) this.#oldest = item
    else this.#newest.after = item
    this.#newest = item
    const key = item.parcel?.key
    if (key === undefined) return
    this.#keys ??= new Map()
    this.#keys.set(key, item)
  }

  /** Takes it out, to be written. */
  remove(item: Waiting): void {
    if (item.before === undefined) this.#oldest = item.after
    else item.before.after = item.after
    if (item.after === undefined) this.#newest = item.before
    else item.after.before = item.before
    const key = item.parcel?.key
    if (key !== undefined) this.#keys!.delete(key)
  }

  /** Takes it out, for good: whatever is written next in its place tells of it. */
  drop(item: Waiting): void {
    const { after, marks } = item
    this.remove(item)
    const told = { dropped: marks.dropped + 1, gap: marks.gap }
    if (after === undefined) this.stream.mark(told)
    else after.marks = { dropped: after.marks.dropped + told.dropped, gap: after.marks.gap || told.gap }
  }
}
