/** A SockJS endpoint whose sessions take notes, and clients of it: one that does what sockjs-client does, and bare requests for what it would not do. */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { Agent, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { type Clock, systemClock } from '../../src/broker/clock.ts'
import { type Listener, type ListenOptions, listen, type RefusalNote } from '../../src/transports/listen.ts'
import { type SockjsOptions, sockjs } from '../../src/transports/sockjs/index.ts'
import type { Accept, Wire } from '../../src/transports/wire.ts'
import { Notes, type Peer, type TransportHarness } from './transport.harness.ts'
import { listening, MIB, type On } from './websocket.scene.ts'

const BASE = '/sockjs'
export type Polled = 'xhr' | 'xhr_streaming' | 'eventsource'

export const options: SockjsOptions = {
  clientUrl: '/sockjs.js',
  sticky: false,
  websocket: true,
  compression: false,
  streamBytes: 128 * 1024,
  heartbeatMs: 25_000,
  disconnectDelayMs: 2_000,
  maxMessageBytes: 2 * MIB,
  maxConnectBytes: 2 * MIB,
}

export interface Served extends Pick<Listener, 'port' | 'stopAccepting' | 'whenEmpty'> {
  /** `http://127.0.0.1:PORT/sockjs` */
  readonly url: string
  readonly notes: Notes[]
  readonly wires: Wire[]
  readonly refusals: RefusalNote[]
  connections(): number
  dispose(): Promise<void>
}

/** @param accepted what a session does at its very beginning */
export async function serve(
  with_: Partial<SockjsOptions> = {},
  on: On = {},
  clock: Clock = systemClock,
  accepted: (wire: Wire, notes: Notes) => void = () => {},
): Promise<Served> {
  const notes: Notes[] = []
  const wires: Wire[] = []
  const refusals: RefusalNote[] = []
  const accept: Accept = (wire) => {
    const note = new Notes()
    wires.push(wire)
    notes.push(note)
    accepted(wire, note)
    return note
  }
  const listening_: ListenOptions = { ...listening, ...on, limits: { ...listening.limits, ...on.limits } }
  const observer = { refused: (note: RefusalNote) => refusals.push(note), certificate() {}, failed() {} }
  const services = { [BASE]: sockjs({ ...options, ...with_ }, accept, clock) }
  const opened = await listen(listening_, {}, observer, clock, services)
  onTestFinished(() => opened[Symbol.asyncDispose]())
  return {
    url: `http://127.0.0.1:${opened.port}${BASE}`,
    port: opened.port,
    notes,
    wires,
    refusals,
    connections: () => opened.connections,
    stopAccepting: () => opened.stopAccepting(),
    whenEmpty: () => opened.whenEmpty(),
    dispose: () => opened[Symbol.asyncDispose](),
  }
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Ask {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
  readonly localAddress?: string
}

/** The beginning of an answer. */
export async function begin(url: string, ask: Ask = {}): Promise<IncomingMessage> {
  const { method = 'POST', headers = {}, body, localAddress = '127.0.0.1' } = ask
  const asked = request(url, { method, headers, agent: false, localAddress })
  // Of a body that is not read to its end.
  asked.on('error', () => {})
  asked.end(body)
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  onTestFinished(() => void asked.destroy())
  response.on('error', () => {})
  return response
}

/** The whole of it. */
export async function ask(url: string, of: Ask = {}): Promise<Answer> {
  const response = await begin(url, of)
  const chunks = await response.toArray()
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() }
}

/** A stream that is read frame by frame. */
export class Stream {
  readonly response: IncomingMessage
  #text = ''
  #isOver = false

  static async open(url: string, of: Ask = {}): Promise<Stream> {
    return new Stream(await begin(url, of))
  }

  constructor(response: IncomingMessage) {
    this.response = response
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => {
      this.#text += chunk
    })
    response.on('close', () => {
      this.#isOver = true
    })
  }

  /** What comes up to `end`, and the end; '' when it is over. */
  async read(end = '\n'): Promise<string> {
    while (!this.#text.includes(end) && !this.#isOver) await new Promise((resolve) => setTimeout(resolve, 1))
    const length = this.#text.includes(end) ? this.#text.indexOf(end) + end.length : 0
    const read = this.#text.slice(0, length)
    this.#text = this.#text.slice(length)
    return read
  }

  abort(): void {
    this.response.destroy()
  }
}

/** A session over HTTP that has been opened by a poll. */
export async function session(url: string, of: Ask = {}): Promise<string> {
  const at = `${url}/000/${randomUUID()}`
  await ask(`${at}/xhr`, of)
  return at
}

/** Does what sockjs-client does: asks again when a response is over, and sends one body at a time. */
export class HttpPeer implements Peer {
  readonly received: Buffer[] = []
  closed: Peer['closed']
  readonly #url: string
  readonly #kind: Polled
  readonly #agent = new Agent({ keepAlive: true })
  readonly #outbox: string[] = []
  #receiving: ClientRequest | undefined
  #response: IncomingMessage | undefined
  #isStalled = false
  #isSending = false
  #isGone = false
  #opened: (() => void) | undefined

  constructor(url: string, kind: Polled) {
    this.#url = `${url}/000/${randomUUID()}`
    this.#kind = kind
  }

  open(): Promise<void> {
    this.#receive()
    return new Promise((resolve) => {
      this.#opened = resolve
    })
  }

  send(bytes: Buffer): void {
    this.#outbox.push(JSON.stringify(bytes.toString()))
    if (!this.#isSending) this.#post()
  }

  stall(): void {
    this.#isStalled = true
    this.#response?.pause()
  }

  proceed(): void {
    this.#isStalled = false
    this.#response?.resume()
  }

  vanish(): void {
    this.#end(1006)
    this.#agent.destroy()
  }

  leave(): void {
    this.vanish()
  }

  #end(code: number, reason = ''): void {
    this.#isGone = true
    this.closed ??= { code, reason }
    this.#receiving?.destroy()
    this.#response?.destroy()
  }

  #receive(): void {
    const method = this.#kind === 'eventsource' ? 'GET' : 'POST'
    const asked = request(`${this.#url}/${this.#kind}`, { method, agent: this.#agent })
    this.#receiving = asked
    asked.on('error', () => this.#end(1006))
    asked.on('response', (response: IncomingMessage) => this.#read(response))
    asked.end()
  }

  #read(response: IncomingMessage): void {
    this.#response = response
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => {
      const lines = (text + chunk).split('\n')
      text = lines.pop()!
      for (const line of lines) this.#hear(line.replace(/^data: /, '').replace(/\r$/, ''))
    })
    response.on('error', () => this.#end(1006))
    response.on('end', () => {
      this.#response = undefined
      if (!this.#isGone) this.#receive()
    })
    if (this.#isStalled) response.pause()
  }

  #hear(frame: string): void {
    if (this.#isGone) return
    if (frame === 'o') this.#opened?.()
    if (frame.startsWith('c')) {
      const [code, reason] = JSON.parse(frame.slice(1)) as [number, string]
      this.#end(code, reason)
    }
    if (!frame.startsWith('a')) return
    for (const message of JSON.parse(frame.slice(1)) as string[]) this.received.push(Buffer.from(message))
  }

  #post(): void {
    this.#isSending = false
    if (this.#isGone || this.#outbox.length === 0) return
    this.#isSending = true
    const asked = request(`${this.#url}/xhr_send`, { method: 'POST', agent: this.#agent })
    asked.on('error', () => this.#end(1006))
    asked.on('response', (response: IncomingMessage) => {
      response.resume()
      if (response.statusCode === 204) response.on('end', () => this.#post())
      else this.#end(1006)
    })
    asked.end(`[${this.#outbox.splice(0, 1).join(',')}]`)
  }
}

class SocketPeer implements Peer {
  readonly received: Buffer[] = []
  closed: Peer['closed']
  readonly #client: WebSocket

  constructor(client: WebSocket) {
    this.#client = client
    client.on('error', () => {})
    client.on('message', (data: Buffer) => this.#hear(data.toString()))
    client.on('close', (code, reason) => {
      this.closed ??= { code, reason: String(reason) }
    })
  }

  send(bytes: Buffer): void {
    this.#client.send(`[${JSON.stringify(bytes.toString())}]`)
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

  #hear(frame: string): void {
    if (frame.startsWith('c')) {
      const [code, reason] = JSON.parse(frame.slice(1)) as [number, string]
      this.closed = { code, reason }
    }
    if (!frame.startsWith('a')) return
    for (const message of JSON.parse(frame.slice(1)) as string[]) this.received.push(Buffer.from(message))
  }
}

/** @param url what sockjs-client would be given */
export async function openPeer(url: string, kind: Polled | 'websocket'): Promise<Peer> {
  if (kind === 'websocket') {
    const client = new WebSocket(`${url.replace('http', 'ws')}/000/${randomUUID()}/websocket`)
    const peer = new SocketPeer(client)
    await once(client, 'open')
    return peer
  }
  const peer = new HttpPeer(url, kind)
  await peer.open()
  return peer
}

export async function harness(
  kind: Polled | 'websocket',
  with_: Partial<SockjsOptions> = {},
): Promise<TransportHarness> {
  const accepts: Accept[] = []
  const service = sockjs(
    { ...options, disconnectDelayMs: 1_000, ...with_ },
    (wire) => accepts.shift()!(wire),
    systemClock,
  )
  const observer = { refused() {}, certificate() {}, failed() {} }
  const opened = await listen(listening, {}, observer, systemClock, { [BASE]: service })
  const peers: Peer[] = []
  const url = `http://127.0.0.1:${opened.port}${BASE}`
  return {
    closes: true,
    textOnly: true,
    async open(connected) {
      accepts.push(connected)
      const peer = await openPeer(url, kind)
      peers.push(peer)
      return peer
    },
    async [Symbol.asyncDispose]() {
      for (const peer of peers) peer.vanish()
      await opened[Symbol.asyncDispose]()
    },
  }
}
