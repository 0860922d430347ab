/**
 * What stands between a frame and a place: the route's `permit`, its `origins`, and what a SEND there may carry. Each refusal names the
 * destination and the rule.
 */
import { forbiddenBy, type Verb } from '../routing/access.ts'
import type { Place } from '../routing/route.ts'
import { type Frame, header } from '../stomp/frame.ts'
import { PolicyError } from './failure.ts'
import { brief } from './headers.ts'
import type { Session } from './session.ts'

/** @throws PolicyError `forbidden` */
export function checkAccess(session: Session, place: Place, verb: Verb): void {
  const { route, destination } = place
  const by = forbiddenBy(session.user, place, verb)
  if (by !== undefined) {
    const owner = by === route ? '' : `: it can mean ${brief(by.pattern)}`
    throw new PolicyError('forbidden', `this user may not ${verb} ${brief(destination)}${owner}`, { route: by.pattern })
  }
  const { origin } = session.wire.handshake
  if (origin !== undefined && route.policy.welcomes?.(origin) === false) {
    throw new PolicyError('forbidden', `pages of ${brief(origin)} may not ${verb} ${brief(destination)}`, {
      route: route.pattern,
    })
  }
}

/** @throws PolicyError `bad-payload` */
export function checkPayload(frame: Frame, { route, destination }: Place): void {
  const { payload } = route.policy
  if (payload === undefined) return
  const { maxBytes, contentTypes } = payload
  if (maxBytes !== undefined && frame.body.length > maxBytes) {
    throw new PolicyError('bad-payload', `a message to ${brief(destination)} has at most ${maxBytes} bytes`, {
      route: route.pattern,
    })
  }
  if (contentTypes === undefined) return
  const written = header(frame, 'content-type')
  // RFC 9110 §8.3.1: parameters follow a semicolon, type and subtype are compared without case
  const type = written?.replace(/;.*$/s, '').trim().toLowerCase()
  if (type !== undefined && contentTypes.some((allowed) => isOf(type, allowed))) return
  const said = written === undefined ? 'has no content-type' : `is ${brief(written)}`
  throw new PolicyError(
    'bad-payload',
    `a message to ${brief(destination)} ${said}; it must be ${contentTypes.join(' or ')}`,
    { route: route.pattern },
  )
}

function isOf(type: string, allowed: string): boolean {
  return allowed.endsWith('/*') ? type.startsWith(allowed.slice(0, -1)) : type === allowed
}
