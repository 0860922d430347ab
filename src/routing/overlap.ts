/**
 * Permissions bind to places in a broker, not to the strings that name them (PROMISES §5): two routes that can mean the same place must have the
 * same `permit`, or the one that yields says `except:` with the other's pattern.
 */
import { meets } from '../broker/space.ts'
import { arePermitsEqual } from './permit.ts'
import type { Route } from './route.ts'

export interface Overlap {
  /** Both patterns as written; neither yields to the other. */
  readonly earlier: Route
  readonly later: Route
}

/** Pairs that need a decision of the operator. */
export function overlaps(routes: readonly Route[]): Overlap[] {
  return routes.flatMap((later, index) =>
    routes
      .slice(0, index)
      .filter((earlier) => isOpen(earlier, later) && !yields(earlier, later) && !yields(later, earlier))
      .map((earlier) => ({ earlier, later })),
  )
}

/** The routes to which this one yields, that could mean the same as one of its targets. */
export function exceptionsOf(route: Route, routes: readonly Route[]): Route[] {
  return routes.filter((other) => other !== route && yields(route, other) && other.broker === route.broker)
}

/** One may be used to get at what the other guards. */
function isOpen(one: Route, other: Route): boolean {
  return (
    one.broker === other.broker &&
    !arePermitsEqual(one.policy.permit, other.policy.permit) &&
    meets(one.adapter.space, other.adapter.space)
  )
}

function yields(route: Route, to: Route): boolean {
  return route.policy.except.includes(to.pattern)
}
