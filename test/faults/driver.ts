/**
 * A STOMP client that does as it is told, over a real WebSocket: it may break every rule, stop reading, or vanish without a word. It keeps all
 * that it hears, so that nothing is missed; waiting is bounded.
 */
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { encodeFrame } from '../../src/stomp/encoder.ts'
import { Parser } from '../../src/stomp/parser.ts'
import type { Version } from '../../src/stomp/version.ts'
import { until } from '../support/until.ts'

export type Headers = Readonly<Record<string, string>> | readonly string[]

/** A frame from the bridge; of repeated headers the first. */
export interface Heard {
  readonly command: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** It came in a binary WebSocket message. */
  readonly binary: boolean
}

export interface Closed {
  readonly code: number
  readonly reason: string
}

/** ERROR came where CONNECTED was expected. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly frame: Heard

  constructor(frame: Heard) {
    super(frame.headers.message)
    this.frame = frame
  }
}

/** Milliseconds: more than any hold of a test's own, less than its timeout. */
const PATIENCE_MS = 60_000
const UNBOUNDED = { frameBytes: 1e9, headerBytes: 1e6, headerCount: 1e6 }

export class Client implements AsyncDisposable {
  readonly messages: Heard[] = []
  readonly receipts = new Set<string>()
  readonly errors: Heard[] = []
  connected: Heard | undefined
  closed: Closed | undefined
  /** Hears MESSAGEs in place of `messages`. */
  onMessage: ((message: Heard) => void) | undefined
  readonly #ws: WebSocket
  readonly #version: Version
  readonly #parser = new Parser(UNBOUNDED)
  readonly #asked = new Map<string, PromiseWithResolvers<Heard>>()
  #number = 0

