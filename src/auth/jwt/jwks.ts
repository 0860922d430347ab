/**
 * A key set behind a URL of the configuration: fetched when it is needed, kept, renewed when it is old or a token names a key that is not in it.
 * However many tokens with invented key names come: one fetch per cooldown. While it cannot be fetched, the old keys serve on.
 */
import { createLocalJWKSet } from 'jose'
import type { Clock } from '../../broker/clock.ts'
import { ask, FetchError } from '../fetching.ts'
import { isMapping } from '../options.ts'

/** What jose asks for the key of a token; throws ERR_JWKS_NO_MATCHING_KEY, and ERR_JWKS_MULTIPLE_MATCHING_KEYS with the keys. */
export type KeySet = ReturnType<typeof createLocalJWKSet>

export interface KeySetOptions {
  readonly url: URL
  readonly timeoutMs: number
  readonly maxAgeMs: number
  readonly maxStaleMs: number
  readonly cooldownMs: number
  readonly clock: Clock
  readonly fetch: typeof fetch
  /** It cannot be fetched, or can again: told when it changes. */
  readonly changed: (trouble: string | undefined) => void
  /** Ends a fetch. */
  readonly signal: AbortSignal
}

const MOST_BYTES = 262_144
const MOST_KEYS = 100
/** Between two attempts as long as there are no keys at all, in milliseconds. */
const EMPTY_COOLDOWN_MS = 1_000

export class RemoteKeys {
  readonly #options: KeySetOptions
  #keys: KeySet | undefined
  #fetchedAt = 0
  #triedAt = Number.NEGATIVE_INFINITY
  #trouble: string | undefined
  #fetching: Promise<void> | undefined

  constructor(options: KeySetOptions) {
    this.#options = options
  }

  /** Keys that are not too old; undefined: there are none, and they cannot be fetched. Never rejects. */
  async current(): Promise<KeySet | undefined> {
    const { maxAgeMs, maxStaleMs } = this.#options
    if (this.#keys !== undefined && this.#age <= maxAgeMs) return this.#keys
    const renewed = this.#renew()
    // Who can be served with old keys does not wait for a server that is known to be down.
    if (this.#keys === undefined || this.#trouble === undefined || this.#age > maxStaleMs) await renewed
    return this.#age <= maxStaleMs ? this.#keys : undefined
  }

  /** For a token whose key `seen` did not hold: newer keys, or `seen` when there are none; undefined: nobody can tell. Never rejects. */
  async newerThan(seen: KeySet): Promise<KeySet | undefined> {
    if (this.#keys !== seen) return this.#keys
    await this.#renew()
    return this.#keys === seen && this.#trouble !== undefined ? undefined : this.#keys
  }

  get #age(): number {
    return this.#options.clock.now() - this.#fetchedAt
  }

  #renew(): Promise<void> {
    const now = this.#options.clock.now()
    const cooldown = this.#keys === undefined ? EMPTY_COOLDOWN_MS : this.#options.cooldownMs
    if (this.#fetching === undefined && now - this.#triedAt >= cooldown) {
      this.#triedAt = now
      this.#fetching = this.#fetch().finally(() => {
        this.#fetching = undefined
      })
    }
    return this.#fetching ?? Promise.resolve()
  }

  async #fetch(): Promise<void> {
    const { url, timeoutMs, clock, fetch, signal } = this.#options
    const init = { headers: { accept: 'application/jwk-set+json, application/json' } }
    try {
      const { status, text } = await ask({ url, init, timeoutMs, mostBytes: MOST_BYTES, signal }, clock, fetch)
      if (status !== 200) throw new FetchError(`answered ${status}`)
      this.#keys = keySet(text)
      this.#fetchedAt = clock.now()
      this.#tell(undefined)
    } catch (error) {
      if (signal.aborted) return
      this.#tell(error instanceof FetchError ? error.message : 'the answer is no key set')
    }
  }

  #tell(trouble: string | undefined): void {
    const changed = (this.#trouble === undefined) !== (trouble === undefined)
    this.#trouble = trouble
    if (changed) this.#options.changed(trouble)
  }
}

function keySet(text: string): KeySet {
  const found: unknown = JSON.parse(text)
  if (!isMapping(found) || !Array.isArray(found.keys)) throw new FetchError('the answer is no key set')
  if (found.keys.length > MOST_KEYS) throw new FetchError(`the key set holds more than ${MOST_KEYS} keys`)
  return createLocalJWKSet(found as unknown as Parameters<typeof createLocalJWKSet>[0])
}
