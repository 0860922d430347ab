/**
 * Who is this? An authenticator looks at what a client showed in its upgrade request and its CONNECT, and gives a name or a refusal. It
 * returns verdicts; what follows from them is the session's affair. It knows no frame, no socket and no route.
 *
 * Authenticators of a bridge stand in a chain (chain.ts): the first that is shown something of its kind decides. What is of its kind but
 * wrong is refused and never handed on, so that a forged token does not become an anonymous guest.
 */
import type { Credentials } from '../broker/broker.ts'

/** What a client has shown. Holds secrets: an authenticator keeps none of it and prints none of it. */
export interface Attempt {
  /** `login`, `passcode` and `host` of CONNECT; undefined without a `login`. */
  readonly credentials: Credentials | undefined
  /** The client's IP address: behind trusted proxies the one that they tell. */
  readonly remote: string
  /** A header of CONNECT; names are compared without case (`Authorization`, `authorization`), the first one counts. */
  header(name: string): string | undefined
  /** The upgrade request. */
  readonly request: {
    /** Lower-case names, as Node gives them. */
    readonly headers: Readonly<Record<string, string | string[] | undefined>>
    /** Path and query as received; see redactUrl. */
    readonly url: string
    readonly origin: string | undefined
  }
}

/** Somebody who was let in. */
export interface User {
  /** 1 … 255 characters without control characters; undefined: anonymous, or the name cannot be believed. */
  readonly name: string | undefined
  readonly roles: ReadonlySet<string>
  /** What is known of the user beside the name, flat: `tenant` → [`acme`]. For the variables of `permit`. */
  readonly claims: ReadonlyMap<string, readonly string[]>
  /** Milliseconds since 1970; from then on nothing more is allowed. May lie farther off than a timer reaches (2³¹ ms). undefined = never. */
  readonly expiresAtMs: number | undefined
  /** The name of the authenticator that answers for it. */
  readonly authenticator: string
}

export type RefusalCode =
  /** What was shown is wrong. */
  | 'login-refused'
  /** Nothing was shown that anybody here accepts. */
  | 'login-required'
  /** It was right once. */
  | 'token-expired'
  /** Nobody can tell now whether it is right: keys or backend cannot be reached. */
  | 'auth-unavailable'
  /** Too many wrong ones came from there, or too many are being checked. */
  | 'too-many-attempts'

export interface Admission {
  readonly kind: 'admitted'
  readonly user: User
  /**
   * Left out: the verdict is final. Else a broker that is passed the credentials has the last word, and whoever asked it tells here, once:
   * it accepted them, it refused them, or it said neither (it is down, the client has gone).
   */
  readonly settle?: (outcome: 'accepted' | 'refused' | 'unknown') => void
}

export interface Refusal {
  readonly kind: 'refused'
  readonly code: RefusalCode
  /** One line that the client may read. */
  readonly rule: string
  /** One line for the log: says more, and holds no secret. */
  readonly reason: string
}

export type Verdict =
  | Admission
  | Refusal
  /** It was shown nothing of its kind: the next one is asked. */
  | { readonly kind: 'passed' }

export interface Authenticator extends AsyncDisposable {
  /** Unique in its chain. */
  readonly name: string
  /** What a client may show: `a token in Authorization or passcode`; for the refusal of one that showed nothing. */
  readonly accepts: string
  /**
   * May be called at any time, concurrently. Rejects only for a fault of ours, or when `signal` (the client has gone) is aborted; everything
   * a client, an operator's backend or a key server can do wrong is a verdict.
   */
  authenticate(attempt: Attempt, signal: AbortSignal): Promise<Verdict>
  /**
   * Token kinds only: the same user again, with a new token. Refused with `login-refused` when it is another user's. `user` is one that this
   * authenticator has admitted.
   */
  refresh?(token: string, user: User, signal: AbortSignal): Promise<Verdict>
  /**
   * Kinds that have a list of their users only: how this one stands there now. `proof` is equal for two of them when the same secret opens both;
   * nobody can guess the secret from it more easily than from the configuration. undefined: it is not on the list.
   */
  standing?(user: User): { readonly user: User; readonly proof: string } | undefined
  /** Ends what is under way; idempotent. */
  [Symbol.asyncDispose](): Promise<void>
}

export const passed: Verdict = Object.freeze({ kind: 'passed' })

export function refused(code: RefusalCode, rule: string, reason: string = rule): Refusal {
  return { kind: 'refused', code, rule, reason }
}
