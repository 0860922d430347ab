/**
 * Who shares which upstream subscription. Subscribers with equal keys get one subscription at the broker, and one sink (the audience)
 * that spreads what it receives; this file knows keys, reference counts, loss and return, and linger, and nothing of who listens.
 *
 * The upstream subscription stays `lingerMs` after its last subscriber has left: torn down at once, a churning client would queue
 * thousands of declares at the broker. It is held by links of its own, one per identity, so that no session's end ends it.
 */
import type { Delivery, Link, Sink, SubscribeOptions, Subscription } from './broker.ts'
import type { Clock, Timer } from './clock.ts'
import { BrokerError } from './errors.ts'

/** One subscriber's part in a shared subscription. */
export interface Membership<A> {
  readonly audience: A
  /** The broker has agreed and the connection stands; rejects with the BrokerError that ended the subscription. Never settles after `leave`. */
  readonly live: Promise<void>
  /** Idempotent. */
  leave(): void
}

export interface FanoutOptions<A> {
  /** Milliseconds an upstream subscription outlives its last subscriber. */
  readonly lingerMs: number
  readonly clock: Clock
  /** Makes the sink of a new shared subscription. */
  readonly audience: () => A
}

export class Fanout<A extends Sink> implements AsyncDisposable {
  readonly #options: FanoutOptions<A>
  readonly #shared = new Map<string, Shared<A>>()
  readonly #upstreams = new Map<string, Upstream>()

  constructor(options: FanoutOptions<A>) {
    this.#options = options
  }

  /** Upstream subscriptions that are held now. */
  get size(): number {
    return this.#shared.size
  }

  /**
   * @param broker name of the link's broker: keys of two brokers never meet
   * @param key what the link's `shareKey` said of these arguments
   */
  join(broker: string, key: string, link: Link, target: unknown, options: SubscribeOptions): Membership<A> {
    const name = `${broker}\0${key}`
    const shared = this.#shared.get(name) ?? this.#open(name, broker, link, target, options)
    return shared.join()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#shared.values()].map((shared) => shared.close()))
  }

  #open(name: string, broker: string, link: Link, target: unknown, options: SubscribeOptions): Shared<A> {
    const upstream = this.#upstream(`${broker}\0${link.identity}`, link)
    const shared: Shared<A> = new Shared(this.#options, {
      closing: () => this.#shared.delete(name),
      closed: () => upstream.release(),
    })
    this.#shared.set(name, shared)
    shared.start(upstream.link, target, options)
    return shared
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

interface SharedEvents {
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
  readonly #events: SharedEvents
  #subscription: Subscription | undefined
  #live = false
  #closed = false
  #members = 0
  #linger: Timer | undefined
  readonly #waiters = new Set<PromiseWithResolvers<void>>()

  constructor(options: FanoutOptions<A>, events: SharedEvents) {
    this.#options = options
    this.audience = options.audience()
    this.#events = events
  }

  start(link: Link, target: unknown, options: SubscribeOptions): void {
    this.#subscription = link.subscribe(target, options, this)
    this.#subscription.live.then(
      () => this.#becomeLive(),
      (reason: BrokerError) => this.end(reason),
    )
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
    this.#events.closing()
    this.#refuse(new BrokerError('closed', 'the server is going away'))
    await this.#subscription?.[Symbol.asyncDispose]()
    this.#events.closed()
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
