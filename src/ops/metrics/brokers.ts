/** Families about brokers and routes: what passes to them and from them, how long it takes, how they are. Labels are names of the configuration. */
import type { Broker, Health } from '../../broker/broker.ts'
import type { Census } from '../../session/census.ts'
import type { BrokerEvents, Events } from './events.ts'
import { counter, type Family, gauge, histogram, type Sample } from './family.ts'
import type { MetricsSources } from './sources.ts'

const STATES: readonly Health['state'][] = ['up', 'connecting', 'down', 'blocked']
const MICROSECONDS = 1_000_000

/** @param census of this scrape */
export function brokerFamilies(sources: MetricsSources, events: Events, census: () => Census): Family[] {
  return [...traffic(sources), ...times(sources), ...fanout(sources, census), ...health(sources, events)]
}

function traffic({ traffic }: MetricsSources): Family[] {
  return [
    counter(
      'stomp_bridge_messages_total',
      'Messages by direction (in: SENDs handed to the broker; out: MESSAGEs written), broker and route: its destination pattern.',
      ['direction', 'broker', 'route'],
      () =>
        [...traffic.routes].flatMap(({ broker, pattern, published, written }): Sample[] => [
          [['in', broker.name, pattern], published],
          [['out', broker.name, pattern], written],
        ]),
    ),
    histogram(
      'stomp_bridge_message_body_bytes',
      'Bodies by direction (in: of SENDs handed to the broker; out: of its deliveries, a shared one once).',
      ['direction', 'broker'],
      1,
      () =>
        [...traffic.brokers].flatMap(({ name, published, delivered }) => [
          [['in', name], published] as const,
          [['out', name], delivered] as const,
        ]),
    ),
  ]
}

function times({ traffic }: MetricsSources): Family[] {
  return [
    histogram(
      'stomp_bridge_publish_confirm_seconds',
      'Time from a publish to the confirm of the broker, the time that it was held included; what was refused is not in it.',
      ['broker'],
      MICROSECONDS,
      () => [...traffic.brokers].map(({ name, confirms }) => [[name], confirms] as const),
    ),
    histogram(
      'stomp_bridge_delivery_seconds',
      'Time from a delivery of the broker until the kernel has taken its MESSAGEs, of clients that keep up; of each session or shared subscription one delivery at a time.',
      ['broker'],
      MICROSECONDS,
      () => [...traffic.brokers].map(({ name, departures }) => [[name], departures] as const),
    ),
  ]
}

function fanout({ traffic, brokers, shared }: MetricsSources, census: () => Census): Family[] {
  return [
    counter(
      'stomp_bridge_broker_deliveries_total',
      'Deliveries of the broker, a shared one once: MESSAGEs written by these is the fan-out.',
      ['broker'],
      () => [...traffic.brokers].map(({ name, deliveries }): Sample => [[name], deliveries]),
    ),
    gauge(
      'stomp_bridge_subscriptions',
      'Subscriptions of clients, by broker and kind: shared, own.',
      ['broker', 'kind'],
      () =>
        [...brokers()].flatMap(({ name }): Sample[] => {
          const { shared, own } = census().subscriptions.get(name) ?? { shared: 0, own: 0 }
          return [
            [[name, 'shared'], shared],
            [[name, 'own'], own],
          ]
        }),
    ),
    gauge(
      'stomp_bridge_upstream_shared_subscriptions',
      'Subscriptions at the broker that clients share, those that linger included.',
      ['broker'],
      () => [...brokers()].map(({ name }): Sample => [[name], shared(name)]),
    ),
  ]
}

function health({ brokers }: MetricsSources, events: Events): Family[] {
  const each = (read: (broker: Broker) => number) => (): Sample[] =>
    [...brokers()].map((broker): Sample => [[broker.name], read(broker)])
  const counted = (what: Exclude<keyof BrokerEvents, 'isAway' | 'wasUp'>) => (): Sample[] => {
    // Those that a reload has taken away go on, so that sums do not fall.
    const names = new Set([...[...brokers()].map(({ name }) => name), ...events.brokers.keys()])
    return [...names].map((name): Sample => [[name], events.of(name)[what]])
  }
  const one = ['broker']
  return [
    gauge(
      'stomp_bridge_broker_state',
      '1 for the state that the broker is in, 0 for the others.',
      ['broker', 'state'],
      () =>
        [...brokers()].flatMap(({ name, health }) =>
          STATES.map((state): Sample => [[name, state], health.state === state ? 1 : 0]),
        ),
    ),
    gauge(
      'stomp_bridge_broker_users',
      'Identities of clients that are connected to the broker; 0 with a service account.',
      one,
      each(({ users = 0 }) => users),
    ),
    gauge(
      'stomp_bridge_publishes_held',
      'Publishes that wait for the broker: it is away, asks for patience, or has enough under way.',
      one,
      each(({ held = 0 }) => held),
    ),
    counter(
      'stomp_bridge_broker_reconnects_total',
      'Times that the broker was up again after it had been away.',
      one,
      counted('reconnects'),
    ),
    counter(
      'stomp_bridge_broker_channels_lost_total',
      'Shared channels that the broker has closed because of something that was sent on them.',
      one,
      counted('channelsLost'),
    ),
    counter(
      'stomp_bridge_broker_subscriptions_resumed_total',
      'Subscriptions (of RabbitMQ: channels) that were opened again after a lost connection.',
      one,
      counted('resumed'),
    ),
    counter(
      'stomp_bridge_broker_publishes_resent_total',
      'Publishes that were sent again because a connection was lost before their confirm.',
      one,
      counted('resent'),
    ),
  ]
}
