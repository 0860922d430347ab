/** Routes as an operator reads them on the start-up page: one aligned line each, and what is closed by `allow`. */
import type { Route } from './route.ts'

/** `/topic/{key}  rabbit  exchange amq.topic, key {key}`, columns aligned, in the order of the configuration; no final line break. */
export function describeRoutes(routes: readonly Route[]): string[] {
  const width = (cells: readonly string[]): number => Math.max(0, ...cells.map((cell) => cell.length))
  const patterns = width(routes.map(({ pattern }) => pattern))
  const brokers = width(routes.map(({ broker }) => broker.name))
  return routes.map((route) => `${route.pattern.padEnd(patterns)}  ${route.broker.name.padEnd(brokers)}  ${use(route)}`)
}

function use({ adapter, policy }: Route): string {
  const { send, subscribe, closedBy } = policy
  if (closedBy !== undefined) {
    const rest = send === 'delivered' ? '; SEND only to a reply-to that was received' : ''
    return `closed; opened by allow: [${closedBy}]${rest}`
  }
  if (send === 'closed' && subscribe === 'open')
    return `${adapter.summary}; SUBSCRIBE only, SEND is opened by send: true`
  if (send === 'closed' && subscribe === 'closed') return `${adapter.summary}; only in reply-to`
  return adapter.summary
}
