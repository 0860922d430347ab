/**
 * Routes as an operator reads them when the bridge has started: the place of each, who may use it, what is closed and what opens it. As facts for a
 * log, and as lines for a person that are made of nothing but those facts.
 */
import { ruleText } from './explain-permit.ts'
import type { Rule } from './permit.ts'
import type { Route } from './route.ts'

export interface RouteFacts {
  readonly destination: string
  readonly broker: string
  /** The place in the broker. */
  readonly target: string
  /**
   * Who may: `anyone`, `authenticated`, `role:editor or user:ann`, `nobody`. `closed`: nobody, whatever `permit` says; `reply-to`: only to a name
   * that the same session has received as reply-to.
   */
  readonly send: string
  readonly subscribe: string
  /** What opens that which is closed, as it is written in the route: `allow: [exchange]`; undefined: nothing is closed, or it stays so. */
  readonly opener: string | undefined
}

export function routeFacts({ pattern, broker, adapter, policy }: Route): RouteFacts {
  const { closedBy, permit } = policy
  const send = policy.send === 'delivered' ? 'reply-to' : verb(policy.send, permit.send)
  const subscribe = verb(policy.subscribe, permit.subscribe)
  const opener =
    closedBy === undefined
      ? send === 'closed' && subscribe !== 'closed'
        ? 'send: true'
        : undefined
      : `allow: [${closedBy}]`
  return { destination: pattern, broker: broker.name, target: adapter.summary, send, subscribe, opener }
}

function verb(state: 'open' | 'closed', rule: Rule): string {
  return state === 'closed' ? state : ruleText(rule)
}

/** Who may use a route of which the lines say nothing: `authenticated` where that is said of any of them, else `anyone`. */
export function unsaid(routes: readonly RouteFacts[]): 'anyone' | 'authenticated' {
  const word = 'authenticated'
  return routes.some(({ send, subscribe }) => send === word || subscribe === word) ? word : 'anyone'
}

/** Columns of a longer pattern are not kept: one of them would push all others to the right. */
const WIDEST = 36

/**
 * `/topic/{key}  rabbit  exchange amq.topic, key {key}`, columns aligned, in the order of the configuration; what does not fit is on lines of its own
 * below, indented. No line breaks.
 * @param width columns of a line, as far as it can be broken
 */
export function routeLines(routes: readonly RouteFacts[], width: number): string[] {
  const widest = (cells: readonly string[]): number =>
    Math.max(0, ...cells.filter(({ length }) => length <= WIDEST).map(({ length }) => length))
  const destinations = widest(routes.map(({ destination }) => destination))
  const brokers = widest(routes.map(({ broker }) => broker))
  const standard = unsaid(routes)
  return routes.flatMap((route) => {
    const head = `${route.destination.padEnd(destinations)}  ${route.broker.padEnd(brokers)}  `
    return fit(head, words(route, standard), width)
  })
}

/** The place, and what is to be said of it. */
function words({ target, send, subscribe, opener }: RouteFacts, standard: string): [string, ...string[]] {
  const opens = opener === undefined ? '' : `, ${opener} opens it`
  if (send !== subscribe)
    return [target, ...use('SEND', send, standard, opens), ...use('SUBSCRIBE', subscribe, standard, opens)]
  if (send === 'closed') return opener === undefined ? [target, 'only in reply-to'] : [`closed${opens}`]
  return send === standard ? [target] : [target, `by ${send}`]
}

function use(verb: string, who: string, standard: string, opens: string): string[] {
  if (who === standard) return []
  if (who === 'closed') return [`${verb} closed${opens}`]
  return [who === 'reply-to' ? `${verb} only to a reply-to that was received` : `${verb} by ${who}`]
}

function fit(head: string, [place, ...rest]: readonly [string, ...string[]], width: number): string[] {
  const whole = head + [place, ...rest].join('; ')
  if (whole.length <= width) return [whole]
  const indented = rest.join('; ').length + 2 <= width ? [rest.join('; ')] : rest
  const below = indented.filter((text) => text !== '').map((text) => `  ${text}`)
  return (head + place).length <= width ? [head + place, ...below] : [head.trimEnd(), `  ${place}`, ...below]
}
