/**
 * What the bridge is meant to reach, as data, and whether a run did. A quotient is taken round by round and judged by its median. Nothing fails
 * for a target that is missed: on a busy machine it says little, and what was measured is written beside it.
 */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { type Figures, kibPerUnit, type Report, type Row, type Spread } from './report.ts'

/** A quantity of one measurement, and of another one in the same round where it is a comparison. */
type Quantity = (of: Figures, reference: Figures) => number

const QUANTITIES = {
  'CPU ×': (of, reference) => of.cpu / reference.cpu,
  'rate ×': (of, reference) => of.rate / reference.rate,
  'p50 ×': (of, reference) => quotient(of.latency?.p50, reference.latency?.p50),
  'p99 ×': (of, reference) => quotient(of.latency?.p99, reference.latency?.p99),
  'KiB a connection, more than': (of, reference) => kibPerUnit(of, 'bridge') - kibPerUnit(reference, 'floor'),
  'KiB a connection, in the broker': (of) => kibPerUnit(of, 'broker'),
  'p99 of a neighbour, × before': ({ extra }) => quotient(extra.p99During, extra.p99Before),
  'p99 of its SUBSCRIBE, × before': ({ extra }) => quotient(extra.subscribeDuring, extra.subscribeBefore),
  'rate of the others, × alone': ({ extra }) => extra.ratio ?? Number.NaN,
  'growth, KiB': ({ extra }) => (extra.growthBytes ?? Number.NaN) / 1024,
} as const satisfies Record<string, Quantity>

export interface Target {
  /** What is aimed at; several may serve one aim. */
  readonly aim: string
  readonly scenario: string
  readonly peer: string
  /** What it is compared with: another peer, another scenario, or both; nothing where the quantity stands for itself. */
  readonly to: { readonly peer?: string; readonly scenario?: string }
  readonly quantity: keyof typeof QUANTITIES
  readonly atMost?: number
  readonly atLeast?: number
}

export interface Verdict {
  readonly aim: string
  readonly scenario: string
  /** What was compared with what. */
  readonly measure: string
  readonly bound: string
  /** Undefined when all measurements of one of the two failed. */
  readonly measured: Spread | undefined
  readonly met: boolean | undefined
}

const LOCK_STEP = 'fan-out 1 → 1000, 128 B, lock-step'
const BURSTS = 'fan-out 1 → 1000, 128 B, bursts of 16'
const LARGE = 'fan-out 1 → 4000, 16384 B, lock-step'
const LONE_SEND = 'receipts, 128 B, persistent, window 1'
const MANY_SENDS = 'receipts, 128 B, persistent, window 100'
const LONE_PAIR = 'latency, one queue pair, 128 B, 1000 deliveries/s'
const PACED_FAN_OUT = 'latency, fan-out 1 → 1000, 128 B, 5000 deliveries/s'
const CONNECT = 'connect, 20 at once'
const CHURN = 'churn, 10 clients on a live topic'
const IDLE = 'idle, 5000 connections, the same topic'
const STALLED = 'stalled, one among 100, 16384 B, lock-step'
const VANISHING = 'vanish, 4000 subscribers at once'
const queueOf = (pairs: number, ack: string): string => `queue, ${pairs} pairs, 128 B, ack:${ack}, window 20`

/** Growth that is the noise of RabbitMQ's allocator, not a thing kept for each connection: 5 MiB for 5,000. */
const NO_GROWTH_KIB = 1

/** The bridge on RabbitMQ: its CPU time is that of both. */
const ON_RABBITMQ: readonly Target[] = [
  ...[
    target('fan-out to 1,000', LOCK_STEP, 'CPU ×', { atMost: 1 / 8 }),
    target('fan-out to 1,000', LOCK_STEP, 'CPU ×', { atMost: 1.1 }, { peer: 'floor' }),
    target('fan-out to 1,000', BURSTS, 'CPU ×', { atMost: 1 / 100 }),
    target('fan-out to 1,000', BURSTS, 'CPU ×', { atMost: 2 }, { peer: 'floor-corked' }),
    target('fan-out of 16 KiB to 4,000', LARGE, 'CPU ×', { atMost: 1 / 6 }),
    target('1,000 different ids', `${LOCK_STEP}, different ids`, 'CPU ×', { atMost: 1.3 }, { scenario: LOCK_STEP }),
    target('1,000 different ids', `${BURSTS}, different ids`, 'CPU ×', { atMost: 1 / 20 }),
  ],
  ...[10, 50].flatMap((pairs) => [
    target('queue, auto', queueOf(pairs, 'auto'), 'CPU ×', { atMost: 0.75 }),
    target('queue, auto', queueOf(pairs, 'auto'), 'rate ×', { atLeast: 1.3 }),
  ]),
  ...[10, 50].flatMap((pairs) => [
    target('queue, client-individual', queueOf(pairs, 'client-individual'), 'CPU ×', { atMost: 0.65 }),
    target('queue, client-individual', queueOf(pairs, 'client-individual'), 'rate ×', { atLeast: 1.5 }),
  ]),
  ...[
    target('SEND with receipt', MANY_SENDS, 'CPU ×', { atMost: 0.85 }),
    target('SEND with receipt', MANY_SENDS, 'rate ×', { atLeast: 1.3 }),
  ],
  ...[LONE_SEND, LONE_PAIR].flatMap((scenario) => [
    target('a lone message at a time', scenario, 'CPU ×', { atMost: 1.6 }),
    target('a lone message at a time', scenario, 'p50 ×', { atMost: 2.2 }),
  ]),
  ...[
    target('fan-out latency', PACED_FAN_OUT, 'p50 ×', { atMost: 1 / 3 }),
    target('fan-out latency', PACED_FAN_OUT, 'p99 ×', { atMost: 1 / 3 }),
    target('connect to CONNECTED', CONNECT, 'CPU ×', { atMost: 1 / 7 }),
    target('connect to CONNECTED', CONNECT, 'CPU ×', { atMost: 1.2 }, { peer: 'floor' }),
    target('subscribe + unsubscribe', CHURN, 'CPU ×', { atMost: 1 / 40 }),
    target('memory of a subscriber', IDLE, 'KiB a connection, more than', { atMost: 4 }, { peer: 'floor' }),
    target('memory of a subscriber', IDLE, 'KiB a connection, in the broker', { atMost: NO_GROWTH_KIB }, {}),
    target('4,000 vanish at once', VANISHING, 'p99 of a neighbour, × before', { atMost: 2 }, {}),
    target('4,000 vanish at once', VANISHING, 'p99 of its SUBSCRIBE, × before', { atMost: 2 }, {}),
    target('one stalled among 100', STALLED, 'rate of the others, × alone', { atLeast: 0.85 }, {}),
    target('one stalled among 100', STALLED, 'growth, KiB', { atMost: outboundKib() }, {}),
  ],
]

