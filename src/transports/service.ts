/**
 * The seam for transports that answer plain HTTP requests, not one upgrade at one path: the listener has looked at Host and Origin, and the service
 * says what is where. Types, and whom a request without Origin is of.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Upgrade } from './listen.ts'
import type { Peer } from './remote.ts'

/** What is mounted at a path, and all below it. */
export interface Service extends Disposable {
  /** @param path below the mount, from its `/` on, or '' @returns who takes an upgrade there; undefined: nobody */
  upgrade(path: string): Upgrade | undefined
  /** Answers a request. Owns the response from then on. */
  answer(visit: Visit): void
  /** Drops all connections that it serves. Idempotent. */
  [Symbol.dispose](): void
}

export interface Visit {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Below the mount, from its `/` on, or ''; no query. */
  readonly path: string
  readonly peer: Peer
  /** Whose pages may show one of ours in a frame: the `frame-ancestors` of a Content-Security-Policy. */
  readonly ancestors: string
  /** False: the server is going away, and whoever is new should go elsewhere. */
  readonly accepting: boolean
  /**
   * A place for one more connection, however many requests it will consist of.
   * @returns what gives the place back, once; or the status that says why there is none
   */
  enter(): (() => void) | number
}

/**
 * The origin that a request is of. Browsers name it with every POST, but not with a GET of the same origin: there Fetch Metadata or the Referer say so,
 * which a page can leave out and not forge.
 */
export function originOf({ method, headers }: IncomingMessage, peer: Peer): string | undefined {
  if (headers.origin !== undefined || method !== 'GET') return headers.origin
  if (headers['sec-fetch-site'] === 'same-origin') return `https://${peer.host}`
  return headers.referer === undefined ? undefined : URL.parse(headers.referer)?.origin
}
