/**
 * The headers of SUBSCRIBE and SEND that the broker's adapter reads as arguments (`x-message-ttl`, `auto-delete`), filtered by what the
 * route lets clients choose. An `x-` header of a SUBSCRIBE that nobody knows is an error, never silently ignored; on a SEND it is the
 * user's own header (`x-delay`).
 */
import { BrokerError } from '../broker/errors.ts'
import type { Place } from '../routing/route.ts'
import type { Frame } from '../stomp/frame.ts'
import { PolicyError } from './failure.ts'
import { brief } from './headers.ts'

/** What is collected when there are none. */
export const NO_ARGUMENTS: Readonly<Record<string, string>> = Object.freeze(Object.create(null))

/** @throws PolicyError `forbidden`, BrokerError `unsupported`, both naming the header */
export function collectArguments(
  frame: Frame,
  place: Place,
  command: 'SUBSCRIBE' | 'SEND',
): Readonly<Record<string, string>> {
  const { adapter, policy } = place.route
  let found: Record<string, string> | undefined
  for (let at = 0; at < frame.headers.length; at += 2) {
    const name = frame.headers[at]!
    const value = frame.headers[at + 1]!
    if (found?.[name] !== undefined) continue
    if (!isArgument(place, name, value)) {
      if (command === 'SEND' || !name.startsWith('x-')) continue
      throw new BrokerError(
        'unsupported',
        `header "${brief(name)}" is not known to this destination (${adapter.summary})`,
      )
    }
    if (policy.allow !== 'all' && !policy.allow.has(name)) {
      throw new PolicyError(
        'forbidden',
        `header "${name}" may not be set by clients: the route's "allow" does not list it`,
      )
    }
    found ??= Object.create(null) as Record<string, string>
    found[name] = value
  }
  return found ?? NO_ARGUMENTS
}

/** Why a route is closed, and the word that would open it. */
export function closedText(place: Place, command: string): string {
  const word = place.route.policy.closedBy
  const hint = word === undefined ? '' : `: the route's "allow" does not list ${word}`
  return `${command} to ${brief(place.destination)} is not open to clients${hint}`
}

/**
 * Whether a header is an argument of its route rather than STOMP's or the user's own. `durable` is one only where it asks for less than the
 * bridge's own default: `durable:true` on a topic is the identity that subscribe.ts reads, on a queue it says what holds anyway.
 */
export function isArgument(place: Place, name: string, value: string): boolean {
  if (!place.route.adapter.arguments.includes(name)) return false
  if (name === 'durable') return place.traits.distribution === 'compete' && /^false$/i.test(value)
  return name.startsWith('x-') || name === 'auto-delete' || name === 'exclusive' || name === 'retain'
}
