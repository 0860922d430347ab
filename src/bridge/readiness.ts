/** Should this bridge get new clients? From the state of the process and of its brokers. */
import type { Broker } from '../broker/broker.ts'
import type { OutageWatch } from '../broker/outage.ts'
import type { Config } from '../config/schema.ts'
import type { Readiness } from '../ops/parts.ts'

export interface State {
  draining: boolean
}

/** Whether the absence of this broker takes the bridge out of the load balancer. */
export function isRequired({ brokers }: Pick<Config, 'brokers'>, name: string): boolean {
  return brokers[name]?.required !== false
}

/**
 * Asked while the ops port is open, so the listener listens.
 * @param brokers those of `config`
 */
export function readinessOf(
  { draining }: State,
  outages: OutageWatch,
  config: Pick<Config, 'brokers'>,
  brokers: Iterable<Broker>,
): Readiness {
  const all = [...brokers].map(({ name, health }) => ({
    name,
    state: health.state,
    since: health.since,
    reason: health.reason,
    required: isRequired(config, name),
    missing: outages.isMissing(name),
  }))
  const missing = all.filter((each) => each.required && each.missing).map(({ name }) => name)
  const away = missing.length === 0 ? undefined : `waiting for ${missing.join(', ')}`
  const reason = draining ? 'draining' : away
  const checks = [
    { name: 'listening', passed: true },
    { name: 'not draining', passed: !draining },
  ]
  return { ready: reason === undefined, draining, reason, checks, brokers: all }
}
