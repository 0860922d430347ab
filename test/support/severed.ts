/**
 * A memory broker behind a connection that a test can cut. While it is cut nothing reaches a subscription, and who subscribes waits; when it
 * comes back, what was published meanwhile is either lost, and the sinks are told of a gap, or given after all. Publishing goes on: others are
 * connected to the broker too.
 */
import type {
  Broker,
  Delivery,
  Health,
  Link,
  Outcome,
  Principal,
  PublishOptions,
  Route,
  Sink,
  SubscribeOptions,
  Subscription,
  Traits,
} from '../../src/broker/broker.ts'
import type { BrokerError } from '../../src/broker/errors.ts'
import type { Message } from '../../src/broker/message.ts'

/** Makes the subscription below the cut. */
type Subscribing<T> = (sink: Sink<T>) => Subscription<T>

export class SeveredBroker<T> implements Broker<T> {
  readonly name: string
  readonly credentials = 'service'
  readonly shares: boolean
  readonly subscriptions = new Set<SeveredSubscription<T>>()
  /** What came while it was cut, in order. */
  readonly #missed: (() => void)[] = []
  #health: Health = { state: 'up', since: 0, reason: undefined }
  readonly #broker: Broker<T>

  /** @param shares whether two links may receive through one subscription; false: each has its own, whatever the broker says */
  constructor(broker: Broker<T>, shares: boolean) {
    this.name = broker.name
    this.#broker = broker
    this.shares = shares
  }

  get health(): Health {
    return this.#health
  }

  get isCut(): boolean {
    return this.#health.state === 'down'
  }

  /** Idempotent. */
  cut(): void {
    if (this.isCut) return
    this.#health = { state: 'down', since: 0, reason: 'cut' }
    for (const each of [...this.subscriptions]) each.lost()
  }

  /** @param kept what was published meanwhile is delivered; else it is lost */
  mend(kept: boolean): void {
    if (!this.isCut) return
    this.#health = { state: 'up', since: 0, reason: undefined }
    for (const each of [...this.subscriptions]) each.resumed(!kept)
    for (const deliver of this.#missed.splice(0)) if (kept) deliver()
  }

  /** Calls it now, or when the connection is back and nothing is lost. */
  passes(deliver: () => void): void {
    if (this.isCut) this.#missed.push(deliver)
    else deliver()
  }

  async start(): Promise<void> {}

  route(options: Readonly<Record<string, unknown>>, names: readonly string[]): Route<T> {
    return this.#broker.route(options, names)
  }

  isSame(one: T, other: T): boolean {
    return this.#broker.isSame(one, other)
  }

  traits(target: T): Traits {
    return this.#broker.traits(target)
  }

  async link(who: Principal, replies: Sink<T>, signal: AbortSignal): Promise<Link<T>> {
    return new SeveredLink(await this.#broker.link(who, replies, signal), this)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#broker[Symbol.asyncDispose]()
  }
}

class SeveredLink<T> implements Link<T> {
  readonly identity: string
  readonly #link: Link<T>
  readonly #broker: SeveredBroker<T>

  constructor(link: Link<T>, broker: SeveredBroker<T>) {
    this.identity = link.identity
    this.#link = link
    this.#broker = broker
  }

  publish(target: T, message: Message, options: PublishOptions): Promise<void> {
    return this.#link.publish(target, message, options)
  }

  subscribe(target: T, options: SubscribeOptions, sink: Sink<T>): Subscription<T> {
    const attach: Subscribing<T> = (below) => this.#link.subscribe(target, options, below)
    return new SeveredSubscription(this.#broker, target, attach, sink)
  }

  shareKey(target: T, options: SubscribeOptions): string | undefined {
    return this.#broker.shares ? this.#link.shareKey(target, options) : undefined
  }

  fork(): Link<T> {
    return new SeveredLink(this.#link.fork(), this.#broker)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link[Symbol.asyncDispose]()
  }
}

class SeveredSubscription<T> implements Subscription<T>, Sink<T> {
  readonly live: Promise<void>
  readonly address: T
  readonly #broker: SeveredBroker<T>
  readonly #attach: Subscribing<T>
  readonly #sink: Sink<T>
  readonly #becomeLive: () => void
  /** Undefined until the connection stands for the first time. */
  #own: Subscription<T> | undefined
  #tag = 0

  constructor(broker: SeveredBroker<T>, target: T, attach: Subscribing<T>, sink: Sink<T>) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.live = promise
    this.address = target
    this.#becomeLive = resolve
    this.#broker = broker
    this.#attach = attach
    this.#sink = sink
    broker.subscriptions.add(this)
    if (!broker.isCut) this.#begin()
  }

  deliver(delivery: Delivery<T>): void {
    this.#broker.passes(() => {
      // One that has ended meanwhile hears nothing. Port: tags are 1, 2, 3 … without holes.
      if (this.#broker.subscriptions.has(this)) this.#sink.deliver({ ...delivery, tag: ++this.#tag })
    })
  }

  lost(): void {
    if (this.#own !== undefined) this.#sink.lost()
  }

  resumed(gap: boolean): void {
    if (this.#own === undefined) this.#begin()
    else this.#sink.resumed(gap)
  }

  end(reason: BrokerError): void {
    this.#sink.end(reason)
  }

  settle(tags: readonly number[], outcome: Outcome): Promise<readonly number[]> {
    return this.#own?.settle(tags, outcome) ?? Promise.resolve(tags)
  }

  async stop(): Promise<void> {
    // Port: no deliver() after it resolves.
    this.#broker.subscriptions.delete(this)
    await this.#own?.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#broker.subscriptions.delete(this)
    await this.#own?.[Symbol.asyncDispose]()
  }

  #begin(): void {
    this.#own = this.#attach(this)
    this.#becomeLive()
  }
}
