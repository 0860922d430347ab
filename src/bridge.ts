/**
 * The composition root: a configuration into brokers, routes, sessions and ports; start, drain, stop. It has no logic of its own: who may
 * do what, and what a frame means, stands elsewhere.
 */
import { adapters } from './adapters/index.ts'
import { type Authenticator, anonymous, passthrough } from './auth/authenticator.ts'
import type { Broker } from './broker/broker.ts'
import { systemClock } from './broker/clock.ts'
import { Fanout } from './broker/fanout.ts'
import { type BrokerObserver, silentBrokerObserver } from './broker/observer.ts'
import { OutageWatch } from './broker/outage.ts'
import { ConfigError, type Fault } from './config/errors.ts'
import { checkExposure, isExposed } from './config/exposure.ts'
import { faultsOf } from './config/faults.ts'
import type { Config } from './config/schema.ts'
import { type OpsServer, type Readiness, serveOps } from './ops/http.ts'
import { createLog, type Logger } from './ops/log.ts'
import { brokerReport, listenReport, sessionReport } from './ops/report.ts'
import { buildRoutes } from './routing/build.ts'
import { describeRoutes } from './routing/describe.ts'
import type { Route } from './routing/route.ts'
import { Router } from './routing/router.ts'
import { Audience } from './session/audience.ts'
import { SessionCounters } from './session/counters.ts'
import type { House } from './session/house.ts'
import { Sessions } from './session/sessions.ts'
import { ImmediateTurn } from './session/turn.ts'
import { type Listener, listen } from './transports/listen.ts'
import { websocket } from './transports/websocket.ts'
import { version } from './version.ts'

export { adapters, createLog }

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

/** Brokers and routes of a configuration. Nothing is dialled yet. */
interface Plan {
  readonly brokers: ReadonlyMap<string, Broker>
  readonly routes: readonly Route[]
}

/**
 * Builds what the configuration names and checks every field of it.
 * @throws ConfigError with all faults
 */
async function plan(config: Config, observer: BrokerObserver): Promise<Plan> {
  const faults: Fault[] = []
  const brokers = new Map<string, Broker>()
  const failed = new Set<string>()
  for (const [name, { adapter, ...options }] of Object.entries(config.brokers)) {
    try {
      const factory = await adapters.get(adapter)!.load()
      brokers.set(name, factory(name, options, { observer, clock: systemClock }))
    } catch (error) {
      failed.add(name)
      faults.push(...faultsOf(error, ['brokers', name]))
    }
  }
  let routes: Route[] = []
  try {
    routes = buildRoutes(config.routes, brokers, failed, { exposed: isExposed(config) })
  } catch (error) {
    faults.push(...faultsOf(error))
  }
  faults.push(...checkExposure(config, brokers.values()))
  if (faults.length > 0) throw new ConfigError(faults)
  return { brokers, routes }
}

/**
 * `plan`, and nothing more: what `stomp-bridge check` does.
 * @throws ConfigError with all faults
 */
export async function checkBridge(config: Config): Promise<void> {
  await plan(config, silentBrokerObserver)
}

/**
 * Brokers, then the ports. A broker that is down does not stop the start. What was made is undone when a later step fails.
 * @throws ConfigError as `plan`; Node's own error when a port cannot be bound
 */
export async function startBridge(config: Config, { log, signal }: BridgeOptions): Promise<Bridge> {
  const report = brokerReport(log)
  let sessions: Sessions | undefined
  const outages = new OutageWatch(systemClock, config.outage.maxMs, (broker) => sessions?.outage(broker))
  const { brokers, routes } = await plan(config, {
    ...report,
    health(broker, health, cause) {
      outages.health(broker, health)
      report.health(broker, health, cause)
    },
  })
  const made: AsyncDisposable[] = []
  const keep = <P extends AsyncDisposable>(part: P): P => {
    made.push(part)
    return part
  }
  try {
    keep(outages)
    for (const broker of brokers.values()) outages.expect(keep(broker))
    await Promise.all([...brokers.values()].map((broker) => broker.start(signal)))
    const house = furnish(config, brokers, routes, log)
    keep(house.fanout)
    sessions = keep(new Sessions(house))
    const { websocket: options } = config.listen
    const maxMessageBytes = config.limits.frameBytes + HEAD_ROOM
    const upgrade = websocket(
      { path: options.path, compression: options.compression, maxMessageBytes },
      sessions.accept,
    )
    const listening = { ...config.listen, maxConnections: config.limits.connections, probes: options.pingMs === 0 }
    const listener = keep(await listen(listening, { [options.path]: upgrade }, listenReport(log)))
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

interface State {
  draining: boolean
}

function furnish(config: Config, brokers: ReadonlyMap<string, Broker>, routes: readonly Route[], log: Logger): House {
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
    authenticator: authenticatorFor([...brokers.values()]),
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

/** Where a broker is passed the client's own login, the broker decides who may come in; else everybody may (checkExposure has agreed). */
function authenticatorFor(brokers: readonly Broker[]): Authenticator {
  return brokers.some((broker) => broker.credentials === 'client') ? passthrough : anonymous
}

function readinessOf({ draining }: State, outages: OutageWatch, brokers: readonly Broker[]): Readiness {
  const missing = brokers.filter((broker) => outages.isMissing(broker.name)).map((broker) => broker.name)
  const away = missing.length === 0 ? undefined : `waiting for ${missing.join(', ')}`
  const reason = draining ? 'draining' : away
  return { ready: reason === undefined, reason, brokers: brokers.map(({ name, health }) => ({ name, ...health })) }
}

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