  private constructor(ws: WebSocket, version: Version) {
    this.#ws = ws
    this.#version = version
    ws.on('message', (data, binary) => this.#hear(data as Buffer, binary))
    ws.on('close', (code, reason) => this.#end({ code, reason: reason.toString() }))
    ws.on('error', () => {})
  }

  /**
   * The WebSocket only. Rejects when the upgrade is refused.
   * @param upgrade further headers of the upgrade request
   */
  static async open(url: string, version: Version = '1.2', upgrade: Record<string, string> = {}): Promise<Client> {
    const ws = new WebSocket(url, [`v${version.replace('.', '')}.stomp`], { headers: upgrade })
    // `ws` may read CONNECTED in the same turn as the answer to the upgrade.
    const client = new Client(ws, version)
    await once(ws, 'open')
    return client
  }

  /** And CONNECT. Rejects with Refused. */
  static async connect(
    url: string,
    headers: Record<string, string> = {},
    version: Version = '1.2',
    upgrade: Record<string, string> = {},
  ): Promise<Client> {
    const client = await Client.open(url, version, upgrade)
    client.send('CONNECT', { 'accept-version': version, host: '/', 'heart-beat': '0,0', ...headers })
    await client.until('the answer to CONNECT', () => client.connected !== undefined || client.errors.length > 0)
    const [error] = client.errors
    if (error !== undefined) throw new Refused(error)
    return client
  }

  /** Bytes that the kernel has not yet taken from us. */
  get unsent(): number {
    return this.#ws.bufferedAmount
  }

  send(command: string, headers: Headers = {}, body: string | Buffer = ''): this {
    const list = Array.isArray(headers) ? headers : Object.entries(headers).flat()
    return this.write(encodeFrame(command, list, Buffer.from(body), this.#version))
  }

  /** One WebSocket message with these octets. */
  write(octets: string | Buffer): this {
    this.#ws.send(octets)
    return this
  }

  /** With a receipt of its own; resolves with the RECEIPT or the ERROR that answers it. Rejects when the connection ends first. */
  ask(command: string, headers: Headers = {}, body: string | Buffer = ''): Promise<Heard> {
    const receipt = `ask-${++this.#number}`
    const answer = Promise.withResolvers<Heard>()
    if (this.closed === undefined) this.#asked.set(receipt, answer)
    else answer.reject(new Error(`${command} after the connection had ended`))
    const list = Array.isArray(headers) ? headers : Object.entries(headers).flat()
    this.send(command, ['receipt', receipt, ...list], body)
    return answer.promise
  }

  /** As `ask`, and rejects when the answer is an ERROR. */
  async do(command: string, headers: Headers = {}, body: string | Buffer = ''): Promise<Heard> {
    const answer = await this.ask(command, headers, body)
    if (answer.command === 'ERROR') throw new Error(`${command}: ${answer.headers['bridge-code']}: ${answer.body}`)
    return answer
  }

  /** Without a receipt. */
  ack(message: Heard, command: 'ACK' | 'NACK' = 'ACK'): void {
    this.send(command, acknowledging(message, this.#version))
  }

  /** With one. */
  async acks(message: Heard): Promise<Heard> {
    return await this.do('ACK', acknowledging(message, this.#version))
  }

  /** The `count`-th MESSAGE. */
  async message(count = 1): Promise<Heard> {
    await this.until(`${count} messages`, () => this.messages.length >= count)
    return this.messages[count - 1]!
  }

  /** Reads nothing more from the socket: the kernel's buffers fill, then the bridge's. */
  stopReading(): void {
    this.#ws.pause()
  }

  readAgain(): void {
    this.#ws.resume()
  }

  /** No DISCONNECT, no close frame: a page that was reloaded. */
  vanish(): void {
    this.#ws.terminate()
  }

  /** A close frame with a reason of the client's own. */
  leave(code: number, reason: string): void {
    this.#ws.close(code, reason)
  }

  async gone(ms = PATIENCE_MS): Promise<Closed> {
    await until('the end of the connection', () => this.closed !== undefined, ms)
    return this.closed!
  }

  /** Rejects when the connection ends before it holds, unless that is what is waited for. */
  async until(what: string, holds: () => boolean, ms = PATIENCE_MS): Promise<void> {
    await until(what, () => holds() || this.closed !== undefined, ms)
    if (holds()) return
    throw new Error(`the connection ended with ${this.closed!.code} before ${what}: ${this.errors.at(-1)?.body ?? ''}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.vanish()
    await this.gone()
  }

  #hear(data: Buffer, binary: boolean): void {
    this.#parser.push(data)
    for (let frame = this.#parser.next(); frame !== undefined; frame = this.#parser.next()) {
      const { command, headers: list, body } = frame
      const headers: Record<string, string> = Object.create(null)
      for (let at = 0; at < list.length; at += 2) headers[list[at]!] ??= list[at + 1]!
      this.#sort({ command, headers, body, binary })
    }
  }

  #sort(heard: Heard): void {
    const { command, headers } = heard
    const receipt = headers['receipt-id']
    if (command === 'MESSAGE' && this.onMessage === undefined) this.messages.push(heard)
    else if (command === 'MESSAGE') this.onMessage!(heard)
    else if (command === 'RECEIPT') this.receipts.add(receipt!)
    else if (command === 'ERROR') this.errors.push(heard)
    else if (command === 'CONNECTED') {
      this.connected = heard
      this.#parser.version = this.#version
    }
    if (receipt === undefined) return
    this.#asked.get(receipt)?.resolve(heard)
    this.#asked.delete(receipt)
  }

  #end(closed: Closed): void {
    this.closed = closed
    for (const { reject } of this.#asked.values()) reject(new Error(`the connection ended with ${closed.code}`))
    this.#asked.clear()
  }
}

function acknowledging({ headers }: Heard, version: Version): Record<string, string> {
  if (version === '1.2') return { id: headers.ack! }
  return { 'message-id': headers['message-id']!, subscription: headers.subscription! }
}

export function bodies(messages: readonly Heard[]): string[] {
  return messages.map(({ body }) => body.toString())
}
