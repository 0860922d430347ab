/**
 * The settle-once ledger of an adapter's subscription: which deliveries are out, by tag. A ring of slots, since tags are 1, 2, 3 …
 * and are mostly settled in that order: adding and taking cost no allocation once the ring has grown to the credit.
 *
 * Port rule 3: what `take` has given out, or what `clear` has dropped, is never found again.
 */
export class Unsettled<V> {
  #slots: (V | undefined)[] = new Array(16)
  /** The oldest tag that may still be out, and the next one to give. */
  #head = 1
  #next = 1
  #size = 0

  /** Deliveries that are out. */
  get size(): number {
    return this.#size
  }

  /** The oldest tag that is out; the next tag to come when nothing is. */
  get oldest(): number {
    return this.#head
  }

  /** Notes a delivery and returns its tag. */
  add(value: V): number {
    if (this.#next - this.#head === this.#slots.length) this.#grow()
    const tag = this.#next++
    this.#slots[this.#index(tag)] = value
    this.#size++
    return tag
  }

  /** The delivery with this tag while it is out; it stays out. */
  peek(tag: number): V | undefined {
    return tag < this.#head || tag >= this.#next ? undefined : this.#slots[this.#index(tag)]
  }

  /** The delivery with this tag, now settled; undefined when it is unknown, settled or stale. */
  take(tag: number): V | undefined {
    // A tag that is no integer (a client's ack id, parsed) would be cut to another delivery's slot.
    if (!Number.isInteger(tag) || tag < this.#head || tag >= this.#next) return undefined
    const index = this.#index(tag)
    const value = this.#slots[index]
    if (value === undefined) return undefined
    this.#slots[index] = undefined
    this.#size--
    while (this.#head < this.#next && this.#slots[this.#index(this.#head)] === undefined) this.#head++
    return value
  }

  /** Everything that is out, oldest first, and forgets it. Tags go on counting. */
  clear(): V[] {
    const left: V[] = []
    for (let tag = this.#head; tag < this.#next; tag++) {
      const value = this.#slots[this.#index(tag)]
      if (value !== undefined) left.push(value)
      this.#slots[this.#index(tag)] = undefined
    }
    this.#head = this.#next
    this.#size = 0
    return left
  }

  #index(tag: number): number {
    return tag & (this.#slots.length - 1)
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Array(old.length * 2)
    for (let tag = this.#head; tag < this.#next; tag++) this.#slots[this.#index(tag)] = old[tag & (old.length - 1)]
  }
}
