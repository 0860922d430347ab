/**
 * Connections with the clients' own credentials: one upstream per (virtual host, login, passcode), as long as one of its links lives. A passcode is
 * kept nowhere but in what dials; here it is an HMAC under a key that nobody else has, so another passcode always dials the broker itself.
 */
import { createHmac, randomBytes } from 'node:crypto'
import type { Credentials } from '../../broker/broker.ts'
import { BrokerError } from '../../broker/errors.ts'
import { Connection } from './connection.ts'
import type { BrokerContext } from './context.ts'
import { dialer } from './dial.ts'
import { closedError, isLoginRefused, isOpenRefused, loginRefusedError, unavailableError } from './failure.ts'
import type { Account } from './fields.ts'
import { Recheck, type Watch } from './recheck.ts'
import { Upstream } from './upstream.ts'

/** "Failed keys are remembered 5 s." */
const REFUSED_MS = 5_000
const REFUSED_MOST = 1_000

interface Entry {
  readonly upstream: Upstream
  /** Undefined = up; else why not, and then the entry is gone. */
  readonly opened: Promise<BrokerError | undefined>
  /** From when it is up. */
  watch: Watch | undefined
  links: number
}

export class Pool implements AsyncDisposable {
  readonly #context: BrokerContext
  readonly #key = randomBytes(32)
  readonly #entries = new Map<string, Entry>()
  readonly #refused = new Map<string, number>()
  readonly #closing = new Set<Promise<unknown>>()
  readonly #recheck: Recheck

  constructor(context: BrokerContext) {
    this.#context = context
    this.#recheck = new Recheck(context.settings.recheckMs, context.clock)
  }

  /** Identities that have an upstream, or are being dialled. */
  get size(): number {
    return this.#entries.size
  }

  /** Publications of all identities that could not be handed over yet. */
  get held(): number {
    let held = 0
    for (const { upstream } of this.#entries.values()) held += upstream.publisher.held
    return held
  }

  /**
   * An upstream for one more link; `release` gives it back. A login may be empty: an OAuth token as passcode says who it is.
   * @throws BrokerError `login-refused`, `broker-unavailable`, `limit`, `closed`
   */
  async take(credentials: Credentials | undefined, signal: AbortSignal): Promise<Upstream> {
    if (credentials === undefined || (credentials.login === '' && credentials.passcode === ''))
      throw loginRefusedError()
    const vhost = credentials.host || this.#context.settings.vhost
    const account: Account = { login: credentials.login, passcode: credentials.passcode, vhost }
    const identity = this.#identity(account)
    this.#checkRefused(identity)
    const entry = this.#entries.get(identity) ?? this.#dial(account, identity)
    entry.links++
    const failure = await entry.opened
    if (failure !== undefined) throw failure
    if (signal.aborted) {
      this.release(entry.upstream)
      throw closedError()
    }
    return entry.upstream
  }

  /** For a fork. */
  retain(upstream: Upstream): void {
    const entry = this.#entries.get(upstream.identity)
    if (entry?.upstream === upstream) entry.links++
  }

  release(upstream: Upstream): void {
    const entry = this.#entries.get(upstream.identity)
    if (entry?.upstream !== upstream || --entry.links > 0) return
    this.#drop(entry)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const entry of [...this.#entries.values()]) this.#drop(entry)
    await Promise.all(this.#closing)
  }

  /** @throws BrokerError `limit` */
  #dial(account: Account, identity: string): Entry {
    if (this.#entries.size >= this.#context.settings.maxUsers) {
      throw new BrokerError('limit', 'too many users are connected to the broker: try again later')
    }
    const upstream: Upstream = new Upstream({
      context: this.#context,
      account,
      identity,
      refused: (reason) => this.#end(entry, reason),
    })
    const opened = upstream.start().then((cause) => {
      if (cause !== undefined) return this.#failed(entry, cause)
      if (this.#entries.get(identity) === entry) entry.watch = this.#watch(entry, account)
      return undefined
    })
    const entry: Entry = { upstream, opened, watch: undefined, links: 0 }
    this.#entries.set(identity, entry)
    return entry
  }

  #failed(entry: Entry, cause: Error): BrokerError {
    this.#drop(entry)
    if (!isLoginRefused(cause) && !isOpenRefused(cause)) return unavailableError(cause)
    this.#remember(entry.upstream.identity)
    return loginRefusedError(cause)
  }

  /** "`recheck: 5m` dials the credentials again so that a deleted user loses the connection." */
  #watch(entry: Entry, account: Account): Watch {
    const { settings, clock, name } = this.#context
    const dial = dialer(settings, account, `${name}, recheck`)
    const backoff = { minMs: settings.reconnectMinMs, maxMs: settings.reconnectMaxMs }
    // What becomes of it says nothing about the broker's health: the upstream's own connections do.
    const events = { up() {}, lost() {}, failed() {}, blocked() {} }
    return this.#recheck.watch({
      knock: () => new Connection(dial, backoff, clock, events),
      isUp: () => entry.upstream.channels.isUp,
      refused: (cause) => this.#end(entry, loginRefusedError(cause)),
    })
  }

  /** The broker knows these credentials no more. */
  #end(entry: Entry, reason: BrokerError): void {
    this.#remember(entry.upstream.identity)
    for (const link of [...entry.upstream.links]) link.end(reason)
    this.#drop(entry)
  }

  #remember(identity: string): void {
    if (this.#refused.size >= REFUSED_MOST) this.#refused.delete(this.#refused.keys().next().value!)
    this.#refused.set(identity, this.#context.clock.now() + REFUSED_MS)
  }

  #checkRefused(identity: string): void {
    const until = this.#refused.get(identity)
    if (until === undefined) return
    if (until > this.#context.clock.now()) throw loginRefusedError()
    this.#refused.delete(identity)
  }

  #drop(entry: Entry): void {
    const { upstream } = entry
    if (this.#entries.get(upstream.identity) === entry) this.#entries.delete(upstream.identity)
    const closed: Promise<unknown> = Promise.all([upstream[Symbol.asyncDispose](), entry.watch?.stop()]).finally(() =>
      this.#closing.delete(closed),
    )
    this.#closing.add(closed)
  }

  #identity({ vhost, login, passcode }: Account): string {
    return createHmac('sha256', this.#key)
      .update(JSON.stringify([vhost, login, passcode]))
      .digest('base64url')
  }
}
