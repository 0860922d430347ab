/**
 * Families of series as Prometheus reads them, filled from numbers that are kept elsewhere: at a scrape each family is asked for its samples, and
 * keeps none. The only file that knows how prom-client wants them.
 *
 * Every label of a family has values of a bounded set: names that the operator gave, or words of this program. What a client chose never is one.
 */
import { type Metric, Registry } from 'prom-client'
import type { Histogram } from '../../broker/histogram.ts'

/** Values of the labels, in their order, and the value. */
export type Sample = readonly [labels: readonly string[], value: number]

export interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
  /** What it has now. Synchronous: all families of one scrape tell of the same moment. */
  values(): readonly Value[]
}

/** As prom-client prints it. */
interface Value {
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** @param name ends in `_total`, and tells the unit before that, if it has one */
export function counter(name: string, help: string, labels: readonly string[], read: () => Iterable<Sample>): Family {
  return { name, help, type: 'counter', labels, values: () => plain(labels, read()) }
}

export function gauge(name: string, help: string, labels: readonly string[], read: () => Iterable<Sample>): Family {
  return { name, help, type: 'gauge', labels, values: () => plain(labels, read()) }
}

/** @param unit what 1 of the name's unit is in the histogram's: 1,000,000 for `_seconds` of microseconds */
export function histogram(
  name: string,
  help: string,
  labels: readonly string[],
  unit: number,
  read: () => Iterable<readonly [labels: readonly string[], values: Histogram]>,
): Family {
  const values = (): Value[] =>
    [...read()].flatMap(([own, counted]) => buckets(name, named(labels, own), counted, unit))
  return { name, help, type: 'histogram', labels, values }
}

/** One sample without labels. */
export function only(value: number): readonly Sample[] {
  return [[[], value]]
}

/** A registry that asks these families at every scrape. */
export function registryOf(families: readonly Family[]): Registry {
  const registry = new Registry()
  for (const family of families) {
    const { name, help, type } = family
    // What the registry asks of a metric: prom-client's own classes keep values, of which these have none.
    const asked = { name, help, type, get: async () => ({ name, help, type, values: family.values() }) }
    registry.registerMetric(asked as unknown as Metric)
  }
  return registry
}

function plain(labels: readonly string[], samples: Iterable<Sample>): Value[] {
  return [...samples].map(([own, value]) => ({ labels: named(labels, own), value }))
}

function named(labels: readonly string[], own: readonly string[]): Record<string, string> {
  return Object.fromEntries(labels.map((label, index) => [label, own[index]!]))
}

/** Prometheus, Histogram: "cumulative counters for the observation buckets", the last of them `+Inf`, then the sum and the count of all. */
function buckets(name: string, labels: Record<string, string>, counted: Histogram, unit: number): Value[] {
  const { bounds, sum } = counted
  const metricName = `${name}_bucket`
  const values: Value[] = []
  let count = 0
  for (const [index, bound] of bounds.entries()) {
    count += counted.countOf(index)
    values.push({ metricName, labels: { ...labels, le: String(bound / unit) }, value: count })
  }
  count += counted.countOf(bounds.length)
  values.push({ metricName, labels: { ...labels, le: '+Inf' }, value: count })
  values.push({ metricName: `${name}_sum`, labels, value: sum / unit })
  values.push({ metricName: `${name}_count`, labels, value: count })
  return values
}
