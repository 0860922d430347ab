/**
 * Permissions bind to places in a broker, not to the strings that name them (PROMISES §5): two routes that can mean the same place must have the
 * same `permit`, or the one that yields says `except:` with the other's pattern.
 */
import { meets } from '../broker/space.ts'
import { didYouMean } from '../broker/spelling.ts'
import { arePermitsEqual } from './permit.ts'
import type { Route } from './route.ts'

/** What is wrong with a route beside others: the path is below its entry. */
export interface PermitFault {
  readonly route: Route
  readonly path: readonly (string | number)[]
  readonly rule: string
}

/** PROMISES §5: "Two routes whose targets in one broker can overlap need equal `permit`, or the wider names `except:`". Both lines are told. */
export function permitFaults(routes: readonly Route[]): PermitFault[] {
  const pairs = overlaps(routes).flatMap(({ earlier, later }) => [[later, earlier] as const, [earlier, later] as const])
  const faults: PermitFault[] = pairs.map(([route, other]) => {
    const rule = `can mean the same place as ${other.pattern} and has another permit: give both the same, or the wider one except: [the other's destination]`
    return { route, path: [], rule: `${route.pattern} ${rule}` }
  })
  for (const route of routes) {
    const others = routes.filter((other) => other !== route && other.broker === route.broker)
    const patterns = others.map((other) => other.pattern)
    for (const [index, pattern] of route.policy.except.entries()) {
      if (patterns.includes(pattern)) continue
      const rule = `no other route of broker ${route.broker.name} has this destination${didYouMean(pattern, patterns)}`
      faults.push({ route, path: ['except', index], rule })
    }
  }
  return faults
}

interface Overlap {
  /** Both patterns as written; neither yields to the other. */
  readonly earlier: Route
  readonly later: Route
}

/** Pairs that need a decision of the operator. */
function overlaps(routes: readonly Route[]): Overlap[] {
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
