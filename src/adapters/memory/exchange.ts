/**
 * The heart of a memory broker: its queues, topics and durable names, and the bounds on what they keep. Synchronous; knows no link.
 *
 * Bounds. A message that somebody must keep is taken for all who keep it or for none: over the bounds publish is refused, and nobody misses
 * a message unknowingly. A queue exists while it holds messages or has consumers.
 * Nesting. A sink that publishes while it hears a message has its publish heard after this one, by all: nobody hears an answer before the
 * question.
 */
import type { Clock } from '../../broker/clock.ts'
import { BrokerError } from '../../broker/errors.ts'
import type { Message } from '../../broker/message.ts'
import { Backlog, type Entry } from './backlog.ts'
import type { Bounds } from './fields.ts'
import { Fifo } from './fifo.ts'
import { type Kept, keep, Store, sizeOf } from './store.ts'
import type { MemorySubscription, Standing } from './subscription.ts'
import { type MemoryTarget, namesMany } from './target.ts'
import { Trie } from './trie.ts'

/** Milliseconds between two searches for expired messages while the bounds are hit: each looks at all that is kept. */
const SWEEP_MS = 1_000

/** A topic subscription that outlives its subscriber. */
interface Durable {
  readonly backlog: Backlog
  subscriber: MemorySubscription | undefined
}

interface Hearing {
  readonly listeners: readonly MemorySubscription[]
  readonly message: Message
  readonly target: MemoryTarget
}

export class Exchange {
  readonly store: Store
  readonly #bounds: Bounds
  readonly #clock: Clock
  readonly #warn: (text: string) => void
  readonly #queues = new Map<string, Backlog>()
  readonly #topics = new Trie<Backlog | MemorySubscription>()
  /** Of the bridge's own namespace: by names, without wildcards. */
  readonly #inner = new Map<string, Set<MemorySubscription>>()
  readonly #durables = new Map<string, Durable>()
  /** Everything that keeps messages. */
  readonly #backlogs = new Set<Backlog>()
  readonly #hearings = new Fifo<Hearing>()
  #hearing = false
  #sweptAt = Number.NEGATIVE_INFINITY
  #toldFull = false

  /** @param warn one line for the operator, once each time the bounds are hit */
  constructor(bounds: Bounds, clock: Clock, warn: (text: string) => void) {
    this.store = new Store(bounds)
    this.#bounds = bounds
    this.#clock = clock
    this.#warn = warn
  }

  get queues(): number {
    return this.#queues.size
  }

  get durables(): number {
    return this.#durables.size
  }

  /** Subscriptions to topics, durable ones included that nobody is at. */
  get listeners(): number {
    return [...this.#inner.values()].reduce((sum, { size }) => sum + size, this.#topics.size)
  }

  /** @throws BrokerError `bad-destination` for a pattern, `refused` over the bounds, `not-found` without anybody who must get it */
  publish(target: MemoryTarget, message: Message): void {
    if (target.wildcard) throw namesMany(target)
    if (target.kind === 'queue') {
      const kept = this.#admit(message, target, 1)
      this.#queue(target.name).add(kept)
      return
    }
    if (target.kind === 'inner') {
      this.#publishInner(target, message)
      return
    }
    const keepers: Backlog[] = []
    const listeners: MemorySubscription[] = []
    for (const found of this.#topics.match(target.words)) {
      if (found.address?.filter !== undefined && !found.address.wants(target)) continue
      if (found instanceof Backlog) keepers.push(found)
      else listeners.push(found)
    }
    if (keepers.length > 0) {
      const kept = this.#admit(message, target, keepers.length)
      for (const keeper of keepers) keeper.add(kept)
    }
    if (listeners.length > 0) this.#hear({ listeners, message, target })
  }

  /** @throws BrokerError `limit` for one durable subscription too many */
  attach(subscription: MemorySubscription): Standing {
    const { address, options } = subscription
    if (address.kind === 'queue') return this.#atQueue(address)
    if (address.kind === 'inner') return this.#atInner(subscription)
    if (options.durable !== undefined) return this.#atDurable(address, options.durable, subscription)
    return options.settle === 'presettled' ? this.#atTopic(address, subscription) : this.#atKeptTopic(address)
  }

  /** Everything kept is gone. */
  close(): void {
    for (const backlog of this.#backlogs) backlog.retire()
    this.#backlogs.clear()
    this.#queues.clear()
    this.#durables.clear()
    this.#inner.clear()
  }

  #publishInner(target: MemoryTarget, message: Message): void {
    const listeners = this.#inner.get(target.name)
    if (listeners !== undefined) this.#hear({ listeners: [...listeners], message, target })
    else if (target.mandatory) throw new BrokerError('not-found', 'nobody is subscribed')
  }

  /** @throws BrokerError `unsupported`: nothing is kept there */
  #atInner(subscription: MemorySubscription): Standing {
    const { address, options } = subscription
    if (options.durable !== undefined || options.settle !== 'presettled') {
      throw new BrokerError(
        'unsupported',
        'nothing is kept here for anybody: it can be neither durable nor acknowledged',
      )
    }
    const listeners = this.#inner.get(address.name) ?? new Set()
    this.#inner.set(address.name, listeners.add(subscription))
    const leave = (): void => {
      listeners.delete(subscription)
      if (listeners.size === 0 && this.#inner.get(address.name) === listeners) this.#inner.delete(address.name)
    }
    return { backlog: undefined, leave, reject: () => {} }
  }

  #atQueue(target: MemoryTarget): Standing {
    const backlog = this.#queue(target.name)
    return {
      backlog,
      leave: (consumer) => backlog.leave(consumer),
      reject: (entry) => this.#bury(backlog, entry, target.deadLetter),
    }
  }

