/**
 * A token into its claims, or why not. `jku`, `x5u`, `jwk` and `x5c` of a token are never looked at: they are the forger's own words about
 * which key to trust. What a token's `kid` says only chooses among keys that are trusted anyhow.
 */
import { type CryptoKey, decodeProtectedHeader, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose'
import type { RefusalCode } from '../authenticator.ts'
import type { JwtOptions } from './fields.ts'
import type { KeySet, RemoteKeys } from './jwks.ts'
import type { Algorithm } from './keys.ts'

export type Verified =
  | { readonly claims: JWTPayload }
  | {
      readonly code: RefusalCode
      readonly rule: string
      readonly reason: string /** It was signed by nobody we trust. */
      readonly forged: boolean
    }

/** Keys of one set that are tried for a token that does not say which. */
const TRIES = 10

type Key = CryptoKey | JwtOptions['keys']['local'][number]['key']

export async function verify(
  token: string,
  options: JwtOptions,
  remotes: readonly RemoteKeys[],
  nowMs: number,
): Promise<Verified> {
  const head = headOf(token, options.algorithms)
  if ('code' in head) return head
  const checks = checksOf(options, head.alg, nowMs)
  for (const { key, algorithms, kid } of options.keys.local) {
    if (!algorithms.includes(head.alg) || (kid !== undefined && head.kid !== undefined && kid !== head.kid)) continue
    const found = await tryKey(token, key, checks)
    if (found !== undefined) return found
  }
  let unavailable = false
  if (options.keys.remoteAlgorithms.includes(head.alg)) {
    for (const remote of remotes) {
      const found = await tryRemote(token, remote, checks)
      if (found === 'unavailable') unavailable = true
      else if (found !== undefined) return found
    }
  }
  if (unavailable) {
    const rule = 'the keys of the issuer cannot be fetched: try again later'
    return {
      code: 'auth-unavailable',
      rule,
      reason: `a token with key ${head.name}: its keys cannot be fetched`,
      forged: false,
    }
  }
  return forged(`no key verifies it (alg ${head.alg}, key ${head.name})`)
}

interface Head {
  readonly alg: Algorithm
  readonly kid: string | undefined
  /** Of the key, for the log. */
  readonly name: string
}

function headOf(token: string, allowed: readonly Algorithm[]): Head | Extract<Verified, { code: unknown }> {
  let header: ReturnType<typeof decodeProtectedHeader>
  try {
    header = decodeProtectedHeader(token)
  } catch {
    return forged('it is no JWT')
  }
  const alg = allowed.find((algorithm) => algorithm === header.alg)
  if (alg === undefined) return forged('its algorithm is not allowed')
  const kid: unknown = header.kid
  if (kid !== undefined && typeof kid !== 'string') return forged('its kid is no text')
  return { alg, kid, name: kid === undefined ? 'without name' : JSON.stringify(kid.slice(0, 64)) }
}

function checksOf(
  { issuers, audiences, type, clockToleranceMs }: JwtOptions,
  alg: Algorithm,
  nowMs: number,
): JWTVerifyOptions {
  return {
    algorithms: [alg],
    // RFC 8725 §3.8, 3.9; a token without an end could never be taken back.
    requiredClaims: ['exp'],
    ...(issuers && { issuer: [...issuers] }),
    ...(audiences && { audience: [...audiences] }),
    ...(type !== undefined && { typ: type }),
    clockTolerance: clockToleranceMs / 1000,
    currentDate: new Date(nowMs),
  }
}

/** undefined: the key is not the one. */
async function tryKey(token: string, key: Key, checks: JWTVerifyOptions): Promise<Verified | undefined> {
  try {
    const { payload } = await jwtVerify(token, key, checks)
    return { claims: payload }
  } catch (error) {
    return verdictOf(error)
  }
}

async function tryRemote(
  token: string,
  remote: RemoteKeys,
  checks: JWTVerifyOptions,
): Promise<Verified | 'unavailable' | undefined> {
  const keys = await remote.current()
  if (keys === undefined) return 'unavailable'
  const found = await trySet(token, keys, checks)
  if (found !== 'unknown') return found
  const newer = await remote.newerThan(keys)
  if (newer === undefined) return 'unavailable'
  const again = newer === keys ? undefined : await trySet(token, newer, checks)
  return again === 'unknown' ? undefined : again
}

/** unknown: the set has no such key. */
async function trySet(
  token: string,
  keys: KeySet,
  checks: JWTVerifyOptions,
): Promise<Verified | 'unknown' | undefined> {
  try {
    const { payload } = await jwtVerify(token, keys, checks)
    return { claims: payload }
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return 'unknown'
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) return verdictOf(error)
    let tries = 0
    for await (const key of error) {
      const found = await tryKey(token, key, checks)
      if (found !== undefined || ++tries === TRIES) return found
    }
    return undefined
  }
}

/**
 * Errors of claims come after the signature was found right, so they may be told. undefined: another key may do. No text of the library is
 * used: some quote what they were given.
 */
function verdictOf(error: unknown): Verified | undefined {
  if (error instanceof errors.JWTExpired) {
    return { code: 'token-expired', rule: 'the token has expired', reason: 'the token has expired', forged: false }
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    const missing = error.reason === 'missing'
    const claim = ['iss', 'aud', 'exp', 'nbf', 'iat', 'typ'].find((name) => name === error.claim) ?? 'another claim'
    const rule =
      claim === 'nbf' && error.reason === 'check_failed' ? 'the token is not valid yet' : wrong(claim, missing)
    return { code: 'login-refused', rule, reason: rule, forged: false }
  }
  const isMalformed =
    error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid || error instanceof errors.JOSENotSupported
  return isMalformed ? forged('it is malformed') : undefined
}

function wrong(claim: string, missing: boolean): string {
  return missing ? `the token has no ${claim}` : `${claim} of the token is not what is wanted here`
}

function forged(reason: string): Extract<Verified, { code: unknown }> {
  return {
    code: 'login-refused',
    rule: 'the token cannot be verified',
    reason: `the token cannot be verified: ${reason}`,
    forged: true,
  }
}
