/**
 * Destinations that the bridge serves itself, through a namespace of its own in a broker:
 *
 *   SUBSCRIBE /user/queue/x           what is sent to queue/x of the user who subscribes; an anonymous session is its own user
 *   SEND      /user/{name}/queue/x    to all sessions of that user which have subscribed so, on all bridges of that broker
 *   SUBSCRIBE /topic/bridge.sessions  what happens to sessions
 *
 * They resolve to places like any others, so that permissions, rates and metrics need not know that they are special.
 */
import type { Broker } from '../broker/broker.ts'
import { BrokerError, FieldError } from '../broker/errors.ts'
import type { Variables } from '../broker/template.ts'
import { type RouteTraffic, TrafficBook } from '../broker/traffic.ts'
import type { Verb } from './access.ts'
import { compilePattern, type Pattern } from './pattern.ts'
import { readPermit } from './permit.ts'
import { readPolicy } from './policy.ts'
import { SESSIONS_DESTINATION, USER_PREFIX } from './reserved.ts'
import type { Place, Route, RoutePolicy } from './route.ts'
import { LONGEST_DESTINATION } from './router.ts'

/** `user:` of the configuration, so far as it says how these destinations behave. */
export interface UserOptions {
  readonly permit: { readonly send: readonly string[]; readonly subscribe: readonly string[] }
  readonly errors: 'close' | 'keep'
  readonly onGap: 'mark' | 'close'
  readonly identity: RoutePolicy['identity']
  readonly holdMs: number
  /** A SEND to a user who has not subscribed is `user-absent`. */
  readonly absent: 'ignore' | 'error'
}

const SEND_PATTERN = `${USER_PREFIX}{name}/{path+}`

/**
 * @param broker the place where all bridges meet
 * @throws FieldError, with paths below `user:`
 */
export function userRoute(broker: Broker, options: UserOptions): Route {
  const adapter = innerOf(broker, 'user', options.absent === 'error')
  const policy = policyOf(options, ['name', 'path'])
  return { index: -1, entry: -1, pattern: SEND_PATTERN, broker, adapter, policy }
}

/** @throws FieldError, with paths below `events:` */
export function sessionsRoute(broker: Broker, subscribe: readonly string[]): Route {
  const adapter = innerOf(broker, 'sessions', false)
  const plain = { errors: 'close', onGap: 'mark', identity: 'off', holdMs: HOLD_MS, absent: 'ignore' } as const
  const policy = policyOf({ ...plain, permit: { send: ['nobody'], subscribe } }, [])
  return { index: -1, entry: -1, pattern: SESSIONS_DESTINATION, broker, adapter, policy: { ...policy, send: 'closed' } }
}

/** Where a route stands, from the root of the configuration. */
export function pathOf({ entry, pattern }: Route): readonly (string | number)[] {
  if (entry >= 0) return ['routes', entry]
  return [pattern === SESSIONS_DESTINATION ? 'events' : 'user']
}

/** As routes have it when nothing is said. */
const HOLD_MS = 30_000

function innerOf(broker: Broker, purpose: 'user' | 'sessions', mandatory: boolean) {
  const adapter = broker.inner?.(purpose, { mandatory })
  if (adapter !== undefined) return adapter
  const why = broker.credentials === 'client' ? 'has credentials: client: it needs a service account' : 'cannot do this'
  throw new FieldError(['broker'], `broker ${broker.name} ${why}; a rabbitmq or memory broker can`)
}

function policyOf(
  { permit, errors, onGap, identity, holdMs, absent }: UserOptions,
  names: readonly string[],
): RoutePolicy {
  const given = { errors, onGap, identity, holdMs }
  return {
    ...readPolicy(given, [], (fault) => {
      throw fault
    }),
    permit: readPermit({ send: ruleOf(permit.send), subscribe: ruleOf(permit.subscribe) }, names, NOBODY),
    send: 'open',
    subscribe: 'open',
    closedBy: undefined,
    allow: new Set(),
    except: [],
    welcomes: undefined,
    payload: undefined,
    sendRate: 0,
    sendBytesRate: 0,
    lingers: false,
    absent,
  }
}

