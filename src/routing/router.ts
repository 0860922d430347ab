/**
 * From a destination that a client wrote to a place in a broker, and from a delivery back to a destination. Knows routes and the port; knows
 * nothing of sessions, rights or brokers' names.
 *
 * Destinations are chosen by clients, so nothing here may grow with them: the cache is bounded in entries and in bytes, what has no route is not
 * remembered, and a longer string is refused.
 */
import type { Broker } from '../broker/broker.ts'
import { BrokerError } from '../broker/errors.ts'
import { meets } from '../broker/space.ts'
import { type RouteTraffic, TrafficBook } from '../broker/traffic.ts'
import { exceptionsOf } from './overlap.ts'
import { compilePattern, type Pattern } from './pattern.ts'
import type { Place, Route } from './route.ts'

/** Characters. AMQP's exchange and routing key have 255 bytes each, so that both fit even with every byte escaped. */
export const LONGEST_DESTINATION = 2048

/** Longer ones are resolved each time: a full cache then holds 4,096 × 512 characters. */
const LONGEST_CACHED = 512

interface Compiled {
  readonly route: Route
  readonly pattern: Pattern
  /** Routes to which this one yields. */
  readonly exceptions: readonly Route[]
  readonly traffic: RouteTraffic
}

export class Router {
  readonly #routes: readonly Compiled[]
  readonly #half: number
  /** Two generations: what is used moves to the young one; when that is full the old one is dropped. Constant work, and busy places stay. */
  #young = new Map<string, Place>()
  #old = new Map<string, Place>()

  /**
   * @param routes in the order of the configuration
   * @param traffic where what passes is counted; left out: nobody reads it
   * @param cacheSize the most places remembered
   * @throws FieldError for a pattern that does not compile; routes made by buildRoutes have been checked
   */
  constructor(routes: readonly Route[], traffic = new TrafficBook(), cacheSize = 4096) {
    this.#routes = routes.map((route) => ({
      route,
      pattern: compilePattern(route.pattern, [], route.reading),
      exceptions: exceptionsOf(route, routes),
      traffic: traffic.route(route.broker.name, route.pattern),
    }))
    this.#half = Math.max(1, cacheSize >> 1)
  }

  /**
   * The first route whose pattern matches wins, also when its adapter then refuses the name. undefined = no route.
   * @throws BrokerError `bad-destination`: the broker cannot have such a name, or it is over 2,048 characters
   */
  resolve(destination: string): Place | undefined {
    const young = this.#young.get(destination)
    if (young !== undefined) return young
    const place = this.#old.get(destination) ?? this.#find(destination)
    if (place !== undefined && place.destination.length <= LONGEST_CACHED) this.#remember(place)
    return place
  }

  /** The route that a destination means, be there a place for it or none: its `errors` say what follows an ERROR. undefined = none. */
  meant(destination: string): Route | undefined {
    return this.#routes.find(({ pattern }) => pattern.match(destination) !== undefined)?.route
  }

  /**
   * The `destination` of a MESSAGE. An exact subscription gets the string it subscribed with. A wildcard one gets the way back of its own
   * route, in the separator the subscriber wrote; else that of the first route of the same broker that has one; else, since a MESSAGE must
   * have a destination, the string it subscribed with.
   * @param target of the delivery
   */
  destinationOf(place: Place, target: unknown): string {
    if (!place.traits.wildcard) return place.destination
    const own = this.#routes.find(({ route }) => route === place.route)
    return (
      (own && wayBack(own, target, place.destination)) ??
      this.replyDestination(place.route.broker, target) ??
      place.destination
    )
  }

  /** The destination by which clients reach a target of this broker: that of the first route with a way back. undefined = no route has one. */
  replyDestination(broker: Broker, target: unknown): string | undefined {
    for (const compiled of this.#routes) {
      if (compiled.route.broker !== broker) continue
      const destination = wayBack(compiled, target, undefined)
      if (destination !== undefined) return destination
    }
    return undefined
  }

  #find(written: string): Place | undefined {
    if (written.length > LONGEST_DESTINATION) {
      throw new BrokerError('bad-destination', `a destination has at most ${LONGEST_DESTINATION} characters`)
    }
    // A header's value is a slice that keeps its whole frame's head in memory: what is remembered must be a string of its own.
    const destination = Buffer.from(written).toString()
    for (const { route, pattern, exceptions, traffic } of this.#routes) {
      const variables = pattern.match(destination)
      if (variables === undefined) continue
      const target = route.adapter.target(variables)
      const space = route.adapter.spaceOf(target)
      const owners = exceptions.filter((other) => meets(other.adapter.space, space))
      return { destination, route, target, traits: route.broker.traits(target), variables, owners, traffic }
    }
    return undefined
  }

  #remember(place: Place): void {
    if (this.#young.size >= this.#half) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(place.destination, place)
  }
}

function wayBack({ route, pattern }: Compiled, target: unknown, like: string | undefined): string | undefined {
  const variables = route.adapter.variables(target)
  return variables && pattern.format(variables, like)
}
