/** Latencies by the million in bounded memory: buckets that grow with the value, so that any quantile is right to 1 %. Knows no clock. */

/** Microseconds; the p-th permille is the smallest value that so many of them do not exceed. */
export interface Latency {
  readonly p50: number
  readonly p99: number
  readonly p999: number
}

/** A value is kept in tenths of a microsecond, up to 214 s. */
const TICKS_PER_MICROSECOND = 10
const MOST_TICKS = 2 ** 31 - 1
/** 64 to 127 buckets for each power of two. */
const BITS = 6
const BUCKETS = (31 - BITS + 1) << BITS

export class Histogram {
  readonly #counts = new Uint32Array(BUCKETS)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** @param micros what is negative counts as 0, what exceeds 214 s as that */
  record(micros: number): void {
    const ticks = Math.min(Math.max(Math.round(micros * TICKS_PER_MICROSECOND), 0), MOST_TICKS)
    const shift = Math.max(31 - Math.clz32(ticks) - BITS, 0)
    this.#counts[(shift << BITS) + (ticks >>> shift)]!++
    this.#size++
  }

  /** In microseconds; NaN when nothing was recorded. */
  quantile(share: number): number {
    let rest = Math.max(Math.ceil(share * this.#size), 1)
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      rest -= this.#counts[bucket]!
      if (rest <= 0) return middle(bucket) / TICKS_PER_MICROSECOND
    }
    return Number.NaN
  }

  /** Undefined when nothing was recorded. */
  summary(): Latency | undefined {
    if (this.#size === 0) return undefined
    return { p50: this.quantile(0.5), p99: this.quantile(0.99), p999: this.quantile(0.999) }
  }

  clear(): void {
    this.#counts.fill(0)
    this.#size = 0
  }
}

/** Of the ticks that share a bucket. */
function middle(bucket: number): number {
  const shift = Math.max((bucket >>> BITS) - 1, 0)
  return ((bucket - (shift << BITS)) << shift) + ((1 << shift) - 1) / 2
}
