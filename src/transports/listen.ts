/**
 * The HTTP listener under every transport that begins with an HTTP request: it owns the port, decides which upgrade requests may go on
 * (path, Host, Origin, room, draining), answers all others in plain HTTP, and hands an accepted socket to the transport mounted at its path.
 *
 * Knows nothing of frames, sessions or WebSocket's own handshake. Who may come in is decided here and nowhere else, before a byte
 * of the client reaches a transport.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import { type AddressInfo, isIP } from 'node:net'
import type { Duplex } from 'node:stream'

export interface ListenOptions {
  /** An address or a name of this machine. */
  readonly host: string
  /** 0 = any free port; `Listener.port` tells which. */
  readonly port: number
  /** Further origins that pages may come from, exactly as browsers write them: `https://app.example.com`, with the port if it is not the default. */
  readonly origins: readonly string[]
  /** Further names (without port) by which this listener may be addressed; IP literals and localhost always may. */
  readonly hosts: readonly string[]
  /** Upgraded connections at one time, over all mounts; the next one gets 503. */
  readonly maxConnections: number
  /** Milliseconds a client may take to send the head of its request. Default 10,000: a browser needs one packet. */
  readonly handshakeMs?: number
  /** TCP's own probes find a peer that vanished without a word: for when nobody pings what is silent. Default true; costs four system calls each. */
  readonly probes?: boolean
}

/** Takes over a socket whose request passed all checks: owns its errors and its end from the call on. */
export type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/** Why an upgrade was refused. */
export type Refusal = 'origin' | 'host' | 'path' | 'full' | 'draining'

export interface ListenObserver {
  /** An upgrade was answered with an error. `hint` is one line for the operator: what was asked and which setting would allow it. */
  refused(reason: Refusal, remote: string, hint: string): void
  /** A mount threw (our bug; that socket is closed), or the port could not accept (out of file descriptors); the listener goes on. */
  failed(cause: unknown): void
}

const silent: ListenObserver = { refused() {}, failed() {} }

