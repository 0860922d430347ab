/**
 * How long a delivery takes to leave, for one session: one delivery at a time is watched, so that a busy session costs no more than an idle one.
 * Knows offsets of a wire and ticks, and nothing of what is written.
 */
import { elapsed } from '../broker/clock.ts'
import type { Histogram } from '../broker/histogram.ts'
import type { Turn } from './turn.ts'

export class Stopwatch {
  readonly #turn: Turn
  /** Where the result goes; undefined: nothing is watched. */
  #result: Histogram | undefined
  #began = 0
  #end = 0

  constructor(turn: Turn) {
    this.#turn = turn
  }

  /** A delivery was written, unless another is watched. @param end the offset of the wire at which it ends */
  begin(end: number, result: Histogram): void {
    if (this.#result !== undefined) return
    this.#result = result
    this.#end = end
    this.#began = this.#turn.ticks()
  }

  /** The kernel has taken `total` bytes since the wire opened. */
  sent(total: number): void {
    if (this.#result === undefined || total < this.#end) return
    this.#result.observe(elapsed(this.#began, this.#turn.ticks()))
    this.#result = undefined
  }
}
