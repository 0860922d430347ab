/** Messages with many headers of the sender's own, whose values need escapes: what parsing and writing them costs. */
import type { Headers } from '../generator/stomp.ts'
import { fanOut } from './fan-out.ts'
import { queue } from './queue.ts'
import type { Scenario } from './scenario.ts'

const COUNT = 20

/** As on the wire. STOMP 1.2, Value Encoding: `\c` is a colon, `\n` a line feed. */
const HEADERS: Headers = Object.fromEntries(
  Array.from({ length: COUNT }, (_, index) => [`user-header-${index}`, `https\\c//example.test/${index}\\nnext line`]),
)

export function heavyHeaders(): Scenario[] {
  return [
    fanOut({ subscribers: 100, bytes: 128, burst: 1, headers: HEADERS }, true),
    fanOut({ subscribers: 100, bytes: 128, burst: 16, headers: HEADERS }),
    queue({ pairs: 1, bytes: 128, ack: 'auto', receipts: false, persistent: false, window: 100, headers: HEADERS }),
  ]
}
