/**
 * Logins and passwords of the configuration. Checking a password is made expensive (scrypt), for us too: so many at a time, so many waiting,
 * so many wrong ones a minute. Whether a login exists cannot be told from the answer nor from how long it takes: for one that does not, a
 * password that nobody has is checked, at the highest cost among the configured ones.
 */
import { siteOf } from '../../broker/address.ts'
import { Attempts } from '../attempts.ts'
import { type Attempt, type Authenticator, passed, refused, type User, type Verdict } from '../authenticator.ts'
import type { AuthContext } from '../context.ts'
import { Turnstile } from '../turnstile.ts'
import { readUsers, type UsersOptions } from './fields.ts'
import { decoy, type Hash, matches, phcOf, type Scrypt, systemScrypt, work } from './phc.ts'

/**
 * @param derive for tests, which count its calls
 * @throws FieldError
 */
export function createUsers(
  options: Readonly<Record<string, unknown>>,
  context: Pick<AuthContext, 'name' | 'clock'>,
  derive: Scrypt = systemScrypt,
): Authenticator {
  return new UsersAuthenticator(readUsers(options), context, derive)
}

class UsersAuthenticator implements Authenticator {
  readonly name: string
  readonly accepts = 'the headers "login" and "passcode" of CONNECT'
  readonly #accounts: UsersOptions['accounts']
  readonly #decoy: Hash
  readonly #turnstile: Turnstile
  readonly #attempts: Attempts
  readonly #derive: Scrypt
  readonly #closed = new AbortController()

  constructor(options: UsersOptions, { name, clock }: Pick<AuthContext, 'name' | 'clock'>, derive: Scrypt) {
    this.name = name
    this.#accounts = options.accounts
    const hashes = [...options.accounts.values()].map(({ hash }) => hash)
    this.#decoy = decoy(hashes.reduce((strongest, hash) => (work(hash) > work(strongest) ? hash : strongest)))
    this.#turnstile = new Turnstile(options.concurrency, options.queue)
    this.#attempts = new Attempts(clock, { perAddress: options.failuresPerAddress, perLogin: options.failuresPerLogin })
    this.#derive = derive
  }

  async authenticate({ credentials, remote }: Attempt, signal: AbortSignal): Promise<Verdict> {
    if (credentials === undefined) return passed
    const { login, passcode } = credentials
    const gone = AbortSignal.any([signal, this.#closed.signal])
    const verdict = await this.#turnstile.pass(gone, siteOf(remote), () => this.#check(login, passcode, remote))
    return verdict ?? refused('too-many-attempts', 'too many logins at one time: try again later')
  }

  standing(user: User): { readonly user: User; readonly proof: string } | undefined {
    const account = user.name === undefined ? undefined : this.#accounts.get(user.name)
    if (account === undefined) return undefined
    const same = user.authenticator === this.name && isEqual(user.roles, account.roles)
    const now = same ? user : { ...user, roles: account.roles, authenticator: this.name }
    return { user: now, proof: phcOf(account.hash) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new Error('the bridge stops'))
  }

  /** The limit is asked when it is this attempt's turn: those before it are decided by then. */
  async #check(login: string, passcode: string, remote: string): Promise<Verdict> {
    const ticket = this.#attempts.begin(remote, login, passcode)
    if (ticket === undefined) return refused('too-many-attempts', 'too many wrong passwords: try again later')
    try {
      const account = this.#accounts.get(login)
      const right = await matches(passcode, account?.hash ?? this.#decoy, this.#derive)
      if (account === undefined || !right) {
        ticket.refused()
        return refused('login-refused', 'login or passcode is wrong')
      }
      ticket.admitted()
      const claims = new Map<string, readonly string[]>()
      const user = { name: login, roles: account.roles, claims, expiresAtMs: undefined, authenticator: this.name }
      return { kind: 'admitted', user }
    } finally {
      ticket.dropped()
    }
  }
}

function isEqual(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return one.size === other.size && [...one].every((role) => other.has(role))
}
