/**
 * Which deliveries of one subscription its client has been given and has not acknowledged. STOMP 1.2, ACK: in `client` mode an ACK counts
 * for all messages "sent on the connection" before it "for that subscription" (PROMISES §2: per subscription, never per channel).
 *
 * Tags count up within the subscription, so the insertion order of the Set is their order. A tag at or below `#staleUpTo` came over a
 * connection that is gone: the broker gives its message again, whatever the client says (PROMISES §2, Stale ACK).
 */
import type { Starvation } from './starvation.ts'

export type Claim = 'unknown' | 'stale' | readonly number[]

export class Ledger {
  readonly #out = new Set<number>()
  readonly #cumulative: boolean
  readonly #credit: number
  readonly #starvation: Starvation
  #last = 0
  #staleUpTo = 0

  /**
   * @param credit the most deliveries that may be out
   * @param starvation hears when they are
   */
  constructor(mode: 'client' | 'client-individual', credit: number, starvation: Starvation) {
    this.#cumulative = mode === 'client'
    this.#credit = credit
    this.#starvation = starvation
  }

  /** Deliveries that are not acknowledged. */
  get size(): number {
    return this.#out.size
  }

  add(tag: number): void {
    this.#out.add(tag)
    this.#last = tag
    if (this.#out.size >= this.#credit) this.#starvation.begin()
  }

  /** Nothing more will be added: there is no use for credit. */
  close(): void {
    this.#starvation.end()
  }

  /** The connection is gone: what is out is stale. */
  lost(): void {
    this.#starvation.end()
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
    this.#starvation.end()
    return taken
  }
}
