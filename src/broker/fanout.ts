/**
 * Who shares which upstream subscription. Subscribers with equal keys get one subscription at the broker, and one sink (the audience)
 * that spreads what it receives; this file knows keys, reference counts, loss and return, and linger, and nothing of who listens.
 *
 * The upstream subscription stays `lingerMs` after its last subscriber has left: torn down at once, a churning client would queue
 * thousands of declares at the broker. It is held by links of its own, one per identity, so that no session's end ends it.
 */
import type { Broker, Delivery, Link, Sink, SubscribeOptions, Subscription } from './broker.ts'
import type { Clock, Timer } from './clock.ts'
import { BrokerError } from './errors.ts'

/** One subscriber's part in a shared subscription. */
export interface Membership<A> {
  readonly audience: A
  /** Subscribers that share the subscription, this one among them. */
  readonly shared: number
  /** The broker has agreed and the connection stands; rejects with the BrokerError that ended the subscription. Never settles after `leave`. */
  readonly live: Promise<void>
  /** Idempotent. */
  leave(): void
}

export interface FanoutOptions<A> {
  /** Milliseconds an upstream subscription outlives its last subscriber; asked when that leaves. */
  readonly lingerMs: number
  readonly clock: Clock
  /** Makes the sink of a new shared subscription. @param broker its name */
  readonly audience: (broker: string) => A
}

export class Fanout<A extends Sink> implements AsyncDisposable {
  readonly #options: FanoutOptions<A>
  readonly #shared = new Map<string, Shared<A>>()
  readonly #upstreams = new Map<string, Upstream>()
  /** What the names of its subscriptions begin with: a broker that a reload has replaced has the name of its successor. */
  readonly #prefixes = new WeakMap<Broker, string>()
  #brokers = 0

  constructor(options: FanoutOptions<A>) {
    this.#options = options
  }

  /** Upstream subscriptions that are held now. */
  get size(): number {
    return this.#shared.size
  }

  /** … at this broker. @param broker its name */
  sizeOf(broker: string): number {
    let size = 0
    for (const name of this.#shared.keys()) if (name.startsWith(`${broker}\0`)) size++
    return size
  }

  /**
   * @param broker the link's: keys of two brokers never meet
   * @param key what the link's `shareKey` said of these arguments
   * @param lingers false: the upstream subscription ends with its last subscriber; who opens it decides
   */
  join(
    broker: Broker,
    key: string,
    link: Link,
    target: unknown,
    options: SubscribeOptions,
    lingers = true,
  ): Membership<A> {
    const name = this.#prefix(broker) + key
    const shared = this.#shared.get(name) ?? this.#open(name, broker, link, lingers).start(target, options)
    return shared.join()
  }

  /** The broker goes: its subscriptions end now, lingering ones too. Who is still a member hears `closed`. */
  drop(broker: Broker): void {
    const prefix = this.#prefix(broker)
    const own = [...this.#shared].filter(([name]) => name.startsWith(prefix))
    for (const [, shared] of own) shared.end(new BrokerError('closed', 'the broker has gone from the configuration'))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#shared.values()].map((shared) => shared.close()))
  }

  #open(name: string, broker: Broker, link: Link, lingers: boolean): Shared<A> {
    const upstream = this.#upstream(this.#prefix(broker) + link.identity, link)
    const shared: Shared<A> = new Shared(broker.name, this.#options, {
      lingers,
      link: upstream.link,
      closing: () => this.#shared.delete(name),
      closed: () => upstream.release(),
    })
    this.#shared.set(name, shared)
    return shared
  }

  #prefix(broker: Broker): string {
    let prefix = this.#prefixes.get(broker)
    if (prefix === undefined) {
      prefix = `${broker.name}\0${++this.#brokers}\0`
      this.#prefixes.set(broker, prefix)
    }
    return prefix
  }

  #upstream(name: string, link: Link): Upstream {
    let upstream = this.#upstreams.get(name)
    if (upstream === undefined) {
      upstream = new Upstream(link.fork(), () => this.#upstreams.delete(name))
      this.#upstreams.set(name, upstream)
    }
    upstream.use()
    return upstream
  }
}

