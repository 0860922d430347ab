/**
 * How often, or how much, in the long run: a token bucket. It holds at most `burst` tokens and gains `perSecond` of them each second; time comes
 * in as an argument, so it needs no timer, and one that nobody asks costs nothing. Knows nothing of what is counted.
 */

/** Tokens by which a sum of fractions may be off: who has waited as long as he was told has no debt. */
const SLACK = 1e-6

export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  /** Below 0: in debt. */
  #tokens: number
  #at: number

  /**
   * Full at the start.
   * @param perSecond tokens gained each second, > 0
   * @param burst most tokens it holds, ≥ 1
   * @param now milliseconds, as in every call; a clock that was set back costs no tokens and gives none
   */
  constructor(perSecond: number, burst: number, now: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#tokens = burst
    this.#at = now
  }

  /** Takes one token; false, and nothing taken, when there is none. For what can be refused. */
  take(now: number): boolean {
    this.#fill(now)
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  /**
   * Takes `count` tokens, into debt if need be. For what has happened already: let the next one wait.
   * @returns milliseconds until the debt is paid; 0 = there is none
   */
  spend(count: number, now: number): number {
    const ms = this.quote(count, now)
    this.#tokens -= count
    return ms
  }

  /** What `spend` would return; nothing is taken. */
  quote(count: number, now: number): number {
    this.#fill(now)
    const left = this.#tokens - count
    return left > -SLACK ? 0 : Math.ceil((-left / this.#perSecond) * 1000)
  }

  /** How many tokens there are; below 0: in debt. */
  level(now: number): number {
    this.#fill(now)
    return this.#tokens
  }

  /** Nobody has taken anything lately: it says no more than a new one would, and may be forgotten. */
  isFull(now: number): boolean {
    this.#fill(now)
    return this.#tokens >= this.#burst
  }

  #fill(now: number): void {
    const elapsed = now - this.#at
    this.#at = now
    if (elapsed > 0) this.#tokens = Math.min(this.#burst, this.#tokens + (elapsed * this.#perSecond) / 1000)
  }
}
