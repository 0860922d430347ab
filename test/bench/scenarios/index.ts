/** All scenarios, in the order of the report. */
import { fanOut } from './fan-out.ts'
import { queue } from './queue.ts'
import type { Scenario } from './scenario.ts'

export const scenarios: readonly Scenario[] = [
  fanOut({ subscribers: 100, bytes: 128, burst: 1 }),
  fanOut({ subscribers: 100, bytes: 128, burst: 16 }),
  fanOut({ subscribers: 100, bytes: 1024, burst: 1 }),
  fanOut({ subscribers: 100, bytes: 1024, burst: 16 }),
  queue({ ack: 'auto', receipts: false, bytes: 128, window: 100 }),
  queue({ ack: 'auto', receipts: true, bytes: 128, window: 100 }),
  queue({ ack: 'client-individual', receipts: false, bytes: 128, window: 100 }),
  queue({ ack: 'client-individual', receipts: true, bytes: 128, window: 100 }),
  queue({ ack: 'auto', receipts: false, bytes: 128, window: 1 }),
]
