/**
 * Deliveries that are written and that the kernel has not taken yet, in the order of the offsets at which they end. Those of `ack:auto` are settled
 * when they have left; those that their client acknowledges only count: what credit bounds is no sign of a slow client.
 */

/** Whoever wants to hear that a delivery has left. */
export interface SentListener {
  /** `tags` ascending, all of one turn. */
  sent(tags: readonly number[]): void
}

/** Slots given back at a time: moving the rest costs as much as what is moved. */
const COMPACT_FROM = 1024

export class Departures {
  #ends: number[] = []
  #sizes: number[] = []
  #tags: number[] = []
  #listeners: (SentListener | undefined)[] = []
  /** The oldest that has not left. */
  #first = 0
  #bytes = 0

  /** Of all that have not left. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * @param end the offset of the wire at which it ends
   * @param size its bytes on the wire; 0: not to be counted
   * @param listener undefined: nobody needs to hear of it
   */
  add(end: number, size: number, listener: SentListener | undefined, tag: number): void {
    this.#ends.push(end)
    this.#sizes.push(size)
    this.#tags.push(tag)
    this.#listeners.push(listener)
    this.#bytes += size
  }

  /** The kernel has taken `total` bytes since the wire opened. */
  sent(total: number): void {
    const batches = new Map<SentListener, number[]>()
    while (this.#first < this.#ends.length && this.#ends[this.#first]! <= total) {
      this.#bytes -= this.#sizes[this.#first]!
      const listener = this.#listeners[this.#first]
      const tag = this.#tags[this.#first]!
      this.#first++
      if (listener === undefined) continue
      const batch = batches.get(listener)
      if (batch === undefined) batches.set(listener, [tag])
      else batch.push(tag)
    }
    if (this.#first >= COMPACT_FROM || this.#first === this.#ends.length) this.#compact()
    for (const [listener, tags] of batches) listener.sent(tags)
  }

  #compact(): void {
    this.#ends = this.#ends.slice(this.#first)
    this.#sizes = this.#sizes.slice(this.#first)
    this.#tags = this.#tags.slice(this.#first)
    this.#listeners = this.#listeners.slice(this.#first)
    this.#first = 0
  }
}
