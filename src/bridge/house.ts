/** What all sessions of a bridge share, from its configuration and its parts. */
import { systemClock } from '../broker/clock.ts'
import { Fanout } from '../broker/fanout.ts'
import type { Config } from '../config/schema.ts'
import type { Logger } from '../ops/log.ts'
import { sessionReport } from '../ops/report.ts'
import { Router } from '../routing/router.ts'
import { Audience } from '../session/audience.ts'
import { SessionCounters } from '../session/counters.ts'
import type { House } from '../session/house.ts'
import { Quotas } from '../session/quotas.ts'
import { ImmediateTurn } from '../session/turn.ts'
import { version } from '../version.ts'
import type { Plan } from './plan.ts'

export function furnish(config: Config, { brokers, routes, authenticator }: Plan, log: Logger): House {
  let audiences = 0
  const turn = new ImmediateTurn()
  return {
    snapshot: {
      router: new Router(routes),
      brokers,
      limits: config.limits,
      heartbeat: config.heartbeat,
      pingMs: config.listen.websocket.pingMs,
      spreadMs: config.drain.spreadMs,
    },
    authenticator,
    quotas: new Quotas(config.limits, systemClock),
    fanout: new Fanout({
      lingerMs: config.fanout.lingerMs,
      clock: systemClock,
      audience: () => new Audience(++audiences, turn, systemClock),
    }),
    clock: systemClock,
    turn,
    observer: sessionReport(log),
    counters: new SessionCounters(),
    server: `stomp-bridge/${version}`,
  }
}
