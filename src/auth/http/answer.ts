/**
 * What a backend answers about a client, read strictly: `200 { user, roles?, claims?, expiresAt? }` is yes, 401 and 403 are no, and all else is
 * no answer, so that a login page that comes with 200 lets nobody in.
 */
import type { User } from '../authenticator.ts'
import { flatClaims, isName, NAME_RULE, rolesOf } from '../identity.ts'
import { isMapping } from '../options.ts'

export type Answer =
  | { readonly kind: 'yes'; readonly user: User }
  | { readonly kind: 'no' }
  /** `reason` says what was wrong with it, and quotes nothing. */
  | { readonly kind: 'none'; readonly reason: string }

export function readAnswer(status: number, text: string, authenticator: string): Answer {
  if (status === 401 || status === 403) return { kind: 'no' }
  if (status !== 200) return none(`the backend answered ${status}`)
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch {
    return none('the answer is no JSON')
  }
  if (!isMapping(answer)) return none('the answer is no JSON object')
  const { user: name, roles: roleList, claims = {}, expiresAt } = answer
  if (!isName(name)) return none(`"user" of the answer ${NAME_RULE}`)
  const roles = rolesOf(roleList)
  if (roles === undefined) return none('"roles" of the answer must be a list of roles')
  if (!isMapping(claims)) return none('"claims" of the answer must be an object')
  const expiresAtMs = expiresAt === undefined ? undefined : instantOf(expiresAt)
  if (Number.isNaN(expiresAtMs)) return none('"expiresAt" of the answer must be ISO 8601, or seconds since 1970')
  return { kind: 'yes', user: { name, roles, claims: flatClaims(claims), expiresAtMs, authenticator } }
}

function none(reason: string): Answer {
  return { kind: 'none', reason }
}

/** Milliseconds since 1970, or NaN. */
function instantOf(value: unknown): number {
  if (typeof value === 'number') return Math.min(value * 1000, Number.MAX_SAFE_INTEGER)
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) ? Date.parse(value) : Number.NaN
}
