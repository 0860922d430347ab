/**
 * Frames out: packs, writes, corks once per turn, and knows what the kernel has taken. Deliveries that are settled by being sent
 * (`ack:auto`) are noted with the offset at which they end; `sent(total)` settles all that lie before it.
 *
 * Its bound is `outboundBytes`: over it the client reads too slowly, and `onSlow` ends the session.
 */
import type { Wire } from '../transports/wire.ts'
import type { Flushable, Turn } from './turn.ts'

/** Whoever wants to hear that a delivery has left. */
export interface SentListener {
  /** `tags` ascending, all of one turn. */
  sent(tags: readonly number[]): void
}

export class Outlet implements Flushable {
  readonly wire: Wire
  readonly #turn: Turn
  readonly #limit: number
  readonly #onSlow: () => void
  #dirty = false
  #closed = false
  /** Deliveries on their way, in the order of their end offsets; `#first` is the oldest that has not left. */
  #ends: number[] = []
  #tags: number[] = []
  #listeners: SentListener[] = []
  #first = 0

  constructor(wire: Wire, turn: Turn, limitBytes: number, onSlow: () => void) {
    this.wire = wire
    this.#turn = turn
    this.#limit = limitBytes
    this.#onSlow = onSlow
  }

  /** One encoded STOMP frame, or the heart-beat EOL. */
  frame(frame: Buffer): void {
    this.packed(this.wire.framing.pack(frame))
  }

  /** The same, packed by this wire's framing already: a group of sessions shares the bytes. */
  packed(bytes: Buffer): void {
    if (this.#closed) return
    if (!this.#dirty) {
      // Between turns the kernel has had its chance: what is left now is what the client did not read.
      if (this.wire.buffered > this.#limit) {
        this.#onSlow()
        return
      }
      this.#dirty = true
      this.#turn.mark(this)
    }
    this.wire.write(bytes)
  }

  /** A MESSAGE whose delivery is settled when the kernel has taken it. */
  delivery(frame: Buffer, listener: SentListener, tag: number): void {
    this.frame(frame)
    if (this.#closed) return
    this.#ends.push(this.wire.written)
    this.#tags.push(tag)
    this.#listeners.push(listener)
  }

  /** The kernel has taken `total` bytes since the wire opened. */
  sent(total: number): void {
    const batches = new Map<SentListener, number[]>()
    while (this.#first < this.#ends.length && this.#ends[this.#first]! <= total) {
      const listener = this.#listeners[this.#first]!
      const batch = batches.get(listener)
      if (batch === undefined) batches.set(listener, [this.#tags[this.#first]!])
      else batch.push(this.#tags[this.#first]!)
      this.#first++
    }
    if (this.#first > 1024 || this.#first === this.#ends.length) this.#compact()
    for (const [listener, tags] of batches) listener.sent(tags)
  }

  flush(): void {
    this.#dirty = false
    if (!this.#closed) this.wire.flush()
  }

  /** Writes nothing more. What was written is flushed by the wire's own close. */
  close(): void {
    if (this.#dirty && !this.#closed) this.wire.flush()
    this.#closed = true
  }

  #compact(): void {
    this.#ends = this.#ends.slice(this.#first)
    this.#tags = this.#tags.slice(this.#first)
    this.#listeners = this.#listeners.slice(this.#first)
    this.#first = 0
  }
}
