/** `webstomp-client`, over a socket of `ws`. It escapes nothing, and its DISCONNECT does not wait for the RECEIPT. */
import webstomp, { type Frame as WebstompFrame, type Message as WebstompMessage } from 'webstomp-client'
import { WebSocket } from 'ws'
import type { Version } from '../../../src/stomp/version.ts'
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

/** @param binary its option of this name: texts in binary WebSocket messages */
export function webstompClient(version: Version, binary = false): Dialect {
  return {
    name: `webstomp-client in ${version}${binary ? ', binary' : ''}`,
    version,
    escapes: false,
    octets: false,
    reconnects: false,
    leaves: 'at-once',
    async open(url, options = {}) {
      return await admitted(new WebstompDriver(url, version, binary, options))
    },
  }
}

function messageOf(message: WebstompMessage): Message {
  const { headers, body } = message
  return {
    headers,
    body,
    bytes: Buffer.from(body),
    ack: (more) => message.ack(more),
    nack: (more) => message.nack(more),
  }
}

class WebstompDriver implements Client {
  readonly ears = new Ears()
  readonly #socket: WebSocket
  readonly #client: ReturnType<typeof webstomp.over>
  readonly #gone: Promise<void>

  constructor(url: string, version: Version, binary: boolean, { headers = {}, heartBeat = 10_000 }: OpenOptions) {
    const { ears } = this
    this.#socket = new WebSocket(url, [SUBPROTOCOL[version]])
    this.#gone = gone(this.#socket)
    const heartbeat = { outgoing: heartBeat, incoming: heartBeat }
    this.#client = webstomp.over(this.#socket, { binary, heartbeat })
    this.#client.debug = (line: unknown) => {
      if (line === '<<< PONG') ears.heartBeats.put('EOL')
    }
    this.#client.onreceipt = (frame) => ears.hear('RECEIPT', frame)
    // Its types do not know this one, its README does.
    Object.assign(this.#client, { onreceive: (message: WebstompMessage) => ears.strays.put(messageOf(message)) })
    this.#client.connect(
      { ...headers },
      (frame) => ears.hear('CONNECTED', frame!),
      (error) => {
        // ERROR, or the close of the socket
        if ('command' in error) ears.hear('ERROR', error as WebstompFrame)
      },
    )
  }

  send(destination: string, body: string | Buffer, headers?: Record<string, string>): void {
    this.#client.send(destination, body.toString(), headers)
  }

  subscribe(destination: string, headers?: Record<string, string>): Subscription {
    const messages = new Inbox<Message>(`messages of ${destination}`)
    const { unsubscribe } = this.#client.subscribe(destination, (message) => messages.put(messageOf(message)), headers)
    return { messages, unsubscribe: () => unsubscribe() }
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
