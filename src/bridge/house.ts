/** What all sessions of a bridge share, from its configuration and its parts. */
import { systemClock } from '../broker/clock.ts'
import { Fanout } from '../broker/fanout.ts'
import type { TrafficBook } from '../broker/traffic.ts'
import { Inner } from '../routing/inner.ts'
import { Router } from '../routing/router.ts'
import { Audience } from '../session/audience.ts'
import type { Chronicle } from '../session/chronicle.ts'
import type { House, Snapshot } from '../session/house.ts'
import { Quotas } from '../session/quotas.ts'
import type { Spans } from '../session/spans.ts'
import type { Lookout } from '../session/tap.ts'
import { ImmediateTurn } from '../session/turn.ts'
import { version } from '../version.ts'
import type { Current } from './current.ts'
import type { Observing } from './observers.ts'
import type { Plan } from './plan.ts'

/** What sessions look at; a reload exchanges the first two. */
export type Furnished = House & { snapshot: Snapshot; authenticator: House['authenticator'] }

/**
 * @param spans undefined: nothing is traced
 * @param lookout is asked whether a session is to be looked at
 * @param chronicle is told what happens to sessions
 */
export function furnish(
  current: Current,
  { session, counters, traffic }: Pick<Observing, 'session' | 'counters' | 'traffic'>,
  spans: Spans | undefined,
  lookout: Lookout,
  chronicle: Chronicle,
): Furnished {
  let audiences = 0
  const turn = new ImmediateTurn(systemClock)
  return {
    snapshot: snapshotOf(current.plan, traffic),
    authenticator: current.plan.authenticator,
    quotas: new Quotas(current.config.limits, systemClock),
    fanout: new Fanout({
      get lingerMs() {
        return current.config.fanout.lingerMs
      },
      clock: systemClock,
      audience: (broker) => new Audience(++audiences, traffic.broker(broker), turn, systemClock, spans),
    }),
    clock: systemClock,
    turn,
    observer: session,
    counters,
    traffic,
    spans,
    lookout,
    chronicle,
    server: `stomp-bridge/${version}`,
  }
}

/** One immutable view of a plan. */
export function snapshotOf({ config, brokers, routes, inner }: Plan, traffic: TrafficBook): Snapshot {
  return {
    router: new Router(routes, traffic),
    inner: new Inner(inner, traffic),
    brokers,
    unmapped: config.unmapped,
    limits: config.limits,
    heartbeat: config.heartbeat,
    pingMs: config.listen.websocket.pingMs,
    spreadMs: config.drain.spreadMs,
  }
}
