/**
 * What a SEND or a SUBSCRIBE of a destination comes to, with reasons: the route, the place, the verdict, what is promised. Takes the same steps
 * in the same order as a session (session/send.ts, subscribe.ts, guard.ts), with the same functions; knows no file, prints nothing, asks no broker.
 */
import type { Traits } from '../broker/broker.ts'
import { BrokerError } from '../broker/errors.ts'
import { forbiddenBy, type Verb } from './access.ts'
import { type NearMiss, nearMisses } from './explain-near.ts'
import { reasonOf } from './explain-permit.ts'
import { Inner, type InnerRoutes, pathOf } from './inner.ts'
import type { Who } from './permit.ts'
import { isReserved, SESSIONS_DESTINATION, TOKEN_DESTINATION, USER_PREFIX } from './reserved.ts'
import type { Place, Route } from './route.ts'
import { Router } from './router.ts'

export interface Question {
  readonly verb: Verb
  readonly destination: string
  readonly who: Who
  /** The page's; undefined: a client that is no browser. */
  readonly origin: string | undefined
}

export interface Verdict {
  readonly allowed: boolean
  /** Of the ERROR that the client gets; undefined when it is allowed. */
  readonly code: string | undefined
  /** One line: which rule, and why it says so. */
  readonly reason: string
  /** Where the rule stands, from the root of the configuration, or would stand if it were written; undefined: in the bridge itself. */
  readonly rule: readonly (string | number)[] | undefined
}

export interface Explanation extends Question {
  readonly verdict: Verdict
  /** The same for the other verb. */
  readonly other: Verdict
  /** The one that matches; undefined = none. */
  readonly route: Route | undefined
  readonly near: readonly NearMiss[]
  /** Where exactly it goes; undefined where there is no such place. */
  readonly target: string | undefined
  /** Of a SEND: what its RECEIPT means; of a SUBSCRIBE undefined. */
  readonly receipt: string | undefined
  /** Of a SUBSCRIBE: the ack modes that are accepted; of a SEND empty. */
  readonly acks: readonly string[]
  /** The `destination` of the MESSAGEs that come of it, one line. */
  readonly message: string | undefined
  readonly traits: Traits | undefined
}

/**
 * @param routes all of the configuration, in its order
 * @param question a destination of any length; what is no destination is explained too
 * @param own what is served of the reserved destinations
 */
export function explain(routes: readonly Route[], question: Question, own: InnerRoutes = NOTHING): Explanation {
  const { verb, destination } = question
  const router = new Router(routes)
  const inner = new Inner(own)
  const isInner = isReserved(destination)
  const route = isInner ? inner.meant(destination) : router.meant(destination)
  const placeFor = (each: Verb) =>
    attempt(() => {
      if (route === undefined) return undefined
      return isInner ? inner.resolve(destination, each, question.who.name ?? ITSELF) : router.resolve(destination)
    })
  const place = placeFor(verb)
  const found = place instanceof BrokerError ? undefined : place
  const target = found && attempt(() => found.route.adapter.describe(found.target, verb))
  return {
    ...question,
    verdict: verdictOf(question, place, target),
    other: other(question, placeFor),
    route,
    near: isReserved(destination) ? [] : nearMisses(destination, routes, route),
    target: typeof target === 'string' ? target : undefined,
    receipt: found !== undefined && verb === 'send' ? found.route.adapter.receipt(found.target) : undefined,
    acks: found !== undefined && verb === 'subscribe' ? ackModes(found.traits) : [],
    message: found && messageDestination(router, found, verb),
    traits: found?.traits,
  }
}

/** Nothing is served. */
const NOTHING: InnerRoutes = { user: undefined, sessions: undefined }
/** In the place of a session's id. */
const ITSELF = 'SESSION'

function other(question: Question, placeFor: (verb: Verb) => Place | BrokerError | undefined): Verdict {
  const verb = question.verb === 'send' ? 'subscribe' : 'send'
  const place = placeFor(verb)
  const found = place instanceof BrokerError ? undefined : place
  const target = found && attempt(() => found.route.adapter.describe(found.target, verb))
  return verdictOf({ ...question, verb }, place, target)
}

function attempt<V>(run: () => V): V | BrokerError {
  try {
    return run()
  } catch (error) {
    if (error instanceof BrokerError) return error
    throw error
  }
}

