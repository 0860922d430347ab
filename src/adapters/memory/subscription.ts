/**
 * One subscription of a memory link: its credit, and the ledger of what is out. Where its messages come from (a queue, a topic, a durable
 * name) is behind `Standing`, which the exchange gives it.
 */
import type { Delivery, Outcome, Sink, SubscribeOptions, Subscription } from '../../broker/broker.ts'
import type { BrokerError } from '../../broker/errors.ts'
import type { Message } from '../../broker/message.ts'
import { Unsettled } from '../../broker/unsettled.ts'
import type { Backlog, Consumer, Entry } from './backlog.ts'
import { concrete, type MemoryTarget } from './target.ts'

/** How a subscription stands in the exchange. */
export interface Standing {
  /** Where its entries wait and return to; undefined when it hears a topic directly and nothing is kept for it. */
  readonly backlog: Backlog | undefined
  /** No message reaches it any more. `forget`: nor is any kept for its durable name. May be called again, to forget. */
  leave(consumer: Consumer, forget: boolean): void
  /** Dead-letters or drops an entry that it holds. */
  reject(entry: Entry): void
  /** Nothing of it is left. */
  closed?(): void
}

export class MemorySubscription implements Subscription<MemoryTarget>, Consumer {
  readonly live = Promise.resolve()
  readonly address: MemoryTarget
  readonly options: SubscribeOptions
  isWaiting = false
  readonly #sink: Sink<MemoryTarget>
  readonly #closed: (subscription: MemorySubscription) => void
  readonly #ledger = new Unsettled<Entry>()
  #standing: Standing | undefined
  #state: 'live' | 'stopped' | 'closed' = 'live'
  /** Of the bodies in the ledger. */
  #bytes = 0
  /** Given to presettled deliveries, which no ledger counts. */
  #tags = 0

  /** @param closed is called once, when nothing of it is left */
  constructor(
    target: MemoryTarget,
    options: SubscribeOptions,
    sink: Sink<MemoryTarget>,
    closed: (subscription: MemorySubscription) => void,
  ) {
    this.address = target
    this.options = options
    this.#sink = sink
    this.#closed = closed
  }

  /** Deliveries begin, not before the next microtask. */
  attach(standing: Standing): void {
    this.#standing = standing
    standing.backlog?.join(this)
  }

  /** Port rule 2: at most `credit` unsettled deliveries, and at most `creditBytes` of bodies but for one message. */
  get isReady(): boolean {
    if (this.#state !== 'live') return false
    const { credit, creditBytes, settle } = this.options
    if (settle === 'presettled' || this.#ledger.size === 0) return true
    return this.#ledger.size < credit && this.#bytes < creditBytes
  }

  take(entry: Entry): void {
    const { message, target } = entry.kept
    if (this.options.settle === 'presettled') {
      this.#standing!.backlog!.drop(entry)
      this.#deliver(message, target, entry.redelivered, ++this.#tags)
      return
    }
    this.#bytes += message.body.length
    this.#deliver(message, target, entry.redelivered, this.#ledger.add(entry))
  }

  /** A message of its topic, as it is published and without being kept. */
  hear(message: Message, published: MemoryTarget): void {
    if (this.#state === 'live') this.#deliver(message, published, false, ++this.#tags)
  }

  async settle(tags: readonly number[], outcome: Outcome): Promise<readonly number[]> {
    const stale = tags.filter((tag) => !this.#settle(tag, outcome))
    if (stale.length < tags.length) this.#standing?.backlog?.ready(this)
    return stale
  }

  async stop(forget = false): Promise<void> {
    if (this.#state === 'closed') return
    if (this.#state === 'live' || forget) {
      this.#state = 'stopped'
      this.#standing?.leave(this, forget)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close()
  }

  /** Ends it from the broker's side: what is unsettled returns at once, the sink hears of it a little later, unless its owner has stopped it. */
  end(reason: BrokerError): void {
    const wasLive = this.#state === 'live'
    this.#close()
    // Not within the call of another session whose subscribe has caused this.
    if (wasLive) queueMicrotask(() => this.#sink.end(reason))
  }

  #close(): void {
    if (this.#state === 'closed') return
    if (this.#state === 'live') {
      this.#state = 'stopped'
      this.#standing?.leave(this, false)
    }
    this.#state = 'closed'
    // Port rule 4: what is unsettled goes back to the broker.
    for (const entry of this.#ledger.clear()) this.#standing?.backlog?.putBack(entry)
    this.#bytes = 0
    this.#standing?.closed?.()
    this.#closed(this)
  }

  #deliver(message: Message, published: MemoryTarget, redelivered: boolean, tag: number): void {
    const target = this.address.wildcard ? concrete(this.address, published) : this.address
    const delivery: Delivery<MemoryTarget> = { message, target, redelivered, tag }
    this.#sink.deliver(delivery)
  }

  #settle(tag: number, outcome: Outcome): boolean {
    const entry = this.#ledger.take(tag)
    if (entry === undefined) return false
    this.#bytes -= entry.kept.message.body.length
    if (outcome === 'accepted') this.#standing!.backlog!.drop(entry)
    else if (outcome === 'released') this.#standing!.backlog!.putBack(entry)
    else this.#standing!.reject(entry)
    return true
  }
}

/** What `subscribe` returns when there is no subscription: `live` says why, the rest does nothing. */
export function refusedSubscription(target: MemoryTarget, reason: BrokerError): Subscription<MemoryTarget> {
  const live = Promise.reject(reason)
  // Whoever does not look at `live` must not crash the process.
  live.catch(() => {})
  return {
    live,
    address: target,
    settle: async (tags) => tags,
    stop: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }
}
