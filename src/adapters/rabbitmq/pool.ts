/**
 * Connections with the clients' own credentials: one upstream per (virtual host, login, passcode), as long as one of its links lives. A passcode is
 * kept nowhere but in what dials; here it is an HMAC under a key that nobody else has, so another passcode always dials the broker itself.
 */
import { createHmac, randomBytes } from 'node:crypto'
import type { Credentials } from '../../broker/broker.ts'
import type { BrokerError } from '../../broker/errors.ts'
import type { BrokerContext } from './context.ts'
import { closedError, isLoginRefused, isOpenRefused, loginRefusedError, unavailableError } from './failure.ts'
import type { Account } from './fields.ts'
import { Upstream } from './upstream.ts'

/** "Failed keys are remembered 5 s." */
const REFUSED_MS = 5_000
const REFUSED_MOST = 1_000

interface Entry {
  readonly upstream: Upstream
  /** Undefined = up; else why not, and then the entry is gone. */
  readonly opened: Promise<BrokerError | undefined>
  links: number
}

export class Pool implements AsyncDisposable {
  readonly #context: BrokerContext
  readonly #key = randomBytes(32)
  readonly #entries = new Map<string, Entry>()
  readonly #refused = new Map<string, number>()
  readonly #closing = new Set<Promise<void>>()

  constructor(context: BrokerContext) {
    this.#context = context
  }

  /** An upstream for one more link; `release` gives it back. Throws BrokerError `login-refused`, `broker-unavailable`, `closed`. */
  async take(credentials: Credentials | undefined, signal: AbortSignal): Promise<Upstream> {
    if (credentials === undefined || credentials.login === '') throw loginRefusedError()
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

  #dial(account: Account, identity: string): Entry {
    const upstream: Upstream = new Upstream({
      context: this.#context,
      account,
      identity,
      refused: (reason) => {
        for (const link of [...upstream.links]) link.end(reason)
        this.#drop(entry)
      },
    })
    const entry: Entry = { upstream, opened: upstream.start().then((cause) => this.#outcome(entry, cause)), links: 0 }
    this.#entries.set(identity, entry)
    return entry
  }

  #outcome(entry: Entry, cause: Error | undefined): BrokerError | undefined {
    if (cause === undefined) return undefined
    this.#drop(entry)
    if (!isLoginRefused(cause) && !isOpenRefused(cause)) return unavailableError(cause)
    if (this.#refused.size >= REFUSED_MOST) this.#refused.delete(this.#refused.keys().next().value!)
    this.#refused.set(entry.upstream.identity, this.#context.clock.now() + REFUSED_MS)
    return loginRefusedError(cause)
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
    const closed: Promise<void> = upstream[Symbol.asyncDispose]().finally(() => this.#closing.delete(closed))
    this.#closing.add(closed)
  }

  #identity({ vhost, login, passcode }: Account): string {
    return createHmac('sha256', this.#key)
      .update(JSON.stringify([vhost, login, passcode]))
      .digest('base64url')
  }
}
