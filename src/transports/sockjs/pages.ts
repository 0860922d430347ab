/** What SockJS serves that is of no session: the greeting, what a client asks before it begins, and the page for the frame of old browsers. */
import { createHash, randomBytes } from 'node:crypto'
import type { OutgoingHttpHeaders } from 'node:http'
import type { Clock } from '../../broker/clock.ts'
import { answerWith } from '../answers.ts'
import type { Visit } from '../service.ts'
import { longCached, NEVER_CACHED, preflight, shared } from './head.ts'

export interface PageOptions {
  /** Where a frame loads sockjs-client from, of the same version as the page's; '' = there is no frame. */
  readonly clientUrl: string
  /** The protocol's `cookie_needed`. */
  readonly sticky: boolean
  /** WebSockets are served. */
  readonly websocket: boolean
}

/** @param body '' = none, and no Content-Type */
function reply({ response }: Visit, status: number, headers: OutgoingHttpHeaders, body = ''): void {
  const length = status === 204 || status === 304 ? {} : { 'Content-Length': Buffer.byteLength(body) }
  response.writeHead(status, { ...headers, ...length })
  response.end(body)
}

export function notFound(visit: Visit): void {
  answerWith(visit.response, 404, shared(visit.request))
}

/** RFC 9110 §15.5.6: "The origin server MUST generate an Allow header field". */
export function wrongMethod(visit: Visit, allowed: string): void {
  reply(visit, 405, { Allow: allowed, Connection: 'close' })
}

/** Cached for long: "all responses to OPTIONS requests must be cacheable and contain appropriate headers". */
export function answerPreflight(visit: Visit, methods: string, clock: Clock): void {
  reply(visit, 204, { ...longCached(clock.now()), ...shared(visit.request), ...preflight(methods) })
}

/** A plain request where only a WebSocket is. */
export function askForUpgrade(visit: Visit): void {
  const isAsked = visit.request.headers.upgrade?.toLowerCase() === 'websocket'
  const text = isAsked ? '"Connection" must be "Upgrade".\n' : 'Can "Upgrade" only to "WebSocket".\n'
  reply(visit, 400, { 'Content-Type': 'text/plain; charset=UTF-8', Connection: 'close' }, text)
}

export function greet(visit: Visit): void {
  reply(visit, 200, { 'Content-Type': 'text/plain; charset=UTF-8' }, 'Welcome to SockJS!\n')
}

/** Draining, it says so: the client asks here before it connects, and a load balancer may send it elsewhere. */
export function inform(visit: Visit, { sticky, websocket }: PageOptions): void {
  const headers = { ...NEVER_CACHED, ...shared(visit.request) }
  if (!visit.accepting) {
    answerWith(visit.response, 503, headers)
    return
  }
  const info = {
    // "a good, unpredictable random number from the range <0; 2^32-1>"
    entropy: randomBytes(4).readUInt32BE(),
    // "List of allowed origins. Currently ignored."
    origins: ['*:*'],
    cookie_needed: sticky,
    websocket,
  }
  reply(visit, 200, { 'Content-Type': 'application/json; charset=UTF-8', ...headers }, JSON.stringify(info))
}

/** Whose pages may have it in a frame is said in a header: what is in it connects in this server's own name. */
export function showFrame(visit: Visit, { clientUrl }: PageOptions, clock: Clock): void {
  if (clientUrl === '') {
    notFound(visit)
    return
  }
  const page = framePage(clientUrl)
  const etag = `"${createHash('sha256').update(page).update(visit.ancestors).digest('base64url').slice(0, 22)}"`
  const headers = {
    ...longCached(clock.now()),
    ETag: etag,
    'Content-Security-Policy': `frame-ancestors ${visit.ancestors}`,
  }
  if (visit.request.headers['if-none-match'] === etag) reply(visit, 304, headers)
  else reply(visit, 200, { 'Content-Type': 'text/html; charset=UTF-8', ...headers }, page)
}

/** "Body must be exactly as specified, with the exception of `sockjs_url`". */
function framePage(clientUrl: string): string {
  return `<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script>
    document.domain = document.domain;
    _sockjs_onload = function(){SockJS.bootstrap_iframe();};
  </script>
  <script src="${clientUrl.replaceAll('&', '&amp;').replaceAll('"', '&quot;')}"></script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>
`
}
