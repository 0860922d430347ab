/** What a scenario is. To add one, write it beside these and put it into index.ts; it runs in the generator's process. */
import type { Target } from '../peers/peer.ts'

export interface Scenario {
  /** Unique. */
  readonly name: string
  /** What is counted, in the singular. */
  readonly unit: string
  /**
   * Connects and subscribes; resolves when a message would reach everybody.
   * @param place a name that no measurement has used before
   */
  open(target: Target, place: string): Promise<Load>
}

/** Closed loop: what is under way is bounded, so the server's speed sets the pace. */
export interface Load extends Disposable {
  /** Sends for `ms`, then waits for what is under way, up to PATIENCE_MS. One run at a time. */
  run(ms: number): Promise<Tally>
}

export interface Tally {
  readonly units: number
  /** What should have come and did not. */
  readonly lost: number
  /** What came, but not in its turn: early, late or twice. */
  readonly disordered: number
}

/** Silence for so long after the end is a loss. */
export const PATIENCE_MS = 10_000
