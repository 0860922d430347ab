/**
 * What users may take of the bridge together, over all their sessions: connections at one time, and how fast they SEND; and how fast all of them
 * may SEND to a route. Over a rate nothing is dropped: the session that went over it is not read until the debt is paid. A SEND after which that
 * would take longer than `sendPatienceMs` is refused and costs nothing, so that no debt grows beyond it.
 *
 * Memory is bounded by the sessions that are open: what belongs to a user is forgotten with the last of them.
 */
import { TokenBucket } from '../broker/bucket.ts'
import type { Clock } from '../broker/clock.ts'
import type { Route } from '../routing/route.ts'
import { PolicyError } from './failure.ts'

/** 0 = no bound. */
export interface QuotaLimits {
  /** Connections of one user at one time. */
  readonly connectionsPerUser: number
  /** SEND frames, and bytes of their bodies, of one user in a second. */
  readonly sendRate: number
  readonly sendBytesRate: number
  /** The longest that a session may have to wait, in milliseconds; over it its SEND is refused. */
  readonly sendPatienceMs: number
  /** Count what would be refused or slowed down, and let it pass. */
  readonly dryRun: boolean
}

/** How often each bound was met since the start. */
export interface QuotaCounters {
  connectionsPerUser: number
  /** SENDs that had to wait for the rate of their user, and of their route. */
  sendSlowed: number
  routeSlowed: number
  /** … and those that were refused, since the wait would have been too long. */
  sendRefused: number
  routeRefused: number
}

interface Account {
  connections: number
  /** The limits that its buckets were made for: another object calls for others. */
  of: QuotaLimits
  frames: TokenBucket | undefined
  bytes: TokenBucket | undefined
}

/** Seconds' worth of a rate that may come at once. */
const BURST_SECONDS = 2

export class Quotas {
  readonly counters = zeros()
  /** Those of them that had no consequence: `dryRun`. */
  readonly spared = zeros()
  #limits: QuotaLimits
  readonly #clock: Clock
  readonly #accounts = new Map<string, Account>()
  readonly #routes = new Map<Route, Account>()

  constructor(limits: QuotaLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  /**
   * After a reload. Rates hold from now on; who has more connections than he may keeps them.
   * @param routes all that there are: what is known of others is forgotten
   */
  follow(limits: QuotaLimits, routes: readonly Route[]): void {
    if (!isEqual(limits, this.#limits)) this.#limits = limits
    const current = new Set(routes)
    for (const route of this.#routes.keys()) if (!current.has(route)) this.#routes.delete(route)
  }

  /** Users who have a session. */
  get users(): number {
    return this.#accounts.size
  }

  /**
   * A session begins; it must `leave` with the same key.
   * @param key of the user; of an anonymous session, its own
   * @throws PolicyError `too-many-connections`: it has not entered
   */
  enter(key: string): void {
    const account = this.#accounts.get(key) ?? this.#account(this.#limits.sendRate, this.#limits.sendBytesRate)
    const { connectionsPerUser, dryRun } = this.#limits
    if (connectionsPerUser > 0 && account.connections >= connectionsPerUser) {
      this.#met('connectionsPerUser')
      if (!dryRun) {
        throw new PolicyError('too-many-connections', `a user may have ${connectionsPerUser} connections at one time`)
      }
    }
    account.connections++
    this.#accounts.set(key, account)
  }

  leave(key: string): void {
    const account = this.#accounts.get(key)
    if (account !== undefined && --account.connections === 0) this.#accounts.delete(key)
  }

  /**
   * A SEND that is about to be published.
   * @returns milliseconds for which its session shall not be read, at most `sendPatienceMs`; 0 = go on
   * @throws PolicyError `rate-limit`: its user, or all users of the route together, would have to wait longer
   */
  spend(key: string, route: Route, bytes: number): number {
    const { sendRate, sendBytesRate, sendPatienceMs, dryRun } = this.#limits
    const { policy } = route
    if (sendRate + sendBytesRate + policy.sendRate + policy.sendBytesRate === 0) return 0
    const now = this.#clock.now()
    const accounts = [this.#userAccount(key), this.#routeAccount(route)]
    const [byUser, byRoute] = accounts.map((account) => quote(account, bytes, now)) as [number, number]
    if (byUser > 0) this.#met(byUser > sendPatienceMs ? 'sendRefused' : 'sendSlowed')
    if (byRoute > 0) this.#met(byRoute > sendPatienceMs ? 'routeRefused' : 'routeSlowed')
    const wait = Math.max(byUser, byRoute)
    if (wait <= sendPatienceMs) for (const account of accounts) spend(account, bytes, now)
    if (dryRun) return 0
    if (wait <= sendPatienceMs) return wait
    const who = byUser > sendPatienceMs ? 'this user sends' : `all users together send to ${route.pattern}`
    throw new PolicyError('rate-limit', `${who} faster than the bridge allows`, { route: route.pattern })
  }

  #met(bound: keyof QuotaCounters): void {
    this.counters[bound]++
    if (this.#limits.dryRun) this.spared[bound]++
  }

  #userAccount(key: string): Account | undefined {
    const account = this.#accounts.get(key)
    if (account === undefined || account.of === this.#limits) return account
    const { of, frames, bytes } = this.#account(this.#limits.sendRate, this.#limits.sendBytesRate)
    return Object.assign(account, { of, frames, bytes })
  }

  #routeAccount(route: Route): Account | undefined {
    const { sendRate, sendBytesRate } = route.policy
    if (sendRate === 0 && sendBytesRate === 0) return undefined
    const known = this.#routes.get(route)
    if (known !== undefined) return known
    const account = this.#account(sendRate, sendBytesRate)
    this.#routes.set(route, account)
    return account
  }

  #account(frames: number, bytes: number): Account {
    const now = this.#clock.now()
    const bucket = (rate: number): TokenBucket | undefined =>
      rate === 0 ? undefined : new TokenBucket(rate, rate * BURST_SECONDS, now)
    return { connections: 0, of: this.#limits, frames: bucket(frames), bytes: bucket(bytes) }
  }
}

function zeros(): QuotaCounters {
  return { connectionsPerUser: 0, sendSlowed: 0, routeSlowed: 0, sendRefused: 0, routeRefused: 0 }
}

function isEqual(one: QuotaLimits, other: QuotaLimits): boolean {
  return (
    one.connectionsPerUser === other.connectionsPerUser &&
    one.sendRate === other.sendRate &&
    one.sendBytesRate === other.sendBytesRate &&
    one.sendPatienceMs === other.sendPatienceMs &&
    one.dryRun === other.dryRun
  )
}

function quote(account: Account | undefined, size: number, now: number): number {
  return Math.max(account?.frames?.quote(1, now) ?? 0, account?.bytes?.quote(size, now) ?? 0)
}

function spend(account: Account | undefined, size: number, now: number): void {
  account?.frames?.spend(1, now)
  account?.bytes?.spend(size, now)
}
