/**
 * The composition root: a configuration into brokers, routes, sessions and ports; start, drain, stop. It has no logic of its own: who may
 * do what, and what a frame means, stands elsewhere.
 */
import { randomUUID } from 'node:crypto'
import { adapters } from '../adapters/index.ts'
import { systemClock } from '../broker/clock.ts'
import { OutageWatch } from '../broker/outage.ts'
import type { Config } from '../config/schema.ts'
import { Flows } from '../flows/flow.ts'
import { type OpsServer, serveOps } from '../ops/http.ts'
import { createLog, type Logger } from '../ops/log.ts'
import { listenReport } from '../ops/report.ts'
import { createSpans } from '../ops/tracing.ts'
import { Sessions } from '../session/sessions.ts'
import { type Listener, listen } from '../transports/listen.ts'
import { version } from '../version.ts'
import type { Current, Loaded } from './current.ts'
import { Departure } from './departure.ts'
import { type Addresses, doorOf, servicesOf, upgradesOf } from './door.ts'
import { furnish } from './house.ts'
import { allRoutes, eventsOf, FlowSights } from './inner.ts'
import { observe, type Watched } from './observers.ts'
import { type OperatorsOptions, operators } from './operators.ts'
import { checkBridge, type Plan, plan } from './plan.ts'
import { readinessOf, type State } from './readiness.ts'
import { type ConfigSource, Reloader, type ReloadReport } from './reload.ts'
import { Retirement } from './reload-retire.ts'
import { type Startup, startupLines, startupOf } from './startup.ts'
import { FrameTraces } from './traces.ts'

export { adapters, type ConfigSource, checkBridge, createLog, type ReloadReport }

export interface BridgeOptions {
  readonly log: Logger
  /** Aborted when the process is asked to stop while it starts. */
  readonly signal: AbortSignal
  /** What the configuration was read from, for /api/config; left out: nobody can say. */
  readonly loaded?: Loaded
  /** Where to read it again; left out: it cannot be reloaded. */
  readonly source?: ConfigSource
}

