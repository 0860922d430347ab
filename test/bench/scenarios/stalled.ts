/**
 * Fan-out where one subscriber stops reading: the others should not notice, and the server should not keep what it will never take. The run
 * is cut in two: alone, and beside the stalled one. The units are all deliveries to the others.
 *
 * `extra`: `ratio`, the others' rate beside it to their rate alone; `alone` and `beside`, those rates per second; `growthBytes`, memory of all
 * servers after the time beside it less before; `closed`, 1 if the server sent it away, which is no fault. It wakes up before it goes.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from '../generator/connection.ts'
import { rssBytes } from '../generator/processes.ts'
import type { Target } from '../peers/peer.ts'
import { FanOut, type FanOutOptions } from './fan-out.ts'
import { type Load, type Scenario, SLACK_MS, type Tally } from './scenario.ts'

/** Big messages: before the server has to decide anything, the kernel takes some megabytes. */
const BYTES = 16 * 1024

/** As long as the one that wakes up may take to read what was kept for it. */
const LEAVE_MS = 5_000

export function stalled(clients: number): Scenario {
  const others: FanOutOptions = { subscribers: clients - 1, bytes: BYTES, burst: 1 }
  return {
    name: `stalled, one among ${clients}, ${BYTES} B, lock-step`,
    group: 'stalled',
    unit: 'delivery',
    needs: [],
    quick: true,
    slackMs: SLACK_MS,
    async open(target, place) {
      const destination = `${target.topics}${place}`
      const load = new Stalled(target, destination, new FanOut(others, destination))
      await load.open()
      return load
    },
  }
}

interface Share {
  readonly tally: Tally
  readonly elapsedMs: number
}

class Stalled implements Load {
  readonly #target: Target
  readonly #destination: string
  readonly #others: FanOut

  constructor(target: Target, destination: string, others: FanOut) {
    this.#target = target
    this.#destination = destination
    this.#others = others
  }

  async open(): Promise<void> {
    await this.#others.open(this.#target)
  }

  async run(ms: number): Promise<Tally> {
    const alone = await this.#share(ms / 2)
    const { share: beside, growthBytes, closed } = await this.#besideStalled(ms / 2)
    const rates = { alone: rate(alone), beside: rate(beside) }
    return {
      units: alone.tally.units + beside.tally.units,
      lost: alone.tally.lost + beside.tally.lost,
      disordered: alone.tally.disordered + beside.tally.disordered,
      extra: { ratio: rates.beside / rates.alone, ...rates, growthBytes, closed },
    }
  }

  [Symbol.dispose](): void {
    this.#others[Symbol.dispose]()
  }

  async #besideStalled(ms: number) {
    const gone = Promise.withResolvers<void>()
    let closed = 0
    const onClosed = (): void => {
      closed = 1
      gone.resolve()
    }
    using stalling = await Connection.open(this.#target, 'stalled client', { closed: onClosed })
    await stalling.subscribe(this.#destination)
    stalling.stall()
    const before = this.#memory()
    const share = await this.#share(ms)
    const growthBytes = this.#memory() - before
    // It takes its leave: stomp-broker-js ends with an exception when it sends to somebody who is closing.
    stalling.wake()
    await Promise.race([
      stalling.ask('UNSUBSCRIBE', { id: 'sub-0' }),
      gone.promise,
      sleep(LEAVE_MS, undefined, { ref: false }),
    ])
    return { share, growthBytes, closed }
  }

  async #share(ms: number): Promise<Share> {
    const begun = performance.now()
    const tally = await this.#others.run(ms)
    return { tally, elapsedMs: performance.now() - begun }
  }

  #memory(): number {
    return sum(Object.values(this.#target.processes).map(rssBytes))
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
const rate = ({ tally, elapsedMs }: Share): number => (1000 * tally.units) / elapsedMs
