/**
 * A configuration into brokers, routes and authenticators: everything is checked, nothing is dialled. What each field means is known to its
 * adapter, its authenticator and to routing; only what concerns several of them is checked here.
 */
import { adapters } from '../adapters/index.ts'
import type { Chain } from '../auth/chain.ts'
import { type AuthObserver, silentAuthObserver } from '../auth/context.ts'
import { authenticators, createChain } from '../auth/index.ts'
import type { Broker } from '../broker/broker.ts'
import { systemClock } from '../broker/clock.ts'
import type { Flow } from '../broker/flow.ts'
import { type BrokerObserver, silentBrokerObserver } from '../broker/observer.ts'
import { ConfigError, type Fault } from '../config/errors.ts'
import { checkExposure, isExposed } from '../config/exposure.ts'
import { faultsOf } from '../config/faults.ts'
import type { AuthConfig, BrokerConfig, Config } from '../config/schema.ts'
import { Flows } from '../flows/flow.ts'
import { tracingFault } from '../ops/tracing.ts'
import { buildRoutes } from '../routing/build.ts'
import type { InnerRoutes } from '../routing/inner.ts'
import type { Route } from '../routing/route.ts'
import { originMatcher } from '../transports/origins.ts'
import { tlsFault } from '../transports/tls.ts'
import { planInner } from './inner.ts'
import { carriedBroker, carryRoutes, type Position } from './reload-carry.ts'
import { Voice } from './voice.ts'

export { originMatcher }

/** Brokers, routes and authenticators of a configuration. Nothing is dialled yet. */
export interface Plan {
  readonly config: Config
  readonly brokers: ReadonlyMap<string, Broker>
  /** How each of them is heard. */
  readonly voices: ReadonlyMap<Broker, Voice>
  /** Those that a reload takes over have the positions of before, until `settle` is called. */
  readonly routes: readonly Route[]
  readonly positions: readonly Position[]
  /** Those that are the bridge's own. */
  readonly inner: InnerRoutes
  readonly authenticator: Chain
}

export interface Observers {
  readonly broker: BrokerObserver
  readonly auth: AuthObserver
  /** What adapters say themselves; left out: nobody takes it. */
  readonly flow?: Flow
}

/**
 * Builds what the configuration names and checks every field of it.
 * @param before the plan in force: what is the same is taken over
 * @throws ConfigError with all faults
 */
export async function plan(config: Config, observers: Observers, before?: Plan): Promise<Plan> {
  const faults: Fault[] = []
  const brokers = new Map<string, Broker>()
  const voices = new Map<Broker, Voice>()
  const failed = new Set<string>()
  for (const [name, options] of Object.entries(config.brokers)) {
    try {
      const voice = new Voice(observers.broker)
      const carried = carriedBroker(name, options, before)
      const broker = carried ?? (await makeBroker(name, options, voice, observers.flow))
      brokers.set(name, broker)
      voices.set(broker, (carried && before?.voices.get(carried)) ?? voice)
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
  const inner = planInner(config, brokers, failed, faults)
  faults.push(...checkExposure(config, brokers.values()), ...checkCookies(config))
  const authenticator = await makeChain(config, brokers.values(), observers.auth, faults, before)
  const { tls } = config.listen
  const fault = tls && tlsFault(tls)
  if (fault !== undefined) faults.push({ path: ['listen', 'tls', fault.field], message: fault.message })
  const untraceable = await tracingFault(config.tracing)
  if (untraceable !== undefined) faults.push({ path: ['tracing', 'enabled'], message: untraceable })
  if (faults.length > 0) throw new ConfigError(faults)
  const positions = routes.map(({ index, entry }) => ({ index, entry }))
  const carried = carryRoutes(routes, config, before)
  return { config, brokers, voices, routes: carried, positions, inner, authenticator: authenticator! }
}

async function makeBroker(
  name: string,
  options: BrokerConfig,
  observer: BrokerObserver,
  flow: Flow = new Flows(''),
): Promise<Broker> {
  const { adapter, required: _, ...own } = options
  const factory = await adapters.get(adapter)!.load()
  return factory(name, own, { observer, clock: systemClock, flow })
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
  before: Plan | undefined,
): Promise<Chain | undefined> {
  try {
    const made = before && { entries: chainOf(before.config, before.brokers.values()), chain: before.authenticator }
    return await createChain(chainOf(config, brokers), { clock: systemClock, observer, fetch }, made)
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

export function usesCookies(entry: AuthConfig): boolean {
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
