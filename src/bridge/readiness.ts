/** Should this bridge get new clients? From the state of the process and of its brokers. */
import type { Broker } from '../broker/broker.ts'
import type { OutageWatch } from '../broker/outage.ts'
import type { Readiness } from '../ops/http.ts'

export interface State {
  draining: boolean
}

export function readinessOf({ draining }: State, outages: OutageWatch, brokers: readonly Broker[]): Readiness {
  const missing = brokers.filter((broker) => outages.isMissing(broker.name)).map((broker) => broker.name)
  const away = missing.length === 0 ? undefined : `waiting for ${missing.join(', ')}`
  const reason = draining ? 'draining' : away
  return { ready: reason === undefined, reason, brokers: brokers.map(({ name, health }) => ({ name, ...health })) }
}
