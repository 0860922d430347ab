/** The least of its items first, at logarithmic cost. */
export class Heap<V> {
  readonly #compare: (left: V, right: V) => number
  #items: V[] = []

  /** @param compare negative when `left` comes first */
  constructor(compare: (left: V, right: V) => number) {
    this.#compare = compare
  }

  get length(): number {
    return this.#items.length
  }

  peek(): V | undefined {
    return this.#items[0]
  }

  push(item: V): void {
    let at = this.#items.push(item) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      if (this.#compare(this.#items[above]!, item) <= 0) break
      this.#items[at] = this.#items[above]!
      at = above
    }
    this.#items[at] = item
  }

  shift(): V | undefined {
    const least = this.#items[0]
    const last = this.#items.pop()
    if (this.#items.length > 0) this.#sink(last!)
    return least
  }

  /** Keeps only what `keep` says. */
  retain(keep: (item: V) => boolean): void {
    // A sorted array is a heap.
    this.#items = this.#items.filter(keep).sort(this.#compare)
  }

  /** Puts `item` where the least was, then down to where it belongs. */
  #sink(item: V): void {
    const { length } = this.#items
    let at = 0
    for (let below = 1; below < length; below = 2 * at + 1) {
      const right = below + 1
      if (right < length && this.#compare(this.#items[right]!, this.#items[below]!) < 0) below = right
      if (this.#compare(item, this.#items[below]!) <= 0) break
      this.#items[at] = this.#items[below]!
      at = below
    }
    this.#items[at] = item
  }
}
