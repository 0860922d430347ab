/**
 * `permit:` of a route: who may SEND there, who may SUBSCRIBE. Pure: it is told who asks and what stands in the destination's variables.
 *
 *   permit: authenticated                       the same for both
 *   permit: { send: role:editor, subscribe: [anyone] }
 *   permit: { subscribe: [role:admin, { where: { user: user-name, tenant: tenant } }] }
 *
 * A rule is a grant or a list of them, of which one must hold: `anyone`, `authenticated` (has a name), `nobody`, `user:NAME`, `role:NAME`, or
 * a mapping of `user`, `role` and `where`, all of which must hold. `where` compares variables of the pattern with claims of the user; the claim
 * `user-name` is the user's name. A value that means more than itself in a name of the broker (`*`, `a.b`) never compares equal (PROMISES §5).
 */
import { FieldError } from '../broker/errors.ts'
import { didYouMean } from '../broker/spelling.ts'
import type { Variables } from '../broker/template.ts'

/** Who asks, so far as a permission looks. */
export interface Who {
  /** undefined = anonymous. */
  readonly name: string | undefined
  readonly roles: ReadonlySet<string>
  readonly claims: ReadonlyMap<string, readonly string[]>
}

export interface Grant {
  /** What the user must have at least: nothing, or a name. */
  readonly who: 'anyone' | 'authenticated'
  readonly user: string | undefined
  readonly role: string | undefined
  /** Variable and claim, in pairs; each must be equal. */
  readonly where: readonly (readonly [variable: string, claim: string])[]
}

/** One of them must hold; none: nobody may. */
export type Rule = readonly Grant[]

export interface Permit {
  readonly send: Rule
  readonly subscribe: Rule
}

/** The claim that is the user's name, whoever has authenticated him. */
const USER_NAME = 'user-name'

const ANYONE: Grant = Object.freeze({ who: 'anyone', user: undefined, role: undefined, where: [] })
const AUTHENTICATED: Grant = Object.freeze({ ...ANYONE, who: 'authenticated' })

/** What holds for a route without `permit`. */
export function standardPermit(authenticates: boolean): Permit {
  const rule = [authenticates ? AUTHENTICATED : ANYONE]
  return { send: rule, subscribe: rule }
}

/**
 * @param value of `permit`; undefined = not given
 * @param names the variables of the route's pattern
 * @param standard of a verb that is not mentioned
 * @throws FieldError below `['permit']`
 */
export function readPermit(value: unknown, names: readonly string[], standard: Permit): Permit {
  if (value === undefined) return standard
  if (!isMapping(value) || value.where !== undefined || value.user !== undefined || value.role !== undefined) {
    const rule = readRule(value, names, ['permit'])
    return { send: rule, subscribe: rule }
  }
  refuseStrange(value, ['send', 'subscribe'], ['permit'])
  const { send, subscribe } = value
  return {
    send: send === undefined ? standard.send : readRule(send, names, ['permit', 'send']),
    subscribe: subscribe === undefined ? standard.subscribe : readRule(subscribe, names, ['permit', 'subscribe']),
  }
}

type Path = readonly (string | number)[]

function readRule(value: unknown, names: readonly string[], path: Path): Rule {
  if (value === 'nobody') return []
  if (!Array.isArray(value)) return [readGrant(value, names, path)]
  if (value.length === 0) throw new FieldError(path, 'must not be empty: say nobody')
  return value.map((grant: unknown, index) => {
    if (grant === 'nobody') throw new FieldError([...path, index], 'nobody stands alone')
    return readGrant(grant, names, [...path, index])
  })
}

