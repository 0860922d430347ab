/**
 * Who may ask the ops port what. Decides by the headers of a request and the address it came from; answers nothing.
 *
 *   probe    anybody: load balancers and kubelets have no token and use any name
 *   page     whoever has this machine, while the port is bound to loopback
 *   read     the same; on any other address whoever has a token
 *   private  whoever has a token: what clients say to each other
 *   change   whoever has a token, and no page (PROMISES §5: "Mutating calls of the ops API need a bearer token, on loopback too")
 *
 * Against pages of others, which a browser lets ask any address: a name that could be re-bound (DNS rebinding) opens nothing without a token, no
 * answer carries CORS headers, and what changes something is refused to all that send an Origin.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { siteOf } from '../broker/address.ts'
import { TokenBucket } from '../broker/bucket.ts'
import { OpsError } from './errors.ts'
import type { OpsSettings } from './parts.ts'

export type Access = 'probe' | 'page' | 'read' | 'private' | 'change'

/** Wrong tokens of one address in a minute; then none is looked at. */
const ATTEMPTS = 10
/** Addresses that are remembered for it. */
const MOST_ADDRESSES = 1_000

export class Doorman {
  /** Other machines reach the port. */
  readonly exposed: boolean
  readonly #settings: () => OpsSettings
  readonly #refused: (remote: string) => void
  /** Tokens are compared as HMACs under it: equal lengths, and no time that tells how much was right. */
  readonly #key = randomBytes(32)
  readonly #wrong = new Map<string, TokenBucket>()
  readonly #notes = new TokenBucket(1, 1, Date.now())

  /**
   * @param settings is asked for each request
   * @param refused a wrong token was shown; at most one call a second
   */
  constructor(exposed: boolean, settings: () => OpsSettings, refused: (remote: string) => void) {
    this.exposed = exposed
    this.#settings = settings
    this.#refused = refused
  }

  /** @throws OpsError for whoever may not */
  check(request: IncomingMessage, access: Access): void {
    if (access === 'probe') return
    if (access === 'page' && this.exposed) {
      throw new OpsError('not-found', 'this page is only shown while ops.host is a loopback address; see /api/info')
    }
    if (access === 'change' && request.headers.origin !== undefined) {
      throw new OpsError('from-a-page', 'pages may not change anything here: the request has an Origin header')
    }
    const settings = this.#settings()
    if (this.#hasToken(request, settings.tokens)) return
    const { host } = request.headers
    if (!settings.knowsHost(host)) {
      throw new OpsError('unknown-host', 'Host must be an IP address, localhost, or listed in listen.hosts')
    }
    if (access === 'page' || (access === 'read' && !this.exposed)) return
    throw missing(settings.tokens)
  }

  /** @throws OpsError for a wrong one, and for any while too many were wrong */
  #hasToken({ headers, socket }: IncomingMessage, tokens: readonly string[]): boolean {
    // RFC 6750 §2.1; other schemes are nothing of ours.
    const shown = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1]
    if (shown === undefined || tokens.length === 0) return false
    const remote = socket.remoteAddress ?? ''
    const now = Date.now()
    const wrong = this.#attempts(siteOf(remote), now)
    const waitMs = wrong.quote(1, now)
    if (waitMs > 0) {
      const seconds = String(Math.ceil(waitMs / 1000))
      throw new OpsError('too-many-attempts', 'too many wrong tokens came from there', { 'Retry-After': seconds })
    }
    if (this.#isOneOf(shown, tokens)) return true
    wrong.take(now)
    if (this.#notes.take(now)) this.#refused(remote)
    throw new OpsError('bad-token', 'the token is none of ops.token', challenge('error="invalid_token"'))
  }

  /** Looks at all of them, whichever fits. */
  #isOneOf(shown: string, tokens: readonly string[]): boolean {
    const digest = this.#digest(shown)
    return tokens.map((token) => timingSafeEqual(digest, this.#digest(token))).includes(true)
  }

  #digest(text: string): Buffer {
    return createHmac('sha256', this.#key).update(text).digest()
  }

  #attempts(site: string, now: number): TokenBucket {
    const known = this.#wrong.get(site)
    if (known !== undefined) return known
    if (this.#wrong.size >= MOST_ADDRESSES) this.#wrong.delete(this.#wrong.keys().next().value!)
    const made = new TokenBucket(ATTEMPTS / 60, ATTEMPTS, now)
    this.#wrong.set(site, made)
    return made
  }
}

function missing(tokens: readonly string[]): OpsError {
  if (tokens.length > 0) {
    return new OpsError('token-required', 'show one of ops.token: "Authorization: Bearer …"', challenge())
  }
  return new OpsError('token-not-configured', 'this needs a bearer token, and none is configured: set ops.token')
}

/** RFC 6750 §3: "the resource server MUST include the HTTP WWW-Authenticate response header field". */
function challenge(error?: string): Record<string, string> {
  return { 'WWW-Authenticate': `Bearer realm="stomp-bridge"${error === undefined ? '' : `, ${error}`}` }
}