const NOBODY = { send: [], subscribe: [] }

/** `permit:` of a route is one word, or a list of more. */
function ruleOf(words: readonly string[]): string | readonly string[] {
  return words.length < 2 ? (words[0] ?? 'nobody') : words
}

interface Served {
  readonly route: Route
  readonly traffic: RouteTraffic
}

/** Made by userRoute and sessionsRoute; undefined: closed. */
export interface InnerRoutes {
  readonly user: Route | undefined
  readonly sessions: Route | undefined
}

/** What is served of the reserved destinations. Immutable: a reload makes another. */
export class Inner {
  readonly #user: Served | undefined
  readonly #sessions: Served | undefined
  readonly #sendPattern: Pattern = compilePattern(SEND_PATTERN)
  readonly #ownPattern: Pattern = compilePattern(`${USER_PREFIX}{path+}`)

  /** @param traffic where what passes is counted; left out: nobody reads it */
  constructor({ user, sessions }: InnerRoutes, traffic = new TrafficBook()) {
    const served = (route: Route | undefined): Served | undefined =>
      route && { route, traffic: traffic.route(route.broker.name, route.pattern) }
    this.#user = served(user)
    this.#sessions = served(sessions)
  }

  /** Those that are served. */
  get routes(): readonly Route[] {
    return [this.#user, this.#sessions].flatMap((served) => served?.route ?? [])
  }

  /** The route that a reserved destination means, be there a place for it or none; undefined: it is closed. */
  meant(destination: string): Route | undefined {
    return this.#served(destination)?.route
  }

  /**
   * @param destination a reserved one
   * @param own whom `/user/…` of a SUBSCRIBE means: the user's name, of an anonymous session its id
   * @returns undefined: it is closed to everybody
   * @throws BrokerError `bad-destination`
   */
  resolve(destination: string, verb: Verb, own: string): Place | undefined {
    const served = this.#served(destination)
    if (served === undefined) return undefined
    if (destination.length > LONGEST_DESTINATION) {
      throw new BrokerError('bad-destination', `a destination has at most ${LONGEST_DESTINATION} characters`)
    }
    // As in the router: what is kept must not keep the frame that it came in.
    const written = Buffer.from(destination).toString()
    const variables = served === this.#user ? this.#variables(written, verb, own) : NONE
    const { route, traffic } = served
    const target = route.adapter.target(variables)
    const traits = route.broker.traits(target)
    return { destination: written, route, target, traits, variables, owners: [], traffic }
  }

  #served(destination: string): Served | undefined {
    if (destination === SESSIONS_DESTINATION) return this.#sessions
    return destination.startsWith(USER_PREFIX) ? this.#user : undefined
  }

  #variables(destination: string, verb: Verb, own: string): Variables {
    const found = (verb === 'send' ? this.#sendPattern : this.#ownPattern).match(destination)
    if (found === undefined) {
      const form = verb === 'send' ? `${USER_PREFIX}{name}/queue/x` : `${USER_PREFIX}queue/x`
      throw new BrokerError('bad-destination', `a destination of a user is like ${form}, without empty segments`)
    }
    return verb === 'send' ? found : Object.assign(Object.create(null), { name: own, path: found.path })
  }
}

const NONE: Variables = Object.freeze(Object.create(null))

/** Why a publish to `place` failed, in the words of users: that nobody takes it means there that the user is absent. */
export function absence({ route, variables }: Place, error: unknown): unknown {
  if (route.pattern !== SEND_PATTERN || !(error instanceof BrokerError) || error.code !== 'not-found') return error
  return absent(variables, error)
}

/** @param variables of a place of a user */
export function absent({ path }: Variables, cause?: Error): BrokerError {
  return new BrokerError('user-absent', `this user has not subscribed to ${USER_PREFIX}${path}`, { cause })
}
