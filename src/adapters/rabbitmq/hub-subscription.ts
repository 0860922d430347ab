/** One subscription to a key of the bridge's own exchange: the port's promises for it. How its messages come is the hub's affair. */
import type { Sink, Subscription } from '../../broker/broker.ts'
import type { BrokerError } from '../../broker/errors.ts'
import type { Message } from '../../broker/message.ts'
import { closedError } from './failure.ts'
import type { AmqpTarget, ExchangeTarget } from './targets.ts'

export type HubTarget = ExchangeTarget

export class HubSubscription implements Subscription<AmqpTarget> {
  readonly live: Promise<void>
  readonly address: HubTarget
  readonly #sink: Sink<AmqpTarget>
  readonly #gone: () => void
  readonly #becameLive: () => void
  readonly #neverLive: (reason: BrokerError) => void
  /** away: it was live, and its key is not bound now. */
  #state: 'attaching' | 'live' | 'away' | 'over' = 'attaching'
  #tags = 0

  /** @param gone called once, when nothing more may come */
  constructor(address: HubTarget, sink: Sink<AmqpTarget>, gone: () => void) {
    this.address = address
    this.#sink = sink
    this.#gone = gone
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.live = promise
    this.#becameLive = resolve
    this.#neverLive = reject
    // Whoever does not look at `live` must not crash the process.
    promise.catch(() => {})
  }

  /** Its key is bound, for the first time or again. */
  up(): void {
    const before = this.#state
    if (before !== 'attaching' && before !== 'away') return
    this.#state = 'live'
    // The queue was another one.
    if (before === 'away') this.#sink.resumed(true)
    this.#becameLive()
  }

  /** The queue has gone. */
  down(): void {
    if (this.#state !== 'live') return
    this.#state = 'away'
    this.#sink.lost()
  }

  deliver(message: Message, redelivered: boolean): void {
    if (this.#state === 'over') return
    // What overtakes the answer to its binding must not come before `resumed`.
    this.up()
    this.#sink.deliver({ message, target: this.address, redelivered, tag: ++this.#tags })
  }

  end(reason: BrokerError): void {
    const before = this.#state
    if (!this.#close()) return
    if (before === 'attaching') this.#neverLive(reason)
    else this.#sink.end(reason)
  }

  /** Nothing of it is ever unsettled. */
  async settle(tags: readonly number[]): Promise<readonly number[]> {
    return tags
  }

  async stop(): Promise<void> {
    this.#close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#neverLive(closedError())
    this.#close()
  }

  #close(): boolean {
    if (this.#state === 'over') return false
    this.#state = 'over'
    this.#gone()
    return true
  }
}