/** … and with acks or receipts, which the other has not, on one side only. */
const WITH_MORE: readonly Target[] = [
  onMemoryWith('acks', queueOf(10, 'client-individual'), queueOf(10, 'auto')),
  onMemoryWith('acks', queueOf(50, 'client-individual'), queueOf(50, 'auto')),
  onMemoryWith('receipts', 'receipts, 128 B, transient, window 100', 'queue, 1 pair, 128 B, ack:auto, window 100'),
]

function onMemoryWith(more: string, scenario: string, without: string): Target {
  const to = { peer: 'stomp-broker-js', scenario: without }
  return { ...target(`memory broker, with ${more}`, scenario, 'CPU ×', { atMost: 1 }, to), peer: 'bridge-memory' }
}

/** All but those of every row that the memory broker and stomp-broker-js have in common. */
export const TARGETS: readonly Target[] = [...ON_RABBITMQ, ...WITH_MORE]

/** In this order; without the targets whose scenarios or peers were not part of the run. */
export function judge(report: Report): Verdict[] {
  return [...TARGETS, ...onMemory(report.rows)]
    .filter((each) => report.has(each.scenario, each.peer) && report.has(...reference(each)))
    .map((each) => verdict(each, report))
}

/** In every row that both have. */
function onMemory(rows: readonly Row[]): Target[] {
  return rows
    .filter(({ peer, group, ratios }) => {
      return peer === 'bridge-memory' && ['fan-out', 'queue', 'receipts'].includes(group) && 'stomp-broker-js' in ratios
    })
    .map(({ scenario }) => ({
      ...target('memory broker', scenario, 'CPU ×', { atMost: 1 }, { peer: 'stomp-broker-js' }),
      peer: 'bridge-memory',
    }))
}

/** Of the bridge on RabbitMQ, compared with the plugin unless `to` says otherwise. */
function target(
  aim: string,
  scenario: string,
  quantity: Target['quantity'],
  bound: Pick<Target, 'atMost' | 'atLeast'>,
  to: Target['to'] = { peer: 'plugin' },
): Target {
  return { aim, scenario, peer: 'bridge', to, quantity, ...bound }
}

/** Scenario and peer that it is compared with. */
function reference({ scenario, peer, to }: Target): [scenario: string, peer: string] {
  return [to.scenario ?? scenario, to.peer ?? peer]
}

function verdict(target: Target, report: Report): Verdict {
  const { aim, scenario, peer, to, quantity, atMost, atLeast } = target
  const isAbsolute = to.peer === undefined && to.scenario === undefined
  const others = report.figures(...reference(target))
  const measured = report.paired(report.figures(scenario, peer), others, QUANTITIES[quantity])
  const known = Number.isFinite(measured.median)
  return {
    aim,
    scenario,
    measure: `${peer}: ${quantity}${isAbsolute ? '' : ` ${[to.peer, to.scenario].filter(Boolean).join(', ')}`}`,
    bound: atMost === undefined ? `≥ ${shown(atLeast!)}` : `≤ ${shown(atMost)}`,
    measured: known ? measured : undefined,
    met: known ? measured.median <= (atMost ?? Infinity) && measured.median >= (atLeast ?? -Infinity) : undefined,
  }
}

/** A small share as one by a whole number. */
function shown(bound: number): string {
  return bound < 0.5 ? `1/${Math.round(1 / bound)}` : bound.toLocaleString('en')
}

function quotient(dividend = Number.NaN, divisor = Number.NaN): number {
  return dividend / divisor
}

/** `limits.outboundBytes`, its default: what may wait for a client that does not read. */
function outboundKib(): number {
  const file = new URL('../../config/default.yaml', import.meta.url)
  const { limits } = parse(readFileSync(file, 'utf8')) as { limits: { outboundBytes: string } }
  const [, count, unit] = /^(\d+)([KM])iB$/.exec(limits.outboundBytes) ?? []
  return Number(count) * (unit === 'M' ? 1024 : 1)
}
