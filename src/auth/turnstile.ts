/**
 * Heavy work, so many at a time, and a queue that ends somewhere: what does not fit is told at once instead of waiting for ever.
 *
 * The queue is fair between those who stand in it: they take turns, and when it is full, whoever has most in it loses his newest. So a thousand
 * guesses from one address neither keep the others out nor make them wait for more than a few of the thousand.
 */

interface Waiter {
  /** It is its turn. */
  enter(): void
  /** It must make room. */
  drop(): void
}

export class Turnstile {
  readonly #width: number
  readonly #most: number
  /** By whom they come from, in the order of the turns; of each the oldest first. No entry is empty. */
  readonly #lanes = new Map<string, Set<Waiter>>()
  #waiting = 0
  #inside = 0

  /**
   * @param width how many run at a time
   * @param most how many more may wait, from wherever
   */
  constructor(width: number, most: number) {
    this.#width = width
    this.#most = most
  }

  /**
   * Runs `work` when it is its turn; those with the same `from` in the order of the calls. Who leaves before that (`signal`) leaves the queue too.
   * @param from what counts as one of many: an address
   * @returns as `work` does, or rejects with the signal's reason; undefined: there is no room, or no longer
   */
  async pass<T>(signal: AbortSignal, from: string, work: () => Promise<T>): Promise<T | undefined> {
    if (this.#inside < this.#width) this.#inside++
    else if (!this.#hasRoom(from) || !(await this.#turn(signal, from))) return undefined
    // Its place is taken already.
    try {
      return await work()
    } finally {
      this.#leave()
    }
  }

  /** Makes it, where somebody has so much more in the queue that he still has more without his newest. */
  #hasRoom(from: string): boolean {
    if (this.#waiting < this.#most) return true
    let longest: ReadonlySet<Waiter> = new Set()
    for (const lane of this.#lanes.values()) if (lane.size > longest.size) longest = lane
    if (longest.size <= (this.#lanes.get(from)?.size ?? 0) + 1) return false
    const newest = [...longest].at(-1)!
    newest.drop()
    return true
  }

  /** @returns false: it had to make room */
  #turn(signal: AbortSignal, from: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason as Error)
        return
      }
      const over = (): void => {
        this.#remove(from, waiter)
        signal.removeEventListener('abort', leave)
      }
      const leave = (): void => {
        over()
        reject(signal.reason as Error)
      }
      const end = (isIn: boolean): void => {
        over()
        resolve(isIn)
      }
      const waiter: Waiter = { enter: () => end(true), drop: () => end(false) }
      this.#add(from, waiter)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  #add(from: string, waiter: Waiter): void {
    const lane = this.#lanes.get(from) ?? new Set()
    lane.add(waiter)
    this.#lanes.set(from, lane)
    this.#waiting++
  }

  #remove(from: string, waiter: Waiter): void {
    const lane = this.#lanes.get(from)!
    lane.delete(waiter)
    if (lane.size === 0) this.#lanes.delete(from)
    this.#waiting--
  }

  /** The place goes to the next one: were it free in between, somebody could jump the queue. */
  #leave(): void {
    const [first] = this.#lanes
    if (first === undefined) {
      this.#inside--
      return
    }
    const [from, lane] = first
    const [oldest] = lane
    oldest!.enter()
    // The others of that lane have their turn after all other lanes.
    if (this.#lanes.delete(from)) this.#lanes.set(from, lane)
  }
}
