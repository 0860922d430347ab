/** Tokens that bridges of these tests believe, what a configuration says so that they do, and who is refused with which code. */
import { SignJWT } from 'jose'
import { type Client, Refused } from './driver.ts'

/** RFC 7518 §3.2: "A key of the same size as the hash output […] or larger MUST be used". */
export const KEY = 'a key that only issuer and bridge know'
const ISSUER = 'https://login.example.com/'
const AUDIENCE = 'stomp'

export interface Claims {
  readonly roles?: readonly string[]
  /** Until it expires; default: longer than any test. */
  readonly lifeMs?: number
  /** Another key than the bridge's: it is forged. */
  readonly key?: string
  readonly kid?: string
}

/** A JWT for a user; its end is told to the millisecond. */
export async function tokenFor(user: string, { roles = [], lifeMs = 600_000, key = KEY, kid }: Claims = {}) {
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: user, roles, exp: (Date.now() + lifeMs) / 1000 }
  const header = kid === undefined ? { alg: 'HS256' } : { alg: 'HS256', kid }
  return await new SignJWT(claims).setProtectedHeader(header).sign(Buffer.from(key))
}

/**
 * An entry of `auth.chain`. Clocks agree here, so that a token ends when it says so.
 * @param rest further options: `from: [cookie:session]`
 */
export function jwt(rest = ''): string {
  const options = [
    'authenticator: jwt',
    `issuer: "${ISSUER}"`,
    `audience: ${AUDIENCE}`,
    'algorithms: [HS256]',
    `keys: [{ secret: "${KEY}" }]`,
    'roles: roles',
    'clockTolerance: 0s',
    rest,
  ]
  return `{ ${options.filter(Boolean).join(', ')} }`
}

/** Headers of CONNECT with a token. */
export async function bearer(user: string, claims?: Claims): Promise<Record<string, string>> {
  return { Authorization: `Bearer ${await tokenFor(user, claims)}` }
}

/** Connects and leaves: `connected`, or the code of the refusal. */
export async function answerTo(connecting: Promise<Client>): Promise<string> {
  try {
    await using client = await connecting
    return client.connected!.command.toLowerCase()
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return error.frame.headers['bridge-code']!
  }
}
