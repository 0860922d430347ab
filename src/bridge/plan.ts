/**
 * A configuration into brokers, routes and authenticators: everything is checked, nothing is dialled. What each field means is known to its
 * adapter, its authenticator and to routing; only what concerns several of them is checked here.
 */
import { adapters } from '../adapters/index.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import { type AuthObserver, silentAuthObserver } from '../auth/context.ts'
import { authenticators, createChain } from '../auth/index.ts'
import type { Broker } from '../broker/broker.ts'
import { systemClock } from '../broker/clock.ts'
import { type BrokerObserver, silentBrokerObserver } from '../broker/observer.ts'
import { ConfigError, type Fault } from '../config/errors.ts'
import { checkExposure, isExposed } from '../config/exposure.ts'
import { faultsOf } from '../config/faults.ts'
import type { AuthConfig, Config } from '../config/schema.ts'
import { buildRoutes } from '../routing/build.ts'
import type { Route } from '../routing/route.ts'
import { originMatcher } from '../transports/origins.ts'
import { tlsFault } from '../transports/tls.ts'

/** Brokers and routes of a configuration. Nothing is dialled yet. */
export interface Plan {
  readonly brokers: ReadonlyMap<string, Broker>
  readonly routes: readonly Route[]
  readonly authenticator: Authenticator
}

export interface Observers {
  readonly broker: BrokerObserver
  readonly auth: AuthObserver
}

/**
 * Builds what the configuration names and checks every field of it.
 * @throws ConfigError with all faults
 */
export async function plan(config: Config, observers: Observers): Promise<Plan> {
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
