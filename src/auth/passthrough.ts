/**
 * Everybody with a login may knock: the brokers that are passed the credentials decide, during CONNECT. The name is believed only because such a
 * broker has accepted it with its passcode. Here only the knocking is limited: wrong passwords can be tried so many times a minute.
 *
 * A broker with OAuth (RabbitMQ's rabbitmq_auth_backend_oauth2) takes a token as passcode and does not look at the login: whoever has a token
 * could then call himself as he likes. So beside a token the login is believed only when the token names the same user; else the user comes
 * in without a name, with what the broker allows the token. Reading the token unverified is enough for that: it can only take a name away.
 */
import type { Field } from '../broker/schema.ts'
import { Attempts } from './attempts.ts'
import { type Attempt, type Authenticator, passed, refused, type Verdict } from './authenticator.ts'
import type { AuthContext } from './context.ts'
import { isName, NAME_RULE, stranger } from './identity.ts'
import { Options } from './options.ts'
import { looksLikeToken, unverifiedClaim } from './token.ts'

export const fields: readonly Field[] = [
  {
    name: 'user',
    default: 'sub',
    description: 'of a token as passcode: the claim that must be equal to login, else the user has no name',
  },
  {
    name: 'failuresPerLogin',
    default: 20,
    description: 'wrong passwords for one login a minute; over it none is tried',
  },
  { name: 'failuresPerAddress', default: 60, description: '… from one address (IPv6: from one /64)' },
]

/** @throws FieldError for a bad option */
export function createPassthrough(
  options: Readonly<Record<string, unknown>>,
  { name, clock }: Pick<AuthContext, 'name' | 'clock'>,
): Authenticator {
  const given: Options = new Options(options, fields)
  const claim = given.text('user')
  const attempts = new Attempts(clock, {
    perLogin: given.count('failuresPerLogin', 1, 1_000_000),
    perAddress: given.count('failuresPerAddress', 1, 1_000_000),
  })
  const authenticate = ({ credentials, remote }: Attempt): Verdict => {
    if (credentials === undefined) return passed
    const { login, passcode } = credentials
    if (login !== '' && !isName(login)) return refused('login-refused', `login ${NAME_RULE}`)
    const isToken = looksLikeToken(passcode)
    // Nobody guesses tokens, and all who show one may leave the login empty.
    const ticket = attempts.begin(remote, isToken ? undefined : login, passcode)
    if (ticket === undefined) return refused('too-many-attempts', 'too many wrong passwords: try again later')
    const isOwn = login !== '' && (!isToken || unverifiedClaim(passcode, claim) === login)
    return {
      kind: 'admitted',
      user: { ...stranger(name), name: isOwn ? login : undefined },
      settle: (outcome) =>
        ticket[({ accepted: 'admitted', refused: 'refused', unknown: 'dropped' } as const)[outcome]](),
    }
  }
  return {
    name,
    accepts: 'the headers "login" and "passcode" of CONNECT',
    authenticate: async (attempt) => authenticate(attempt),
    async [Symbol.asyncDispose]() {},
  }
}
