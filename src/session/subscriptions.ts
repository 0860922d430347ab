/**
 * The subscriptions of a session: by the name the client uses now, and by the number that its ack ids carry. After UNSUBSCRIBE the name is free
 * at once, while the number stays until everything it was given is settled.
 */
import type { ClientSubscription } from './subscription.ts'

export class SubscriptionTable {
  readonly #byKey = new Map<string, ClientSubscription>()
  readonly #byNumber = new Map<number, ClientSubscription>()
  #next = 1
  #empty: (() => void)[] = []

  /** Those the client has not unsubscribed. */
  get size(): number {
    return this.#byKey.size
  }

  /** All of them: those that were unsubscribed and are still owed something, too. */
  get owed(): number {
    return this.#byNumber.size
  }

  /** STOMP 1.0 knows subscriptions without an id: they go by their destination. */
  static key(id: string | undefined, destination: string | undefined): string {
    return id === undefined ? `destination ${destination ?? ''}` : `id ${id}`
  }

  nextNumber(): number {
    return this.#next++
  }

  get(key: string): ClientSubscription | undefined {
    return this.#byKey.get(key)
  }

  /** Also after UNSUBSCRIBE, while something is owed. */
  byNumber(number: number): ClientSubscription | undefined {
    return this.#byNumber.get(number)
  }

  add(subscription: ClientSubscription): void {
    this.#byKey.set(SubscriptionTable.key(subscription.id, subscription.place.destination), subscription)
    this.#byNumber.set(subscription.number, subscription)
  }

  /** The id is free again; ack ids stay valid until `remove`. */
  release(subscription: ClientSubscription): void {
    const key = SubscriptionTable.key(subscription.id, subscription.place.destination)
    if (this.#byKey.get(key) === subscription) this.#byKey.delete(key)
  }

  remove(subscription: ClientSubscription): void {
    this.release(subscription)
    this.#byNumber.delete(subscription.number)
    if (this.#byNumber.size === 0) for (const resolve of this.#empty.splice(0)) resolve()
  }

  /** Resolves when every subscription has ended, and with it everything that was owed. */
  whenEmpty(): Promise<void> {
    if (this.#byNumber.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#empty.push(resolve)
    })
  }

  all(): ClientSubscription[] {
    return [...this.#byNumber.values()]
  }
}
