/**
 * What a reload takes over from the configuration before it: a broker with the same options keeps its connections, a route with the same entry
 * stays the same object, so that its subscriptions, its rates and all that is cached of it go on.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Broker } from '../broker/broker.ts'
import { isExposed } from '../config/exposure.ts'
import type { BrokerConfig, Config } from '../config/schema.ts'
import type { Route } from '../routing/route.ts'
import type { Plan } from './plan.ts'

/** Where a route stands: all of it that may change while it stays the same. */
export type Position = Pick<Route, 'index' | 'entry'>

/** The broker of that name, if it was made with the same options. `required` is none of them. */
export function carriedBroker(name: string, options: BrokerConfig, before: Plan | undefined): Broker | undefined {
  const own =
    before !== undefined && Object.hasOwn(before.config.brokers, name) ? before.config.brokers[name] : undefined
  const isSame = own !== undefined && isDeepStrictEqual({ ...own, required: true }, { ...options, required: true })
  return isSame ? before?.brokers.get(name) : undefined
}

/**
 * `routes`, and in the place of each that was there before the object that was.
 * @param routes made from `config`, on its brokers
 */
export function carryRoutes(routes: readonly Route[], config: Config, before: Plan | undefined): readonly Route[] {
  if (before === undefined || !isDeepStrictEqual(placing(config), placing(before.config))) return routes
  const entries = new Map<string, number[]>()
  for (const [place, entry] of before.config.routes.entries()) {
    const key = JSON.stringify(entry)
    entries.set(key, [...(entries.get(key) ?? []), place])
  }
  const old = Map.groupBy(before.routes, ({ entry }) => entry)
  const made = Map.groupBy(routes, ({ entry }) => entry)
  return config.routes.flatMap((entry, place) => {
    const own = made.get(place) ?? []
    const known = old.get(entries.get(JSON.stringify(entry))?.shift() ?? -1) ?? []
    // The same entry on a broker of the same name that is another one makes other routes.
    const isSame = known.length === own.length && known[0]?.broker === own[0]?.broker
    return isSame ? known : own
  })
}

/** What the routes of an entry depend on beside it: see Setting in routing/build.ts. */
function placing(config: Config): unknown {
  return [isExposed(config), config.auth.chain.map(({ authenticator }) => authenticator)]
}

/** To be called when the routes of a plan come into force. */
export function settle(routes: readonly Route[], positions: readonly Position[]): void {
  for (const [at, route] of routes.entries()) Object.assign(route, positions[at])
}
