/** What the listener says in HTTP to whoever may not come in, or asks for something else. Decides nothing. */
import { type OutgoingHttpHeaders, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'

/** Seconds after which a refused client may come back: not sooner than another replica has taken over. */
const RETRY_AFTER_S = 5
/** Milliseconds: an answer that the peer doesn't read is given up. */
const REFUSAL_MS = 2_000

/**
 * Writes an answer with this status on a bare socket, and closes it. 429 and 503 say when to come back. Owns the socket from then on.
 * @param allow methods, for a 405, which then says nothing else
 */
export function refuse(socket: Duplex, status: number, allow?: string): void {
  const late = setTimeout(() => socket.destroy(), REFUSAL_MS)
  socket.on('error', () => socket.destroy())
  socket.once('finish', () => socket.destroy())
  socket.once('close', () => clearTimeout(late))
  const text = allow === undefined ? `${STATUS_CODES[status]}\n` : ''
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'Connection: close',
      allow === undefined ? 'Content-Type: text/plain; charset=utf-8' : `Allow: ${allow}`,
      `Content-Length: ${text.length}`,
      ...(status === 503 || status === 429 ? [`Retry-After: ${RETRY_AFTER_S}`] : []),
      '',
      text,
    ].join('\r\n'),
  )
}

/** Answers a request with the name of this status, and closes its connection: what is left of the request is not read. */
export function answerWith(response: ServerResponse, status: number, headers: OutgoingHttpHeaders = {}): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    Connection: 'close',
    ...(status === 503 || status === 429 ? { 'Retry-After': RETRY_AFTER_S } : {}),
    ...headers,
  })
  response.end(`${STATUS_CODES[status]}\n`)
}

/** Answers a request that asks for no upgrade: nothing here speaks plain HTTP. */
export function answerPlainly(response: ServerResponse, isMounted: boolean): void {
  if (!isMounted) {
    response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' })
    response.end('Not Found\n')
    return
  }
  // RFC 9110 §15.5.22: "The server MUST send an Upgrade header field in a 426 response to indicate the required protocol(s)"
  response.writeHead(426, {
    'Content-Type': 'text/plain; charset=utf-8',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
  })
  response.end('This is an endpoint for STOMP over WebSocket: connect with a WebSocket client.\n')
}
