/** Families about clients: connections, frames, what is under way to them, what they were refused. */
import type { Census } from '../../session/census.ts'
import type { QuotaCounters } from '../../session/quotas.ts'
import type { Refusal } from '../../transports/listen.ts'
import type { Events } from './events.ts'
import { counter, type Family, gauge, only, type Sample } from './family.ts'
import type { MetricsSources } from './sources.ts'

/** @param census of this scrape */
export function clientFamilies(sources: MetricsSources, events: Events, census: () => Census): Family[] {
  return [
    ...connections(sources, events, census),
    ...frames(sources, events, census),
    ...underWay(sources, census),
    ...slowness(sources),
    ...limits(sources),
  ]
}

function connections({ counters, listener }: MetricsSources, events: Events, census: () => Census): Family[] {
  return [
    gauge(
      'stomp_bridge_connections',
      'Connections that are open: WebSockets, and sessions of SockJS over HTTP, however many requests they consist of.',
      [],
      () => only(listener().connections),
    ),
    gauge(
      'stomp_bridge_handshakes',
      'Sockets that have not come in yet: amid their handshake, or refused and leaving.',
      [],
      () => only(listener().handshakes),
    ),
    counter('stomp_bridge_connections_opened_total', 'Connections that were accepted.', [], () =>
      only(counters.opened),
    ),
    counter(
      'stomp_bridge_connections_closed_total',
      'Connections that have ended, by the close code, whoever sent it; unknown codes by their class.',
      ['code'],
      () => entries(events.closed),
    ),
    counter(
      'stomp_bridge_upgrade_refusals_total',
      'Who was turned away at the door, by reason; what limits.dryRun let in is not in it.',
      ['reason'],
      () => Object.entries(doors(listener())).map(([reason, { refused }]): Sample => [[reason], refused]),
    ),
    gauge('stomp_bridge_sessions', 'Sessions after CONNECTED, by STOMP version.', ['version'], () =>
      Object.entries(census().versions).map(([version, count]): Sample => [[version], count]),
    ),
    gauge(
      'stomp_bridge_transport_sessions',
      'The same sessions by transport: websocket, sockjs websocket (SockJS over one), sockjs (SockJS over HTTP requests).',
      ['transport'],
      () => [...transports(census())].map(([transport, count]): Sample => [[transport], count]),
    ),
  ]
}

/** With those that have none. Compressed or not makes no difference. */
function transports({ framings }: Census): ReadonlyMap<string, number> {
  const counts = new Map([
    ['websocket', 0],
    ['sockjs websocket', 0],
    ['sockjs', 0],
  ])
  for (const [framing, count] of framings) {
    const name = framing.replace(/, compressed$/, '')
    counts.set(name, (counts.get(name) ?? 0) + count)
  }
  return counts
}

function frames({ counters, traffic, failureCodes }: MetricsSources, events: Events, census: () => Census): Family[] {
  return [
    counter(
      'stomp_bridge_frames_total',
      'STOMP frames by direction (in: from clients) and command; in: those that came when and as they may.',
      ['direction', 'command'],
      () => {
        let messages = 0
        for (const { written } of traffic.routes) messages += written
        return counters.frames(messages).map(([direction, command, count]): Sample => [[direction, command], count])
      },
    ),
    counter(
      'stomp_bridge_wire_bytes_total',
      'Bytes from clients (in: inflated and without the framing of WebSocket) and to them (out: with it, before deflating).',
      ['direction'],
      () => [
        [['in'], counters.bytes[0]!],
        [['out'], counters.bytes[1]! + census().written],
      ],
    ),
    counter('stomp_bridge_errors_total', 'ERROR frames, by their bridge-code.', ['code'], () =>
      failureCodes.map((code): Sample => [[code], events.errors.get(code) ?? 0]),
    ),
    counter(
      'stomp_bridge_frames_ignored_total',
      'Frames to destinations that no route has, left unanswered because of unmapped: ignore.',
      [],
      () => only(counters.ignored),
    ),
  ]
}

