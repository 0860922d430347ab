/** What the links of one MQTT broker share. */
import type { Clock } from '../../broker/clock.ts'
import type { Connections } from './connections.ts'
import type { BrokerSettings } from './fields.ts'
import type { Hub } from './hub.ts'
import type { OwnSubscription } from './own.ts'
import type { Publisher } from './publisher.ts'
import type { RetainedReader } from './retained.ts'
import type { Takeovers } from './takeovers.ts'

export interface BrokerContext {
  readonly settings: BrokerSettings
  readonly clock: Clock
  readonly publisher: Publisher
  readonly connections: Connections
  /** The filters that nobody acknowledges. */
  readonly hub: Hub
  readonly retained: RetainedReader
  /** Durable subscriptions that stand, by client id. */
  readonly durables: Map<string, OwnSubscription>
  readonly takeovers: Takeovers
  /** An id that no other bridge gives. */
  nextId(): string
}