export interface Listener extends AsyncDisposable {
  /** `ws://127.0.0.1:15674`; a mount's path can be appended. */
  readonly address: string
  readonly port: number
  /** Upgraded connections that are open. */
  readonly connections: number
  /** From now on every upgrade gets 503 with Retry-After; open connections go on. Idempotent. */
  stopAccepting(): void
  /** Closes the port and drops what is still connected. Idempotent. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Seconds after which a refused client may come back: when full or draining, and not sooner than another replica has taken over. */
const RETRY_AFTER_S = 5
const HANDSHAKE_MS = 10_000
/** Milliseconds of silence before the first probe. */
const KEEPALIVE_MS = 60_000
/** Connections in their handshake, or refused ones on their way out; over it they are dropped without an answer. */
const HANDSHAKES = 1024
/** An answer to a refused upgrade that the peer doesn't read is given up. */
const REFUSAL_MS = 2_000

/**
 * Binds the port and resolves once it listens. Rejects with Node's own error (`EADDRINUSE`, `EACCES`, `ENOTFOUND`), holding nothing.
 *
 * @param mounts path → transport; a path matches exactly, whatever the query string
 */
export async function listen(
  options: ListenOptions,
  mounts: Readonly<Record<string, Upgrade>>,
  observer: ListenObserver = silent,
): Promise<Listener> {
  const handshakeMs = options.handshakeMs ?? HANDSHAKE_MS
  const server = createServer({
    headersTimeout: handshakeMs,
    requestTimeout: handshakeMs,
    connectionsCheckingInterval: Math.min(1_000, handshakeMs),
    keepAlive: options.probes ?? true,
    keepAliveInitialDelay: KEEPALIVE_MS,
  })
  server.maxConnections = options.maxConnections + HANDSHAKES
  await bound(server, options)
  return new HttpListener(server, options, new Map(Object.entries(mounts)), observer)
}

function bound(server: Server, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: options.host, port: options.port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

class HttpListener implements Listener {
  readonly address: string
  readonly port: number
  readonly #server: Server
  readonly #gate: Gate
  readonly #maxConnections: number
  readonly #mounts: ReadonlyMap<string, Upgrade>
  readonly #observer: ListenObserver
  /** The latest Host that was welcome: nearly all clients send the same. */
  #welcome: string | undefined
  readonly #upgraded = new Set<Duplex>()
  readonly #refused = new Set<Duplex>()
  /** One for all sockets: a closure and a `once` for each would be as large as its WebSocket. */
  readonly #forget: (this: Duplex) => void
  #accepting = true
  #closed: Promise<void> | undefined

  constructor(server: Server, options: ListenOptions, mounts: ReadonlyMap<string, Upgrade>, observer: ListenObserver) {
    const { address, family, port } = server.address() as AddressInfo
    this.port = port
    this.address = `ws://${family === 'IPv6' ? `[${address}]` : address}:${port}`
    this.#server = server
    this.#gate = { origins: options.origins, hosts: options.hosts.map(lower), loopback: isLoopback(address) }
    this.#maxConnections = options.maxConnections
    this.#mounts = mounts
    this.#observer = observer
    const upgraded = this.#upgraded
    this.#forget = function () {
      upgraded.delete(this)
    }
    server.on('error', (cause) => observer.failed(cause))
    server.on('request', (request, response) => this.#answer(request, response))
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
  }

  get connections(): number {
    return this.#upgraded.size
  }

  stopAccepting(): void {
    this.#accepting = false
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
      for (const socket of [...this.#upgraded, ...this.#refused]) socket.destroy()
    })
    return this.#closed
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refusal = this.#refusal(request)
    if (refusal !== undefined) {
      this.#observer.refused(refusal.reason, request.socket.remoteAddress ?? '', refusal.hint)
      this.#refuse(socket, refusal.status)
      return
    }
    this.#upgraded.add(socket)
    socket.on('close', this.#forget)
    try {
      this.#mounts.get(pathOf(request))?.(request, socket, head)
    } catch (cause) {
      this.#observer.failed(cause)
      socket.destroy()
    }
  }

  #refusal(request: IncomingMessage): { status: number; reason: Refusal; hint: string } | undefined {
    const path = pathOf(request)
    if (!this.#mounts.has(path)) return { status: 404, reason: 'path', hint: `nothing is mounted at ${quoted(path)}` }
    const { headers } = request
    const isKnown = headers.host !== undefined && headers.host === this.#welcome
    const stranger = isKnown ? undefined : strangeHost(headers.host, this.#gate)
    const unwelcome = stranger ?? strangeOrigin(headers, this.#gate)
    if (unwelcome !== undefined) return { status: 403, ...unwelcome }
    this.#welcome = headers.host
    if (!this.#accepting) return { status: 503, reason: 'draining', hint: 'shutting down' }
    if (this.#upgraded.size >= this.#maxConnections) {
      return { status: 503, reason: 'full', hint: `all ${this.#maxConnections} connections are taken (maxConnections)` }
    }
    return undefined
  }

  #refuse(socket: Duplex, status: number): void {
    this.#refused.add(socket)
    const late = setTimeout(() => socket.destroy(), REFUSAL_MS)
    socket.on('error', () => socket.destroy())
    socket.once('finish', () => socket.destroy())
    socket.once('close', () => {
      clearTimeout(late)
      this.#refused.delete(socket)
    })
    const text = `${STATUS_CODES[status]}\n`
    socket.end(
      [
        `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
        'Connection: close',
        'Content-Type: text/plain; charset=utf-8',
        `Content-Length: ${text.length}`,
        ...(status === 503 ? [`Retry-After: ${RETRY_AFTER_S}`] : []),
        '',
        text,
      ].join('\r\n'),
    )
  }

  /** A request that asks for no upgrade: nothing here speaks plain HTTP. */
  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (!this.#mounts.has(pathOf(request))) {
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
}

/** What decides who may come in. */
interface Gate {
  readonly origins: readonly string[]
  /** Lower case. */
  readonly hosts: readonly string[]
  /** Bound to a loopback address: only this machine's own pages and programs reach the port. */
  readonly loopback: boolean
}

/** A name, or an IP address in brackets when it is version 6, and a port. Anything a URL could hide in (`@`, `/`) does not match. */
const HOST = /^(?:\[([0-9a-f:.]+)\]|([^\s:@/?#\\[\]]+))(?::\d{1,5})?$/i

/**
 * Against DNS rebinding: a page whose own name suddenly resolves to this machine sends that name as Host, and its Origin would then be
 * "the same host". An IP literal or localhost cannot be re-bound.
 */
function strangeHost(host: string | undefined, gate: Gate): { reason: Refusal; hint: string } | undefined {
  const parts = HOST.exec(host ?? '')
  const name = lower(parts?.[1] ?? parts?.[2] ?? '')
  if (name === 'localhost' || isIP(name) !== 0 || gate.hosts.includes(name)) return undefined
  return { reason: 'host', hint: `Host ${quoted(host)} is not known here; to allow it: hosts: [${quoted(name)}]` }
}

/**
 * PROMISES §5: allowed are no Origin (no browser), the same host, this machine's own pages while bound to loopback, and `origins:`.
 * Any other page that a developer opens could else use the broker behind this port in his name.
 */
function strangeOrigin(headers: IncomingMessage['headers'], gate: Gate): { reason: Refusal; hint: string } | undefined {
  const { origin } = headers
  if (origin === undefined || gate.origins.includes(origin)) return undefined
  const page = URL.parse(origin)
  // "null" and other opaque origins are no URL, and nobody's host
  if (page !== null && page.host !== '') {
    if (page.host === URL.parse(`${page.protocol}//${headers.host}`)?.host) return undefined
    if (gate.loopback && ['localhost', '127.0.0.1', '[::1]'].includes(page.hostname)) return undefined
  }
  return {
    reason: 'origin',
    hint: `a page of ${quoted(origin)} was refused; to allow it: origins: [${quoted(origin)}]`,
  }
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.')
}

function pathOf(request: IncomingMessage): string {
  const url = request.url ?? ''
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}

function lower(text: string): string {
  return text.toLowerCase()
}

/** A client's text in a line for the operator: short, and with nothing that a terminal would obey. */
function quoted(text: string | undefined): string {
  return JSON.stringify((text ?? '').slice(0, 200)).replace(/[\u007f-\u009f]/g, '?')
}
