/**
 * A STOMP client library as the conversations see it: what they may say to it, what it tells them, what it cannot do. Each library has a
 * driver of its own in drivers/, which adds nothing to it: what the library leaves out is said here, not mended there.
 */
import type { Version } from '../../src/stomp/version.ts'
import { Inbox } from './inbox.ts'

export type Headers = Readonly<Record<string, string | undefined>>

/** CONNECTED, RECEIPT or ERROR. */
export interface Frame {
  readonly headers: Headers
  readonly body: string
}

export interface Message extends Frame {
  /** The body's octets; of a client that has only texts, those of the text. */
  readonly bytes: Buffer
  /** By the library's own method, which knows which header the version wants. */
  ack(headers?: Record<string, string>): void
  nack(headers?: Record<string, string>): void
}

/** A library in one STOMP version. */
export interface Dialect {
  readonly name: string
  readonly version: Version
  /** Escapes and unescapes header values, as 1.1 and 1.2 want it. */
  readonly escapes: boolean
  /** Sends and receives octets, not only texts. */
  readonly octets: boolean
  /** Connects again by itself. */
  readonly reconnects: boolean
  /** DISCONNECT: waits for its RECEIPT, or closes the socket behind it. */
  readonly leaves: 'confirmed' | 'at-once'
  /** Resolves with CONNECTED; rejects with `Refused` when ERROR comes instead. */
  open(url: string, options?: OpenOptions): Promise<Client>
}

export interface OpenOptions {
  /** Further headers of CONNECT. */
  readonly headers?: Record<string, string>
  /** Milliseconds, both ways. */
  readonly heartBeat?: number
  /** Only for those that can. */
  readonly reconnect?: boolean
}

export interface Client extends AsyncDisposable {
  readonly ears: Ears
  send(destination: string, body: string | Buffer, headers?: Record<string, string>): void
  subscribe(destination: string, headers?: Record<string, string>): Subscription
  begin(transaction: string): void
  commit(transaction: string): void
  abort(transaction: string): void
  /** Says DISCONNECT, and resolves when the connection is closed. */
  disconnect(): Promise<void>
  /** As `disconnect`, when it is still connected. */
  [Symbol.asyncDispose](): Promise<void>
}

export interface Subscription {
  readonly messages: Inbox<Message>
  unsubscribe(): void
}

/** Where a driver puts all that its library tells. */
export class Ears {
  /** One for each connection. */
  readonly connected = new Inbox<Frame>('CONNECTED')
  readonly receipts = new Inbox<Frame>('RECEIPT')
  readonly errors = new Inbox<Frame>('ERROR')
  /** Messages whose subscription the library does not know: answers to a temp-queue. */
  readonly strays = new Inbox<Message>('messages to no subscription')
  readonly heartBeats = new Inbox<'EOL'>('heart-beats')
  /** The RECEIPT of DISCONNECT has come; only where the library tells. */
  left = false
  readonly #answers = new Inbox<{ command: 'CONNECTED' | 'ERROR'; frame: Frame }>('answers to CONNECT')

  /** The headers of the first CONNECTED. */
  get session(): Headers {
    return this.connected.all[0]!.headers
  }

  /** Resolves when this RECEIPT has come; `nth`: it was asked for more than once. */
  async receipt(id: string, nth = 1): Promise<Frame> {
    return await this.receipts.find(`receipt ${id}`, ({ headers }) => headers['receipt-id'] === id, nth)
  }

  /** A frame that is no MESSAGE. */
  hear(command: 'CONNECTED' | 'RECEIPT' | 'ERROR', frame: Frame): void {
    if (command === 'RECEIPT') this.receipts.put(frame)
    else this.#answers.put({ command, frame })
    if (command === 'CONNECTED') this.connected.put(frame)
    if (command === 'ERROR') this.errors.put(frame)
  }

  /** Resolves with CONNECTED, rejects with `Refused`: the answer to CONNECT has come. */
  async admitted(): Promise<void> {
    const { command, frame } = await this.#answers.next()
    if (command === 'ERROR') throw new Refused(frame)
  }
}

/** The end of a driver's `open`. */
export async function admitted<C extends Client>(client: C): Promise<C> {
  try {
    await client.ears.admitted()
    return client
  } catch (error) {
    await client.disconnect()
    throw error
  }
}

/** ERROR came where CONNECTED was expected. */
class Refused extends Error {
  override readonly name = 'Refused'
  readonly frame: Frame

  constructor(frame: Frame) {
    super(frame.headers.message ?? 'refused')
    this.frame = frame
  }
}
