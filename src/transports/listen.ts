/**
 * The HTTP listener under every transport that begins with an HTTP request: it owns the port, decides which upgrade requests may go on
 * (path, Host, Origin, room, rate, draining), answers all others in plain HTTP, and hands an accepted socket to the transport mounted at its
 * path. With `tls` all of it happens inside TLS.
 *
 * Knows nothing of frames, sessions or WebSocket's own handshake. Who may come in is decided here and nowhere else, before a byte
 * of the client reaches a transport.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { canonical } from '../broker/address.ts'
import type { Clock } from '../broker/clock.ts'
import { answerPlainly, answerWith, refuse } from './answers.ts'
import { Doorstep } from './doorstep.ts'
import { Entrance, type EntranceOptions } from './entrance.ts'
import { Inside } from './inside.ts'
import { Mounts } from './mounts.ts'
import { quoted } from './origins.ts'
import { type RefusalCounts, type RefusalNote, Refusals } from './refusals.ts'
import type { Peer } from './remote.ts'
import { bound, serverFor } from './server.ts'
import { originOf, type Service, type Visit } from './service.ts'
import { Certificate, type CertificateNote, type TlsOptions } from './tls.ts'

export type { DoorLimits, EntranceOptions } from './entrance.ts'
export type { Refusal, RefusalCounts, RefusalNote } from './refusals.ts'

export interface ListenOptions extends EntranceOptions {
  /** An address or a name of this machine. */
  readonly host: string
  /** 0 = any free port; `Listener.port` tells which. */
  readonly port: number
  /** undefined: plain HTTP. */
  readonly tls: TlsOptions | undefined
  /** TCP's own probes find a peer that vanished without a word: for when nobody pings what is silent. Default true; costs four system calls each. */
  readonly probes?: boolean
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
  /** Upgraded connections, and what services count as one, that are open. */
  readonly connections: number
  /** Sockets that have not come in: amid their handshake, or refused and leaving. */
  readonly handshakes: number
  /** How often each reason turned somebody away, or with `dryRun` would have. */
  readonly refusals: RefusalCounts
  /**
   * Other rules for those who come from now on; connections stay. `limits.handshakeTimeoutMs` is that of the beginning for as long as the port is
   * bound.
   */
  adopt(options: EntranceOptions): void
  /** From now on whoever is new gets 503 with Retry-After; open connections go on. Idempotent. */
  stopAccepting(): void
  /** Resolves when none of `connections` is open. */
  whenEmpty(): Promise<void>
  /** Closes the port and drops what is still connected. Idempotent. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Binds the port and resolves once it listens. Rejects with Node's own error (`EADDRINUSE`, `EACCES`, `ENOTFOUND`) or TlsFault, holding nothing.
 *
 * @param mounts path → transport; a path matches exactly, whatever the query string
 * @param services path → what answers there, and at all paths below that are not in `mounts`
 */
export async function listen(
  options: ListenOptions,
  mounts: Readonly<Record<string, Upgrade>>,
  observer: ListenObserver,
  clock: Clock,
  services: Readonly<Record<string, Service>> = {},
): Promise<Listener> {
  const { tls } = options
  const certificate = tls && new Certificate(tls, clock, (note) => observer.certificate(note))
  const { server, renew } = serverFor(options, certificate, Object.keys(services).length > 0)
  await bound(server, options)
  certificate?.watch(renew)
  return new HttpListener({ server, certificate, options, mounts: new Mounts(mounts, services), observer, clock })
}

interface Parts {
  readonly server: Server
  readonly certificate: Certificate | undefined
  readonly options: ListenOptions
  readonly mounts: Mounts
  readonly observer: ListenObserver
  readonly clock: Clock
}

class HttpListener implements Listener {
  readonly address: string
  readonly port: number
  readonly #parts: Parts
  readonly #entrance: Entrance
  readonly #doorstep: Doorstep
  readonly #refusals: Refusals
  readonly #inside = new Inside()
  #closed: Promise<void> | undefined

