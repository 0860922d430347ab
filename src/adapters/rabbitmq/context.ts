/** What the parts of one broker share. */
import type { Sink } from '../../broker/broker.ts'
import type { Clock } from '../../broker/clock.ts'
import type { BrokerObserver } from '../../broker/observer.ts'
import type { BrokerSettings } from './fields.ts'
import type { HealthBoard } from './health.ts'
import type { AmqpLink } from './link.ts'
import type { Probe } from './probe.ts'
import type { AmqpTarget } from './targets.ts'
import type { Upstream } from './upstream.ts'

export interface BrokerContext {
  readonly name: string
  readonly settings: BrokerSettings
  readonly observer: BrokerObserver
  readonly clock: Clock
  readonly board: HealthBoard
  /** With `credentials: client`. */
  readonly probe: Probe | undefined
  /** An id for a publication, unique among all bridges. */
  readonly nextId: () => string
  /** Another link of the same upstream. */
  readonly fork: (upstream: Upstream, replies: Sink<AmqpTarget>) => AmqpLink
}
