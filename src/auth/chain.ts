/**
 * The authenticators of a bridge, asked in the order of the configuration. The first that was shown something of its kind decides; what fails
 * with it fails altogether. When nobody was shown anything, the refusal says what may be shown.
 */
import { type Attempt, type Authenticator, refused, type User, type Verdict } from './authenticator.ts'

export class Chain implements Authenticator {
  readonly name = 'chain'
  readonly #members: readonly Authenticator[]

  /** @param members with unique names; the chain owns them */
  constructor(members: readonly Authenticator[]) {
    this.#members = members
  }

  get accepts(): string {
    return this.#members.map(({ accepts }) => accepts).join(', or ')
  }

  /** Never `passed`. */
  async authenticate(attempt: Attempt, signal: AbortSignal): Promise<Verdict> {
    for (const member of this.#members) {
      const verdict = await member.authenticate(attempt, signal)
      if (verdict.kind !== 'passed') return verdict
    }
    const rule = this.#members.length === 0 ? 'nobody may log in' : `clients must show ${this.accepts}`
    return refused('login-required', rule, 'nothing was shown that an authenticator accepts')
  }

  /** Asks whoever has admitted the user; never `passed`. */
  async refresh(token: string, user: User, signal: AbortSignal): Promise<Verdict> {
    const member = this.#members.find(({ name }) => name === user.authenticator)
    const verdict = await member?.refresh?.(token, user, signal)
    if (verdict === undefined || verdict.kind === 'passed') {
      return refused('login-refused', `who was let in by ${user.authenticator} has no token to renew`)
    }
    return verdict
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#members.map((member) => member[Symbol.asyncDispose]()))
  }
}