function readGrant(value: unknown, names: readonly string[], path: Path): Grant {
  if (value === 'anyone') return ANYONE
  if (value === 'authenticated') return AUTHENTICATED
  if (typeof value === 'string') {
    const [, kind, name] = /^(user|role):(.+)$/.exec(value) ?? []
    if (name === undefined) {
      throw new FieldError(path, 'must be anyone, authenticated, nobody, user:NAME, role:NAME or a mapping')
    }
    return { ...AUTHENTICATED, user: kind === 'user' ? name : undefined, role: kind === 'role' ? name : undefined }
  }
  if (!isMapping(value)) throw new FieldError(path, 'must be a word like authenticated, or a mapping with where')
  refuseStrange(value, ['user', 'role', 'where'], path)
  if (Object.keys(value).length === 0) throw new FieldError(path, 'must not be empty: say anyone')
  return {
    who: 'authenticated',
    user: readName(value.user, [...path, 'user']),
    role: readName(value.role, [...path, 'role']),
    where: readWhere(value.where, names, [...path, 'where']),
  }
}

function refuseStrange(value: Readonly<Record<string, unknown>>, known: readonly string[], path: Path): void {
  const strange = Object.keys(value).find((key) => !known.includes(key))
  if (strange === undefined) return
  const words = `${known.slice(0, -1).join(', ')} or ${known.at(-1)}`
  throw new FieldError([...path, strange], `must be ${words}${didYouMean(strange, known)}`)
}

function readName(value: unknown, path: Path): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '')) return value
  throw new FieldError(path, 'must be a name')
}

function readWhere(value: unknown, names: readonly string[], path: Path): Grant['where'] {
  if (value === undefined) return []
  if (!isMapping(value) || Object.keys(value).length === 0) throw new FieldError(path, 'must be variable: claim')
  return Object.entries(value).map(([variable, claim]) => {
    if (!names.includes(variable)) {
      const hint = didYouMean(variable, names)
      throw new FieldError([...path, variable], `{${variable}} is not a variable of the destination${hint}`)
    }
    if (typeof claim !== 'string' || claim === '') throw new FieldError([...path, variable], 'must name a claim')
    return [variable, claim] as const
  })
}

/**
 * Whether `who` may.
 * @param variables of the destination; undefined: it is asked for every destination of the route, so that no `where` holds
 * @param special characters with a meaning in names of the route's broker
 */
export function permits(rule: Rule, who: Who, variables: Variables | undefined, special: string): boolean {
  return rule.some((grant) => holds(grant, who, variables, special))
}

/** Whether this one grant of a rule holds; parameters as `permits`. */
export function holds(grant: Grant, who: Who, variables: Variables | undefined, special: string): boolean {
  if (grant.who === 'authenticated' && who.name === undefined) return false
  if (grant.user !== undefined && grant.user !== who.name) return false
  if (grant.role !== undefined && !who.roles.has(grant.role)) return false
  return grant.where.every(([variable, claim]) => {
    const value = variables?.[variable]
    return value !== undefined && isPlain(value, special) && claimsOf(who, claim).includes(value)
  })
}

/** Two routes that can mean one place may do so only if nobody gains by choosing between them. `where` sees another place in each. */
export function arePermitsEqual(one: Permit, other: Permit): boolean {
  const hasWhere = [one, other].some(({ send, subscribe }) =>
    [...send, ...subscribe].some((each) => each.where.length > 0),
  )
  return !hasWhere && isEqual(one.send, other.send) && isEqual(one.subscribe, other.subscribe)
}

function isEqual(one: Rule, other: Rule): boolean {
  const texts = (rule: Rule): string => JSON.stringify(rule.map((grant) => JSON.stringify(grant)).sort())
  return texts(one) === texts(other)
}

/** The user's values of a claim; none: he does not have it. */
export function claimsOf(who: Who, claim: string): readonly string[] {
  if (claim === USER_NAME) return who.name === undefined ? [] : [who.name]
  return who.claims.get(claim) ?? []
}

/** Whether a value of a destination means nothing but itself in the names of a broker. */
export function isPlain(value: string, special: string): boolean {
  for (const character of value) {
    if (special.includes(character) || character === '/' || character < ' ' || character === '\x7f') return false
  }
  return true
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