export interface Bridge extends AsyncDisposable {
  readonly addresses: Addresses & { readonly ops: string | undefined }
  /** Where it listens, what each route maps to and who may use it, what is closed. */
  readonly startup: Startup
  /** … for a person. */
  readonly lines: readonly string[]
  /**
   * Not ready at once; when load balancers have noticed (`drain.delay`) takes no new clients, lets what is pending settle (`drain.grace`), sends
   * the clients away (`drain.spread`). Resolves when they have gone. Idempotent, never rejects.
   * @param by who asked, for the log: a signal, an address
   */
  drain(by: string): Promise<void>
  /**
   * Reads the configuration again and puts it in the place of the one in force, or keeps that and logs why. Never rejects.
   * @param by who asked, for the log: `SIGHUP`
   */
  reload(by: string): Promise<ReloadReport>
  /** Of the configuration in force: the digest of its file (undefined: it came from none), and since when, in milliseconds since 1970. */
  readonly info: { readonly hash: string | undefined; readonly loadedAt: number }
  /** Resolves when a drain is over, whoever has asked for it: then it is time to dispose the bridge. */
  readonly drained: Promise<void>
  /** Drops what is left, in the reverse order of its making. Idempotent. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Brokers, then the ports. A broker that is down does not stop the start. What was made is undone when a later step fails.
 * @throws ConfigError as `plan`; Node's own error when a port cannot be bound; what the signal was aborted with
 */
export async function startBridge(config: Config, { log, signal, loaded, source }: BridgeOptions): Promise<Bridge> {
  const startedAt = systemClock.now()
  let sessions: Sessions | undefined
  const outages = new OutageWatch(systemClock, config.outage.maxMs, (broker) => sessions?.outage(broker))
  let watched: Watched | undefined
  const id = randomUUID()
  const flow = new Flows(id)
  const observing = { ...observe(log, outages, () => watched!), flow }
  const current: Current = { config, plan: await plan(config, observing), loaded, loadedAt: startedAt }
  const made: AsyncDisposable[] = []
  const keep = <P extends AsyncDisposable>(part: P): P => {
    made.push(part)
    return part
  }
  try {
    keep(outages)
    const retirement = keep(new Retirement(log))
    keep({ [Symbol.asyncDispose]: () => undoPlan(current) })
    await startBrokers(current.plan, outages, signal)
    const spans = await createSpans(config.tracing, version, (text) => log.warn(text))
    const traces = keep(new FrameTraces(systemClock, log))
    const events = eventsOf({ id, current, flow, log })
    const house = furnish(current, observing, spans, traces, events)
    keep(house.fanout)
    keep(flow)
    keep(events)
    sessions = keep(new Sessions(house))
    flow.over(new FlowSights(house, sessions))
    events.start()
    traces.over(sessions)
    const listener = keep(await openDoor(current, sessions, log))
    const state: State = { draining: false }
    watched = watch({ house, sessions, listener, state, events }, current)
    const parts = { current, house, sessions, listener, outages, retirement, observing, state, log, clock: systemClock }
    const reloader = source && keep(new Reloader({ ...parts, source }))
    const departure = new Departure({ ...parts, times: () => current.config.drain })
    const desk = deskOf({ ...parts, id, traces, flow, startedAt, departure, reloader })
    const ops = config.ops.enabled ? keep(await serveOps(config.ops, (server) => operators(desk, server))) : undefined
    return running(current, { made, listener, ops, departure, reloader })
  } catch (error) {
    await undo(made)
    throw error
  }
}

/** In the reverse order of making: what uses a part goes before it. */
async function undo(made: AsyncDisposable[]): Promise<void> {
  for (const part of made.splice(0).reverse()) await part[Symbol.asyncDispose]()
}

async function startBrokers({ brokers }: Plan, outages: OutageWatch, signal: AbortSignal): Promise<void> {
  for (const broker of brokers.values()) outages.expect(broker)
  await Promise.all([...brokers.values()].map((broker) => broker.start(signal)))
  signal.throwIfAborted()
}

/** Of the plan in force when it comes to an end. */
async function undoPlan({ plan: { brokers, authenticator } }: Current): Promise<void> {
  await Promise.all([...brokers.values(), authenticator].map((part) => part[Symbol.asyncDispose]()))
}

function openDoor(current: Current, sessions: Sessions, log: Logger): Promise<Listener> {
  const { listen: options } = current.config
  const listening = { ...options, ...doorOf(current.config), probes: options.websocket.pingMs === 0 }
  const upgrades = upgradesOf(current, sessions.accept)
  const services = servicesOf(current, sessions.accept)
  return listen(listening, upgrades, listenReport(log), systemClock, services)
}

/** For scrapes. */
function watch(parts: Omit<Watched, 'configHash'>, current: Current): Watched {
  return {
    ...parts,
    get configHash() {
      return current.loaded?.hash
    },
  }
}

/** What the operators' port is told and may do. */
interface DeskParts extends Omit<OperatorsOptions, 'current' | 'readiness' | 'drain' | 'reload' | 'metrics'> {
  readonly current: Current
  readonly observing: { readonly metrics: OperatorsOptions['metrics'] }
  readonly state: State
  readonly departure: Departure
  readonly reloader: Reloader | undefined
}

function deskOf({ current, observing, state, departure, reloader, ...parts }: DeskParts): OperatorsOptions {
  const { house, outages } = parts
  return {
    ...parts,
    metrics: observing.metrics,
    current: () => ({ ...current, routes: allRoutes(current.plan) }),
    readiness: () => readinessOf(state, outages, current.config, house.snapshot.brokers.values()),
    drain: (by) => void departure.begin(by),
    reload: reloader && ((by) => reloader.reload(by)),
  }
}

interface Parts {
  readonly made: AsyncDisposable[]
  readonly listener: Listener
  readonly ops: OpsServer | undefined
  readonly departure: Departure
  readonly reloader: Reloader | undefined
}

function running(current: Current, { made, listener, ops, departure, reloader }: Parts): Bridge {
  const { config, plan, loaded } = current
  const startup = startupOf({ config, loaded, routes: allRoutes(plan), address: listener.address, ops })
  return {
    addresses: { websocket: startup.websocket, sockjs: startup.sockjs, ops: startup.ops },
    startup,
    lines: startupLines(startup),
    drain: (by) => departure.begin(by),
    drained: departure.over,
    reload: async (by) => (await reloader?.reload(by)) ?? { result: 'unchanged', faults: [], changes: [] },
    get info() {
      return { hash: current.loaded?.hash, loadedAt: current.loadedAt }
    },
    [Symbol.asyncDispose]: () => undo(made),
  }
}
