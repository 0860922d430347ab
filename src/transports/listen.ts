/**
 * The HTTP listener under every transport that begins with an HTTP request: it owns the port, decides which upgrade requests may go on
 * (path, Host, Origin, room, rate, draining), answers all others in plain HTTP, and hands an accepted socket to the transport mounted at its
 * path. With `tls` all of it happens inside TLS.
 *
 * Knows nothing of frames, sessions or WebSocket's own handshake. Who may come in is decided here and nowhere else, before a byte
 * of the client reaches a transport.
 */
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { SecureContextOptions } from 'node:tls'
import { canonical } from '../broker/address.ts'
import type { Clock } from '../broker/clock.ts'
import { Admission, type AdmissionLimits, type Limit } from './admission.ts'
import { answerPlainly, refuse } from './answers.ts'
import { Doorstep } from './doorstep.ts'
import { Gate, type GateOptions, quoted } from './origins.ts'
import { type Refusal, type RefusalNote, Refusals } from './refusals.ts'
import { type Peer, trusting } from './remote.ts'
import { Certificate, type CertificateNote, type TlsOptions } from './tls.ts'

export type { Refusal, RefusalNote } from './refusals.ts'

export interface ListenOptions extends GateOptions {
  /** An address or a name of this machine. */
  readonly host: string
  /** 0 = any free port; `Listener.port` tells which. */
  readonly port: number
  /** Reverse proxies whose X-Forwarded headers are believed, as `trusting` takes them. */
  readonly trustedProxies: readonly string[]
  /** undefined: plain HTTP. */
  readonly tls: TlsOptions | undefined
  readonly limits: DoorLimits
  /** TCP's own probes find a peer that vanished without a word: for when nobody pings what is silent. Default true; costs four system calls each. */
  readonly probes?: boolean
}

export interface DoorLimits extends AdmissionLimits {
  /**
   * Sockets that have not come in yet, over all addresses; at the bound the oldest of them is dropped. More than the kernel hands over at once
   * (4,096), or a stampede of honest clients would push itself out before a byte of it is read. 0 = no limit.
   */
  readonly handshakes: number
  /** Milliseconds a client may take for its TLS handshake, and again to send the head of its request. */
  readonly handshakeTimeoutMs: number
  /** What is over a number above is counted and told, and comes in all the same. Times are kept. */
  readonly dryRun: boolean
}

/**
 * Takes over a socket whose request passed all checks: owns its errors and its end from the call on.
 * @param remote the client's IP address, that of a trusted proxy's client behind one
 */
export type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer, remote: string) => void

export interface ListenObserver {
  /** Somebody was turned away, at most one note a second for one reason and address. */
  refused(note: RefusalNote): void
  certificate(note: CertificateNote): void
  /** A mount threw (our bug; that socket is closed), or the port could not accept (out of file descriptors); the listener goes on. */
  failed(cause: unknown): void
}