  constructor(parts: Parts) {
    const { server, certificate, options, observer, clock } = parts
    const { address, family, port } = server.address() as AddressInfo
    this.port = port
    const scheme = certificate === undefined ? 'ws' : 'wss'
    this.address = `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`
    this.#parts = parts
    this.#refusals = new Refusals((note) => observer.refused(note), clock)
    this.#entrance = new Entrance(options, canonical(address) ?? address, this.#refusals, clock)
    this.#doorstep = new Doorstep(options.limits.handshakes, (remote) => this.#crowded(remote))
    server.on('error', (cause) => observer.failed(cause))
    server.on('connection', (socket) => this.#doorstep.add(socket))
    server.on('request', (request, response) => this.#answer(request, response))
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    server.on('clientError', (error, socket) => this.#malformed(error, socket))
    server.on('tlsClientError', (error: Error, socket: Duplex) => this.#noTls(error, socket))
  }

  get connections(): number {
    return this.#entrance.open
  }

  get handshakes(): number {
    return this.#doorstep.size
  }

  get refusals(): RefusalCounts {
    return this.#refusals
  }

  adopt(options: EntranceOptions): void {
    this.#entrance.adopt(options)
    this.#doorstep.most = options.limits.handshakes
  }

  stopAccepting(): void {
    this.#entrance.close()
  }

  whenEmpty(): Promise<void> {
    return this.#inside.whenEmpty()
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      const { server, certificate, mounts } = this.#parts
      certificate?.[Symbol.dispose]()
      server.close(() => {
        this.#refusals[Symbol.dispose]()
        resolve()
      })
      mounts[Symbol.dispose]()
      server.closeAllConnections()
      this.#doorstep[Symbol.dispose]()
      this.#inside[Symbol.dispose]()
    })
    return this.#closed
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const peer = this.#entrance.peerOf(request, this.#parts.certificate !== undefined)
    if (peer.remote === '') return void socket.destroy()
    const upgrade = this.#parts.mounts.upgradeAt(pathOf(request))
    const place = this.#place(request, peer, upgrade)
    if (typeof place === 'number') {
      refuse(socket, place)
      return
    }
    this.#doorstep.remove(request.socket)
    this.#inside.add(socket, place)
    try {
      upgrade?.(request, socket, head, peer.remote)
    } catch (cause) {
      this.#parts.observer.failed(cause)
      socket.destroy()
    }
  }

  /** What gives the place back, or the status of the answer. */
  #place(request: IncomingMessage, peer: Peer, upgrade: Upgrade | undefined): number | (() => void) {
    if (upgrade === undefined) {
      this.#refusals.add('path', peer.remote, `nothing is mounted at ${quoted(pathOf(request))}`)
      return 404
    }
    return this.#entrance.unwelcome(request.headers.origin, peer) ?? this.#entrance.place(peer)
  }

  /** The oldest on the doorstep is one too many. */
  #crowded(remote: string): boolean {
    const { handshakes, dryRun } = this.#entrance.limits
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
    const url = pathOf(request)
    const { mounts, certificate } = this.#parts
    const [service, path] = mounts.serviceAt(url) ?? []
    if (service === undefined || path === undefined) {
      answerPlainly(response, mounts.upgrades(url))
      return
    }
    const peer = this.#entrance.peerOf(request, certificate !== undefined)
    if (peer.remote === '') return void response.destroy()
    // What it is asked may take long to answer; nobody is put out for that.
    response.once('close', this.#doorstep.lend(request.socket))
    const status = this.#entrance.unwelcome(originOf(request, peer), peer)
    if (status !== undefined) answerWith(response, status)
    else this.#serve(service, { request, response, path, peer })
  }

  #serve(service: Service, asked: Pick<Visit, 'request' | 'response' | 'path' | 'peer'>): void {
    const { ancestors, isOpen } = this.#entrance
    const enter = (): number | (() => void) => {
      const place = this.#entrance.place(asked.peer)
      return typeof place === 'number' ? place : this.#inside.hold(place)
    }
    try {
      service.answer({ ...asked, ancestors, accepting: isOpen, enter })
    } catch (cause) {
      this.#parts.observer.failed(cause)
      asked.response.destroy()
    }
  }
}

function pathOf(request: IncomingMessage): string {
  const url = request.url ?? ''
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}
