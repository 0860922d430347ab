/** Authenticators for sessions to meet: the real ones, with nothing configured, and a desk that issues tokens as a test wants them. */
import { createAnonymous } from '../../src/auth/anonymous.ts'
import {
  type Attempt,
  type Authenticator,
  passed,
  type Refusal,
  refused,
  type User,
  type Verdict,
} from '../../src/auth/authenticator.ts'
import { createPassthrough } from '../../src/auth/passthrough.ts'
import { systemClock } from '../../src/broker/clock.ts'
import { Answer } from '../support/subscription.ts'

export const anonymous = createAnonymous({}, { name: 'anonymous' })

export const passthrough = createPassthrough({}, { name: 'passthrough', clock: systemClock })

/** A user with these roles, who shows a token as passcode. */
export type Issued = Partial<Omit<User, 'authenticator' | 'roles' | 'claims'>> & {
  readonly roles?: readonly string[]
  readonly claims?: Readonly<Record<string, string>>
}

/** Knows the tokens it has issued, and no others. */
export class TokenDesk implements Authenticator {
  readonly name = 'desk'
  readonly accepts = 'a token as passcode'
  /** Attempts to renew that wait for their answer, once `holds`. */
  readonly waiting: Answer[] = []
  /** How it answers until further notice, whatever it is shown. */
  trouble: Refusal | undefined
  #held = false
  readonly #users = new Map<string, User>()

  /** @returns the token */
  issue({ roles = [], claims = {}, ...rest }: Issued): string {
    const token = `token-${this.#users.size + 1}`
    this.#users.set(token, {
      name: undefined,
      expiresAtMs: undefined,
      ...rest,
      roles: new Set(roles),
      claims: new Map(Object.entries(claims).map(([claim, value]) => [claim, [value]])),
      authenticator: this.name,
    })
    return token
  }

  /** From now on whoever renews waits. */
  holds(): void {
    this.#held = true
  }

  async authenticate({ credentials }: Attempt): Promise<Verdict> {
    return credentials === undefined ? passed : this.#verdict(credentials.passcode)
  }

  async refresh(token: string, { name }: User): Promise<Verdict> {
    const answer = new Answer(this.#held)
    this.waiting.push(answer)
    await answer.promise
    const verdict = this.#verdict(token)
    if (verdict.kind !== 'admitted' || verdict.user.name === name) return verdict
    return refused('login-refused', 'the token is of another user')
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #verdict(token: string): Verdict {
    const user = this.#users.get(token)
    if (this.trouble !== undefined) return this.trouble
    return user === undefined ? refused('login-refused', 'the token cannot be verified') : { kind: 'admitted', user }
  }
}

/** The headers of CONNECT of who has this token. */
export const showing = (token: string): Record<string, string> => ({ login: '', passcode: token })
