/**
 * What an operator may write for `authenticator: jwt`: as data for documentation, and as checks. Everything that decides whether a token is
 * believed comes from here and nothing of it from the token: algorithms, keys, where keys are fetched.
 */
import type { Field } from '../../broker/schema.ts'
import { Options } from '../options.ts'
import { ALGORITHMS, type Algorithm, type KeyOptions, readKeys } from './keys.ts'
import { readSource, type Source } from './sources.ts'

export const fields: readonly Field[] = [
  { name: 'issuer', default: undefined, description: 'iss of the tokens, or a list; false: not looked at' },
  {
    name: 'audience',
    default: undefined,
    description: 'aud of the tokens, or a list; false: not looked at, which lets tokens of other services in',
  },
  {
    name: 'algorithms',
    shape: 'texts',
    default: undefined,
    description: 'the only ones accepted: RS256, PS256, ES256, EdDSA, HS256 and so on',
  },
  {
    name: 'keys',
    default: undefined,
    description:
      'list of { jwks: URL }, { pem: public key or certificate, kid }, { secret, kid }; several at once to rotate',
  },
  {
    name: 'from',
    default: ['authorization', 'auth-token', 'passcode', 'upgrade'],
    description:
      'where a token may be, in this order: headers of CONNECT, Authorization of the upgrade, cookie:NAME, query:NAME',
  },
  { name: 'user', default: 'sub', description: "claim that is the user's name; dots lead into objects" },
  {
    name: 'roles',
    shape: 'text',
    default: undefined,
    description: 'claim with the roles, a list or words between spaces, like realm_access.roles',
  },
  { name: 'type', shape: 'text', default: undefined, description: 'typ that the token must have, like at+jwt' },
  { name: 'clockTolerance', default: 5_000, unit: 'ms', description: 'between the clocks of issuer and bridge' },
  { name: 'tokenBytes', default: 16_384, unit: 'bytes', description: 'longer tokens are refused unread' },
  { name: 'jwksTimeout', default: 5_000, unit: 'ms', description: 'for one fetch of keys' },
  { name: 'jwksMaxAge', default: 600_000, unit: 'ms', description: 'keys are fetched anew after that' },
  {
    name: 'jwksMaxStale',
    default: 86_400_000,
    unit: 'ms',
    description: 'how old keys may get while they cannot be fetched',
  },
  {
    name: 'jwksCooldown',
    default: 30_000,
    unit: 'ms',
    description: 'between two fetches, however many tokens name keys that are not known',
  },
  {
    name: 'failuresPerAddress',
    default: 600,
    description: 'forged tokens a minute from one address (IPv6: from one /64); over it none is looked at',
  },
]

export interface JwtOptions {
  /** undefined: not looked at. */
  readonly issuers: readonly string[] | undefined
  readonly audiences: readonly string[] | undefined
  readonly algorithms: readonly Algorithm[]
  readonly keys: KeyOptions
  readonly from: readonly Source[]
  readonly user: string
  readonly roles: string | undefined
  readonly type: string | undefined
  readonly clockToleranceMs: number
  readonly tokenBytes: number
  readonly jwks: {
    readonly timeoutMs: number
    readonly maxAgeMs: number
    readonly maxStaleMs: number
    readonly cooldownMs: number
  }
  readonly failuresPerAddress: number
}

const HOUR = 3_600_000

/** @throws FieldError */
export function readJwt(options: Readonly<Record<string, unknown>>): JwtOptions {
  const given: Options = new Options(options, fields)
  const algorithms = readAlgorithms(given)
  return {
    issuers: unlessFalse(given, 'issuer'),
    audiences: unlessFalse(given, 'audience'),
    algorithms,
    keys: readKeys(given, algorithms),
    from: readFrom(given),
    user: given.text('user', 'must be the name of a claim'),
    roles: given.optionalText('roles', 'must be the name of a claim'),
    type: given.optionalText('type'),
    clockToleranceMs: given.count('clockTolerance', 0, 300_000),
    tokenBytes: given.count('tokenBytes', 256, 65_536),
    jwks: {
      timeoutMs: given.count('jwksTimeout', 100, 60_000),
      maxAgeMs: given.count('jwksMaxAge', 1_000, 24 * HOUR),
      maxStaleMs: given.count('jwksMaxStale', 1_000, 30 * 24 * HOUR),
      cooldownMs: given.count('jwksCooldown', 1_000, HOUR),
    },
    failuresPerAddress: given.count('failuresPerAddress', 1, 1_000_000),
  }
}

/** Whether a browser would show the token by itself, whatever page made it connect: then an origin list must say which pages may. */
export function needsOrigins({ from }: Readonly<Record<string, unknown>>): boolean {
  return [from].flat().some((source) => typeof source === 'string' && source.startsWith('cookie:'))
}

/** RFC 8725 §3.8, 3.9: issuer and audience must be validated. Leaving that out has to be said. */
function unlessFalse(given: Options, name: string): readonly string[] | undefined {
  if (given.raw(name) === false) return undefined
  const values = given.texts(name, 'must be a text, a list of texts, or false')
  if (values.length === 0) given.fail([name], 'must be said: a text, a list of texts, or false for any')
  return values
}

/** RFC 8725 §3.1: only what the caller lists. */
function readAlgorithms(given: Options): readonly Algorithm[] {
  const known = ALGORITHMS.join(', ')
  const names = given.texts('algorithms', `must be a list of ${known}`)
  if (names.length === 0) given.fail(['algorithms'], `must be said, some of ${known}`)
  return names.map((name) => {
    const found = ALGORITHMS.find((algorithm) => algorithm === name)
    return found ?? given.fail(['algorithms'], `must be some of ${known}`)
  })
}

function readFrom(given: Options): readonly Source[] {
  const sources = given.texts('from')
  if (sources.length === 0) given.fail(['from'], 'must name at least one place')
  return sources.map((text, index) => {
    const rule = 'must be authorization, auth-token, passcode, upgrade, cookie:NAME or query:NAME'
    return readSource(text) ?? given.fail(['from', index], rule)
  })
}
