/**
 * Who hears what happens in the bridge: the log, the metrics, and the watch over outages. Here their observers become one of each kind, and the
 * metrics learn where the numbers are that nobody tells.
 */
import type { AuthObserver } from '../auth/context.ts'
import type { BrokerObserver } from '../broker/observer.ts'
import type { OutageWatch } from '../broker/outage.ts'
import { TrafficBook } from '../broker/traffic.ts'
import type { Events } from '../flows/events.ts'
import type { Logger } from '../ops/log.ts'
import { createMetrics, type Metrics } from '../ops/metrics/index.ts'
import { authReport, brokerReport, sessionReport } from '../ops/report.ts'
import { takeCensus } from '../session/census.ts'
import { SessionCounters } from '../session/counters.ts'
import { failureCodes } from '../session/failure.ts'
import type { House } from '../session/house.ts'
import type { SessionObserver } from '../session/observer.ts'
import type { Sessions } from '../session/sessions.ts'
import type { Listener } from '../transports/listen.ts'
import { version } from '../version.ts'
import type { State } from './readiness.ts'

/** What a scrape looks at. */
export interface Watched {
  readonly house: House
  readonly sessions: Sessions
  readonly listener: Listener
  readonly state: State
  readonly events: Pick<Events, 'broker' | 'http'>
  /** Of the configuration in force; undefined: it came from no file. */
  readonly configHash: string | undefined
}

export interface Observing {
  readonly auth: AuthObserver
  readonly broker: BrokerObserver
  readonly session: SessionObserver
  /** Where sessions and routers count. */
  readonly counters: SessionCounters
  readonly traffic: TrafficBook
  readonly metrics: Metrics
}

/** @param watched as it is at the moment; not asked before the first scrape, which comes when the bridge is running */
export function observe(log: Logger, outages: Pick<OutageWatch, 'health'>, watched: () => Watched): Observing {
  const counters = new SessionCounters()
  const traffic = new TrafficBook()
  const metrics = createMetrics({
    version,
    failureCodes,
    counters,
    traffic,
    listener: () => watched().listener,
    quotas: () => watched().house.quotas,
    brokers: () => watched().house.snapshot.brokers.values(),
    shared: (broker) => watched().house.fanout.sizeOf(broker),
    census: () => takeCensus(watched().sessions.all()),
    told: () => {
      const { broker, http } = watched().events
      return { broker, http }
    },
    draining: () => watched().state.draining,
    configHash: () => watched().configHash,
  })
  return { ...joined(log, outages, metrics), counters, traffic, metrics }
}

function joined(log: Logger, outages: Pick<OutageWatch, 'health'>, metrics: Metrics) {
  const session = sessionReport(log)
  const broker = brokerReport(log)
  return {
    auth: { ...authReport(log), decided: metrics.auth.decided },
    broker: {
      ...broker,
      health(name, health, cause) {
        outages.health(name, health)
        metrics.broker.health(name, health, cause)
        broker.health(name, health, cause)
      },
      recovered(...told) {
        metrics.broker.recovered(...told)
        broker.recovered(...told)
      },
      channelLost(...told) {
        metrics.broker.channelLost(...told)
        broker.channelLost(...told)
      },
    } satisfies BrokerObserver,
    session: {
      ...session,
      closed(...told) {
        metrics.session.closed(...told)
        session.closed(...told)
      },
      failed(...told) {
        metrics.session.failed(...told)
        session.failed(...told)
      },
    } satisfies SessionObserver,
  }
}
