/**
 * Destinations that belong to the bridge itself (PROMISES §5, Reserved): they resolve before all routes, whatever a configuration says. So far
 * nothing is served there, so they are closed to everybody.
 */
const RESERVED = /^(?:\/bridge(?:\/|$)|\/user(?:\/|$)|\/topic\/bridge(?:[./]|$))/

export function isReserved(destination: string): boolean {
  return RESERVED.test(destination)
}