/** In the order in which a session asks. */
function verdictOf(
  question: Question,
  place: Place | BrokerError | undefined,
  target: string | BrokerError | undefined,
): Verdict {
  const { verb, destination } = question
  if (isReserved(destination)) {
    if (verb === 'send' && destination === TOKEN_DESTINATION)
      return allowed('a client shows a new token here', undefined)
    if (place === undefined) return refused('forbidden', 'reserved for the bridge, whatever the routes say', undefined)
  }
  if (place instanceof BrokerError) return refused(place.code, place.message, undefined)
  if (place === undefined) return refused('no-route', 'no route matches', ['routes'])
  const closed = closedText(place.route, verb)
  if (closed !== undefined) return refused('forbidden', closed.reason, [...pathOf(place.route), closed.key])
  const access = accessVerdict(question, place)
  if (!access.allowed) return access
  const { welcomes } = place.route.policy
  if (question.origin !== undefined && welcomes?.(question.origin) === false) {
    const reason = `origins: the list does not have ${question.origin}`
    return refused('forbidden', reason, [...pathOf(place.route), 'origins'])
  }
  if (target instanceof BrokerError) return refused(target.code, target.message, undefined)
  return access
}

/** What the route's `allow` or its preset leaves shut, and the key that would open it. */
function closedText(
  { policy, pattern }: Route,
  verb: Verb,
): { readonly reason: string; readonly key: string } | undefined {
  if (policy[verb] === 'open') return undefined
  if (pattern === SESSIONS_DESTINATION) return { reason: 'only the bridge itself sends there', key: 'broker' }
  if (policy[verb] === 'delivered') {
    const reason = `SEND only to a name that a MESSAGE of this session had as reply-to; allow: [${policy.closedBy}] opens it`
    return { reason, key: 'allow' }
  }
  if (policy.closedBy !== undefined) {
    return { reason: `closed: allow does not list ${policy.closedBy}`, key: 'allow' }
  }
  if (verb === 'send' && policy.subscribe === 'open') {
    return { reason: 'closed: the preset takes SEND on loopback only, unless send: true opens it', key: 'send' }
  }
  return { reason: 'closed: it may stand in reply-to, and nowhere else', key: 'preset' }
}

function accessVerdict({ who, verb }: Question, place: Place): Verdict {
  const { route, owners } = place
  const by = forbiddenBy(who, place, verb)
  if (by !== undefined && by !== route) {
    const values = place.traits.wildcard ? undefined : by.adapter.variables(place.target)
    const reason = `it can mean ${by.pattern} too, where ${reasonOf(by.policy.permit[verb], who, values, by.adapter.special)}`
    return refused('forbidden', reason, [...pathOf(by), 'permit', verb])
  }
  const reason = reasonOf(route.policy.permit[verb], who, place.variables, route.adapter.special)
  const rule = [...pathOf(route), 'permit', verb]
  if (by !== undefined) return refused('forbidden', reason, rule)
  const also = owners.map(({ pattern }) => pattern).join(', ')
  return allowed(also === '' ? reason : `${reason}; the permit of ${also}, which it can mean too, agrees`, rule)
}

function allowed(reason: string, rule: Verdict['rule']): Verdict {
  return { allowed: true, code: undefined, reason, rule }
}

function refused(code: string, reason: string, rule: Verdict['rule']): Verdict {
  return { allowed: false, code, reason, rule }
}

/** As session/subscribe.ts takes them. */
function ackModes({ settles, defers }: Traits): readonly string[] {
  return settles || defers === true ? ['auto', 'client', 'client-individual'] : ['auto']
}

/** A word for each wildcard of any adapter, where it is a whole word. */
const WILDCARD = /(?<=^|[./])(?:\*{1,2}|#|\+|>)(?=[./]|$)/g

function messageDestination(router: Router, place: Place, verb: Verb): string {
  const { destination, traits, route, variables } = place
  if (verb === 'send' && variables.path !== undefined && route.entry < 0)
    return `${USER_PREFIX}${variables.path}, to each session of ${variables.name} that subscribed so`
  if (verb === 'send' && traits.distribution === 'once') return 'an answer has a destination of its own: see the target'
  if (verb === 'send') {
    const back = router.replyDestination(route.broker, place.target)
    const through = back === undefined || back === destination ? '' : `; through a wildcard of another route ${back}`
    return traits.distribution === 'copy'
      ? `what each subscriber subscribed with: exactly this one says ${destination}${through}`
      : `${destination}, to whoever subscribed with it`
  }
  if (!traits.wildcard) return `${destination}, as it was subscribed with`
  const example = attempt(() => router.resolve(destination.replace(WILDCARD, 'x')))
  if (example === undefined || example instanceof BrokerError || example.traits.wildcard) {
    return `where the message was sent to, in the words of ${route.pattern}; where that has no way back, ${destination}`
  }
  return `where the message was sent to, like ${router.destinationOf(place, example.target)}`
}
