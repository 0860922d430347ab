/**
 * The composition root: a configuration into brokers, routes, sessions and ports; start, drain, stop. It has no logic of its own: who may
 * do what, and what a frame means, stands elsewhere.
 */
import { adapters } from '../adapters/index.ts'
import { systemClock } from '../broker/clock.ts'
import { OutageWatch } from '../broker/outage.ts'
import type { Config } from '../config/schema.ts'
import { type OpsServer, type Readiness, serveOps } from '../ops/http.ts'
import { createLog, type Logger } from '../ops/log.ts'
import { authReport, brokerReport, listenReport } from '../ops/report.ts'
import { describeRoutes } from '../routing/describe.ts'
import type { Route } from '../routing/route.ts'
import { Sessions } from '../session/sessions.ts'
import { type Listener, listen } from '../transports/listen.ts'
import { websocket } from '../transports/websocket.ts'
import { version } from '../version.ts'
import { doorOf } from './door.ts'
import { furnish } from './house.ts'
import { checkBridge, plan } from './plan.ts'
import { readinessOf, type State } from './readiness.ts'

export { adapters, checkBridge, createLog }

export interface BridgeOptions {
  readonly log: Logger
  /** Aborted when the process is asked to stop while it starts. */
  readonly signal: AbortSignal
}

export interface Bridge extends AsyncDisposable {
  readonly addresses: { readonly websocket: string; readonly ops: string | undefined }
  /** The start-up page: where it listens, what each route maps to, what is closed. */
  readonly lines: readonly string[]
  /** Takes no new clients, lets what is pending settle (`drain.grace`), sends the clients away (`drain.spread`). */
  drain(): Promise<void>
  /** Drops what is left, in the reverse order of its making. Idempotent. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Brokers, then the ports. A broker that is down does not stop the start. What was made is undone when a later step fails.
 * @throws ConfigError as `plan`; Node's own error when a port cannot be bound
 */
export async function startBridge(config: Config, { log, signal }: BridgeOptions): Promise<Bridge> {
  const report = brokerReport(log)
  let sessions: Sessions | undefined
  const outages = new OutageWatch(systemClock, config.outage.maxMs, (broker) => sessions?.outage(broker))
  const { brokers, routes, authenticator } = await plan(config, {
    auth: authReport(log),
    broker: {
      ...report,
      health(broker, health, cause) {
        outages.health(broker, health)
        report.health(broker, health, cause)
      },
    },
  })
  const made: AsyncDisposable[] = []
  const keep = <P extends AsyncDisposable>(part: P): P => {
    made.push(part)
    return part
  }
  try {
    keep(outages)
    keep(authenticator)
    for (const broker of brokers.values()) outages.expect(keep(broker))
    await Promise.all([...brokers.values()].map((broker) => broker.start(signal)))
    const house = furnish(config, { brokers, routes, authenticator }, log)
    keep(house.fanout)
    sessions = keep(new Sessions(house))
    const { websocket: options } = config.listen
    const maxMessageBytes = config.limits.frameBytes + HEAD_ROOM
    const upgrade = websocket(
      { path: options.path, compression: options.compression, maxMessageBytes },
      sessions.accept,
    )
    const listening = { ...config.listen, ...doorOf(config), probes: options.pingMs === 0 }
    const mounts = { [options.path]: upgrade }
    const listener = keep(await listen(listening, mounts, listenReport(log), systemClock))
    const state: State = { draining: false }
    const readiness = (): Readiness => readinessOf(state, outages, [...brokers.values()])
    const ops = config.ops.enabled ? keep(await serveOps(config.ops, readiness)) : undefined
    return running(config, { made, sessions, listener, ops, state, routes })
  } catch (error) {
    await undo(made)
    throw error
  }
}

/** In the reverse order of making: what uses a part goes before it. */
async function undo(made: AsyncDisposable[]): Promise<void> {
  for (const part of made.splice(0).reverse()) await part[Symbol.asyncDispose]()
}

/** A frame's head beside its largest body, in one WebSocket message. */
const HEAD_ROOM = 128 * 1024

interface Parts {
  readonly made: AsyncDisposable[]
  readonly sessions: Sessions
  readonly listener: Listener
  readonly ops: OpsServer | undefined
  readonly state: State
  readonly routes: readonly Route[]
}

function running(config: Config, { made, sessions, listener, ops, state, routes }: Parts): Bridge {
  const addresses = { websocket: `${listener.address}${config.listen.websocket.path}`, ops: ops?.address }
  return {
    addresses,
    lines: [
      `stomp-bridge ${version}`,
      `  browsers   ${addresses.websocket}`,
      `  operators  ${addresses.ops === undefined ? 'off' : `${addresses.ops}/readyz?verbose`}`,
      '  routes',
      ...describeRoutes(routes).map((line) => `    ${line}`),
    ],
    async drain() {
      state.draining = true
      listener.stopAccepting()
      await sessions.drain(config.drain.graceMs, config.drain.spreadMs)
    },
    [Symbol.asyncDispose]: () => undo(made),
  }
}
