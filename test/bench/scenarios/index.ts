/** All scenarios, in the order of the report. */
import { churn } from './churn.ts'
import { connecting } from './connect.ts'
import { fanOut } from './fan-out.ts'
import { heavyHeaders } from './headers.ts'
import { idle } from './idle.ts'
import { latency } from './latency.ts'
import { queue, receipts } from './queue.ts'
import type { Scenario } from './scenario.ts'
import { stalled } from './stalled.ts'
import { storm, vanishing } from './storm.ts'

const LOCK_STEP = 1
const BURST = 16
const KIB = 1024

/** Subscribers and octets of a body, as in the short run: those that have a target. */
const QUICK_FAN_OUTS = new Set(['100 128', '1000 128', '4000 16384'])

export const scenarios: readonly Scenario[] = [
  ...fanOuts(),
  ...fanOutVariations(),
  ...queues(),
  receipts(1, 'persistent'),
  receipts(100, 'persistent'),
  receipts(100, 'transient'),
  latency({ kind: 'queue', subscribers: 1, perSecond: 1000 }),
  latency({ kind: 'fan-out', subscribers: 1000, perSecond: 5 }),
  connecting(20),
  idle({ connections: 5000, topics: 'the same' }, true),
  idle({ connections: 5000, topics: 'own' }),
  churn(10),
  stalled(100),
  storm(5000),
  vanishing(4000),
  ...heavyHeaders(),
]

function fanOuts(): Scenario[] {
  return [10, 100, 1000, 4000].flatMap((subscribers) =>
    [128, KIB, 16 * KIB].flatMap((bytes) =>
      [LOCK_STEP, BURST].map((burst) => {
        const hasTarget = QUICK_FAN_OUTS.has(`${subscribers} ${bytes}`) && (bytes === 128 || burst === LOCK_STEP)
        return fanOut({ subscribers, bytes, burst }, hasTarget)
      }),
    ),
  )
}

/** What differs from the one fan-out that has most targets, one thing at a time. */
function fanOutVariations(): Scenario[] {
  const base = { subscribers: 1000, bytes: 128 }
  return [
    fanOut({ ...base, burst: LOCK_STEP, ids: 'different' }, true),
    fanOut({ ...base, burst: BURST, ids: 'different' }, true),
    fanOut({ ...base, burst: LOCK_STEP, versions: ['1.0'] }),
    fanOut({ ...base, burst: LOCK_STEP, versions: ['1.1'] }),
    fanOut({ ...base, burst: LOCK_STEP, versions: ['1.0', '1.1', '1.2'] }),
    fanOut({ ...base, burst: BURST, versions: ['1.0', '1.1', '1.2'] }),
  ]
}

function queues(): Scenario[] {
  const base = { bytes: 128, receipts: false, persistent: false }
  const free = [1, 10, 50].flatMap((pairs) =>
    (['auto', 'client', 'client-individual'] as const).map((ack) =>
      queue({ ...base, pairs, ack, window: pairs === 1 ? 100 : 20 }, pairs !== 1 && ack !== 'client'),
    ),
  )
  const safe = (['auto', 'client-individual'] as const).map((ack) =>
    queue({ ...base, pairs: 10, ack, receipts: true, persistent: true, window: 20 }),
  )
  return [...free, ...safe]
}
