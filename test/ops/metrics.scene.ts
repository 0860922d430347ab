/** A stage of sessions with metrics beside it: what a scrape says of a conversation, read by a parser that knows the format and nothing of us. */

import { createMetrics, type Metrics } from '../../src/ops/metrics/index.ts'
import { takeCensus } from '../../src/session/census.ts'
import { failureCodes } from '../../src/session/failure.ts'
import type { QuotaCounters } from '../../src/session/quotas.ts'
import { Refusals } from '../../src/transports/refusals.ts'
import { openStage, type Stage, type StageOptions } from '../session/stage.ts'
import { FakeClock } from '../support/clock.ts'
import { type Family, parseExposition, sampleOf } from '../support/exposition.ts'

export interface MetricsScene {
  readonly stage: Stage
  readonly metrics: Metrics
  /** The listener, as far as metrics look at it. */
  readonly door: { connections: number; handshakes: number; readonly refusals: Refusals }
  readonly bridge: { draining: boolean; configHash: string | undefined }
  readonly quotas: { readonly counters: QuotaCounters; readonly spared: QuotaCounters }
  /** Walks over all sessions that were asked for. */
  readonly walks: () => number
  scrape(): Promise<Scrape>
}

export class Scrape {
  readonly families: ReadonlyMap<string, Family>

  constructor(text: string) {
    this.families = parseExposition(text)
  }

  /** @param name without `stomp_bridge_` */
  of(name: string, labels: Record<string, string> = {}): number {
    return sampleOf(this.families, `stomp_bridge_${name}`, labels)
  }

  /** Of one family by one label, those that are not 0. */
  by(label: string, name: string, others: Record<string, string> = {}): Record<string, number> {
    const { samples } = this.families.get(`stomp_bridge_${name}`)!
    const wanted = samples.filter((each) => Object.entries(others).every(([key, value]) => each.labels[key] === value))
    return Object.fromEntries(wanted.filter(({ value }) => value !== 0).map((each) => [each.labels[label], each.value]))
  }

  /** Samples of our own families. */
  get size(): number {
    const own = [...this.families.values()].filter(({ name }) => name.startsWith('stomp_bridge_'))
    return own.reduce((sum, { samples }) => sum + samples.length, 0)
  }
}

export function openMetrics(options: StageOptions = {}): MetricsScene {
  let walks = 0
  const door = { connections: 0, handshakes: 0, refusals: new Refusals(() => {}, new FakeClock()) }
  const bridge: MetricsScene['bridge'] = { draining: false, configHash: undefined }
  const stage = openStage({ ...options, metrics: () => metrics.session })
  const { quotas, counters, traffic } = stage.house
  const metrics: Metrics = createMetrics({
    version: '1.2.3',
    failureCodes,
    counters,
    traffic,
    listener: () => door,
    quotas: () => quotas,
    brokers: () => stage.house.snapshot.brokers.values(),
    shared: (broker) => stage.fanout.sizeOf(broker),
    census: () => {
      walks++
      return takeCensus(stage.everybody.all())
    },
    told: () => ({ broker: { delivered: 0, dropped: 0 }, http: { delivered: 0, dropped: 0 } }),
    draining: () => bridge.draining,
    configHash: () => bridge.configHash,
  })
  const scrape = async (): Promise<Scrape> => new Scrape(await metrics.text())
  return { stage, metrics, door, bridge, quotas, walks: () => walks, scrape }
}
