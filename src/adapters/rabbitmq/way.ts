/** What must be known before a link's publication may be written, and how it is found out. */
import { BrokerError } from '../../broker/errors.ts'
import type { Budget, Verdict } from './declare.ts'
import type { Outbox, Way } from './outbox.ts'
import type { Publication } from './publication.ts'
import type { Upstream } from './upstream.ts'

export class LinkWay implements Way {
  readonly #upstream: Upstream
  readonly #budget: Budget

  constructor(upstream: Upstream, budget: Budget) {
    this.#upstream = upstream
    this.#budget = budget
  }

  get isOpen(): boolean {
    return this.#upstream.publisher.isOpen
  }

  write(publication: Publication, now: number): void {
    this.#upstream.publisher.write(publication, now)
  }

  probe(publication: Publication): void {
    this.#upstream.publisher.probe(publication)
  }

  wait(outbox: Outbox): void {
    this.#upstream.publisher.wait(outbox)
  }

  leave(outbox: Outbox): void {
    this.#upstream.publisher.leave(outbox)
  }

  verdict(publication: Publication): Verdict | 'probe' | undefined {
    const { declarer, publisher } = this.#upstream
    const { exchange, queue, replyQueue } = publication.draft
    const isProved = publisher.verdicts.isProved(exchange)
    // The default exchange is always there, but this account may not be allowed to use it.
    if (exchange !== '' || !isProved) {
      const verdict = declarer.known(publication.exchangeKey) ?? (exchange === '' ? true : undefined)
      if (verdict !== true) return verdict
    }
    if (queue !== undefined) {
      const verdict = declarer.known(queue.key)
      if (verdict !== true) return verdict
    }
    if (replyQueue !== undefined && replyQueue.queueName === undefined) return undefined
    if (publisher.verdicts.refusesPlaces) {
      const verdict = declarer.known(publication.place)
      if (verdict instanceof BrokerError) return verdict
    }
    return isProved ? true : 'probe'
  }

  ask(publication: Publication): Promise<void> {
    const { declarer } = this.#upstream
    const { exchange, queue, replyQueue } = publication.draft
    if (exchange !== '' && declarer.known(publication.exchangeKey) === undefined) return declarer.askExchange(exchange)
    if (queue !== undefined && declarer.known(queue.key) === undefined) {
      return declarer.askQueue(queue.name, queue.declare, queue.args, this.#budget)
    }
    return replyQueue?.attached() ?? Promise.resolve()
  }
}