/** A link that shared subscriptions of one identity use together; closed with the last of them. */
class Upstream {
  readonly link: Link
  readonly #onClose: () => void
  #users = 0

  constructor(link: Link, onClose: () => void) {
    this.link = link
    this.#onClose = onClose
  }

  use(): void {
    this.#users++
  }

  release(): void {
    if (--this.#users > 0) return
    this.#onClose()
    void this.link[Symbol.asyncDispose]()
  }
}

/** Where a shared subscription lives. */
interface Home {
  /** It stays for a while after its last subscriber. */
  readonly lingers: boolean
  readonly link: Link
  /** Nobody may join it any more. */
  closing(): void
  /** Its upstream subscription is gone. */
  closed(): void
}

const LIVE = Promise.resolve()

class Member<A extends Sink> implements Membership<A> {
  readonly live: Promise<void>
  readonly #shared: Shared<A>
  #waiter: PromiseWithResolvers<void> | undefined
  #joined = true

  /** @param waiter what says that the subscription is live; undefined: it is */
  constructor(shared: Shared<A>, waiter: PromiseWithResolvers<void> | undefined) {
    this.#shared = shared
    this.#waiter = waiter
    this.live = waiter?.promise ?? LIVE
  }

  get audience(): A {
    return this.#shared.audience
  }

  get shared(): number {
    return this.#shared.size
  }

  leave(): void {
    if (!this.#joined) return
    this.#joined = false
    this.#shared.leave(this.#waiter)
    this.#waiter = undefined
  }
}

class Shared<A extends Sink> implements Sink {
  readonly #options: FanoutOptions<A>
  readonly audience: A
  readonly #home: Home
  #subscription: Subscription | undefined
  #live = false
  #closed = false
  #members = 0
  #linger: Timer | undefined
  readonly #waiters = new Set<PromiseWithResolvers<void>>()

  constructor(broker: string, options: FanoutOptions<A>, home: Home) {
    this.#options = options
    this.audience = options.audience(broker)
    this.#home = home
  }

  start(target: unknown, options: SubscribeOptions): this {
    this.#subscription = this.#home.link.subscribe(target, options, this)
    this.#subscription.live.then(
      () => this.#becomeLive(),
      (reason: BrokerError) => this.end(reason),
    )
    return this
  }

  get size(): number {
    return this.#members
  }

  join(): Membership<A> {
    this.#members++
    this.#linger?.cancel()
    this.#linger = undefined
    if (this.#live) return new Member(this, undefined)
    const waiter = Promise.withResolvers<void>()
    this.#waiters.add(waiter)
    return new Member(this, waiter)
  }

  /** @param waiter of the member that leaves: while the broker is away a churning client would pile them up */
  leave(waiter: PromiseWithResolvers<void> | undefined): void {
    if (waiter !== undefined) this.#waiters.delete(waiter)
    if (--this.#members > 0 || this.#closed) return
    if (!this.#home.lingers) return void this.close()
    this.#linger = this.#options.clock.after(this.#options.lingerMs, () => void this.close())
  }

  deliver(delivery: Delivery): void {
    this.audience.deliver(delivery)
  }

  lost(): void {
    this.#live = false
    this.audience.lost()
  }

  resumed(gap: boolean): void {
    this.audience.resumed(gap)
    this.#becomeLive()
  }

  end(reason: BrokerError): void {
    if (this.#closed) return
    this.#refuse(reason)
    this.audience.end(reason)
    void this.close()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#linger?.cancel()
    // First of all: whoever subscribes from now on opens a new one.
    this.#home.closing()
    this.#refuse(new BrokerError('closed', 'the server is going away'))
    await this.#subscription?.[Symbol.asyncDispose]()
    this.#home.closed()
  }

  #becomeLive(): void {
    if (this.#closed) return
    this.#live = true
    for (const waiter of this.#waiters) waiter.resolve()
    this.#waiters.clear()
  }

  #refuse(reason: BrokerError): void {
    for (const waiter of this.#waiters) waiter.reject(reason)
    this.#waiters.clear()
  }
}
