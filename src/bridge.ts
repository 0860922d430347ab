/**
 * The composition root: a configuration into brokers, routes, sessions and ports; start, drain, stop. It has no logic of its own: who may
 * do what, and what a frame means, stands elsewhere.
 */
import { adapters } from './adapters/index.ts'
import type { Authenticator } from './auth/authenticator.ts'
import { type AuthObserver, silentAuthObserver } from './auth/context.ts'
import { authenticators, createChain } from './auth/index.ts'
import type { Broker } from './broker/broker.ts'
import { systemClock } from './broker/clock.ts'
import { Fanout } from './broker/fanout.ts'
import { type BrokerObserver, silentBrokerObserver } from './broker/observer.ts'
import { OutageWatch } from './broker/outage.ts'
import { ConfigError, type Fault } from './config/errors.ts'
import { checkExposure, isExposed } from './config/exposure.ts'
import { faultsOf } from './config/faults.ts'
import type { AuthConfig, Config } from './config/schema.ts'
import { type OpsServer, type Readiness, serveOps } from './ops/http.ts'
import { createLog, type Logger } from './ops/log.ts'
import { authReport, brokerReport, listenReport, sessionReport } from './ops/report.ts'
import { buildRoutes } from './routing/build.ts'
import { describeRoutes } from './routing/describe.ts'
import type { Route } from './routing/route.ts'
import { Router } from './routing/router.ts'
import { Audience } from './session/audience.ts'
import { SessionCounters } from './session/counters.ts'
import type { House } from './session/house.ts'
import { Quotas } from './session/quotas.ts'
import { Sessions } from './session/sessions.ts'
import { ImmediateTurn } from './session/turn.ts'
import { type DoorLimits, type Listener, listen } from './transports/listen.ts'
import { originMatcher } from './transports/origins.ts'
import { tlsFault } from './transports/tls.ts'
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
  readonly authenticator: Authenticator
}

interface Observers {
  readonly broker: BrokerObserver
  readonly auth: AuthObserver
}

/**
 * Builds what the configuration names and checks every field of it.
 * @throws ConfigError with all faults
 */
async function plan(config: Config, observers: Observers): Promise<Plan> {
  const faults: Fault[] = []
  const brokers = new Map<string, Broker>()
  const failed = new Set<string>()
  for (const [name, { adapter, ...options }] of Object.entries(config.brokers)) {
    try {
      const factory = await adapters.get(adapter)!.load()
      brokers.set(name, factory(name, options, { observer: observers.broker, clock: systemClock }))
    } catch (error) {
      failed.add(name)
      faults.push(...faultsOf(error, ['brokers', name]))
    }
  }
  let routes: Route[] = []
  try {
    const authenticates = config.auth.chain.some(({ authenticator }) => !OPEN.has(authenticator))
    routes = buildRoutes(config.routes, brokers, failed, { exposed: isExposed(config), authenticates, originMatcher })
  } catch (error) {
    faults.push(...faultsOf(error))
  }
  faults.push(...checkExposure(config, brokers.values()), ...checkCookies(config))
  const authenticator = await makeChain(config, brokers.values(), observers.auth, faults)
  const { tls } = config.listen
  const fault = tls && tlsFault(tls)
  if (fault !== undefined) faults.push({ path: ['listen', 'tls', fault.field], message: fault.message })
  if (faults.length > 0) throw new ConfigError(faults)
  return { brokers, routes, authenticator: authenticator! }
}

/** They give nobody a name to ask for: everybody may come in, or the broker decides what its own users may. */
const OPEN = new Set(['anonymous', 'passthrough'])

/** Without a chain: where a broker is passed the client's own login, the broker decides who may come in; else everybody may. */
function chainOf({ auth }: Config, brokers: Iterable<Broker>): readonly AuthConfig[] {
  if (auth.chain.length > 0) return auth.chain
  return [
    { authenticator: [...brokers].some(({ credentials }) => credentials === 'client') ? 'passthrough' : 'anonymous' },
  ]
}

async function makeChain(
  config: Config,
  brokers: Iterable<Broker>,
  observer: AuthObserver,
  faults: Fault[],
): Promise<Authenticator | undefined> {
  try {
    return await createChain(chainOf(config, brokers), { clock: systemClock, observer, fetch })
  } catch (error) {
    faults.push(...faultsOf(error, ['auth', 'chain']))
    return undefined
  }
}

/** Cookies authenticate whatever page made the browser connect: the operator must say whose pages may (cross-site WebSocket hijacking). */
function checkCookies({ auth, listen }: Config): Fault[] {
  if (listen.origins.length > 0) return []
  const rule = 'reads cookies, which a browser shows for any page: say in listen.origins whose pages may connect'
  return auth.chain.flatMap((entry, index) =>
    usesCookies(entry) ? [{ path: ['auth', 'chain', index], message: rule }] : [],
  )
}

function usesCookies(entry: AuthConfig): boolean {
  return authenticators.get(entry.authenticator)?.needsOrigins(entry) === true
}

/**
 * `plan`, and nothing more: what `stomp-bridge check` does.
 * @throws ConfigError with all faults
 */
export async function checkBridge(config: Config): Promise<void> {
  const { authenticator } = await plan(config, { broker: silentBrokerObserver, auth: silentAuthObserver })
  await authenticator[Symbol.asyncDispose]()
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

/** What a client may have from one address where others can reach the port: an office, or a mobile network. */
const PER_IP = { connections: 1_000, rate: 100 }

/** What is `auto`. On loopback all clients have the same address: they are this machine's own, or come through its proxy. */
function doorOf(config: Config): { missingOrigin: boolean; limits: DoorLimits } {
  const { listen, limits, auth } = config
  const standard = isExposed(config) ? PER_IP : { connections: 0, rate: 0 }
  return {
    missingOrigin: listen.missingOrigin ?? !auth.chain.some(usesCookies),
    limits: {
      ...limits,
      connectionsPerIp: limits.connectionsPerIp ?? standard.connections,
      connectRatePerIp: limits.connectRatePerIp ?? standard.rate,
    },
  }
}

interface State {
  draining: boolean
}

function furnish(config: Config, { brokers, routes, authenticator }: Plan, log: Logger): House {
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
