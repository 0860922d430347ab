/**
 * A permission in words, for the operator who asks why: what the rule says, which part of it holds, or what is missing from each. Decides
 * nothing: that is permit.ts.
 */
import type { Variables } from '../broker/template.ts'
import { claimsOf, type Grant, holds, isPlain, type Rule, type Who } from './permit.ts'

/**
 * Why the rule says what it says.
 * @param variables, special as `permits` takes them
 */
export function reasonOf(rule: Rule, who: Who, variables: Variables | undefined, special: string): string {
  const held = rule.find((grant) => holds(grant, who, variables, special))
  if (held !== undefined) return held.who === 'anyone' ? 'anyone may' : `${grantText(held)} holds`
  if (rule.length === 0) return 'nobody may'
  return rule.map((grant) => `${grantText(grant)}: ${missing(grant, who, variables, special)}`).join('; ')
}

/** Who may, as the operator could have written it: `nobody`, `authenticated`, `role:editor or user:ann`. */
export function ruleText(rule: Rule): string {
  return rule.length === 0 ? 'nobody' : rule.map(grantText).join(' or ')
}

/** As the operator could have written it. */
function grantText({ who, user, role, where }: Grant): string {
  const parts = [
    ...(user === undefined ? [] : [`user:${user}`]),
    ...(role === undefined ? [] : [`role:${role}`]),
    ...where.map(([variable, claim]) => `{${variable}} = claim ${claim}`),
  ]
  return parts.length === 0 ? who : parts.join(' and ')
}

/** The first thing that is missing. */
function missing({ user, role, where }: Grant, who: Who, variables: Variables | undefined, special: string): string {
  if (who.name === undefined) return 'nobody has logged in'
  if (user !== undefined && user !== who.name) return `this is ${who.name}`
  if (role !== undefined && !who.roles.has(role)) {
    const own = [...who.roles].join(', ')
    return `${who.name} has ${own === '' ? 'no roles' : `only ${own}`}`
  }
  for (const [variable, claim] of where) {
    const value = variables?.[variable]
    if (value === undefined) return `the destination names more than one {${variable}}`
    if (!isPlain(value, special)) return `"${value}" may mean more than itself in the names of this broker`
    const values = claimsOf(who, claim)
    if (values.length === 0) return `${who.name} has no claim ${claim}`
    if (!values.includes(value)) return `the destination says "${value}", the claim "${values.join('", "')}"`
  }
  return 'it does not hold'
}
