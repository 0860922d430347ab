/**
 * The registry: which kinds of broker there are. What each tells about its options is here at once; its client library is loaded when a
 * configuration names it. Deleting an adapter's folder takes one line from this file.
 */
import type { Broker } from '../broker/broker.ts'
import type { Clock } from '../broker/clock.ts'
import type { Flow } from '../broker/flow.ts'
import type { BrokerObserver } from '../broker/observer.ts'
import type { Fragment } from '../broker/schema.ts'
import * as http from './http/fields.ts'
import * as memory from './memory/fields.ts'
import * as mqtt from './mqtt/fields.ts'
import * as rabbitmq from './rabbitmq/fields.ts'

export interface AdapterDependencies {
  readonly observer: BrokerObserver
  readonly clock: Clock
  /** For what an adapter itself has to say: the answers of handlers. Takes nothing before the bridge has started. */
  readonly flow: Flow
}

/** @throws FieldError for a bad option; does no I/O before `start` */
export type AdapterFactory = (
  name: string,
  options: Readonly<Record<string, unknown>>,
  dependencies: AdapterDependencies,
) => Broker

export interface Adapter extends Fragment {
  load(): Promise<AdapterFactory>
}

/** What a `fields.ts` says, and nothing else of it. */
function of({ brokerFields, routeFields }: Fragment): Fragment {
  return { brokerFields, routeFields }
}

export const adapters: ReadonlyMap<string, Adapter> = new Map([
  ['http', { ...of(http), load: async () => (await import('./http/index.ts')).httpBroker }],
  ['memory', { ...of(memory), load: async () => (await import('./memory/index.ts')).memoryBroker }],
  ['mqtt', { ...of(mqtt), load: async () => (await import('./mqtt/index.ts')).mqttBroker }],
  ['rabbitmq', { ...of(rabbitmq), load: async () => (await import('./rabbitmq/index.ts')).rabbitmqBroker }],
])
