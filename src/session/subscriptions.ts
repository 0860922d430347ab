/**
 * The subscriptions of a session: by the name the client uses now, and by the number that its ack ids carry. After UNSUBSCRIBE the name is free
 * at once, while the number stays until everything it was given is settled.
 */
import type { ClientSubscription } from './subscription.ts'

interface Waiting {
  /** It is true from then on. */
  readonly holds: () => boolean
  readonly resolve: () => void
}

export class SubscriptionTable {
  /** By key and by number, in one table: most sessions have a single subscription, or none yet. */
  #found: Map<string | number, ClientSubscription> | undefined
  #size = 0
  #next = 1
  #waiting: Waiting[] | undefined
  #starting: Promise<unknown> | undefined
  #startings = 0

  /** Those the client has not unsubscribed. */
  get size(): number {
    return this.#size
  }

  /** All of them: those that were unsubscribed and are still owed something, too. */
  get owed(): number {
    return this.#found === undefined ? 0 : this.#found.size - this.#size
  }

  /** STOMP 1.0 knows subscriptions without an id: they go by their destination. */
  static key(id: string | undefined, destination: string | undefined): string {
    return id === undefined ? `destination ${destination ?? ''}` : `id ${id}`
  }

  nextNumber(): number {
    return this.#next++
  }

  get(key: string): ClientSubscription | undefined {
    return this.#found?.get(key)
  }

  /** Also after UNSUBSCRIBE, while something is owed. */
  byNumber(number: number): ClientSubscription | undefined {
    return this.#found?.get(number)
  }

  /** The client has not unsubscribed it. */
  isCurrent(subscription: ClientSubscription): boolean {
    return this.#found?.get(SubscriptionTable.key(subscription.id, subscription.place.destination)) === subscription
  }

  add(subscription: ClientSubscription): void {
    this.#found ??= new Map()
    this.#found.set(SubscriptionTable.key(subscription.id, subscription.place.destination), subscription)
    this.#found.set(subscription.number, subscription)
    this.#size++
  }

  /** The id is free again; ack ids stay valid until `remove`. */
  release(subscription: ClientSubscription): void {
    if (!this.isCurrent(subscription)) return
    this.#found?.delete(SubscriptionTable.key(subscription.id, subscription.place.destination))
    this.#size--
  }

  remove(subscription: ClientSubscription): void {
    this.release(subscription)
    this.#found?.delete(subscription.number)
    const waiting = this.#waiting
    if (waiting === undefined) return
    this.#waiting = waiting.filter(({ holds }) => !holds())
    for (const { holds, resolve } of waiting) if (holds()) resolve()
  }

  /** A SUBSCRIBE has come. @returns to be called when it is live, or never will be */
  begins(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#starting = this.#startings++ === 0 ? promise : Promise.all([this.#starting, promise])
    return () => {
      if (--this.#startings === 0) this.#starting = undefined
      resolve()
    }
  }

  /** Resolves when all are live that have begun so far, and will be; undefined: they are. */
  get starting(): Promise<unknown> | undefined {
    return this.#starting
  }

  /** Resolves when every subscription has ended, and with it everything that was owed. */
  whenEmpty(): Promise<void> {
    return this.#when(() => this.owed === 0)
  }

  /** Resolves when only such are left as nobody settles deliveries of. */
  whenSettled(): Promise<void> {
    return this.#when(() => this.all().every(({ options }) => options.settle === 'presettled'))
  }

  #when(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve()
    return new Promise((resolve) => {
      this.#waiting ??= []
      this.#waiting.push({ holds, resolve })
    })
  }

  all(): ClientSubscription[] {
    const all: ClientSubscription[] = []
    if (this.#found === undefined) return all
    for (const [key, subscription] of this.#found) if (typeof key === 'number') all.push(subscription)
    return all
  }
}
