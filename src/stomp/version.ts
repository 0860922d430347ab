/**
 * The protocol versions spoken here and how client and server agree on one. What differs between them stands where it applies:
 * escapes in grammar.ts, required headers in rules.ts.
 */

export type Version = '1.0' | '1.1' | '1.2'

/** All versions, oldest first: joined with ',' it is the `version` header of the ERROR that refuses a client. */
export const versions: readonly Version[] = ['1.0', '1.1', '1.2']

/**
 * The version of the connection, from the `accept-version` header of CONNECT; undefined when there is none in common.
 *
 * STOMP 1.2, Protocol Negotiation: "The protocol that will be used for the rest of the session will be the highest protocol version that
 * both the client and server have in common". A client of 1.0 does not know the header: without it the version is 1.0.
 *
 * @param acceptVersion comma-separated versions in any order; unknown ones and blanks around them are ignored
 */
export function negotiate(acceptVersion: string | undefined): Version | undefined {
  if (acceptVersion === undefined) return '1.0'
  const accepted = acceptVersion.split(',').map((version) => version.trim())
  return versions.findLast((version) => accepted.includes(version))
}
