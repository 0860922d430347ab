/** What an authenticator is given beside its options, so that tests can own time and network. Types, and an observer that is silent. */
import type { Clock } from '../broker/clock.ts'
import type { Authenticator } from './authenticator.ts'

/** Named events for the log; never called per attempt. Texts hold no secret. */
export interface AuthObserver {
  /** Something outside has failed, or an operator should read this once: a key server cannot be reached. Once per outage. */
  warning(authenticator: string, text: string): void
  /** It works again. */
  recovered(authenticator: string, text: string): void
}

export const silentAuthObserver: AuthObserver = {
  warning() {},
  recovered() {},
}

export interface AuthContext {
  /** Unique in the chain: the kind, with a number from the second of a kind on. */
  readonly name: string
  readonly clock: Clock
  readonly observer: AuthObserver
  readonly fetch: typeof fetch
}

/**
 * Does no I/O before the first `authenticate`.
 * @throws FieldError for a bad option, with the path below the authenticator's entry and never with its value
 */
export type AuthFactory = (options: Readonly<Record<string, unknown>>, context: AuthContext) => Authenticator
