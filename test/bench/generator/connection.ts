/**
 * A STOMP client on a bare socket: opened, subscribed, and from then on nothing but a call per frame received. Whatever goes wrong is thrown
 * where nobody catches it: it ends the generator's process, and with it the one measurement.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Target } from '../peers/peer.ts'
import { frame, KIND } from './stomp.ts'
import { MessageReader, mask, OPCODE } from './websocket.ts'

const CHUNK = 64 * 1024
const END_OF_HEAD = '\r\n\r\n'

export interface Receiver {
  /** A MESSAGE, from `start` to `end` of `bytes`; valid only during the call. */
  message?(bytes: Buffer, start: number, end: number): void
  /** A RECEIPT that `ask` did not wait for. */
  receipt?(): void
  /** All frames of one read have been told. */
  pause?(): void
}

export class Connection implements Disposable {
  readonly #socket: Socket
  readonly #receiver: Receiver
  readonly #reader = new MessageReader((opcode, bytes, start, end) => this.#read(opcode, bytes, start, end))
  #head: string | undefined = ''
  #answered: (() => void) | undefined

  /** Connected, and CONNECTED. */
  static async open(target: Target, receiver: Receiver): Promise<Connection> {
    const connection = new Connection(new URL(target.url), receiver)
    await connection.#upgrade(new URL(target.url))
    await connection.ask('CONNECT', { 'accept-version': '1.2', 'heart-beat': '0,0', ...target.connect })
    return connection
  }

  private constructor({ hostname, port }: URL, receiver: Receiver) {
    this.#receiver = receiver
    const buffer = Buffer.allocUnsafe(CHUNK)
    const callback = (length: number): boolean => {
      this.#data(buffer.subarray(0, length))
      return true
    }
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true, onread: { buffer, callback } })
    this.#socket.on('close', () => {
      throw new Error('the server closed a connection')
    })
  }

  /** Says a frame and waits for its CONNECTED or RECEIPT. */
  ask(command: string, headers: Readonly<Record<string, string>>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#answered = resolve
    this.#socket.write(frame(command, command === 'CONNECT' ? headers : { ...headers, receipt: 'ask' }))
    return promise
  }

  /** Frames that are masked already, in one system call. */
  send(pieces: Iterable<Buffer>): void {
    this.#socket.cork()
    for (const piece of pieces) this.#socket.write(piece)
    this.#socket.uncork()
  }

  [Symbol.dispose](): void {
    this.#socket.removeAllListeners('close')
    this.#socket.destroy()
  }

  async #upgrade({ host, pathname }: URL): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#answered = resolve
    await once(this.#socket, 'connect')
    const lines = [
      `GET ${pathname} HTTP/1.1`,
      `Host: ${host}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      'Sec-WebSocket-Protocol: v12.stomp',
    ]
    this.#socket.write(lines.join('\r\n') + END_OF_HEAD)
    await promise
  }

  #data(chunk: Buffer): void {
    if (this.#head === undefined) {
      this.#reader.push(chunk)
      this.#receiver.pause?.()
      return
    }
    // No server speaks before CONNECT, so nothing follows the head.
    this.#head += chunk.toString('latin1')
    if (!this.#head.includes(END_OF_HEAD)) return
    if (!this.#head.startsWith('HTTP/1.1 101 ')) throw new Error(`no WebSocket: ${this.#head}`)
    this.#head = undefined
    this.#answer()
  }

  #read(opcode: number, bytes: Buffer, start: number, end: number): void {
    if (opcode === OPCODE.ping) {
      this.#socket.write(mask(Buffer.from(bytes.subarray(start, end)), OPCODE.pong))
      return
    }
    const kind = bytes[start]
    if (kind === KIND.message) this.#receiver.message?.(bytes, start, end)
    else if (kind === KIND.receipt && this.#answered === undefined) this.#receiver.receipt?.()
    else if (kind === KIND.receipt || kind === KIND.connected) this.#answer()
    else throw new Error(`the server said: ${bytes.toString('utf8', start, end)}`)
  }

  #answer(): void {
    const answered = this.#answered
    this.#answered = undefined
    answered?.()
  }
}
