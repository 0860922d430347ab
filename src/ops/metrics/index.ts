/**
 * `/metrics`: everything that is counted, as Prometheus reads it (text format 0.0.4). What happens often is counted where it happens, in plain
 * numbers; here they are only read, when somebody asks. docs/metrics.md lists the families.
 */
import { collectDefaultMetrics, type Registry } from 'prom-client'
import type { Census } from '../../session/census.ts'
import { brokerFamilies } from './brokers.ts'
import { clientFamilies } from './clients.ts'
import { Events, type ReloadResult } from './events.ts'
import { type Family, registryOf } from './family.ts'
import { processFamilies } from './process.ts'
import type { MetricsSources } from './sources.ts'

export type { ReloadResult } from './events.ts'
export type { MetricsSources } from './sources.ts'

export interface Metrics {
  /** What there is, for the documentation. */
  readonly families: readonly Pick<Family, 'name' | 'help' | 'type' | 'labels'>[]
  /** Of `text`. */
  readonly contentType: string
  /** One scrape. Costs a walk over all sessions. */
  text(): Promise<string>
  /** To be told beside the log. */
  readonly session: Events['session']
  readonly broker: Events['broker']
  readonly auth: Events['auth']
  /** A configuration was to be loaded while the bridge runs. */
  reloaded(result: ReloadResult): void
}

/** @param sources are looked at during a scrape, and not before the first one */
export function createMetrics(sources: MetricsSources): Metrics {
  const events = new Events()
  let census: Census | undefined
  // One walk for all families of a scrape.
  const counted = (): Census => {
    census ??= sources.census()
    return census
  }
  const families = [
    ...clientFamilies(sources, events, counted),
    ...brokerFamilies(sources, events, counted),
    ...processFamilies(sources, events),
  ]
  const registry = registryOf(families)
  let watched = false
  return {
    families,
    contentType: registry.contentType,
    async text() {
      if (!watched) watchProcess(registry)
      watched = true
      census = undefined
      // The format knows NaN; prom-client spells it its own way, and has some while it has not watched the event loop for long.
      return (await registry.metrics()).replaceAll(/ Nan$/gm, ' NaN')
    },
    session: events.session,
    broker: events.broker,
    auth: events.auth,
    reloaded: (result) => events.reloaded(result),
  }
}

/**
 * Node and its process, under the names that all Node services have. Begun with the first scrape: it watches the event loop and the garbage
 * collector, which whoever is never scraped should not pay for.
 */
function watchProcess(registry: Registry): void {
  collectDefaultMetrics({ register: registry })
  // Gauges called counters, against the conventions; the families by type say the same.
  for (const misnamed of ['handles', 'requests', 'resources'])
    registry.removeSingleMetric(`nodejs_active_${misnamed}_total`)
}
