/**
 * How many may be inside, and how fast they may come: connections in all and from one address, new ones in a second in all and from one
 * address. Counts, and says no; who is told what, and what becomes of the socket, is the listener's affair.
 */
import { siteOf } from '../broker/address.ts'
import { TokenBucket } from '../broker/bucket.ts'

/** 0 = no limit. */
export interface AdmissionLimits {
  /** Open at one time, over all mounts. */
  readonly connections: number
  /** … from one IPv4 address or one IPv6 /64. */
  readonly connectionsPerIp: number
  /** New ones in a second, after a burst of `connectBurst`. */
  readonly connectRate: number
  /** At least 1. */
  readonly connectBurst: number
  /** New ones in a second from one IPv4 address or one IPv6 /64, after a burst of `connectionsPerIp` (when that is 0: of `connectBurst`). */
  readonly connectRatePerIp: number
}

export type Limit = 'connections' | 'connectionsPerIp' | 'connectRate' | 'connectRatePerIp'

const ALL = ['connections', 'connectionsPerIp', 'connectRate', 'connectBurst', 'connectRatePerIp'] as const

/** Entries before the first look for those that may be forgotten. */
const SWEEP_FROM = 4_096

interface Site {
  open: number
  /** The limits that its bucket was made for: another object calls for another one. */
  of: AdmissionLimits
  arrivals: TokenBucket | undefined
}

export class Admission {
  #limits: AdmissionLimits
  readonly #now: () => number
  #arrivals: TokenBucket | undefined
  readonly #sites = new Map<string, Site>()
  #sweepAt = SWEEP_FROM
  #open = 0

  /** @param now milliseconds */
  constructor(limits: AdmissionLimits, now: () => number) {
    this.#limits = limits
    this.#now = now
    this.#arrivals = this.#bucketOfAll()
  }

  /** Hold for those who come from now on. */
  set limits(limits: AdmissionLimits) {
    if (ALL.every((name) => limits[name] === this.#limits[name])) return
    this.#limits = limits
    this.#arrivals = this.#bucketOfAll()
  }

  /** Connections inside. */
  get open(): number {
    return this.#open
  }

  /** Addresses that something is remembered of. */
  get sites(): number {
    return this.#sites.size
  }

  /**
   * Asks for a place, and counts the arrival. What one address has too much of takes nothing from what all share, so that a flood from it
   * leaves room for the others.
   * @param remote an IP address as `canonical` returns it
   * @returns the limit that is reached; undefined: there is room, and `enter` may follow
   */
  refusal(remote: string): Limit | undefined {
    const { connections, connectionsPerIp } = this.#limits
    const site = this.#site(siteOf(remote))
    if (connectionsPerIp > 0 && site.open >= connectionsPerIp) return 'connectionsPerIp'
    if (site.arrivals?.take(this.#now()) === false) return 'connectRatePerIp'
    if (connections > 0 && this.#open >= connections) return 'connections'
    if (this.#arrivals?.take(this.#now()) === false) return 'connectRate'
    return undefined
  }

  /** @returns to be called once, when the connection has ended */
  enter(remote: string): () => void {
    const site = this.#site(siteOf(remote))
    site.open++
    this.#open++
    return () => {
      site.open--
      this.#open--
    }
  }

  #site(key: string): Site {
    const known = this.#sites.get(key)
    if (known !== undefined) return this.#current(known)
    if (this.#sites.size >= this.#sweepAt) this.#sweep()
    const site = { open: 0, of: this.#limits, arrivals: this.#bucketOfOne() }
    this.#sites.set(key, site)
    return site
  }

  #current(site: Site): Site {
    if (site.of === this.#limits) return site
    site.of = this.#limits
    site.arrivals = this.#bucketOfOne()
    return site
  }

  #bucketOfAll(): TokenBucket | undefined {
    const { connectRate, connectBurst } = this.#limits
    return connectRate > 0 ? new TokenBucket(connectRate, connectBurst, this.#now()) : undefined
  }

  #bucketOfOne(): TokenBucket | undefined {
    const { connectRatePerIp: rate, connectionsPerIp, connectBurst } = this.#limits
    return rate > 0
      ? new TokenBucket(rate, connectionsPerIp > 0 ? connectionsPerIp : connectBurst, this.#now())
      : undefined
  }

  /** Forgets whoever has left and come seldom; work and memory stay in proportion to those who have not. */
  #sweep(): void {
    const now = this.#now()
    for (const [key, { open, arrivals }] of this.#sites) {
      if (open === 0 && arrivals?.isFull(now) !== false) this.#sites.delete(key)
    }
    this.#sweepAt = Math.max(SWEEP_FROM, this.#sites.size * 2)
  }
}
