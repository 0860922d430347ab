/**
 * Destinations that belong to the bridge itself (PROMISES §5, Reserved): they resolve before all routes, whatever a configuration says. What is
 * served there stands in inner.ts, and in session/token.ts; the rest is closed to everybody.
 */
const RESERVED = /^(?:\/bridge(?:\/|$)|\/user(?:\/|$)|\/topic\/bridge(?:[./]|$))/

/** SEND of a new token for the same user. */
export const TOKEN_DESTINATION = '/bridge/token'

/** SUBSCRIBE to what happens to sessions. */
export const SESSIONS_DESTINATION = '/topic/bridge.sessions'

/** What destinations of users begin with. */
export const USER_PREFIX = '/user/'

export function isReserved(destination: string): boolean {
  return RESERVED.test(destination)
}
