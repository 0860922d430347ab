/**
 * How many values fell between which bounds: plain numbers in one preallocated array, so that counting allocates nothing. Knows nothing of
 * what is counted, nor of who reads it.
 */

/** Bounds of times, in microseconds: from what a loopback takes to what nobody waits for. */
export const MICROSECONDS: readonly number[] = [
  100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
  5_000_000, 10_000_000, 30_000_000,
]

/** Bounds of message bodies, in bytes. */
export const BODY_BYTES: readonly number[] = [64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304]

export class Histogram {
  /** Ascending; a value belongs to the first bound that is not less than it. */
  readonly bounds: readonly number[]
  /** One for each bound, one for what is over the last of them, and the sum of all values. */
  readonly #cells: Float64Array

  /** @param bounds integers, ascending */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.#cells = new Float64Array(bounds.length + 2)
  }

  /** @param value 0 or more, in the unit of the bounds */
  observe(value: number): void {
    const { bounds } = this
    let at = 0
    while (at < bounds.length && value > bounds[at]!) at++
    this.#cells[at]!++
    this.#cells[bounds.length + 1]! += value
  }

  /** Values between the bound before and `bounds[index]`; with the index after the last: those over all bounds. */
  countOf(index: number): number {
    return this.#cells[index]!
  }

  /** Of all values. */
  get sum(): number {
    return this.#cells[this.bounds.length + 1]!
  }
}
