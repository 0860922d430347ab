/** First in, first out, at constant cost: an array's own `shift` moves everything behind it. */

/** Slots given out that may stand before the first item until the array is cut. */
const SLACK = 1_024

export class Fifo<V> {
  #items: (V | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  push(item: V): void {
    this.#items.push(item)
  }

  /** The first item, left where it is. */
  peek(): V | undefined {
    return this.#items[this.#head]
  }

  shift(): V | undefined {
    if (this.#head === this.#items.length) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head++] = undefined
    if (this.#head === this.#items.length) this.#cut()
    else if (this.#head >= SLACK && this.#head * 2 >= this.#items.length) this.#cut()
    return item
  }

  /** Keeps only what `keep` says. */
  retain(keep: (item: V) => boolean): void {
    this.#items = this.#items.slice(this.#head).filter((item) => item !== undefined && keep(item))
    this.#head = 0
  }

  #cut(): void {
    this.#items = this.#items.slice(this.#head)
    this.#head = 0
  }
}
