/**
 * One HTTP request and its whole answer, or why there is none. To one host and port, over connections that are kept; nothing is followed, asked
 * again or taken from the environment here: no redirects, no proxies, no cookies. Knows no message and no route.
 *
 * Bounds. Time, from the first byte to the last; the answer's body, beyond which the connection is destroyed with whatever is still to come.
 */
import type { IncomingMessage } from 'node:http'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import tls from 'node:tls'
import type { Clock, Timer } from '../../broker/clock.ts'
import { asError } from '../../broker/errors.ts'
import { Gathered } from '../../broker/gathered.ts'
import { tlsFailure } from '../../broker/tls.ts'
import type { BrokerSettings } from './fields.ts'
import type { Head } from './headers.ts'

export interface Request {
  readonly method: 'GET' | 'POST'
  /** As it stands in the request line. */
  readonly path: string
  readonly head: Head
  /** undefined: none. */
  readonly body: Buffer | undefined
}

export interface Answer {
  readonly status: number
  /** Name, value, name, value …; as they came, in Latin-1. */
  readonly headers: readonly string[]
  readonly body: Buffer
}

/**
 * unreachable: there was no connection, and nothing was sent · late · lost: the connection broke, or was ended · stale: so, and it was one that had
 * been idle, and nothing came back · garbage: it is no HTTP · too-long. Of all but the first nobody knows what the handler has done.
 */
export type CallFault = 'unreachable' | 'late' | 'lost' | 'stale' | 'garbage' | 'too-long'

/** No usable answer. */
export class CallError extends Error {
  override readonly name = 'CallError'
  readonly fault: CallFault

  /** @param message for the operator */
  constructor(fault: CallFault, message: string, cause?: Error) {
    super(message, { cause })
    this.fault = fault
  }
}

export interface Call {
  /** Rejects with a CallError. */
  readonly answer: Promise<Answer>
  /** Ends it now. Idempotent. */
  abort(): void
}

export class Caller implements Disposable {
  readonly #settings: BrokerSettings
  readonly #clock: Clock
  readonly #agent: http.Agent

  constructor(settings: BrokerSettings, clock: Clock) {
    this.#settings = settings
    this.#clock = clock
    const { concurrency, keepAliveMs, endpoint } = settings
    // `timeout` is that of idle connections; requests have their own. A backend that ends them first would lose a request that is on its way.
    const options = keepAliveMs === 0 ? {} : { keepAlive: true, timeout: keepAliveMs, maxFreeSockets: concurrency }
    this.#agent = endpoint.secure ? new https.Agent(options) : new http.Agent(options)
  }

