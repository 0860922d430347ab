/**
 * Latency at a given rate: an open loop, that is the time of each delivery counts from when its message was to be sent by a schedule fixed in
 * advance. `extra.senderLateP99` is how late the generator itself was, in microseconds: it is in the latency.
 */
import { OpenLoop } from '../generator/open-loop.ts'
import { type Load, PATIENCE_MS, type Scenario, SLACK_MS, type Tally } from './scenario.ts'

export interface LatencyOptions {
  readonly kind: 'queue' | 'fan-out'
  readonly subscribers: number
  /** SENDs. */
  readonly perSecond: number
}

const BYTES = 128

export function latency(options: LatencyOptions): Scenario {
  const { kind, subscribers, perSecond } = options
  const what = kind === 'queue' ? 'one queue pair' : `fan-out 1 → ${subscribers}`
  return {
    name: `latency, ${what}, ${BYTES} B, ${subscribers * perSecond} deliveries/s`,
    group: 'latency',
    unit: 'delivery',
    needs: kind === 'queue' ? ['queues'] : [],
    quick: true,
    slackMs: SLACK_MS + 20 * subscribers,
    async open(target, place): Promise<Load> {
      const destination = `${kind === 'queue' ? target.queues : target.topics}${place}`
      const sends = { destination, bytes: BYTES, receipts: false }
      const loop = await OpenLoop.open(target, { sends, perSecond, subscribers, patienceMs: PATIENCE_MS })
      return { run: (ms) => run(loop, ms), [Symbol.dispose]: () => loop[Symbol.dispose]() }
    },
  }
}

async function run(loop: OpenLoop, ms: number): Promise<Tally> {
  loop.start()
  await new Promise((resolve) => setTimeout(resolve, ms))
  const { units, lost, disordered, latency: measured, lateP99 } = await loop.stop()
  return { units, lost, disordered, latency: measured, extra: { senderLateP99: lateP99 } }
}
