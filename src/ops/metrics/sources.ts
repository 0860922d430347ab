/** Where the numbers come from: what src/bridge hands in. All of it is looked at during a scrape, without I/O. Types only. */
import type { Broker } from '../../broker/broker.ts'
import type { TrafficBook } from '../../broker/traffic.ts'
import type { Census } from '../../session/census.ts'
import type { SessionCounters } from '../../session/counters.ts'
import type { Quotas } from '../../session/quotas.ts'
import type { Listener } from '../../transports/listen.ts'

export interface MetricsSources {
  /** Of the bridge. */
  readonly version: string
  /** All that an ERROR can say in `bridge-code`: each has a series from the start. */
  readonly failureCodes: readonly string[]
  readonly counters: SessionCounters
  readonly traffic: TrafficBook
  readonly listener: () => Pick<Listener, 'connections' | 'handshakes' | 'refusals'>
  readonly quotas: () => Pick<Quotas, 'counters' | 'spared'>
  /** Those of the configuration in force. */
  readonly brokers: () => Iterable<Broker>
  /** Subscriptions at a broker that clients share. @param broker its name */
  readonly shared: (broker: string) => number
  /** Walks over all sessions: asked once a scrape. */
  readonly census: () => Census
  /** Events of sessions, by receiver. */
  readonly told: () => Readonly<Record<'broker' | 'http', { readonly delivered: number; readonly dropped: number }>>
  readonly draining: () => boolean
  /** Of the configuration in force; undefined: it came from no file. */
  readonly configHash: () => string | undefined
}
