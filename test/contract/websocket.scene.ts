/** A WebSocket endpoint whose sessions take notes, and the clients that talk to it: ws's own, and bare sockets for what ws would not send. */
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { type Clock, systemClock } from '../../src/broker/clock.ts'
import {
  type DoorLimits,
  type Listener,
  type ListenObserver,
  type ListenOptions,
  listen,
  type RefusalNote,
} from '../../src/transports/listen.ts'
import type { CertificateNote } from '../../src/transports/tls.ts'
import { type WebSocketOptions, websocket } from '../../src/transports/websocket.ts'
import type { Accept, Wire } from '../../src/transports/wire.ts'
import { Notes, type Peer, type TransportHarness } from './transport.harness.ts'

export const MIB = 1024 * 1024
const limits: DoorLimits = {
  dryRun: false,
  connections: 100,
  connectionsPerIp: 0,
  connectRate: 0,
  connectBurst: 1,
  connectRatePerIp: 0,
  handshakes: 0,
  handshakeTimeoutMs: 10_000,
}
export const listening: ListenOptions = {
  host: '127.0.0.1',
  port: 0,
  origins: [],
  missingOrigin: true,
  hosts: [],
  trustedProxies: [],
  tls: undefined,
  limits,
}
export const unobserved: ListenObserver = { refused() {}, certificate() {}, failed() {} }
export const options: WebSocketOptions = { path: '/ws', compression: false, maxMessageBytes: MIB, closeMs: 1_000 }

export interface Served extends Pick<Listener, 'address' | 'port' | 'stopAccepting'> {
  readonly notes: Notes[]
  readonly sessions: Wire[]
  readonly refusals: RefusalNote[]
  readonly certificates: CertificateNote[]
  readonly counts: Listener['refusals']['counts']
  connections(): number
  handshakes(): number
  /** Other rules at the door; what is not said is as `listening` has it. */
  adopt(on: On): void
  dispose(): Promise<void>
}

/** ListenOptions of which each may be left out, limits too. */
export interface On extends Partial<Omit<ListenOptions, 'limits'>> {
  readonly limits?: Partial<DoorLimits>
}

/** A listener with one WebSocket endpoint whose sessions take notes. */
export async function serve(
  with_: Partial<WebSocketOptions> = {},
  on: On = {},
  clock: Clock = systemClock,
): Promise<Served> {
  const notes: Notes[] = []
  const sessions: Wire[] = []
  const refusals: RefusalNote[] = []
  const certificates: CertificateNote[] = []
  const mount = websocket({ ...options, ...with_ }, (wire) => {
    sessions.push(wire)
    const note = new Notes()
    notes.push(note)
    return note
  })
  const opened = await listen(
    { ...listening, ...on, limits: { ...limits, ...on.limits } },
    { '/ws': mount },
    {
      refused: (note) => refusals.push(note),
      certificate: (note) => certificates.push(note),
      failed: () => {},
    },
    clock,
  )
  onTestFinished(() => opened[Symbol.asyncDispose]())
  return {
    address: opened.address,
    port: opened.port,
    notes,
    sessions,
    refusals,
    certificates,
    counts: opened.refusals.counts,
    connections: () => opened.connections,
    handshakes: () => opened.handshakes,
    stopAccepting: () => opened.stopAccepting(),
    adopt: (rules) => opened.adopt({ ...listening, ...rules, limits: { ...limits, ...rules.limits } }),
    dispose: () => opened[Symbol.asyncDispose](),
  }
}

export async function listener(
  on: Partial<ListenOptions>,
  mounts: Parameters<typeof listen>[1],
  failures: unknown[],
): Promise<Listener> {
  const observer = { ...unobserved, failed: (cause: unknown) => failures.push(cause) }
  const opened = await listen({ ...listening, ...on }, mounts, observer, systemClock)
  onTestFinished(() => opened[Symbol.asyncDispose]())
  return opened
}

export async function conversation(
  with_: Partial<WebSocketOptions> = {},
  as: ConstructorParameters<typeof WebSocket>[2] = {},
  offered: string[] = [],
): Promise<{ wire: Wire; notes: Notes; client: WebSocket }> {
  const { address, sessions, notes } = await serve(with_)
  const client = new WebSocket(`${address}/ws?token=t`, offered, as)
  await once(client, 'open')
  return { wire: sessions[0]!, notes: notes[0]!, client }
}

export async function closing(client: WebSocket): Promise<{ code: number; reason: string }> {
  client.on('error', () => {})
  const [code, reason] = await once(client, 'close')
  return { code, reason: String(reason) }
}

type Answer = { status: number; headers: IncomingMessage['headers'] }

const HANDSHAKE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
}

export function get(
  address: string,
  path: string,
  headers: Record<string, string> = {},
  localAddress = '127.0.0.1',
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const asked = httpRequest(`${address.replace('ws:', 'http:')}${path}`, { headers, agent: false, localAddress })
  asked.once('error', reject)
  asked.once('response', (response) => {
    response.resume()
    resolve({ status: response.statusCode ?? 0, headers: response.headers })
  })
  asked.once('upgrade', (response, socket) => {
    socket.destroy()
    resolve({ status: response.statusCode ?? 0, headers: response.headers })
  })
  asked.end()
  return promise
}

/** @param from the address of ours to come from */
export function upgrade(
  address: string,
  headers: Record<string, string>,
  path = '/ws',
  from = '127.0.0.1',
): Promise<Answer> {
  return get(address, path, { ...HANDSHAKE, ...headers }, from)
}

/** A bare socket after the handshake. */
export async function raw(address: string): Promise<Socket> {
  const asked = httpRequest(`${address.replace('ws:', 'http:')}/ws`, { headers: HANDSHAKE, agent: false })
  asked.end()
  const [, socket] = await once(asked, 'upgrade')
  socket.on('error', () => {})
  socket.resume()
  return socket
}

export async function harness(with_: Partial<WebSocketOptions>): Promise<TransportHarness> {
  const accepts: Accept[] = []
  const mount = websocket({ ...options, maxMessageBytes: 2 * MIB, ...with_ }, (wire) => accepts.shift()!(wire))
  const opened = await listen(listening, { '/ws': mount }, unobserved, systemClock)
  const clients: WebSocket[] = []
  return {
    closes: true,
    textOnly: false,
    async open(connected) {
      accepts.push(connected)
      const client = new WebSocket(`${opened.address}/ws`)
      clients.push(client)
      const peer = new WebSocketPeer(client)
      await once(client, 'open')
      return peer
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.terminate()
      await opened[Symbol.asyncDispose]()
    },
  }
}

class WebSocketPeer implements Peer {
  readonly received: Buffer[] = []
  closed: Peer['closed']
  readonly #client: WebSocket

  constructor(client: WebSocket) {
    this.#client = client
    client.on('error', () => {})
    client.on('message', (data) => this.received.push(data as Buffer))
    client.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) }
    })
  }

  send(bytes: Buffer): void {
    this.#client.send(bytes)
  }

  stall(): void {
    this.#client.pause()
  }

  proceed(): void {
    this.#client.resume()
  }

  vanish(): void {
    this.#client.terminate()
  }

  leave(): void {
    this.#client.close(1000)
  }
}