function underWay({ counters }: MetricsSources, census: () => Census): Family[] {
  return [
    gauge('stomp_bridge_outbound_buffered_bytes', 'Bytes that wait for clients, of all connections together.', [], () =>
      only(census().waiting),
    ),
    gauge('stomp_bridge_outbound_buffered_max_bytes', 'Bytes that wait for the client with the most of them.', [], () =>
      only(census().mostWaiting),
    ),
    gauge('stomp_bridge_unacked_messages', 'MESSAGEs that clients have not acknowledged yet.', [], () =>
      only(census().unacked),
    ),
    gauge(
      'stomp_bridge_receipts_pending',
      'Frames whose RECEIPT is not due yet, whether one was asked for or not: SENDs without a confirm, SUBSCRIBEs that are not live.',
      [],
      () => only(census().pending),
    ),
    gauge('stomp_bridge_transactions_open', 'Transactions between BEGIN and COMMIT or ABORT.', [], () =>
      only(counters.transactions),
    ),
  ]
}

function slowness({ counters }: MetricsSources): Family[] {
  const { pause: _, disconnect: __, ...leavesOut } = counters.drops
  const policies = Object.keys(leavesOut) as (keyof typeof leavesOut)[]
  return [
    counter(
      'stomp_bridge_slow_consumers_total',
      'Times that a client fell so far behind that its messages had to wait, by the slow policy of the first of them.',
      ['policy'],
      () => Object.entries(counters.lags).map(([policy, count]): Sample => [[policy], count]),
    ),
    counter(
      'stomp_bridge_slow_consumers_disconnected_total',
      'Clients that were disconnected because they read too slowly.',
      [],
      () => only(counters.disconnected),
    ),
    counter(
      'stomp_bridge_messages_dropped_total',
      'MESSAGEs left out for clients that read too slowly, those that a newer one replaced included, by slow policy.',
      ['policy'],
      () => policies.map((policy): Sample => [[policy], counters.drops[policy]]),
    ),
  ]
}

/** At the door: reasons that are limits, with the names of the options below `limits:`. */
const DOOR_LIMITS = [
  'connections',
  'connectionsPerIp',
  'connectRate',
  'connectRatePerIp',
  'handshakes',
  'handshakeTimeout',
] as const satisfies readonly Refusal[]

/** Inside: what was counted, whose option it is (those of routes have a name of their own), and what became of it. */
const QUOTAS: readonly (readonly [counted: keyof QuotaCounters, limit: string, outcome: 'refused' | 'slowed'])[] = [
  ['connectionsPerUser', 'connectionsPerUser', 'refused'],
  ['sendSlowed', 'sendRate', 'slowed'],
  ['sendRefused', 'sendRate', 'refused'],
  ['routeSlowed', 'routeSendRate', 'slowed'],
  ['routeRefused', 'routeSendRate', 'refused'],
]

function limits({ listener, quotas }: MetricsSources): Family[] {
  const read = (): Sample[] => {
    const atDoor = doors(listener())
    const { counters, spared } = quotas()
    const samples: Sample[] = DOOR_LIMITS.flatMap((limit): Sample[] => [
      [[limit, 'refused'], atDoor[limit].refused],
      [[limit, 'dry-run'], atDoor[limit].spared],
    ])
    const dry = new Map<string, number>()
    for (const [counted, limit, outcome] of QUOTAS) {
      samples.push([[limit, outcome], counters[counted] - spared[counted]])
      dry.set(limit, (dry.get(limit) ?? 0) + spared[counted])
    }
    for (const [limit, count] of dry) samples.push([[limit, 'dry-run'], count])
    return samples
  }
  return [
    counter(
      'stomp_bridge_limits_hit_total',
      'Times that a limit over several connections was met: what it refused, what it slowed down, what limits.dryRun let pass. Limits of one session are errors by code.',
      ['limit', 'outcome'],
      read,
    ),
  ]
}

function doors({ refusals }: ReturnType<MetricsSources['listener']>) {
  const { counts, spared } = refusals
  const reasons = Object.keys(counts) as Refusal[]
  return Object.fromEntries(
    reasons.map((reason) => [reason, { refused: counts[reason] - spared[reason], spared: spared[reason] }]),
  ) as Record<Refusal, { refused: number; spared: number }>
}

function entries(counts: ReadonlyMap<string, number>): Sample[] {
  return [...counts].map(([label, count]): Sample => [[label], count])
}
