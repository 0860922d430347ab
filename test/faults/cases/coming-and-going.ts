/** Many who join and leave a topic that never falls silent: from its RECEIPT on each hears everything, in order, once. */
import { expect, test } from 'vitest'
import type { Version } from '../../../src/stomp/version.ts'
import { startTestBridge } from '../../support/bridge.ts'
import { until } from '../../support/until.ts'
import { Client, type Heard } from '../driver.ts'
import { fresh, inFrontOf, LONG_MS, type Place } from '../place.ts'

const LISTENERS = 40
const TOPICS = 3
const MESSAGES = 6_000
/** Messages on their way at most, and in one go. */
const WINDOW = 300
const BURST = 20
/** Milliseconds that one stays at most: there are some hundred stays. */
const STAY_MS = 60
const VERSIONS: readonly Version[] = ['1.0', '1.1', '1.2']

export function comingAndGoing(place: Place): void {
  test('who joins and leaves a busy topic misses nothing between, and hears nothing twice', {
    timeout: LONG_MS,
  }, async () => {
    await using bridge = await startTestBridge(inFrontOf(place().url))
    const square = new Square(fresh('square'))
    await using witness = await Client.connect(bridge.url)
    await using speaker = await Client.connect(bridge.url)
    const standing = await square.joins(witness, { id: 'all', destination: square.everywhere })
    const speaking = square.speaks(speaker)
    const crowd = Array.from({ length: LISTENERS }, (_, at) => square.listens(bridge.url, at))
    await speaking
    await Promise.all(crowd)
    standing.until = square.sent
    await until('the witness has heard everything', () => standing.isComplete)
    expect(square.strays).toEqual([])
    expect(square.stays.length).toBeGreaterThan(3 * LISTENERS)
    for (const stay of square.stays) expect(stay.faults).toEqual([])
    const heard = square.stays.reduce((sum, stay) => sum + stay.heard, 0)
    expect(heard).toBeGreaterThan(MESSAGES)
  })
}

/** The topics `…0`, `…1`, `…2`, each with numbers of its own: 1, 2, 3 … */
class Square {
  readonly stays: Stay[] = []
  /** MESSAGEs of a subscription after the RECEIPT of its UNSUBSCRIBE. */
  readonly strays: Heard[] = []
  /** The last number sent to each. */
  readonly sent = new Array<number>(TOPICS).fill(0)
  /** By destination subscribed to: the last numbers that any of its listeners has heard. */
  readonly #known = new Map<string, number[]>()
  readonly #name: string
  #isOver = false

  constructor(name: string) {
    this.#name = `/topic/${name}`
  }

  get everywhere(): string {
    return `${this.#name}.*`
  }

  /** Sends until all is said, in bursts, as fast as the slowest stay of the witness hears. */
  async speaks(speaker: Client): Promise<void> {
    const known = this.known(this.everywhere)
    for (let count = 0; count < MESSAGES; ) {
      for (let burst = 1 + random(BURST); burst > 0; burst--, count++) {
        const topic = random(TOPICS)
        speaker.send('SEND', { destination: `${this.#name}.${topic}` }, String(++this.sent[topic]!))
      }
      await until('the window has room', () => sum(this.sent) - sum(known) < WINDOW)
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#isOver = true
  }

  /** Comes, stays and goes, again and again; sometimes without a word. */
  async listens(url: string, at: number): Promise<void> {
    while (!this.#isOver) {
      await using client = await Client.connect(url, {}, VERSIONS[at % VERSIONS.length])
      for (let visits = 1 + random(4); visits > 0; visits--) {
        const destination = random(3) === 0 ? this.everywhere : `${this.#name}.${random(TOPICS)}`
        // Half of them call it what everybody calls it: those get the same bytes.
        const id = at % 2 === 0 ? 'sub-0' : `own-${at}`
        const stay = await this.joins(client, { id, destination })
        await new Promise((resolve) => setTimeout(resolve, random(STAY_MS)))
        if (random(4) === 0) break
        await this.leaves(client, stay)
      }
    }
  }

  async joins(client: Client, { id, destination }: { id: string; destination: string }): Promise<Stay> {
    const stay = new Stay(id, destination, this.known(destination))
    this.stays.push(stay)
    client.onMessage = (message) => {
      if (stay.isOver || message.headers.subscription !== stay.id) this.strays.push(message)
      else stay.hears(message)
    }
    await client.do('SUBSCRIBE', { id, destination })
    stay.from = [...this.sent]
    return stay
  }

  async leaves(client: Client, stay: Stay): Promise<void> {
    // What was sent may still be on its way to the broker, or back. What anybody has heard has been written to all.
    stay.until = [...this.known(stay.destination)]
    await client.do('UNSUBSCRIBE', { id: stay.id })
    stay.isOver = true
  }

  known(destination: string): number[] {
    let known = this.#known.get(destination)
    if (known === undefined) {
      known = new Array<number>(TOPICS).fill(0)
      this.#known.set(destination, known)
    }
    return known
  }
}

/** One subscription from its SUBSCRIBE to its UNSUBSCRIBE. */
class Stay {
  readonly id: string
  readonly destination: string
  /** The last number sent to each topic when its RECEIPT came: what follows it must hear. */
  from: readonly number[] | undefined
  /** The last number of each topic that it must have heard; undefined: it went without a word. */
  until: readonly number[] | undefined
  isOver = false
  readonly #known: number[]
  readonly #runs = new Map<number, { readonly first: number; last: number }>()
  readonly #breaks: string[] = []

  constructor(id: string, destination: string, known: number[]) {
    this.id = id
    this.destination = destination
    this.#known = known
  }

  get heard(): number {
    return [...this.#runs.values()].reduce((count, { first, last }) => count + last - first + 1, 0)
  }

  hears({ headers, body }: Heard): void {
    const topic = Number(headers.destination!.at(-1))
    const number = Number(body.toString())
    this.#known[topic] = Math.max(this.#known[topic]!, number)
    const run = this.#runs.get(topic)
    if (run === undefined) this.#runs.set(topic, { first: number, last: number })
    else if (number === run.last + 1) run.last = number
    else this.#breaks.push(`topic ${topic}: ${number} after ${run.last}`)
  }

  get isComplete(): boolean {
    return this.#ends.length === 0
  }

  /** What is wrong with it, in words. */
  get faults(): string[] {
    return [...this.#breaks, ...this.#begins, ...this.#ends]
  }

  get #begins(): string[] {
    const late = [...this.#runs].filter(([topic, { first }]) => first > this.from![topic]! + 1)
    return late.map(([topic, { first }]) => `topic ${topic}: from ${first} on, and not from ${this.from![topic]! + 1}`)
  }

  get #ends(): string[] {
    const { destination, from, until } = this
    if (from === undefined || until === undefined) return []
    const topics = destination.endsWith('*') ? [...until.keys()] : [Number(destination.at(-1))]
    const early = topics.filter((topic) => {
      const last = this.#runs.get(topic)?.last ?? from[topic]!
      return last < until[topic]!
    })
    return early.map((topic) => `topic ${topic}: up to ${this.#runs.get(topic)?.last}, and not to ${until[topic]}`)
  }
}

/** A whole number below `bound`. */
function random(bound: number): number {
  return Math.floor(Math.random() * bound)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0)
}
