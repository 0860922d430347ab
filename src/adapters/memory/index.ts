/**
 * The broker that lives in the process: topics with wildcards, queues with acks, durable subscriptions; nothing survives the process. What a
 * RECEIPT means here: the message is queued, in memory, for everybody who must get it.
 *
 * Presettled topic subscriptions hear a message within `publish`, all others in a later microtask. There is nothing to lose a connection
 * to: `Sink.lost` and `Sink.resumed` never happen, and health is up until the broker is disposed. Priority and persistence mean nothing.
 */
import type {
  Broker,
  Forms,
  Health,
  InnerOptions,
  InnerPurpose,
  Link,
  Principal,
  PublishOptions,
  Route,
  Sink,
  SubscribeOptions,
  Subscription,
  Traits,
} from '../../broker/broker.ts'
import type { Clock } from '../../broker/clock.ts'
import { BrokerError } from '../../broker/errors.ts'
import type { Message } from '../../broker/message.ts'
import type { BrokerObserver } from '../../broker/observer.ts'
import { Exchange } from './exchange.ts'
import { readBounds } from './fields.ts'
import { MemorySubscription, refusedSubscription } from './subscription.ts'
import { compileRoute, innerRoute, type MemoryTarget } from './target.ts'

export interface MemoryDeps {
  readonly observer: BrokerObserver
  readonly clock: Clock
}

/** What a memory broker holds at the moment. All zero when nobody uses it. */
export interface Holdings {
  readonly messages: number
  readonly bytes: number
  readonly queues: number
  /** Subscriptions to topics that messages are matched against. */
  readonly listeners: number
  readonly durables: number
  readonly links: number
  /** Not yet disposed, of all links. */
  readonly subscriptions: number
}

/**
 * @param name the key under `brokers:`
 * @param options see `brokerFields`; without the bridge's own fields
 * @throws FieldError
 */
export function memoryBroker(name: string, options: unknown, deps: MemoryDeps): MemoryBroker {
  return new MemoryBroker(name, options, deps)
}

export class MemoryBroker implements Broker<MemoryTarget> {
  readonly name: string
  readonly credentials = 'service'
  readonly peer = { system: 'memory', address: undefined, port: undefined }
  readonly forms: Forms = { copy: (name) => ({ topic: name }), compete: (name) => ({ queue: name }) }
  readonly #clock: Clock
  readonly #exchange: Exchange
  readonly #links = new Set<MemoryLink>()
  readonly #owner: LinkOwner = { fork: () => this.#newLink(), gone: (link) => this.#links.delete(link) }
  #health: Health

  constructor(name: string, options: unknown, { observer, clock }: MemoryDeps) {
    this.name = name
    this.#clock = clock
    this.#exchange = new Exchange(readBounds(options), clock, (text) => observer.warning(name, text))
    this.#health = { state: 'up', since: clock.now(), reason: undefined }
  }

  get health(): Health {
    return this.#health
  }

  get holdings(): Holdings {
    const { store, queues, listeners, durables } = this.#exchange
    const { messages, bytes } = store
    const subscriptions = [...this.#links].reduce((sum, link) => sum + link.subscriptions, 0)
    return { messages, bytes, queues, listeners, durables, links: this.#links.size, subscriptions }
  }

  async start(): Promise<void> {}

  route(options: Readonly<Record<string, unknown>>, names: readonly string[]): Route<MemoryTarget> {
    return compileRoute(options, names)
  }

  inner(purpose: InnerPurpose, options: InnerOptions): Route<MemoryTarget> {
    return innerRoute(purpose, options)
  }

  isSame(one: MemoryTarget, other: MemoryTarget): boolean {
    return one.kind === other.kind && one.key === other.key
  }

  traits(target: MemoryTarget): Traits {
    const isQueue = target.kind === 'queue'
    return {
      confirms: true,
      settles: target.kind !== 'inner',
      // What is published to a topic without subscribers is gone.
      stores: isQueue,
      distribution: isQueue ? 'compete' : 'copy',
      wildcard: target.wildcard,
    }
  }

  async link(_who: Principal, _replies: Sink<MemoryTarget>, signal: AbortSignal): Promise<Link<MemoryTarget>> {
    if (this.#health.state !== 'up' || signal.aborted) throw closed()
    return this.#newLink()
  }

  /** Standing subscriptions end with `closed`; everything kept is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#health.state !== 'up') return
    this.#health = { state: 'down', since: this.#clock.now(), reason: 'closed by the bridge' }
    for (const link of [...this.#links]) link.close(closed())
    this.#exchange.close()
  }

  #newLink(): MemoryLink {
    const link = new MemoryLink(this.#exchange, this.#owner)
    // A fork of a link that outlived its broker is closed from the start.
    if (this.#health.state === 'up') this.#links.add(link)
    else link.close(undefined)
    return link
  }
}

/** What a link asks of its broker. */
interface LinkOwner {
  fork(): MemoryLink
  gone(link: MemoryLink): void
}

class MemoryLink implements Link<MemoryTarget> {
  /** Everybody is the same to a memory broker. */
  readonly identity = ''
  readonly #exchange: Exchange
  readonly #owner: LinkOwner
  /** A link whose session listens to shared topics only has none. */
  #subscriptions: Set<MemorySubscription> | undefined
  #isClosed = false

  constructor(exchange: Exchange, owner: LinkOwner) {
    this.#exchange = exchange
    this.#owner = owner
  }

  get subscriptions(): number {
    return this.#subscriptions?.size ?? 0
  }

  fork(): Link<MemoryTarget> {
    return this.#owner.fork()
  }

  async publish(target: MemoryTarget, message: Message, options: PublishOptions): Promise<void> {
    if (this.#isClosed) throw closed()
    refuseArguments(options.arguments)
    this.#exchange.publish(target, message)
  }

  subscribe(target: MemoryTarget, options: SubscribeOptions, sink: Sink<MemoryTarget>): Subscription<MemoryTarget> {
    const subscription = new MemorySubscription(target, options, sink, (each) => this.#subscriptions?.delete(each))
    try {
      if (this.#isClosed) throw closed()
      refuseArguments(options.arguments)
      subscription.attach(this.#exchange.attach(subscription))
    } catch (error) {
      if (error instanceof BrokerError) return refusedSubscription(target, error)
      throw error
    }
    this.#subscriptions ??= new Set()
    this.#subscriptions.add(subscription)
    return subscription
  }

  /** The name as it was written, not its words: two spellings of one topic get the same messages under different names. */
  shareKey(target: MemoryTarget, options: SubscribeOptions): string | undefined {
    if (target.kind === 'queue' || options.settle !== 'presettled' || options.durable !== undefined) return undefined
    return Object.keys(options.arguments).length === 0 ? `${target.kind}\0${target.key}` : undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close(undefined)
  }

  /** @param reason what the sinks are told; undefined = nothing, for their owner closes the link himself */
  close(reason: BrokerError | undefined): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const subscription of [...(this.#subscriptions ?? [])]) {
      if (reason === undefined) void subscription[Symbol.asyncDispose]()
      else subscription.end(reason)
    }
    this.#owner.gone(this)
  }
}

function closed(): BrokerError {
  return new BrokerError('closed', 'the bridge has closed this broker')
}

/** A memory broker has no word for any argument. */
function refuseArguments(given: Readonly<Record<string, string>> | undefined): void {
  const [name] = Object.keys(given ?? {})
  if (name !== undefined) throw new BrokerError('unsupported', `the memory broker does not know "${name}"`)
}
