/** `@stomp/stompjs` 7, over the WebSocket that Node has built in as browsers do. */
import {
  type IFrame,
  type IMessage,
  type IStompSocket,
  type StompConfig,
  Client as Stompjs,
  Versions,
} from '@stomp/stompjs'
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

const RECONNECT_MS = 50

/** Something with the methods of a WebSocket, to the bridge that has this address. */
export type SocketFactory = (url: string) => IStompSocket

export function stompjs(version: Version): Dialect {
  return {
    name: `stompjs 7 in ${version}`,
    version,
    // Its sessions in 1.1 do neither.
    escapes: version === '1.2',
    octets: true,
    reconnects: true,
    leaves: 'confirmed',
    async open(url, options = {}) {
      return await admitted(new StompjsDriver(url, version, options))
    },
  }
}

/** What rx-stomp has in common with it. */
export function configuration(url: string, version: Version, options: OpenOptions, ears: Ears) {
  return {
    brokerURL: url,
    stompVersions: new Versions([version]),
    connectHeaders: options.headers ?? {},
    heartbeatIncoming: options.heartBeat ?? 10_000,
    heartbeatOutgoing: options.heartBeat ?? 10_000,
    reconnectDelay: options.reconnect === true ? RECONNECT_MS : 0,
    debug(line: string) {
      if (line === '<<< PONG') ears.heartBeats.put('EOL')
    },
  } satisfies StompConfig
}

export function messageOf(message: IMessage): Message {
  const { headers, body, binaryBody } = message
  return {
    headers,
    body,
    bytes: Buffer.from(binaryBody),
    ack: (more) => message.ack(more),
    nack: (more) => message.nack(more),
  }
}

export class StompjsDriver implements Client {
  readonly ears = new Ears()
  readonly #client: Stompjs
  /** To be made again on each connection: this library leaves it to `onConnect`. */
  readonly #wanted = new Map<string, () => void>()
  #subscriptions = 0

  /** @param socket undefined: a WebSocket */
  constructor(url: string, version: Version, options: OpenOptions, socket?: SocketFactory) {
    const { ears } = this
    this.#client = new Stompjs({
      ...configuration(url, version, options, ears),
      ...(socket === undefined ? {} : { webSocketFactory: () => socket(url) }),
      onConnect: (frame: IFrame) => {
        for (const subscribe of this.#wanted.values()) subscribe()
        ears.hear('CONNECTED', frame)
      },
      onDisconnect: () => {
        ears.left = true
      },
      onStompError: (frame) => ears.hear('ERROR', frame),
      onUnhandledReceipt: (frame) => ears.hear('RECEIPT', frame),
      onUnhandledMessage: (message) => ears.strays.put(messageOf(message)),
    })
    this.#client.activate()
  }

  send(destination: string, body: string | Buffer, headers: Record<string, string> = {}): void {
    const content = typeof body === 'string' ? { body } : { binaryBody: body }
    this.#client.publish({ destination, headers, ...content })
  }

  subscribe(destination: string, headers: Record<string, string> = {}): Subscription {
    const id = `s${++this.#subscriptions}`
    const messages = new Inbox<Message>(`messages of ${destination}`)
    const subscribe = (): void => {
      this.#client.subscribe(destination, (message) => messages.put(messageOf(message)), { ...headers, id })
    }
    this.#wanted.set(id, subscribe)
    subscribe()
    return {
      messages,
      unsubscribe: () => {
        this.#wanted.delete(id)
        this.#client.unsubscribe(id)
      },
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
    await this.#client.deactivate()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect()
  }
}
