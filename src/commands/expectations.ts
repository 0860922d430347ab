/** The `tests:` of a configuration, tried: what each expects against what the routes say. Asks no broker. */
import { flatClaims } from '../auth/identity.ts'
import { didYouMean } from '../broker/spelling.ts'
import type { Fault } from '../config/errors.ts'
import type { Expectation, TestConfig } from '../config/tests.ts'
import { type Explanation, explain } from '../routing/explain.ts'
import type { InnerRoutes } from '../routing/inner.ts'
import type { Route } from '../routing/route.ts'

/** @returns one for each expectation that does not come true, with expected and actual */
export function unmet(tests: readonly TestConfig[], routes: readonly Route[], inner?: InnerRoutes): Fault[] {
  const patterns = [...routes, inner?.user ?? [], inner?.sessions ?? []].flat().map(({ pattern }) => pattern)
  return tests.flatMap((test, index) => {
    const actual = actualOf(explain(routes, question(test), inner))
    return Object.entries(test.expect).flatMap(([name, expected]) => {
      const is = actual[name as keyof Expectation]
      if (is === expected) return []
      const path = ['tests', index, 'expect', name]
      // A refusal that surprises is told with its reason, whatever was expected of it.
      const why = name === 'allowed' || name === 'code' ? `: ${actual.reason}` : ''
      const unknown = name === 'route' && !patterns.includes(String(expected))
      const hint = unknown ? `; no route is written so${didYouMean(String(expected), patterns)}` : ''
      return [{ path, message: `expected ${text(expected)}, is ${text(is)}${why}${hint}` }]
    })
  })
}

function question({ verb, destination, user, roles, claims, origin }: TestConfig) {
  return { verb, destination, who: { name: user, roles: new Set(roles), claims: flatClaims(claims) }, origin }
}

interface Actual extends Record<keyof Expectation, string | boolean | undefined> {
  readonly reason: string
}

function actualOf({ verdict, route, target }: Explanation): Actual {
  const { allowed, code, reason } = verdict
  return { allowed, code, route: route?.pattern, broker: route?.broker.name, target, reason }
}

function text(value: string | boolean | undefined): string {
  if (value === undefined) return 'none'
  return typeof value === 'string' ? `"${value}"` : String(value)
}
