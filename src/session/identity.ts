/**
 * Who a session acts for, and until when. The user's rights can be renewed by a new token (token.ts); what expires ends the session, and so
 * does the longest time that a session may last.
 */
import type { User } from '../auth/authenticator.ts'
import type { Clock, Timer } from '../broker/clock.ts'
import { PolicyError } from './failure.ts'
import type { Quotas } from './quotas.ts'

/** Whose identity it is. */
export interface Identified {
  readonly id: string
  readonly house: { readonly clock: Clock; readonly quotas: Quotas }
  /** `sessionMs`: 0 = no end. */
  readonly snapshot: { readonly limits: { readonly sessionMs: number } }
  /** Its time is over. */
  fail(error: PolicyError): void
}

/** Before CONNECT has succeeded. */
const STRANGER: User = Object.freeze({
  name: undefined,
  roles: new Set<string>(),
  claims: new Map<string, readonly string[]>(),
  expiresAtMs: undefined,
  authenticator: '',
})

/** Timers reach 2³¹ ms; what lies farther off is looked at again. */
const FARTHEST_MS = 24 * 3600 * 1000

export class Identity {
  readonly #session: Identified
  #user = STRANGER
  #key = ''
  #isIn = false
  #expiry: Timer | undefined
  #end: Timer | undefined

  constructor(session: Identified) {
    this.#session = session
  }

  get user(): User {
    return this.#user
  }

  /** CONNECT has succeeded, and the session has not ended. */
  get isAdmitted(): boolean {
    return this.#isIn
  }

  /** What the user's quotas are kept under: an anonymous session has its own. */
  get key(): string {
    return this.#key
  }

  /**
   * CONNECT: it is the user that was given to `renew`, and everybody who has a say has agreed: what counts per user is not for those who only
   * claim the name.
   * @throws PolicyError `too-many-connections`
   */
  admit(): void {
    const { id, house, snapshot } = this.#session
    const { name } = this.#user
    this.#key = name === undefined ? `session ${id}` : `user ${name}`
    house.quotas.enter(this.#key)
    this.#isIn = true
    const { sessionMs } = snapshot.limits
    if (sessionMs === 0) return
    const over = (): void =>
      this.#session.fail(new PolicyError('session-too-long', `a session lasts at most ${sessionMs} ms: connect again`))
    this.#end = house.clock.after(sessionMs, over)
  }

  /** Who it is; later the same user, with other rights or another end. */
  renew(user: User): void {
    this.#user = user
    this.#expiry?.cancel()
    this.#watch()
  }

  /** The session has ended. Idempotent. */
  leave(): void {
    this.#expiry?.cancel()
    this.#end?.cancel()
    if (this.#isIn) this.#session.house.quotas.leave(this.#key)
    this.#isIn = false
  }

  #watch(): void {
    const { expiresAtMs } = this.#user
    if (expiresAtMs === undefined) return
    const { clock } = this.#session.house
    const left = expiresAtMs - clock.now()
    this.#expiry = clock.after(Math.max(0, Math.min(left, FARTHEST_MS)), () => {
      if (clock.now() < expiresAtMs) this.#watch()
      else this.#session.fail(new PolicyError('token-expired', 'the token has expired: connect again with a new one'))
    })
  }
}
