/**
 * The old `stompjs` 2.3.3, over a socket of `ws`: still in many pages. It escapes nothing, knows no 1.2, sends no header with UNSUBSCRIBE, and
 * its DISCONNECT does not wait for the RECEIPT.
 */
import Stomp, { type Stompjs2Client, type Stompjs2Frame, type Stompjs2Message } from 'stompjs'
import { WebSocket } from 'ws'
import {
  admitted,
  type Client,
  type Dialect,
  Ears,
  type Message,
  type OpenOptions,
  type Subscription,
} from '../client.ts'
import { Inbox } from '../inbox.ts'
import { gone, SUBPROTOCOL } from './socket.ts'

export function stompjs2(version: '1.0' | '1.1'): Dialect {
  return {
    name: `stompjs 2.3.3 in ${version}`,
    version,
    escapes: false,
    octets: false,
    reconnects: false,
    leaves: 'at-once',
    async open(url, options = {}) {
      // Which versions it offers is a function of the library, not of a client. It is asked when the socket is open.
      Stomp.VERSIONS.supportedVersions = () => version
      return await admitted(new Stompjs2Driver(url, version, options))
    },
  }
}

function messageOf(message: Stompjs2Message): Message {
  const { headers, body } = message
  return {
    headers,
    body,
    bytes: Buffer.from(body),
    ack: (more) => message.ack(more),
    nack: (more) => message.nack(more),
  }
}

class Stompjs2Driver implements Client {
  readonly ears = new Ears()
  readonly #socket: WebSocket
  readonly #client: Stompjs2Client
  readonly #gone: Promise<void>

  constructor(url: string, version: '1.0' | '1.1', { headers = {}, heartBeat = 10_000 }: OpenOptions) {
    const { ears } = this
    this.#socket = new WebSocket(url, [SUBPROTOCOL[version]])
    this.#gone = gone(this.#socket)
    this.#client = Stomp.over(this.#socket)
    this.#client.heartbeat = { outgoing: heartBeat, incoming: heartBeat }
    this.#client.debug = (line) => {
      if (line === '<<< PONG') ears.heartBeats.put('EOL')
    }
    this.#client.onreceipt = (frame) => ears.hear('RECEIPT', frame)
    this.#client.onreceive = (message) => ears.strays.put(messageOf(message))
    const failed = (error: Stompjs2Frame | string): void => {
      // ERROR, or the text "Whoops! Lost connection"
      if (typeof error !== 'string') ears.hear('ERROR', error)
    }
    this.#client.connect({ ...headers }, (frame) => ears.hear('CONNECTED', frame), failed)
  }

  send(destination: string, body: string | Buffer, headers: Record<string, string> = {}): void {
    // It writes into the object it is given.
    this.#client.send(destination, { ...headers }, body.toString())
  }

  subscribe(destination: string, headers: Record<string, string> = {}): Subscription {
    const messages = new Inbox<Message>(`messages of ${destination}`)
    return {
      ...this.#client.subscribe(destination, (message) => messages.put(messageOf(message)), { ...headers }),
      messages,
    }
  }

  begin(transaction: string): void {
    this.#client.begin(transaction)
  }

  commit(transaction: string): void {
    this.#client.commit(transaction)
  }

  abort(transaction: string): void {
    this.#client.abort(transaction)
  }

  async disconnect(): Promise<void> {
    if (this.#socket.readyState === WebSocket.OPEN) this.#client.disconnect()
    await this.#gone
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect()
  }
}
