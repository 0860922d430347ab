/**
 * A backend of a test's own: a real HTTP server on loopback that answers as the test says and remembers what it was asked, and the flow that takes the
 * answers. So a conversation with handlers can be read from both ends.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { HttpTarget } from '../../src/adapters/http/index.ts'
import { type HttpBroker, httpBroker } from '../../src/adapters/http/index.ts'
import type { Link, Principal, PublishOptions, Route } from '../../src/broker/broker.ts'
import { type Clock, systemClock } from '../../src/broker/clock.ts'
import type { Flow, FlowOrigin } from '../../src/broker/flow.ts'
import { type Message, Properties } from '../../src/broker/message.ts'
import { type BrokerObserver, silentBrokerObserver } from '../../src/broker/observer.ts'
import type { Issued } from './certificates.ts'
import { RecordingSink } from './sink.ts'
import { until } from './until.ts'

export interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export type Handle = (request: Asked, response: ServerResponse, raw: IncomingMessage) => unknown

export class Handlers implements AsyncDisposable {
  readonly asked: Asked[] = []
  /** Requests whose body has come and whose answer has not. */
  waiting = 0
  mostWaiting = 0
  /** Connections that were ever made. */
  connections = 0
  handle: Handle
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(handle: Handle, tls: Issued | undefined) {
    this.handle = handle
    const listener = (raw: IncomingMessage, response: ServerResponse): void => void this.#take(raw, response)
    this.#server =
      tls === undefined ? createServer(listener) : createSecureServer({ key: tls.key, cert: tls.cert }, listener)
    this.#server.on('connection', (socket: Socket) => {
      this.connections++
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  /** @param handle how it answers; 204 when left out */
  static async listen(
    handle: Handle = (_, response) => response.writeHead(204).end(),
    port = 0,
    tls?: Issued,
  ): Promise<Handlers> {
    const handlers = new Handlers(handle, tls)
    await new Promise<void>((resolve) => handlers.#server.listen(port, '127.0.0.1', resolve))
    return handlers
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Connections that are open. */
  get open(): number {
    return this.#sockets.size
  }

  get bodies(): readonly string[] {
    return this.asked.map(({ body }) => body)
  }

  async #take(raw: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of raw) chunks.push(chunk as Buffer)
    } catch {
      return
    }
    const request = { method: raw.method!, url: raw.url!, headers: raw.headers, body: Buffer.concat(chunks).toString() }
    this.asked.push(request)
    this.waiting++
    this.mostWaiting = Math.max(this.mostWaiting, this.waiting)
    response.once('close', () => this.waiting--)
    this.handle(request, response, raw)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

export interface Flowed {
  readonly destination: string
  readonly body: string
  readonly headers: readonly string[]
  readonly properties: Properties
  readonly from: FlowOrigin
}

/** Takes everything, unless the test refuses it. */
export class RecordingFlow implements Flow {
  readonly published: Flowed[] = []
  readonly replied: Flowed[] = []
  /** Settles what is published; at once when left out. */
  confirm: (destination: string) => Promise<void> = async () => {}
  /** Whether the sender is there. */
  isThere = true

  publish(destination: string, message: Message, from: FlowOrigin): Promise<void> {
    this.published.push(flowed(destination, message, from))
    return this.confirm(destination)
  }

  reply(destination: string, message: Message, from: FlowOrigin): boolean {
    this.replied.push(flowed(destination, message, from))
    return this.isThere
  }

  /** `destination body`, in order. */
  get said(): readonly string[] {
    return this.published.map(({ destination, body }) => `${destination} ${body}`)
  }
}

function flowed(destination: string, { body, headers, properties }: Message, from: FlowOrigin): Flowed {
  return { destination, body: body.toString(), headers, properties, from }
}

export const ANN: Principal = { name: 'ann', session: 'session-1', credentials: undefined }
export const OPTIONS: PublishOptions = { receipt: true, holdMs: 5_000, resend: true, arguments: undefined }

export interface Stage extends AsyncDisposable {
  readonly broker: HttpBroker
  readonly flow: RecordingFlow
  /** What the operator was warned of, and `up`, `down` … as they came. */
  readonly heard: string[]
  /** A route, of `/app/{path+}` when nothing else is said. */
  route(options?: Readonly<Record<string, unknown>>, names?: readonly string[]): Route<HttpTarget>
  target(path: string, options?: Readonly<Record<string, unknown>>): HttpTarget
  link(who?: Principal): Promise<Link<HttpTarget>>
}

/** A broker in front of `url`, started. */
export async function stage(
  url: string,
  options: Readonly<Record<string, unknown>> = {},
  clock: Clock = systemClock,
): Promise<Stage> {
  const flow = new RecordingFlow()
  const heard: string[] = []
  const observer: BrokerObserver = {
    ...silentBrokerObserver,
    health: (_, { state }) => void heard.push(state),
    warning: (_, text) => void heard.push(text),
  }
  const broker = httpBroker('backend', { url, ...options }, { observer, clock, flow })
  await broker.start(new AbortController().signal)
  const route: Stage['route'] = (given = {}, names = ['path']) =>
    broker.route({ destination: '/app/{path+}', ...given }, names)
  return {
    ...{ broker, flow, heard, route },
    target: (path, given) => route(given).target(Object.assign(Object.create(null), { path })),
    link: (who = ANN) => broker.link(who, new RecordingSink(), new AbortController().signal),
    [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
  }
}

export function message(body = '', headers: readonly string[] = [], properties: Partial<Properties> = {}): Message {
  return { body: Buffer.from(body), headers, properties: Object.assign(new Properties(), properties) }
}

/** The `code` that a promise is rejected with; `none` when it is not. */
export function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: { code?: string }) => error.code ?? String(error),
  )
}

export function waitingFor(handlers: Handlers, count: number): Promise<void> {
  return until(`${count} requests that wait`, () => handlers.waiting === count)
}