  call(request: Request): Call {
    return new Exchange(request, this.#agent, this.#settings, this.#clock)
  }

  /** Whether somebody is there: connects, as a request would, and says nothing. Rejects with a CallError `unreachable`. */
  knock(signal: AbortSignal): Promise<void> {
    const { endpoint, connectTimeoutMs } = this.#settings
    return new Promise((resolve, reject) => {
      const { hostname: host, port, secure } = endpoint
      const socket = secure
        ? tls.connect({ host, port, ...serverName(this.#settings), ...this.#settings.tls })
        : net.connect({ host, port })
      const end = (error?: Error): void => {
        timer.cancel()
        signal.removeEventListener('abort', stop)
        socket.destroy()
        if (error === undefined) resolve()
        else reject(unreachable(error))
      }
      const stop = (): void => end(new Error('the bridge stops'))
      const timer = this.#clock.after(connectTimeoutMs, () => end(lateConnect(connectTimeoutMs)))
      signal.addEventListener('abort', stop, { once: true })
      // Whatever comes after the first of these is nobody's.
      socket.on('error', end)
      socket.once(secure ? 'secureConnect' : 'connect', () => end())
      if (signal.aborted) stop()
    })
  }

  /** Idle connections are closed. */
  [Symbol.dispose](): void {
    this.#agent.destroy()
  }
}

/** What Node would do for a request: an IP address is no server name. */
function serverName({ endpoint: { hostname } }: BrokerSettings): { readonly servername?: string } {
  return net.isIP(hostname) === 0 ? { servername: hostname } : {}
}

function lateConnect(ms: number): Error {
  return new Error(`no connection within ${ms} ms`)
}

function unreachable(cause: Error): CallError {
  const { code } = cause as { readonly code?: unknown }
  const why = tlsFailure(cause) ?? (cause.message !== '' ? cause.message : String(code ?? 'no connection'))
  return new CallError('unreachable', why, cause)
}

class Exchange implements Call {
  readonly #outcome = Promise.withResolvers<Answer>()
  readonly #settings: BrokerSettings
  readonly #request: http.ClientRequest
  readonly #whole: Timer
  readonly #connecting: Timer
  readonly #body = new Gathered()
  #isConnected = false
  /** Something came back. */
  #isAnswered = false
  #isOver = false

  constructor({ method, path, head, body }: Request, agent: http.Agent, settings: BrokerSettings, clock: Clock) {
    this.#settings = settings
    const { endpoint, timeoutMs, connectTimeoutMs } = settings
    const { hostname: host, port, secure } = endpoint
    const options = { agent, host, port, method, path, headers: head, ...settings.tls }
    this.#request = secure ? https.request(options) : http.request(options)
    this.#whole = clock.after(timeoutMs, () => this.#late(timeoutMs))
    this.#connecting = clock.after(connectTimeoutMs, () => {
      if (!this.#isConnected) this.#fail(unreachable(lateConnect(connectTimeoutMs)))
    })
    this.#request
      .on('socket', (socket: net.Socket) => this.#watch(socket))
      .on('response', (response) => this.#answered(response))
      .on('error', (error) => this.#fail(this.#read(error)))
      // Without an answer, and without an error. An answer that has begun has an end of its own, which may come later.
      .on('close', () => {
        if (!this.#isAnswered) this.#fail(new CallError('lost', 'the connection was closed without an answer'))
      })
    this.#request.end(body)
  }

  get answer(): Promise<Answer> {
    return this.#outcome.promise
  }

  abort(): void {
    this.#fail(new CallError(this.#isConnected ? 'lost' : 'unreachable', 'the bridge has ended the request'))
  }

  /** Nothing is sent before the connection is there, TLS included. */
  #watch(socket: net.Socket): void {
    const open = (): void => {
      this.#isConnected = true
      this.#connecting.cancel()
    }
    if (this.#request.reusedSocket) open()
    else socket.once(this.#settings.endpoint.secure ? 'secureConnect' : 'connect', open)
  }

  #answered(response: IncomingMessage): void {
    this.#isAnswered = true
    const { maxAnswerBytes } = this.#settings
    const tooLong = (): void =>
      this.#fail(new CallError('too-long', `the answer is longer than ${maxAnswerBytes} bytes`))
    if (Number(response.headers['content-length']) > maxAnswerBytes) {
      tooLong()
      return
    }
    response.on('data', (chunk: Buffer) => {
      if (this.#body.length + chunk.length > maxAnswerBytes) tooLong()
      else this.#body.add(chunk)
    })
    response.on('error', (error) => this.#fail(this.#read(error)))
    response.on('end', () => {
      if (response.complete) this.#succeed(response)
    })
    response.on('close', () => this.#fail(new CallError('lost', 'the answer has ended too early')))
  }

  #succeed(response: IncomingMessage): void {
    if (this.#isOver) return
    this.#end()
    // A handler that answers before it has read the request may never read the rest.
    if (!this.#request.writableFinished) this.#request.destroy()
    this.#outcome.resolve({ status: response.statusCode!, headers: response.rawHeaders, body: this.#body.take() })
  }

  #late(ms: number): void {
    const text = `no answer within ${ms} ms`
    this.#fail(this.#isConnected ? new CallError('late', text) : unreachable(new Error(text)))
  }

  #fail(error: CallError): void {
    if (this.#isOver) return
    this.#end()
    // What has come is let go at once; what is still to come is never read.
    this.#body.take()
    this.#request.destroy()
    this.#outcome.reject(error)
  }

  #end(): void {
    this.#isOver = true
    this.#whole.cancel()
    this.#connecting.cancel()
  }

  #read(thrown: unknown): CallError {
    const error = asError(thrown)
    if (!this.#isConnected) return unreachable(error)
    const code = String((error as { code?: unknown }).code ?? '')
    if (code.startsWith('HPE_')) return new CallError('garbage', 'the answer is no HTTP', error)
    const isStale = this.#request.reusedSocket && !this.#isAnswered
    return new CallError(isStale ? 'stale' : 'lost', 'the connection broke', error)
  }
}
