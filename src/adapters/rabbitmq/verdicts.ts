/**
 * What publishing for one identity has found out: which exchanges it may write to, how large a message may be, which queue is not there any
 * more. The declarer keeps answers that were asked for; these came unasked.
 */
import { BrokerError } from '../../broker/errors.ts'
import { type Declarer, exchangeKey } from './declare.ts'
import { exchangeNamed, largestMessage, refusal } from './failure.ts'
import type { Publication } from './publication.ts'

export class Verdicts {
  readonly #declarer: Declarer
  /** Exchanges that this identity has published to. */
  readonly #proved = new Set<string>()
  #refusesPlaces = false
  #largest = Number.POSITIVE_INFINITY

  constructor(declarer: Declarer) {
    this.#declarer = declarer
  }

  /** Bytes; what the broker has said its largest message may be. */
  get largest(): number {
    return this.#largest
  }

  /** It was ever refused for a routing key: RabbitMQ's topic permissions are in use. */
  get refusesPlaces(): boolean {
    return this.#refusesPlaces
  }

  isProved(exchange: string): boolean {
    return this.#proved.has(exchange)
  }

  prove(exchange: string): void {
    this.#proved.add(exchange)
  }

  /** A channel that many share was closed. @returns the exchange that its cause names */
  channelLost(cause: Error): string | undefined {
    this.#learn(cause)
    const named = exchangeNamed(cause)
    if (named !== undefined) this.#proved.delete(named)
    return named
  }

  /** This one closed a channel: it is refused, and those that would do the same are from now on. */
  guilty(publication: Publication, cause: Error): void {
    const { draft } = publication
    this.#learn(cause)
    const verdict = refusal(cause, draft.exchange === '' ? `queue "${draft.key}"` : `exchange "${draft.exchange}"`)
    if (verdict === undefined || verdict.code === 'precondition-failed') {
      publication.reject(new BrokerError('bad-message', 'the broker does not accept such a message', { cause }))
      return
    }
    // A topic permission is about this routing key only.
    const isTopic = /access to topic/i.test(cause.message)
    this.#refusesPlaces ||= isTopic
    this.#proved.delete(draft.exchange)
    this.#declarer.remember(isTopic ? publication.place : exchangeKey(draft.exchange), verdict)
    publication.reject(verdict)
  }

  /** Refuses what is known to be refused. True: it did. */
  refuseKnown(publication: Publication): boolean {
    const verdict = this.#declarer.known(publication.exchangeKey) ?? this.#declarer.known(publication.place)
    if (!(verdict instanceof BrokerError)) return false
    publication.reject(verdict)
    return true
  }

  /**
   * No queue took it. A queue that was there when it was asked for has been deleted since: its route says what to do about that, once.
   * False: there is nothing to ask.
   */
  askAgain(publication: Publication): boolean {
    const { queue } = publication.draft
    if (queue === undefined || publication.isSettled || !publication.comeBack()) return false
    this.#declarer.forget(queue.key)
    publication.owner.again(publication)
    return true
  }

  #learn(cause: Error): void {
    this.#largest = Math.min(this.#largest, largestMessage(cause) ?? Number.POSITIVE_INFINITY)
  }
}
