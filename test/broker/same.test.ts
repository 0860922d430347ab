/** Targets that mean the same to a subscriber: what a living subscription is judged by when the configuration has changed. */
import { describe, expect, test } from 'vitest'
import { memoryBroker } from '../../src/adapters/memory/index.ts'
import { mqttBroker } from '../../src/adapters/mqtt/index.ts'
import { rabbitmqBroker } from '../../src/adapters/rabbitmq/index.ts'
import type { Broker } from '../../src/broker/broker.ts'
import { silentBrokerObserver } from '../../src/broker/observer.ts'
import { Flows } from '../../src/flows/flow.ts'
import { FakeClock } from '../support/clock.ts'

const DEPS = { observer: silentBrokerObserver, clock: new FakeClock(), flow: new Flows('') }

type Options = Readonly<Record<string, unknown>>

/** Whether `/…/a` through a route with the one means what it means through a route with the other. */
function same(broker: Broker, one: Options, other: Options): boolean {
  const variables = Object.assign(Object.create(null), { n: 'a' })
  const target = (options: Options): unknown => broker.route(options, ['n']).target(variables)
  return broker.isSame(target(one), target(other))
}

describe.each<[string, Broker, Options, readonly Options[], readonly Options[]]>([
  [
    'memory',
    memoryBroker('m', {}, DEPS),
    { queue: 'q.{n}' },
    [{ queue: 'q.{n}' }, { queue: 'q.{n}', deadLetter: 'dead' }],
    [{ queue: 'other.{n}' }, { topic: 'q.{n}' }],
  ],
  [
    'rabbitmq, a queue',
    rabbitmqBroker('r', { url: 'amqp://127.0.0.1' }, DEPS),
    { queue: 'q.{n}' },
    [{ queue: 'q.{n}' }, { queue: 'q.{n}', declare: 'missing' }, { queue: 'q.{n}', mandatory: false }],
    [{ queue: 'other.{n}' }, { exchange: 'amq.topic', routingKey: 'q.{n}' }],
  ],
  [
    'rabbitmq, an exchange',
    rabbitmqBroker('r', { url: 'amqp://127.0.0.1' }, DEPS),
    { exchange: 'amq.topic', routingKey: 'k.{n}' },
    [{ exchange: 'amq.topic', routingKey: 'k.{n}', mandatory: true }],
    [
      { exchange: 'amq.direct', routingKey: 'k.{n}' },
      { exchange: 'amq.topic', routingKey: 'l.{n}' },
    ],
  ],
  [
    'mqtt',
    mqttBroker('m', { url: 'mqtt://127.0.0.1' }, DEPS),
    { topic: 't/{n}' },
    [
      { topic: 't/{n}', qos: 1 },
      { topic: 't/{n}', ack: 'refuse' },
    ],
    [{ topic: 'u/{n}' }, { topic: 't/{n}', group: 'g' }],
  ],
])('%s', (_, broker, one, same_, others) => {
  test.each(same_)('the same: %j', (other) => {
    expect(same(broker, one, other)).toBe(true)
  })

  test.each(others)('another: %j', (other) => {
    expect(same(broker, one, other)).toBe(false)
  })
})
