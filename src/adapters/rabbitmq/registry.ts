/** What the subscriptions of one identity have to know of each other. */
import type { AmqpSubscription } from './subscription.ts'

export class Registry {
  readonly #durables = new Map<string, AmqpSubscription>()
  readonly #owned = new Set<string>()
  #turn: Promise<unknown> = Promise.resolve()

  /** Who holds a durable queue name now. */
  durable(name: string): AmqpSubscription | undefined {
    return this.#durables.get(name)
  }

  /** "The newer session wins, the older gets `taken-over`." Resolves when what the older one held is back in the queue. */
  async takeOver(name: string, newer: AmqpSubscription): Promise<void> {
    const older = this.#durables.get(name)
    this.#durables.set(name, newer)
    await older?.takenOver()
  }

  /** It no longer holds the name, unless a newer one does. */
  leave(name: string, subscription: AmqpSubscription): void {
    if (this.#durables.get(name) === subscription) this.#durables.delete(name)
  }

  /** A queue that the bridge made for one subscription: nobody else may consume it. */
  own(queue: string): void {
    this.#owned.add(queue)
  }

  disown(queue: string): void {
    this.#owned.delete(queue)
  }

  isOwned(queue: string): boolean {
    return this.#owned.has(queue)
  }

  /** Runs one after the other. */
  alone<V>(run: () => Promise<V>): Promise<V> {
    const mine = this.#turn.then(run)
    this.#turn = mine.catch(() => {})
    return mine
  }
}
