/** Pairs of a publisher and a consumer, each with a queue of its own, in a closed loop: as fast as the server lets them. */
import { crowd } from '../generator/crowd.ts'
import { Histogram } from '../generator/histogram.ts'
import type { Target } from '../peers/peer.ts'
import { Pair, type PairOptions } from './pair.ts'
import { type Load, type Need, patiently, type Scenario, SLACK_MS, type Tally } from './scenario.ts'

export interface QueueOptions extends PairOptions {
  readonly pairs: number
}

export function queue(options: QueueOptions, quick = false): Scenario {
  const { pairs, bytes, ack, receipts: confirmed, persistent, window, headers } = options
  const parts = [
    `queue, ${pairs} ${pairs === 1 ? 'pair' : 'pairs'}`,
    `${bytes} B`,
    `ack:${ack}`,
    `${persistent ? 'persistent' : ''}${confirmed ? ' with receipts' : ''}`.trim(),
    `window ${window}`,
    headers === undefined ? '' : `${Object.keys(headers).length} headers`,
  ]
  return {
    name: parts.filter(Boolean).join(', '),
    group: headers === undefined ? 'queue' : 'headers',
    unit: 'round trip',
    needs: needsOf(options),
    quick,
    slackMs: SLACK_MS,
    open: (target, place) => Queue.open(target, place, options),
  }
}

/**
 * One pair, a RECEIPT for each message: how fast messages become safe. The consumer drains the queue. Latency: from the SEND to its RECEIPT.
 * It acknowledges what is persistent: the plugin's `ack:auto` consumes without acks, so that RabbitMQ confirms what it has never stored.
 * Transient is for those that keep nothing; to a queue of RabbitMQ the bridge makes persistent what has a receipt.
 */
export function receipts(window: number, kind: 'persistent' | 'transient'): Scenario {
  const persistent = kind === 'persistent'
  const ack = persistent ? 'client-individual' : 'auto'
  const options: QueueOptions = { pairs: 1, bytes: 128, ack, receipts: true, persistent, window }
  return {
    name: `receipts, 128 B, ${kind}, window ${window}`,
    group: 'receipts',
    unit: 'receipt',
    needs: needsOf(options),
    quick: true,
    slackMs: SLACK_MS,
    open: (target, place) => Queue.open(target, place, options),
  }
}

function needsOf({ ack, receipts: confirmed, persistent, headers }: QueueOptions): Need[] {
  const needs: Need[] = ['queues']
  if (ack !== 'auto') needs.push('acks')
  if (confirmed) needs.push('receipts')
  if (persistent) needs.push('persistent')
  if (headers !== undefined) needs.push('headers')
  return needs
}

class Queue implements Load {
  readonly #pairs: readonly Pair[]
  readonly #confirming: Histogram

  static async open(target: Target, place: string, options: QueueOptions): Promise<Queue> {
    const confirming = new Histogram()
    const pairs = await crowd(options.pairs, async (index) => {
      const pair = new Pair(options, `${target.queues}${place}-${index}`, confirming)
      await pair.open(target, index)
      return pair
    })
    return new Queue(pairs, confirming)
  }

  private constructor(pairs: readonly Pair[], confirming: Histogram) {
    this.#pairs = pairs
    this.#confirming = confirming
  }

  async run(ms: number): Promise<Tally> {
    const end = performance.now() + ms
    this.#confirming.clear()
    await patiently(ms, (done) => {
      let busy = this.#pairs.length
      const complete = (): void => {
        if (--busy === 0) done()
      }
      for (const pair of this.#pairs) pair.start(end, complete)
    })
    const total = (figure: 'units' | 'lost' | 'disordered') => this.#pairs.reduce((sum, pair) => sum + pair[figure], 0)
    return {
      units: total('units'),
      lost: total('lost'),
      disordered: total('disordered'),
      latency: this.#confirming.summary(),
    }
  }

  [Symbol.dispose](): void {
    for (const pair of this.#pairs) pair[Symbol.dispose]()
  }
}
