/**
 * A SUBSCRIBE to a handler: its one answer, and silence until UNSUBSCRIBE. It is live when the handler has answered, so that whoever gets a RECEIPT
 * knows that there was an answer; what the handler refuses is a SUBSCRIBE that failed. Nobody settles what comes.
 */
import type { Sink, Subscription } from '../../broker/broker.ts'
import type { BrokerError } from '../../broker/errors.ts'
import type { Message } from '../../broker/message.ts'
import type { Errand } from './errand.ts'
import { closedError } from './failure.ts'
import type { HttpTarget } from './route.ts'

export class OnceSubscription implements Subscription<HttpTarget> {
  readonly address: HttpTarget
  readonly #sink: Sink<HttpTarget>
  readonly #errand: Errand
  readonly #over: () => void
  #live: Promise<void> = Promise.resolve()
  #state: 'asking' | 'silent' | 'closed' = 'asking'

  /** @param over called once, when nothing of it is left */
  constructor(target: HttpTarget, sink: Sink<HttpTarget>, errand: Errand, over: () => void) {
    this.address = target
    this.#sink = sink
    this.#errand = errand
    this.#over = over
  }

  get live(): Promise<void> {
    return this.#live
  }

  /** @param ask settles when the handler has answered, and its answer is given */
  begin(ask: () => Promise<void>): void {
    this.#live = ask().then(
      () => {
        if (this.#state === 'asking') this.#state = 'silent'
      },
      (error: unknown) => {
        this.#end()
        throw error
      },
    )
    // Whoever does not look at `live` must not crash the process.
    this.#live.catch(() => {})
  }

  answer(message: Message): void {
    if (this.#state === 'asking') this.#sink.deliver({ message, target: this.address, redelivered: false, tag: 1 })
  }

  async settle(tags: readonly number[]): Promise<readonly number[]> {
    return tags
  }

  async stop(): Promise<void> {
    if (this.#state === 'asking') this.close(undefined)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close(undefined)
  }

  /** @param reason what the sink is told of a subscription that lives; undefined: nothing */
  close(reason: BrokerError | undefined): void {
    const was = this.#state
    this.#end()
    if (was === 'asking') this.#errand.abort(reason ?? closedError())
    else if (was === 'silent' && reason !== undefined) this.#sink.end(reason)
  }

  #end(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#over()
  }
}
