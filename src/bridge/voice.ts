/** What one broker tells about itself, until a reload has put another one of the same name in its place: from then on its health is nobody's. */
import type { Health } from '../broker/broker.ts'
import type { BrokerObserver } from '../broker/observer.ts'

export class Voice implements BrokerObserver {
  readonly #heard: BrokerObserver
  #isRetired = false

  constructor(heard: BrokerObserver) {
    this.#heard = heard
  }

  retire(): void {
    this.#isRetired = true
  }

  health(broker: string, health: Health, cause?: Error): void {
    if (!this.#isRetired) this.#heard.health(broker, health, cause)
  }

  recovered(broker: string, subscriptions: number, resent: number): void {
    this.#heard.recovered(broker, subscriptions, resent)
  }

  channelLost(broker: string, cause: Error): void {
    this.#heard.channelLost(broker, cause)
  }

  warning(broker: string, text: string, cause?: Error): void {
    this.#heard.warning(broker, text, cause)
  }
}
