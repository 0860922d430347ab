/** What an authenticator is given beside its options, so that tests can own time and network. Types, and an observer that is silent. */
import type { Clock } from '../broker/clock.ts'
import type { Authenticator, RefusalCode } from './authenticator.ts'

/** Named events for the log and for metrics. Texts hold no secret. */
export interface AuthObserver {
  /**
   * An attempt to log in has ended. Called for each of them, when the verdict is final; not when the client went away before.
   * @param authenticator who decided; undefined: nobody was shown anything
   */
  decided(authenticator: string | undefined, outcome: Decision): void
  /** Something outside has failed, or an operator should read this once: a key server cannot be reached. Once per outage. */
  warning(authenticator: string, text: string): void
  /** It works again. */
  recovered(authenticator: string, text: string): void
}

/** `undecided`: a broker was to have the last word, and could not be asked. */
export type Decision = 'admitted' | 'undecided' | RefusalCode

export const silentAuthObserver: AuthObserver = {
  decided() {},
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
