/**
 * Wrong guesses, limited: a bucket of them per address and one per login, refilled over a minute. Right ones cost nothing. What has begun and
 * is not decided yet counts as wrong, so a thousand guesses at once are not let through because none of them has failed so far.
 *
 *   - IPv6 counts per /64: one client has all of it.
 *   - Equal guesses under way count once: five thousand browsers with one service password are not an attack.
 *   - An address where a login has succeeded has a bucket of its own for that login: strangers who guess elsewhere can't lock the owner out.
 *   - Tables are bounded and hold keyed hashes: neither names nor passwords stay in memory.
 */
import { siteOf } from '../broker/address.ts'
import { TokenBucket } from '../broker/bucket.ts'
import type { Clock } from '../broker/clock.ts'
import { fingerprints } from './fingerprint.ts'
import { Lru } from './lru.ts'

export interface AttemptLimits {
  /** Wrong guesses a minute from one address, and at one time; 1 or more. */
  readonly perAddress: number
  /** … for one login, from anywhere. */
  readonly perLogin: number
}

/** Tells how a guess ended. The first call counts, others do nothing. */
export interface Ticket {
  /** It was right. */
  admitted(): void
  /** It was wrong. */
  refused(): void
  /** Nobody can say: nothing is counted. */
  dropped(): void
}

interface Guesses {
  /** Wrong ones that are still allowed; in debt after many at once. */
  readonly wrong: TokenBucket
  /** Undecided ones, by their fingerprint. */
  readonly pending: Map<string, number>
  /** A debt is not let grow below this. */
  readonly deepest: number
}

/** Entries of each table. */
const MOST = 20_000
/** Undecided guesses of one address: many users may sit behind it, so they do not count against its bucket before they fail. */
const PENDING_PER_ADDRESS = 1_000
/** How deep into debt many wrong ones at once can lead, in minutes. */
const DEEPEST = 10

export class Attempts {
  readonly #clock: Clock
  readonly #limits: AttemptLimits
  readonly #key = fingerprints()
  readonly #addresses = new Lru<string, Guesses>(MOST)
  readonly #logins = new Lru<string, Guesses>(MOST)
  /** Pairs of address and login that have succeeded. */
  readonly #known = new Lru<string, true>(MOST)

  constructor(clock: Clock, limits: AttemptLimits) {
    this.#clock = clock
    this.#limits = limits
  }

  /**
   * A guess begins.
   * @param login undefined: a token, which names nobody before it is verified
   * @param secret what is guessed; equal ones at one time are one guess
   * @returns undefined: too many were wrong, this one must not even be looked at
   */
  begin(remote: string, login?: string, secret?: string): Ticket | undefined {
    const now = this.#clock.now()
    const guess = this.#key(login, secret ?? {})
    const address = siteOf(remote)
    const from = this.#guesses(this.#addresses, address, this.#limits.perAddress)
    const tooManyUndecided = from.pending.size >= PENDING_PER_ADDRESS && !from.pending.has(guess)
    if (from.wrong.level(now) < 1 || tooManyUndecided) return undefined
    if (login === undefined) return this.#ticket([from], guess, () => {})
    const pair = this.#key(address, login)
    const isKnown = this.#known.get(pair) !== undefined
    const at = this.#guesses(this.#logins, isKnown ? pair : this.#key(login), this.#limits.perLogin)
    const others = at.pending.size - (at.pending.has(guess) ? 1 : 0)
    if (at.wrong.level(now) - others < 1) return undefined
    return this.#ticket([from, at], guess, () => this.#known.set(pair, true))
  }

  #ticket(places: readonly Guesses[], guess: string, onAdmitted: () => void): Ticket {
    for (const { pending } of places) pending.set(guess, (pending.get(guess) ?? 0) + 1)
    let open = true
    const close = (wrong: boolean): boolean => {
      if (!open) return false
      open = false
      for (const place of places) settle(place, guess, wrong, this.#clock.now())
      return true
    }
    return {
      admitted: () => {
        if (close(false)) onAdmitted()
      },
      refused: () => void close(true),
      dropped: () => void close(false),
    }
  }

  #guesses(table: Lru<string, Guesses>, key: string, perMinute: number): Guesses {
    const known = table.get(key)
    if (known !== undefined) return known
    const wrong = new TokenBucket(perMinute / 60, perMinute, this.#clock.now())
    const made = { wrong, pending: new Map<string, number>(), deepest: -DEEPEST * perMinute }
    table.set(key, made)
    return made
  }
}

function settle({ wrong, pending, deepest }: Guesses, guess: string, isWrong: boolean, now: number): void {
  const left = pending.get(guess)! - 1
  if (left === 0) pending.delete(guess)
  else pending.set(guess, left)
  if (isWrong && wrong.level(now) > deepest) wrong.spend(1, now)
}
