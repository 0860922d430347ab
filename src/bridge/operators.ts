/**
 * The ops port of a bridge: what it shows, who may see it, and what it sets in motion. Only joins: views are made in status.ts, frames are traced
 * in traces.ts, and what a drain or a reload does is known elsewhere.
 */

import { BrokerError } from '../broker/errors.ts'
import type { Flow } from '../broker/flow.ts'
import { pathText } from '../config/errors.ts'
import { messageRefusal, OpsError } from '../ops/errors.ts'
import type { OpsServer } from '../ops/http.ts'
import type { Logger } from '../ops/log.ts'
import type { Json, Metrics, OpsParts, PageFacts, Readiness, ReloadReport, Row } from '../ops/parts.ts'
import { SESSIONS_DESTINATION } from '../routing/reserved.ts'
import { PolicyError } from '../session/failure.ts'
import { toMessage } from '../session/headers.ts'
import type { Listener } from '../transports/listen.ts'
import { hostMatcher } from '../transports/origins.ts'
import { version } from '../version.ts'
import { addressesOf } from './door.ts'
import { isNear } from './startup.ts'
import { connectionView, listings, type Sights, timeText } from './status.ts'
import type { FrameTraces } from './traces.ts'

export interface OperatorsOptions extends Sights {
  /** Of this process, as events of sessions have it. */
  readonly id: string
  readonly flow: Pick<Flow, 'publish'>
  readonly log: Logger
  readonly listener: Listener
  readonly traces: FrameTraces
  readonly metrics: Metrics
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readiness(): Readiness
  /** @param by who asked, for the log */
  drain(by: string): void
  /** Left out: the configuration cannot be read again. */
  readonly reload: ((by: string) => Promise<ReloadReport>) | undefined
}

export function operators(options: OperatorsOptions, server: OpsServer): OpsParts {
  const { log, sessions, traces, metrics } = options
  return {
    settings() {
      const { ops, listen } = options.current().config
      return { tokens: ops.token, knowsHost: hostMatcher(listen.hosts) }
    },
    readiness: () => options.readiness(),
    views: {
      info: () => info(options, server),
      listings: listings(options),
      connection: (id) => connectionView(options, id),
      config: () => effectiveConfig(options),
    },
    control: {
      end(id, by) {
        const session = sessions.find(id)
        if (session === undefined) return false
        log.info({ session: session.wire.id, by }, 'an operator ends a connection')
        session.fail(new PolicyError('ended-by-operator', 'an operator has ended this connection'))
        return true
      },
      async publish({ destination, headers, body }, by) {
        // What is heard there is the bridges' own: PROMISES §5, "SEND forbidden".
        if (destination === SESSIONS_DESTINATION)
          throw new OpsError('no-route', `${SESSIONS_DESTINATION} is for the events of bridges alone`)
        log.info({ destination, bytes: body.length, by }, 'an operator publishes a message')
        try {
          // A SEND's own headers become properties, and what is the bridge's is left out, as with clients.
          const message = toMessage({ command: 'SEND', headers, body }, () => false, undefined)
          await options.flow.publish(destination, message, { user: undefined, session: undefined })
        } catch (error) {
          if (!(error instanceof BrokerError)) throw error
          throw new OpsError(messageRefusal(error.code), error.message)
        }
      },
      drain(by) {
        // The answer goes first: an idle bridge is drained, and its ports closed, before a turn is over.
        setImmediate(() => options.drain(`${by} through the ops API`))
      },
      async reload(by) {
        if (options.reload === undefined) throw new OpsError('no-reload', 'the configuration came from no file')
        return await options.reload(`${by} through the ops API`)
      },
    },
    traces,
    metrics,
    page: pageFacts(options),
    failed: (cause) => log.error({ err: cause }, 'ops port failed'),
    refused: (remote) => log.warn({ remote }, 'a wrong token was shown to the ops port'),
  }
}

/** As `stomp-bridge config --json` prints it. */
function effectiveConfig({ current }: OperatorsOptions): Row {
  const { loaded } = current()
  const items = loaded?.effective() ?? []
  return {
    hash: loaded?.hash ?? null,
    items: items.map(({ path, value, origin }) => ({ path: pathText(path), value: value as Json, origin })),
  }
}

function info(options: OperatorsOptions, server: OpsServer): Row {
  const { house, sessions, listener, traces, startedAt } = options
  const { config, routes, loaded, loadedAt } = options.current()
  const { websocket, sockjs } = addressesOf(config, listener.address)
  const { lagging, dropped, disconnected } = house.counters
  return {
    name: 'stomp-bridge',
    bridge: options.id,
    version,
    node: process.versions.node,
    pid: process.pid,
    startedAt: timeText(startedAt),
    uptimeMs: house.clock.now() - startedAt,
    config: { hash: loaded?.hash ?? null, loadedAt: timeText(loadedAt) },
    draining: options.readiness().draining,
    listening: { websocket, sockjs: sockjs ?? null, ops: server.address },
    connections: sessions.size,
    handshakes: listener.handshakes,
    sharedSubscriptions: house.fanout.size,
    routes: routes.length,
    brokers: house.snapshot.brokers.size,
    traces: traces.all().filter(({ isRunning }) => isRunning).length,
    slow: { lagging, dropped, disconnected },
  }
}

function pageFacts({ listener, current }: OperatorsOptions): PageFacts {
  const { address } = listener
  return { version, websocket: isNear(address) ? addressesOf(current().config, address).websocket : undefined }
}
