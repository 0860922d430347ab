/**
 * Messages in order, and the consumers that share them: the whole of a queue, and the part of a topic that waits for one subscription.
 * Knows consumers only as something that is ready or not; credit is their affair.
 *
 * Order. Each entry has a place. What comes back takes its old place again: all that was ever given out lies before all that was not, so a
 * heap of the returned and a FIFO of the fresh are enough.
 * Turns. Nobody is called from within a publish, a settle or a subscribe: the backlog gives out in a microtask, once for all that
 * happened in between.
 * Time. An expired message is dropped when it comes to the head, or when the bounds are hit and `sweep` looks for it. Priority is not
 * looked at.
 */
import { Fifo } from './fifo.ts'
import { Heap } from './heap.ts'
import type { Kept, Store } from './store.ts'
import type { MemoryTarget } from './target.ts'

export interface Entry {
  readonly kept: Kept
  readonly place: number
  /** Infinity = never; a dead letter has lost the time it came with. */
  readonly expires: number
  redelivered: boolean
}

export interface Consumer {
  /** It has credit, and has not left. Only `take` and leaving may end that. */
  readonly isReady: boolean
  /** It stands in the line of those waiting; written by the backlog alone. */
  isWaiting: boolean
  /** One entry; it is the consumer's until `putBack` or `drop`. */
  take(entry: Entry): void
}

export class Backlog {
  /** Of a topic: what it keeps messages of. */
  readonly address: MemoryTarget | undefined
  readonly #store: Store
  readonly #now: () => number
  readonly #idle: (() => void) | undefined
  readonly #fresh = new Fifo<Entry>()
  readonly #returned = new Heap<Entry>((left, right) => left.place - right.place)
  readonly #consumers = new Set<Consumer>()
  /** Those of them that are ready, the next first. */
  readonly #waiting = new Fifo<Consumer>()
  #places = 0
  /** Entries that consumers hold. */
  #out = 0
  #pumping = false
  #retired = false

  /**
   * @param address of a topic
   * @param idle is called when nothing is left: no entry here or out, no consumer
   */
  constructor(store: Store, now: () => number, address?: MemoryTarget, idle?: () => void) {
    this.address = address
    this.#store = store
    this.#now = now
    this.#idle = idle
  }

  /** Entries that wait here. */
  get length(): number {
    return this.#fresh.length + this.#returned.length
  }

  /** At the end of the line. @param expires if not the message's own time */
  add(kept: Kept, expires = kept.expires): void {
    if (this.#retired) return
    const now = this.#now()
    // As RabbitMQ: with an expiration of 0 a message is dropped unless a consumer can take it at once.
    const atOnce = expires <= now && this.length === 0 && this.#waiting.length > 0
    if (expires <= now && !atOnce) {
      this.#checkIdle()
      return
    }
    this.#store.hold(kept)
    this.#fresh.push({ kept, place: this.#places++, expires: atOnce ? now + 1 : expires, redelivered: false })
    this.#wake()
  }

  /** At its old place, marked redelivered. */
  putBack(entry: Entry): void {
    this.#out--
    if (this.#retired) {
      this.#store.drop(entry.kept)
      return
    }
    entry.redelivered = true
    this.#returned.push(entry)
    this.#wake()
  }

  /** A consumer's entry is done with. */
  drop(entry: Entry): void {
    this.#out--
    this.#store.drop(entry.kept)
    this.#checkIdle()
  }

  join(consumer: Consumer): void {
    this.#consumers.add(consumer)
    this.ready(consumer)
  }

  /** Gives the consumer nothing more; what it has stays its own. Twice is once. */
  leave(consumer: Consumer): void {
    if (!this.#consumers.delete(consumer)) return
    if (consumer.isWaiting) this.#waiting.retain((each) => each !== consumer)
    consumer.isWaiting = false
    this.#checkIdle()
  }

  /** The consumer may have got credit. Those who wait are served in turn. */
  ready(consumer: Consumer): void {
    if (!consumer.isReady) return
    this.#queueUp(consumer)
    this.#wake()
  }

  /** Drops what waits here, and from now on everything: its topic subscription has ended. */
  retire(): void {
    this.#retired = true
    this.#discard(() => false)
  }

  /** Drops what has expired, at the head or not. */
  sweep(): void {
    const now = this.#now()
    this.#discard((entry) => entry.expires > now)
    this.#checkIdle()
  }

  #queueUp(consumer: Consumer): void {
    if (consumer.isWaiting) return
    consumer.isWaiting = true
    this.#waiting.push(consumer)
  }

  #wake(): void {
    if (this.#pumping || this.length === 0 || this.#waiting.length === 0) return
    this.#pumping = true
    queueMicrotask(() => this.#pump())
  }

  #pump(): void {
    this.#pumping = false
    this.#dropExpired()
    while (this.length > 0 && this.#waiting.length > 0) {
      const consumer = this.#waiting.shift()!
      consumer.isWaiting = false
      const entry = this.#shift()!
      this.#out++
      consumer.take(entry)
      if (consumer.isReady) this.#queueUp(consumer)
      this.#dropExpired()
    }
    this.#checkIdle()
  }

  #dropExpired(): void {
    for (let head = this.#head; head !== undefined && head.expires <= this.#now(); head = this.#head) {
      this.#shift()
      this.#store.drop(head.kept)
    }
  }

  get #head(): Entry | undefined {
    return this.#returned.peek() ?? this.#fresh.peek()
  }

  #shift(): Entry | undefined {
    return this.#returned.length > 0 ? this.#returned.shift() : this.#fresh.shift()
  }

  #discard(keep: (entry: Entry) => boolean): void {
    const kept = (entry: Entry): boolean => {
      const stays = keep(entry)
      if (!stays) this.#store.drop(entry.kept)
      return stays
    }
    this.#returned.retain(kept)
    this.#fresh.retain(kept)
  }

  #checkIdle(): void {
    if (this.#consumers.size === 0 && this.#out === 0 && this.length === 0) this.#idle?.()
  }
}
