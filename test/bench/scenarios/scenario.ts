/**
 * What a scenario is. To add one, write it beside these and put it into index.ts; it runs in the generator's process. Knows nothing of peers
 * but how to reach one.
 */
import type { Latency } from '../generator/histogram.ts'
import type { Target } from '../peers/peer.ts'

/**
 * What some server that we compare with lacks; it is not measured where it is needed. All of them have topics, and answer a SUBSCRIBE and an
 * UNSUBSCRIBE that ask for a RECEIPT with one when it is in force.
 * - `topics`: more than one, kept apart; the floor sends everything to everybody
 * - `queues`: a message goes to one consumer, and waits for one
 * - `acks`: of `client` and `client-individual`
 * - `receipts`: of SEND
 * - `persistent`: messages survive the server
 * - `versions`: STOMP 1.0 and 1.1, not 1.2 alone
 * - `headers`: those of the sender's own reach the subscriber, escapes and all
 * - `ids`: each subscriber gets MESSAGEs with the subscription id that it chose, where others chose another
 */
export type Need = 'topics' | 'queues' | 'acks' | 'receipts' | 'persistent' | 'versions' | 'headers' | 'ids'

export type Group =
  | 'fan-out'
  | 'queue'
  | 'receipts'
  | 'latency'
  | 'connect'
  | 'idle'
  | 'churn'
  | 'stalled'
  | 'storm'
  | 'headers'

export interface Scenario {
  /** Unique and stable: results are compared by it. */
  readonly name: string
  readonly group: Group
  /** What is counted, in the singular. */
  readonly unit: string
  readonly needs: readonly Need[]
  /** Part of the short run: one or two of each group, enough for every target. */
  readonly quick: boolean
  /** What is measured is the opening itself: the first `run` does it, and there is nothing to warm up. */
  readonly opening?: true
  /** What it may take beside warm-up and measurement: to connect, to come to rest, to give up waiting. Milliseconds. */
  readonly slackMs: number
  /**
   * Connects and subscribes; resolves when a message would reach everybody.
   * @param place a name that no measurement has used before
   */
  open(target: Target, place: string): Promise<Load>
}

export interface Load extends Disposable {
  /** Loads for `ms`, then waits for what is under way, up to PATIENCE_MS. One run at a time. */
  run(ms: number): Promise<Tally>
  /** In place of a first run, where what is measured can happen but once: what the world looks like before it. */
  warmUp?(ms: number): Promise<Tally>
}

export interface Tally {
  readonly units: number
  /** What should have come and did not. */
  readonly lost: number
  /** What came, but not in its turn: early, late or twice. */
  readonly disordered: number
  /** Of what, the scenario's file says. */
  readonly latency?: Latency | undefined
  /** Figures that only this scenario has, by name. */
  readonly extra?: Readonly<Record<string, number>>
}

/** Silence for so long after the end is a loss. */
export const PATIENCE_MS = 10_000

/** Resolves when `begin` has called what it is given, or PATIENCE_MS after the end of a run of `ms`. */
export async function patiently(ms: number, begin: (done: () => void) => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timeout = setTimeout(resolve, ms + PATIENCE_MS)
  begin(resolve)
  await promise
  clearTimeout(timeout)
}

/** Slack of a scenario with no more than some hundred connections: see Scenario. */
export const SLACK_MS = 60_000 + 2 * PATIENCE_MS

/** … with thousands: a server that makes a queue for each takes half a minute to open them, and as long to close them. */
export const CROWD_SLACK_MS = 180_000