export interface Listener extends AsyncDisposable {
  /** `ws://127.0.0.1:15674`, with TLS `wss://…`; a mount's path can be appended. */
  readonly address: string
  readonly port: number
  /** Upgraded connections that are open. */
  readonly connections: number
  /** Sockets that have not come in: amid their handshake, or refused and leaving. */
  readonly handshakes: number
  /** How often each reason turned somebody away, or with `dryRun` would have; counted from the start. */
  readonly refusals: Readonly<Record<Refusal, number>>
  /** From now on every upgrade gets 503 with Retry-After; open connections go on. Idempotent. */
  stopAccepting(): void
  /** Closes the port and drops what is still connected. Idempotent. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Milliseconds of silence before the first probe. */
const KEEPALIVE_MS = 60_000
/** Connections that the kernel keeps for us while we are busy: when a bridge comes back, so do all its clients. The system may allow fewer. */
const BACKLOG = 4_096

/**
 * Binds the port and resolves once it listens. Rejects with Node's own error (`EADDRINUSE`, `EACCES`, `ENOTFOUND`) or TlsFault, holding nothing.
 *
 * @param mounts path → transport; a path matches exactly, whatever the query string
 */
export async function listen(
  options: ListenOptions,
  mounts: Readonly<Record<string, Upgrade>>,
  observer: ListenObserver,
  clock: Clock,
): Promise<Listener> {
  const { tls } = options
  const certificate = tls && new Certificate(tls, clock, (note) => observer.certificate(note))
  const { server, renew } = serverFor(options, certificate)
  await bound(server, options)
  certificate?.watch(renew)
  return new HttpListener({ server, certificate, options, mounts: new Map(Object.entries(mounts)), observer, clock })
}

interface ServerOfItsKind {
  readonly server: Server
  /** Handshakes from now on use this certificate. */
  renew(context: Readonly<SecureContextOptions>): void
}

function serverFor({ limits, probes = true }: ListenOptions, certificate: Certificate | undefined): ServerOfItsKind {
  const { handshakeTimeoutMs } = limits
  const options: ServerOptions = {
    headersTimeout: handshakeTimeoutMs,
    requestTimeout: handshakeTimeoutMs,
    connectionsCheckingInterval: Math.min(1_000, handshakeTimeoutMs),
    keepAlive: probes,
    keepAliveInitialDelay: KEEPALIVE_MS,
  }
  if (certificate === undefined) return { server: createServer(options), renew() {} }
  const server = createTlsServer({ ...options, ...certificate.context, handshakeTimeout: handshakeTimeoutMs })
  return { server, renew: (context) => server.setSecureContext(context) }
}

function bound(server: Server, { host, port }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

interface Parts {
  readonly server: Server
  readonly certificate: Certificate | undefined
  readonly options: ListenOptions
  readonly mounts: ReadonlyMap<string, Upgrade>
  readonly observer: ListenObserver
  readonly clock: Clock
}

class HttpListener implements Listener {
  readonly address: string
  readonly port: number
  readonly #parts: Parts
  readonly #peerOf: (request: IncomingMessage, tls: boolean) => Peer
  readonly #gate: Gate
  readonly #admission: Admission
  readonly #doorstep: Doorstep
  readonly #refusals: Refusals
  readonly #inside = new Set<Duplex>()
  #accepting = true
  #closed: Promise<void> | undefined

  constructor(parts: Parts) {
    const { server, certificate, options, observer, clock } = parts
    const { address, family, port } = server.address() as AddressInfo
    this.port = port
    const scheme = certificate === undefined ? 'ws' : 'wss'
    this.address = `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`
    this.#parts = parts
    this.#peerOf = trusting(options.trustedProxies)
    this.#gate = new Gate(options, canonical(address) ?? address)
    this.#admission = new Admission(options.limits, () => clock.now())
    this.#refusals = new Refusals((note) => observer.refused(note), clock)
    this.#doorstep = new Doorstep(options.limits.handshakes, (remote) => this.#crowded(remote))
    server.on('error', (cause) => observer.failed(cause))
    server.on('connection', (socket) => this.#doorstep.add(socket))
    server.on('request', (request, response) => this.#answer(request, response))
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    server.on('clientError', (error, socket) => this.#malformed(error, socket))
    server.on('tlsClientError', (error: Error, socket: Duplex) => this.#noTls(error, socket))
  }

  get connections(): number {
    return this.#admission.open
  }

  get handshakes(): number {
    return this.#doorstep.size
  }

  get refusals(): Readonly<Record<Refusal, number>> {
    return this.#refusals.counts
  }

  stopAccepting(): void {
    this.#accepting = false
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      const { server, certificate } = this.#parts
      certificate?.[Symbol.dispose]()
      server.close(() => {
        this.#refusals[Symbol.dispose]()
        resolve()
      })
      server.closeAllConnections()
      this.#doorstep[Symbol.dispose]()
      for (const socket of this.#inside) socket.destroy()
    })
    return this.#closed
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const peer = this.#peerOf(request, this.#parts.certificate !== undefined)
    if (peer.remote === '') return void socket.destroy()
    const status = this.#refusal(request, peer)
    if (status !== undefined) {
      refuse(socket, status)
      return
    }
    const leave = this.#admission.enter(peer.remote)
    this.#doorstep.remove(request.socket)
    this.#inside.add(socket)
    socket.once('close', () => {
      this.#inside.delete(socket)
      leave()
    })
    try {
      this.#parts.mounts.get(pathOf(request))?.(request, socket, head, peer.remote)
    } catch (cause) {
      this.#parts.observer.failed(cause)
      socket.destroy()
    }
  }

  /** The status of the answer; undefined: come in. */
  #refusal(request: IncomingMessage, peer: Peer): number | undefined {
    const path = pathOf(request)
    const no = (reason: Refusal, hint: string, status: number): number => {
      this.#refusals.add(reason, peer.remote, hint)
      return status
    }
    if (!this.#parts.mounts.has(path)) return no('path', `nothing is mounted at ${quoted(path)}`, 404)
    const unwelcome = this.#gate.check(request.headers.origin, peer)
    if (unwelcome !== undefined) return no(unwelcome.reason, unwelcome.hint, 403)
    if (!this.#accepting) return no('draining', 'shutting down', 503)
    const limit = this.#admission.refusal(peer.remote)
    return limit === undefined ? undefined : this.#over(limit, peer.remote)
  }

  /** RFC 6585 §4: 429 "indicates that the user has sent too many requests in a given amount of time"; what concerns all is 503. */
  #over(limit: Limit, remote: string): number | undefined {
    const { limits } = this.#parts.options
    const ofOne = limit === 'connectionsPerIp' || limit === 'connectRatePerIp'
    const proxy = ofOne ? '; is it a proxy? Then it belongs into listen.trustedProxies' : ''
    this.#refusals.add(limit, remote, `limits.${limit} is ${limits[limit]}${proxy}`, !limits.dryRun)
    if (limits.dryRun) return undefined
    return ofOne ? 429 : 503
  }

  /** The oldest on the doorstep is one too many. */
  #crowded(remote: string): boolean {
    const { handshakes, dryRun } = this.#parts.options.limits
    const hint = `limits.handshakes is ${handshakes}: the oldest that had not come in was dropped`
    this.#refusals.add('handshakes', canonical(remote) ?? '', hint, !dryRun)
    return !dryRun
  }

  /** Too slow, or no HTTP: Node has read what it wants to read of it. */
  #malformed(error: Error & { code?: string }, socket: Duplex & { remoteAddress?: string }): void {
    const remote = canonical(socket.remoteAddress ?? '') ?? ''
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') this.#slow(remote)
    else if (error.code?.startsWith('HPE_')) this.#refusals.add('malformed', remote, `no HTTP: ${error.code}`)
    else return void socket.destroy()
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') refuse(socket, 408)
    else refuse(socket, error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400)
  }

  #noTls(error: Error & { code?: string }, socket: Duplex & { remoteAddress?: string }): void {
    const remote = canonical(socket.remoteAddress ?? '') ?? ''
    if (error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT') this.#slow(remote)
    else if (error.code !== 'ECONNRESET') this.#refusals.add('tls', remote, `no TLS: ${error.code}`)
    socket.destroy()
  }

  #slow(remote: string): void {
    const { handshakeTimeoutMs } = this.#parts.options.limits
    this.#refusals.add('handshakeTimeout', remote, `no whole request within ${handshakeTimeoutMs} ms`)
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    answerPlainly(response, this.#parts.mounts.has(pathOf(request)))
  }
}

function pathOf(request: IncomingMessage): string {
  const url = request.url ?? ''
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}
