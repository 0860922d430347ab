/**
 * A STOMP client on a bare socket: opened, subscribed, and from then on nothing but a call per frame received. Whatever goes wrong is thrown
 * where nobody catches it, with the client's name: it ends the generator's process, and with it the one measurement.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Target } from '../peers/peer.ts'
import { frame, type Headers, KIND, type Version } from './stomp.ts'
import { MessageReader, mask, OPCODE } from './websocket.ts'

const END_OF_HEAD = '\r\n\r\n'

/**
 * All sockets of a thread are read into it, one after the other: each read is looked at before the next begins, and 5,000 buffers would cost
 * more memory than the servers use. It takes 16 messages of 16 KiB.
 */
const SCRATCH = Buffer.allocUnsafeSlow(288 * 1024)

/** STOMP 1.2, Protocol Negotiation: a 1.0 client has no `accept-version`; it has no heart-beats either. */
const NEGOTIATION: Readonly<Record<Version, Headers>> = {
  '1.0': {},
  '1.1': { 'accept-version': '1.1', 'heart-beat': '0,0' },
  '1.2': { 'accept-version': '1.2', 'heart-beat': '0,0' },
}

const VERSION = /^version:(.+)$/m

export interface Receiver {
  /** A MESSAGE, from `start` to `end` of `bytes`; valid only during the call. */
  message?(bytes: Buffer, start: number, end: number): void
  /** A RECEIPT that `ask` did not wait for; likewise. */
  receipt?(bytes: Buffer, start: number, end: number): void
  /** All frames of one read have been told. */
  pause?(): void
  /** The server closed the connection; without this it is a fault. */
  closed?(): void
}

export class Connection implements Disposable {
  /** Of a fault's text. */
  readonly name: string
  readonly #socket: Socket
  readonly #receiver: Receiver
  readonly #reader = new MessageReader((opcode, bytes, start, end) => this.#read(opcode, bytes, start, end))
  #head: string | undefined = ''
  #answered: ((said: string) => void) | undefined

  /** Connected, and CONNECTED. */
  static async open(
    target: Target,
    name: string,
    receiver: Receiver = {},
    version: Version = '1.2',
  ): Promise<Connection> {
    const connection = new Connection(new URL(target.url), name, receiver)
    await connection.#upgrade(new URL(target.url), version)
    const connected = await connection.#say(frame('CONNECT', { ...NEGOTIATION[version], ...target.connect }))
    const [, agreed = '1.0'] = VERSION.exec(connected) ?? []
    // 1.2 is also said to those that know less and answer what they know
    if (version !== '1.2' && agreed !== version) throw connection.#fault(`STOMP ${agreed} instead of ${version}`)
    return connection
  }

  private constructor({ hostname, port }: URL, name: string, receiver: Receiver) {
    this.name = name
    this.#receiver = receiver
    const callback = (length: number): boolean => {
      this.#data(length)
      return true
    }
    const onread = { buffer: SCRATCH, callback }
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true, onread })
    this.#socket.on('error', (error) => {
      if (receiver.closed === undefined) throw this.#fault(error.message)
    })
    this.#socket.on('close', () => {
      if (receiver.closed === undefined) throw this.#fault('the server closed the connection')
      receiver.closed()
    })
  }

  /** Says a frame and waits for its RECEIPT; one at a time. */
  async ask(command: string, headers: Headers): Promise<void> {
    await this.#say(frame(command, { ...headers, receipt: 'ask' }))
  }

  /** Resolves when the subscription is in force. */
  async subscribe(destination: string, id = 'sub-0', ack = 'auto'): Promise<void> {
    await this.ask('SUBSCRIBE', { id, destination, ack })
  }

  /** Frames that are masked already, in one system call. */
  send(pieces: Iterable<Buffer>): void {
    this.#socket.cork()
    for (const piece of pieces) this.#socket.write(piece)
    this.#socket.uncork()
  }

  /** Nothing is read until `wake`: for the server this client has stalled. */
  stall(): void {
    this.#socket.pause()
  }

  wake(): void {
    this.#socket.resume()
  }

  /** As a browser tab dies: without DISCONNECT. */
  [Symbol.dispose](): void {
    this.#socket.removeAllListeners('close')
    this.#socket.destroy()
  }

  async #upgrade({ host, pathname }: URL, version: Version): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<string>()
    this.#answered = resolve
    await once(this.#socket, 'connect')
    const lines = [
      `GET ${pathname} HTTP/1.1`,
      `Host: ${host}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      `Sec-WebSocket-Protocol: v${version.replace('.', '')}.stomp`,
    ]
    this.#socket.write(lines.join('\r\n') + END_OF_HEAD)
    await promise
  }

  #say(asking: Buffer): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>()
    this.#answered = resolve
    this.#socket.write(asking)
    return promise
  }

  #data(length: number): void {
    if (this.#head === undefined) {
      this.#reader.push(SCRATCH, length)
      this.#receiver.pause?.()
      return
    }
    // No server speaks before CONNECT, so nothing follows the head.
    this.#head += SCRATCH.toString('latin1', 0, length)
    if (!this.#head.includes(END_OF_HEAD)) return
    if (!this.#head.startsWith('HTTP/1.1 101 ')) throw this.#fault(`no WebSocket: ${this.#head}`)
    this.#head = undefined
    this.#answer('')
  }

  #read(opcode: number, bytes: Buffer, start: number, end: number): void {
    const kind = bytes[start]
    // One that may be closed may be told why.
    if (this.#receiver.closed !== undefined && (opcode === OPCODE.close || kind === KIND.error)) return
    if (opcode === OPCODE.ping) this.#socket.write(mask(Buffer.from(bytes.subarray(start, end)), OPCODE.pong))
    else if (opcode !== OPCODE.text && opcode !== OPCODE.binary) throw this.#fault(`the server sent opcode ${opcode}`)
    else if (kind === KIND.message) this.#receiver.message?.(bytes, start, end)
    else if (kind === KIND.receipt && this.#answered === undefined) this.#receiver.receipt?.(bytes, start, end)
    else if (kind === KIND.receipt || kind === KIND.connected) this.#answer(bytes.toString('latin1', start, end))
    // One that may be closed may be told why.
    else if (kind !== KIND.error || this.#receiver.closed === undefined) {
      throw this.#fault(`the server said: ${bytes.toString('utf8', start, end)}`)
    }
  }

  #answer(said: string): void {
    const answered = this.#answered
    this.#answered = undefined
    answered?.(said)
  }

  #fault(text: string): Error {
    return new Error(`${this.name}: ${text}`)
  }
}
