/**
 * Signed tokens: who has one of a trusted issuer, for this audience, that has not expired, comes in under the name that stands in it. RFC 7519,
 * with the rules of RFC 8725. The first place that holds a token decides; a wrong token there is refused, whatever else was shown.
 */
import type { JWTPayload } from 'jose'
import { Attempts } from '../attempts.ts'
import {
  type Attempt,
  type Authenticator,
  passed,
  type Refusal,
  refused,
  type User,
  type Verdict,
} from '../authenticator.ts'
import type { AuthContext } from '../context.ts'
import { claimAt, flatClaims, isName, NAME_RULE, rolesOf } from '../identity.ts'
import { type JwtOptions, readJwt } from './fields.ts'
import { RemoteKeys } from './jwks.ts'
import { type Verified, verify } from './verify.ts'

/** @throws FieldError */
export function createJwt(options: Readonly<Record<string, unknown>>, context: AuthContext): Authenticator {
  return new JwtAuthenticator(readJwt(options), context)
}

class JwtAuthenticator implements Authenticator {
  readonly name: string
  readonly accepts: string
  readonly #options: JwtOptions
  readonly #context: AuthContext
  readonly #remotes: readonly RemoteKeys[]
  readonly #attempts: Attempts
  readonly #closed = new AbortController()

  constructor(options: JwtOptions, context: AuthContext) {
    const { clock, observer, fetch, name } = context
    this.name = name
    this.accepts = `a token in ${options.from.map(({ title }) => title).join(' or ')}`
    this.#options = options
    this.#context = context
    this.#attempts = new Attempts(clock, { perAddress: options.failuresPerAddress, perLogin: 1 })
    this.#remotes = options.keys.remote.map((url) => {
      const where = `${url.origin}${url.pathname}`
      const changed = (trouble: string | undefined): void => {
        if (trouble === undefined) observer.recovered(name, `keys of ${where} are there again`)
        else observer.warning(name, `keys of ${where} cannot be fetched: ${trouble}`)
      }
      return new RemoteKeys({ url, ...options.jwks, clock, fetch, changed, signal: this.#closed.signal })
    })
  }

  async authenticate(attempt: Attempt): Promise<Verdict> {
    const token = this.#find(attempt)
    if (token === undefined) return passed
    const ticket = this.#attempts.begin(attempt.remote)
    if (ticket === undefined) return refused('too-many-attempts', 'too many wrong tokens: try again later')
    try {
      const verified = await this.#verify(token)
      if ('code' in verified && verified.forged) ticket.refused()
      return this.#verdict(verified)
    } finally {
      ticket.dropped()
    }
  }

  async refresh(token: string, user: User): Promise<Verdict> {
    const verdict = this.#verdict(await this.#verify(token))
    if (verdict.kind !== 'admitted' || verdict.user.name === user.name) return verdict
    return refused('login-refused', 'the token is of another user')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort()
  }

  #find(attempt: Attempt): string | undefined {
    for (const source of this.#options.from) {
      const token = source.find(attempt)
      if (token !== undefined) return token
    }
    return undefined
  }

  async #verify(token: string): Promise<Verified> {
    const { tokenBytes } = this.#options
    // Length in UTF-16 units is never more than in bytes, and a JWT has nothing but ASCII.
    if (token.length > tokenBytes) {
      const rule = `a token has at most ${tokenBytes} bytes`
      return { code: 'login-refused', rule, reason: rule, forged: true }
    }
    return await verify(token, this.#options, this.#remotes, this.#context.clock.now())
  }

  #verdict(verified: Verified): Verdict {
    if ('code' in verified) return refused(verified.code, verified.rule, verified.reason)
    const user = this.#user(verified.claims)
    return 'kind' in user ? user : { kind: 'admitted', user }
  }

  #user(claims: JWTPayload): User | Refusal {
    const { user, roles: rolesClaim, clockToleranceMs } = this.#options
    const name = claimAt(claims, user)
    if (!isName(name)) return refused('login-refused', `the claim "${user}" of the token ${NAME_RULE}`)
    const roles = rolesClaim === undefined ? new Set<string>() : rolesOf(claimAt(claims, rolesClaim))
    if (roles === undefined)
      return refused('login-refused', `the claim "${rolesClaim}" of the token must be a list of roles`)
    // The tolerance belongs to the end too: else a token that was accepted within it would end at once.
    const expiresAtMs = Math.min(claims.exp! * 1000 + clockToleranceMs, Number.MAX_SAFE_INTEGER)
    return { name, roles, claims: flatClaims(claims), expiresAtMs, authenticator: this.name }
  }
}