  /** Presettled: it hears the message within publish, and nothing is kept. */
  #atTopic({ words }: MemoryTarget, subscription: MemorySubscription): Standing {
    this.#topics.add(words, subscription)
    return { backlog: undefined, leave: () => this.#topics.remove(words, subscription), reject: () => {} }
  }

  #atKeptTopic(address: MemoryTarget): Standing {
    const { words } = address
    const backlog = this.#newBacklog(address)
    this.#topics.add(words, backlog)
    return {
      backlog,
      leave: () => this.#retire(words, backlog),
      reject: (entry) => backlog.drop(entry),
    }
  }

  #atDurable(address: MemoryTarget, name: string, subscription: MemorySubscription): Standing {
    const { words, filter } = address
    const key = `${name}\0${words.join('.')}\0${filter?.source ?? ''}`
    const older = this.#durables.get(key)
    if (older === undefined && this.#durables.size >= this.#bounds.maxDurables) {
      throw new BrokerError('limit', `there are ${this.#bounds.maxDurables} durable subscriptions already`)
    }
    const durable = older ?? this.#newDurable(key, address)
    durable.subscriber?.end(new BrokerError('taken-over', 'another session has taken this durable subscription over'))
    durable.subscriber = subscription
    return {
      backlog: durable.backlog,
      leave: (consumer, forget) => {
        durable.backlog.leave(consumer)
        if (!forget || this.#durables.get(key) !== durable) return
        this.#durables.delete(key)
        this.#retire(words, durable.backlog)
      },
      reject: (entry) => durable.backlog.drop(entry),
      closed: () => {
        if (durable.subscriber === subscription) durable.subscriber = undefined
      },
    }
  }

  #newDurable(key: string, address: MemoryTarget): Durable {
    const durable: Durable = { backlog: this.#newBacklog(address), subscriber: undefined }
    this.#durables.set(key, durable)
    this.#topics.add(address.words, durable.backlog)
    return durable
  }

  #retire(words: readonly string[], backlog: Backlog): void {
    this.#topics.remove(words, backlog)
    this.#backlogs.delete(backlog)
    backlog.retire()
  }

  #newBacklog(topic?: MemoryTarget, idle?: () => void): Backlog {
    const backlog = new Backlog(this.store, () => this.#clock.now(), topic, idle)
    this.#backlogs.add(backlog)
    return backlog
  }

  #queue(name: string): Backlog {
    const known = this.#queues.get(name)
    if (known !== undefined) return known
    const made: Backlog = this.#newBacklog(undefined, () => {
      if (this.#queues.get(name) !== made) return
      this.#queues.delete(name)
      this.#backlogs.delete(made)
    })
    this.#queues.set(name, made)
    return made
  }

  /** The message as it will be kept, when there is room for so many copies of it. */
  #admit(message: Message, target: MemoryTarget, copies: number): Kept {
    const bytes = sizeOf(message)
    if (this.#hasRoom(copies, bytes)) return keep(message, target, bytes, this.#clock.now())
    const { maxMessages, maxBytes } = this.#bounds
    throw new BrokerError('refused', `the memory broker is full (${maxMessages} messages, ${maxBytes} bytes)`)
  }

  #hasRoom(copies: number, bytes: number): boolean {
    if (this.#toldFull && this.store.isRoomy) this.#toldFull = false
    if (this.store.admits(copies, bytes)) return true
    if (this.#clock.now() - this.#sweptAt >= SWEEP_MS) {
      this.#sweptAt = this.#clock.now()
      for (const backlog of this.#backlogs) backlog.sweep()
      if (this.store.admits(copies, bytes)) return true
    }
    if (!this.#toldFull) {
      this.#toldFull = true
      this.#warn(`full with ${this.store.messages} messages and ${this.store.bytes} bytes: publishes are refused`)
    }
    return false
  }

  #hear(hearing: Hearing): void {
    this.#hearings.push(hearing)
    if (this.#hearing) return
    this.#hearing = true
    try {
      for (let next = this.#hearings.shift(); next !== undefined; next = this.#hearings.shift()) {
        for (const listener of next.listeners) listener.hear(next.message, next.target)
      }
    } finally {
      this.#hearing = false
    }
  }

  /** A dead letter has no time of its own: as RabbitMQ, it would else expire a second time. */
  #bury(backlog: Backlog, entry: Entry, deadLetter: string | undefined): void {
    if (deadLetter !== undefined) this.#queue(deadLetter).add(entry.kept, Number.POSITIVE_INFINITY)
    backlog.drop(entry)
  }
}
