/** JSON Web Tokens as text: what looks like one, and what stands in one that nobody has verified. Trusts nothing. */
import { claimAt } from './identity.ts'
import { isMapping } from './options.ts'

/** RFC 7519 §3: three parts between dots, the first of them base64url of `{"…`; RFC 7516: five, encrypted. */
export function looksLikeToken(text: string): boolean {
  return /^eyJ[\w-]*\.[\w-]*\.[\w-]*(?:\.[\w-]*\.[\w-]*)?$/.test(text)
}

/** A claim of a token whose signature was NOT checked: good for taking rights away, never for giving them. undefined: not there. */
export function unverifiedClaim(token: string, path: string): unknown {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    return isMapping(claims) ? claimAt(claims, path) : undefined
  } catch {
    return undefined
  }
}
