/** The headers that SockJS wants on its answers: who may read them, who may keep them, and the cookie that keeps a client with its server. */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { Visit } from '../service.ts'

/** Seconds. */
const YEAR_S = 31_536_000

/** "In such case it's very important to disallow any caching." */
export const NEVER_CACHED: OutgoingHttpHeaders = { 'Cache-Control': 'no-store, no-cache, must-revalidate, max-age=0' }

/** "max-age must be large, one year (31536000) is best". @param now milliseconds since 1970 */
export function longCached(now: number): OutgoingHttpHeaders {
  return {
    'Cache-Control': `public, max-age=${YEAR_S}`,
    Expires: new Date(now + YEAR_S * 1000).toUTCString(),
  }
}

/** The origin may read the answer, with what it brings of cookies: that it may come at all, the listener has found. */
export function shared({ headers }: IncomingMessage): OutgoingHttpHeaders {
  const { origin, 'access-control-request-headers': asked } = headers
  return {
    // "just echoing back "null" won't work - browser will understand that as a rejection"
    'Access-Control-Allow-Origin': origin === undefined || origin === 'null' ? '*' : origin,
    'Access-Control-Allow-Credentials': 'true',
    Vary: 'Origin',
    ...(asked === undefined || asked === '' ? {} : { 'Access-Control-Allow-Headers': asked }),
  }
}

/** What else a preflight is told. */
export function preflight(methods: string): OutgoingHttpHeaders {
  return { 'Access-Control-Allow-Methods': methods, 'Access-Control-Max-Age': YEAR_S }
}

/** The cookie that load balancers know. Its value is theirs. */
const STICKY = 'JSESSIONID'
/** The cookie by which a browser shows that it is still the same. */
const OWN = 'stomp-bridge-sockjs'
const OWN_BYTES = 18

/** @param browser to be set as well; undefined: it has it */
export function cookies({ request, peer }: Visit, sticky: boolean, browser: string | undefined): OutgoingHttpHeaders {
  // A page of another site: only so does a browser show them, and only over TLS.
  const scope = peer.secure ? '; Secure; SameSite=None' : ''
  const set: string[] = []
  // "Cookie must be echoed back if it's already set."
  if (sticky) set.push(`${STICKY}=${cookie(request, STICKY, /^[!#-+\--:<-[\]-~]{1,256}$/) ?? 'dummy'}; Path=/${scope}`)
  if (browser !== undefined) set.push(`${OWN}=${browser}; Path=/; HttpOnly${scope}`)
  return set.length === 0 ? {} : { 'Set-Cookie': set }
}

/** A new name, that nobody guesses. */
export function newBrowser(): string {
  return randomBytes(OWN_BYTES).toString('base64url')
}

/** The name that a browser shows. */
export function browserOf(request: IncomingMessage): string | undefined {
  return cookie(request, OWN, /^[\w-]{24}$/)
}

function cookie({ headers }: IncomingMessage, name: string, pattern: RegExp): string | undefined {
  for (const pair of (headers.cookie ?? '').split(';')) {
    const at = pair.indexOf('=')
    if (at === -1 || pair.slice(0, at).trim() !== name) continue
    const value = pair.slice(at + 1).trim()
    if (pattern.test(value)) return value
  }
  return undefined
}
