/**
 * Named events that an adapter tells about itself; src/bridge connects them to the log and, later, to metrics. Nobody here imports a logger.
 * Never called per message.
 */
import type { Health } from './broker.ts'

export interface BrokerObserver {
  /** `health` has changed; `cause` is the library's error when it got worse. */
  health(broker: string, health: Health, cause?: Error): void
  /** The connection is back: how many subscriptions were resumed and how many publishes were sent again. */
  recovered(broker: string, subscriptions: number, resent: number): void
  /** A shared channel died of this publish or declare; what is suspect goes alone from now on. */
  channelLost(broker: string, cause: Error): void
  /** Something an operator should read once, e.g. a queue that was declared with other arguments. */
  warning(broker: string, text: string, cause?: Error): void
}

export const silentBrokerObserver: BrokerObserver = {
  health() {},
  recovered() {},
  channelLost() {},
  warning() {},
}
