/**
 * What one connection has brought and the broker does not count as acknowledged: waiting for credit, out at the subscriber, or settled behind
 * an older one. MQTT 5 §4.6: a client "MUST send PUBACK packets in the order in which the corresponding PUBLISH packets were received",
 * so a PUBACK leaves when its message and all before it are settled.
 *
 * Its size is bounded by `cap` whatever the broker sends: Mosquitto 2.0 exceeds the Receive Maximum it was given.
 */
import { Unsettled } from '../../broker/unsettled.ts'

export interface Held<P> {
  readonly packet: P
  readonly bytes: number
  /** Position in the order of arrival. */
  readonly number: number
  redelivered: boolean
  state: 'waiting' | 'out' | 'leaving' | 'done'
  /** Of its latest delivery. */
  tag: number
  /** When that was, in milliseconds since 1970. */
  since: number
}

export interface Cap {
  readonly messages: number
  readonly bytes: number
}

export class InFlight<P> {
  readonly #cap: Cap
  /** In the order of arrival; its first is the head. */
  #order: Held<P>[] = []
  #waiting: Held<P>[] = []
  readonly #out = new Unsettled<Held<P>>()
  #outBytes = 0
  #bytes = 0
  #arrived = 0
  /** Tags that are settled while the broker has not been told. */
  readonly #deferred = new Set<number>()

  constructor(cap: Cap) {
    this.#cap = cap
  }

  /** Everything here. */
  get size(): number {
    return this.#order.length
  }

  /** Unsettled at the subscriber. */
  get out(): { readonly messages: number; readonly bytes: number } {
    return { messages: this.#out.size, bytes: this.#outBytes }
  }

  get head(): Held<P> | undefined {
    return this.#order[0]
  }

  /** @returns false when the cap is reached and nothing was taken */
  arrived(packet: P, bytes: number, redelivered: boolean): boolean {
    const isFull = this.#order.length >= this.#cap.messages || this.#bytes >= this.#cap.bytes
    if (isFull && this.#order.length > 0) return false
    const number = ++this.#arrived
    const held: Held<P> = { packet, bytes, number, redelivered, state: 'waiting', tag: 0, since: 0 }
    this.#order.push(held)
    this.#waiting.push(held)
    this.#bytes += bytes
    return true
  }

  /** The oldest that waits, now out, under a new tag. */
  next(now: number): Held<P> | undefined {
    const held = this.#waiting.shift()
    if (held === undefined) return undefined
    held.state = 'out'
    held.since = now
    held.tag = this.#out.add(held)
    this.#outBytes += held.bytes
    return held
  }

  /** The message with this tag, no longer out; undefined when it is unknown, settled or stale. */
  take(tag: number): Held<P> | undefined {
    const held = this.#out.take(tag)
    if (held === undefined) return undefined
    this.#outBytes -= held.bytes
    held.state = 'leaving'
    return held
  }

  /** It waits again, before all that came after it, and is marked. */
  putBack(held: Held<P>): void {
    if (held.state !== 'leaving') return
    held.state = 'waiting'
    held.redelivered = true
    const at = this.#waiting.findIndex(({ number }) => number > held.number)
    this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, held)
  }

  /** It was taken, and is done with. Nothing when its connection has gone meanwhile. */
  settled(held: Held<P>): void {
    if (held.state !== 'leaving') return
    held.state = 'done'
    this.#deferred.add(held.tag)
  }

  /** Those whose PUBACK may leave now, oldest first. */
  flush(): Held<P>[] {
    let count = 0
    while (this.#order[count]?.state === 'done') count++
    const free = this.#order.splice(0, count)
    for (const { tag, bytes } of free) {
      this.#deferred.delete(tag)
      this.#bytes -= bytes
    }
    return free
  }

  isDeferred(tag: number): boolean {
    return this.#deferred.has(tag)
  }

  /** The subscriber takes no more: what was not given to him is none of ours. */
  dropWaiting(): void {
    this.#waiting = []
  }

  /** The connection is gone, and with it everything; tags go on counting. */
  clear(): void {
    for (const held of this.#order) held.state = 'done'
    this.#order = []
    this.#waiting = []
    this.#out.clear()
    this.#deferred.clear()
    this.#bytes = 0
    this.#outBytes = 0
  }
}
