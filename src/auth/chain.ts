/**
 * The authenticators of a bridge, asked in the order of the configuration. The first that was shown something of its kind decides; what fails
 * with it fails altogether. When nobody was shown anything, the refusal says what may be shown.
 */
import {
  type Admission,
  type Attempt,
  type Authenticator,
  type Refusal,
  refused,
  type User,
  type Verdict,
} from './authenticator.ts'
import { type AuthObserver, silentAuthObserver } from './context.ts'

/** What a broker's last word comes to. */
const DECISIONS = { accepted: 'admitted', refused: 'login-refused', unknown: 'undecided' } as const

export class Chain implements Authenticator {
  readonly name = 'chain'
  /** In the order in which they are asked. */
  readonly members: readonly Authenticator[]
  readonly #observer: Pick<AuthObserver, 'decided'>

  /** @param members with unique names; the chain owns them */
  constructor(members: readonly Authenticator[], observer: Pick<AuthObserver, 'decided'> = silentAuthObserver) {
    this.members = members
    this.#observer = observer
  }

  get accepts(): string {
    return this.members.map(({ accepts }) => accepts).join(', or ')
  }

  /** Never `passed`. */
  async authenticate(attempt: Attempt, signal: AbortSignal): Promise<Verdict> {
    for (const member of this.members) {
      const verdict = await member.authenticate(attempt, signal)
      if (verdict.kind !== 'passed') return this.#told(member.name, verdict)
    }
    const rule = this.members.length === 0 ? 'nobody may log in' : `clients must show ${this.accepts}`
    this.#observer.decided(undefined, 'login-required')
    return refused('login-required', rule, 'nothing was shown that an authenticator accepts')
  }

  /** Asks whoever has admitted the user; never `passed`. */
  async refresh(token: string, user: User, signal: AbortSignal): Promise<Verdict> {
    const member = this.members.find(({ name }) => name === user.authenticator)
    const verdict = await member?.refresh?.(token, user, signal)
    if (verdict === undefined || verdict.kind === 'passed') {
      return refused('login-refused', `who was let in by ${user.authenticator} has no token to renew`)
    }
    return verdict
  }

  /**
   * After a reload: what this chain says of somebody whom the chain before has let in. Tokens are believed until they expire, and brokers know
   * their own users; but whoever was on a list must still be on one, with the same password.
   * @returns the same object where nothing has changed
   */
  review(user: User, before: Chain): User | Refusal {
    if (before === this) return user
    const member = before.members.find(({ name }) => name === user.authenticator)
    if (member?.standing === undefined) return user
    const was = member.standing(user)
    for (const each of this.members) {
      const now = each.standing?.(user)
      if (now !== undefined && now.proof === was?.proof) return now.user
    }
    return refused('login-refused', 'this login is gone, or has another passcode now')
  }

  /** The same verdict, and whoever counts them hears of it when it is final. */
  #told(member: string, verdict: Admission | Refusal): Verdict {
    if (verdict.kind === 'refused' || verdict.settle === undefined) {
      this.#observer.decided(member, verdict.kind === 'refused' ? verdict.code : 'admitted')
      return verdict
    }
    const { settle } = verdict
    return {
      ...verdict,
      settle: (outcome) => {
        this.#observer.decided(member, DECISIONS[outcome])
        settle(outcome)
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.members.map((member) => member[Symbol.asyncDispose]()))
  }
}
