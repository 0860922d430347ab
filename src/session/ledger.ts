/**
 * Which deliveries of one subscription its client has been given and has not acknowledged. STOMP 1.2, ACK: in `client` mode an ACK counts
 * for all messages "sent on the connection" before it "for that subscription" (PROMISES §2: per subscription, never per channel).
 *
 * Tags count up within the subscription, so the insertion order of the Set is their order. A tag at or below `#staleUpTo` came over a
 * connection that is gone: the broker gives its message again, whatever the client says (PROMISES §2, Stale ACK).
 */
export type Claim = 'unknown' | 'stale' | readonly number[]

export class Ledger {
  readonly #out = new Set<number>()
  readonly #cumulative: boolean
  #last = 0
  #staleUpTo = 0

  constructor(mode: 'client' | 'client-individual') {
    this.#cumulative = mode === 'client'
  }

  /** Deliveries that are not acknowledged. */
  get size(): number {
    return this.#out.size
  }

  add(tag: number): void {
    this.#out.add(tag)
    this.#last = tag
  }

  /** The connection is gone: what is out is stale. */
  lost(): void {
    this.#out.clear()
    this.#staleUpTo = this.#last
  }

  /** What an ACK of `tag` would be told, without taking anything. */
  look(tag: number): 'unknown' | 'stale' | 'out' {
    if (this.#out.has(tag)) return 'out'
    return tag >= 1 && tag <= this.#staleUpTo ? 'stale' : 'unknown'
  }

  /** The tags that an ACK of `tag` settles, ascending, now taken. */
  claim(tag: number): Claim {
    const found = this.look(tag)
    if (found !== 'out') return found
    const taken: number[] = []
    if (this.#cumulative) {
      for (const each of this.#out) {
        if (each > tag) break
        taken.push(each)
      }
    } else {
      taken.push(tag)
    }
    for (const each of taken) this.#out.delete(each)
    return taken
  }
}
