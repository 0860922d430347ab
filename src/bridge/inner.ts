/** `user:` and `events:` of a configuration into routes of the bridge's own, and what the messages of the bridge itself travel by. */
import type { Broker } from '../broker/broker.ts'
import { systemClock } from '../broker/clock.ts'
import type { Flow } from '../broker/flow.ts'
import type { Message } from '../broker/message.ts'
import type { Fault } from '../config/errors.ts'
import { faultsOf } from '../config/faults.ts'
import type { Config } from '../config/schema.ts'
import { Events } from '../flows/events.ts'
import type { FlowSights as Sights } from '../flows/flow.ts'
import type { Logger } from '../ops/log.ts'
import { type InnerRoutes, sessionsRoute, userRoute } from '../routing/inner.ts'
import type { Route } from '../routing/route.ts'
import type { House, Snapshot } from '../session/house.ts'
import type { Sessions } from '../session/sessions.ts'
import type { Current } from './current.ts'

/** What messages of the bridge itself look at. */
export class FlowSights implements Sights {
  readonly #house: House
  readonly #sessions: Sessions

  constructor(house: House, sessions: Sessions) {
    this.#house = house
    this.#sessions = sessions
  }

  get snapshot(): Snapshot {
    return this.#house.snapshot
  }

  reply(session: string, destination: string, message: Message): boolean {
    return this.#sessions.deliverTo(session, destination, message)
  }
}

/** The bridge's own come first, as they do for destinations. */
export function allRoutes({
  inner,
  routes,
}: {
  readonly inner: InnerRoutes
  readonly routes: readonly Route[]
}): Route[] {
  return [inner.user ?? [], inner.sessions ?? [], routes].flat()
}

interface Speaker {
  /** Of this process. */
  readonly id: string
  readonly current: Current
  readonly flow: Flow
  readonly log: Logger
}

/** What happens to sessions, told as the configuration of the moment says. */
export function eventsOf({ id, current, flow, log }: Speaker): Events {
  const warning = (text: string, cause: unknown): void => log.warn({ err: cause }, text)
  return new Events({ bridge: id, clock: systemClock, flow, fetch, options: () => current.config.events, warning })
}

/**
 * @param failed brokers that could not be made, for faults told elsewhere
 * @param faults gets what is wrong
 */
export function planInner(
  { user, events }: Config,
  brokers: ReadonlyMap<string, Broker>,
  failed: ReadonlySet<string>,
  faults: Fault[],
): InnerRoutes {
  const made = (section: 'user' | 'events', name: string | undefined, make: (broker: Broker) => Route) => {
    if (name === undefined || failed.has(name)) return undefined
    const broker = brokers.get(name)
    try {
      if (broker !== undefined) return make(broker)
      faults.push({ path: [section, 'broker'], message: `must be ${[...brokers.keys()].join(' or ')}` })
    } catch (error) {
      faults.push(...faultsOf(error, [section]))
    }
    return undefined
  }
  return {
    user: made('user', user.broker, (broker) => userRoute(broker, user)),
    sessions: made('events', events.broker, (broker) => sessionsRoute(broker, events.permit.subscribe)),
  }
}
