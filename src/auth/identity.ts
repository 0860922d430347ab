/**
 * Names, roles and claims as they come from outside (a token, a backend, a configuration), into the narrow shape of User. What breaks a rule
 * is refused, not repaired: a name that was cut or cleaned would be somebody else's.
 */
import type { User } from './authenticator.ts'

const NAME_CHARACTERS = 255
const ROLES = 1_000
const CLAIMS = 200
const VALUES = 100
const DEPTH = 3

/** The rule of names and roles, for errors. */
export const NAME_RULE = `must be 1 to ${NAME_CHARACTERS} characters without control characters`

/**
 * Whether this may be the name of a user or a role: it goes into headers, logs and patterns. Lone surrogates and the invisible controls that turn
 * text around are refused with the control characters.
 */
export function isName(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    value.length <= NAME_CHARACTERS &&
    !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u.test(value)
  )
}

/** A list of names, or (OAuth's `scope`) one text of names between spaces; undefined: it is neither. */
export function rolesOf(value: unknown): ReadonlySet<string> | undefined {
  if (value === undefined || value === null) return new Set()
  const roles: unknown[] =
    typeof value === 'string' ? value.split(' ').filter(Boolean) : Array.isArray(value) ? value : [0]
  return roles.length <= ROLES && roles.every(isName) ? new Set(roles) : undefined
}

/**
 * A value in a tree of claims: by its own name (`https://example.com/roles`), else along its dots (`realm_access.roles`). Own properties only.
 */
export function claimAt(claims: Readonly<Record<string, unknown>>, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path]
  let value: unknown = claims
  for (const step of path.split('.')) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, step))
      return undefined
    value = (value as Readonly<Record<string, unknown>>)[step]
  }
  return value
}

/**
 * A tree of claims made flat, numbers and booleans as texts; nested names are joined with dots, and a name that really holds the dots goes first.
 * At most 200 claims of 100 values, three levels deep: the rest is left out, and so can never be matched.
 */
export function flatClaims(claims: Readonly<Record<string, unknown>>): User['claims'] {
  const flat = new Map<string, readonly string[]>()
  let level: (readonly [string, unknown])[] = Object.entries(claims)
  for (let depth = 0; depth < DEPTH && level.length > 0; depth++) {
    const next: (readonly [string, unknown])[] = []
    for (const [name, value] of level) {
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
        next.push(...Object.entries(value).map(([below, deep]) => [`${name}.${below}`, deep] as const))
      } else if (flat.size < CLAIMS && !flat.has(name)) {
        const texts = (Array.isArray(value) ? value.slice(0, VALUES) : [value]).filter(isPlain).map(String)
        if (texts.length > 0) flat.set(name, texts)
      }
    }
    level = next
  }
  return flat
}

function isPlain(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

/** Nobody in particular. */
export function stranger(authenticator: string): User {
  return { name: undefined, roles: new Set(), claims: new Map(), expiresAtMs: undefined, authenticator }
}
