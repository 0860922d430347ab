/**
 * Thousands of subscribers of one topic are cut off at once, and stay away or come back as fast as the server takes them; a neighbour whom it
 * does not concern goes on meanwhile. The warm-up is the calm before it. Latency: the neighbour's publish to receive, from the cut on.
 *
 * `extra`, of the neighbour, in microseconds: `p50Before`, `p99Before`, `p50During`, `p99During` of the same; `subscribeBefore` and
 * `subscribeDuring`, the 99th percentile from a SUBSCRIBE to its RECEIPT; `backMs`, when the last one was back and subscribed.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from '../generator/connection.ts'
import { crowd } from '../generator/crowd.ts'
import { type Experience, Neighbour } from '../generator/neighbour.ts'
import type { Target } from '../peers/peer.ts'
import { CROWD_SLACK_MS, type Load, type Scenario, type Tally } from './scenario.ts'

/** Under way at one time; more than any server takes, fewer than overflow its backlog. */
const RUSH = 400

export interface CutOptions {
  readonly subscribers: number
  readonly comeBack: boolean
}

export function storm(subscribers: number): Scenario {
  return cut(`storm, ${subscribers} cut off come back`, 'connection', false, { subscribers, comeBack: true })
}

export function vanishing(subscribers: number): Scenario {
  return cut(`vanish, ${subscribers} subscribers at once`, 'subscriber', true, { subscribers, comeBack: false })
}

function cut(name: string, unit: string, quick: boolean, options: CutOptions): Scenario {
  return {
    name,
    group: 'storm',
    unit,
    needs: ['topics'],
    quick,
    slackMs: CROWD_SLACK_MS,
    async open(target, place) {
      const load = new Cut(target, `${target.topics}${place}`, options)
      await load.open()
      return load
    },
  }
}

class Cut implements Load {
  readonly #target: Target
  readonly #place: string
  readonly #options: CutOptions
  #subscribers: readonly Connection[] = []
  #neighbour!: Neighbour
  #calm: Experience | undefined

  constructor(target: Target, place: string, options: CutOptions) {
    this.#target = target
    this.#place = place
    this.#options = options
  }

  async open(): Promise<void> {
    this.#subscribers = await this.#subscribeAll()
    this.#neighbour = await Neighbour.open({ target: this.#target, place: `${this.#place}-neighbour` })
  }

  async warmUp(ms: number): Promise<Tally> {
    this.#neighbour.start()
    await sleep(ms)
    this.#calm = await this.#neighbour.stop()
    return this.#calm
  }

  async run(ms: number): Promise<Tally> {
    const { subscribers, comeBack } = this.#options
    this.#neighbour.start()
    const begun = performance.now()
    this.#cutAll()
    if (comeBack) this.#subscribers = await this.#subscribeAll(RUSH)
    const backMs = performance.now() - begun
    await sleep(ms - backMs)
    const { lost, disordered, latency, subscribing } = await this.#neighbour.stop()
    const figures = {
      ...named('p50', this.#calm?.latency?.p50, latency?.p50),
      ...named('p99', this.#calm?.latency?.p99, latency?.p99),
      ...named('subscribe', this.#calm?.subscribing?.p99, subscribing?.p99),
    }
    const extra = comeBack ? { ...figures, backMs } : figures
    return { units: subscribers, lost, disordered, latency, extra }
  }

  [Symbol.dispose](): void {
    this.#cutAll()
    this.#neighbour[Symbol.dispose]()
  }

  #subscribeAll(atOnce?: number): Promise<Connection[]> {
    const { subscribers } = this.#options
    return crowd(
      subscribers,
      async (index) => {
        const connection = await Connection.open(this.#target, `subscriber ${index}`)
        await connection.subscribe(this.#place)
        return connection
      },
      atOnce,
    )
  }

  #cutAll(): void {
    for (const subscriber of this.#subscribers) subscriber[Symbol.dispose]()
    this.#subscribers = []
  }
}

/** What was not heard is not told. */
function named(name: string, before: number | undefined, during: number | undefined): Record<string, number> {
  return {
    ...(before === undefined ? {} : { [`${name}Before`]: before }),
    ...(during === undefined ? {} : { [`${name}During`]: during }),
  }
}
