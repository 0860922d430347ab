/**
 * Where a conversation is held: a bridge in front of one broker, clients that leave when it is over, names that nobody else uses; and the
 * sentences that many conversations have in common.
 */
import { randomUUID } from 'node:crypto'
import type { TestBridge } from '../support/bridge.ts'
import type { Client, Dialect, Frame, Message, OpenOptions, Subscription } from './client.ts'
import { stompjs } from './drivers/stompjs.ts'

/** A broker and the bridges in front of it. */
export interface Place {
  /** What a user would write to use it. */
  readonly yaml: string
  /** The one that most conversations share. */
  readonly bridge: TestBridge
}

export interface Conversation {
  /** What it shows. */
  readonly name: string
  /** Which clients can hold it; undefined: all. */
  readonly needs?: (dialect: Dialect) => boolean
  hold(scene: Scene): Promise<void>
}

export class Scene implements AsyncDisposable {
  readonly dialect: Dialect
  readonly place: Place
  readonly #clients: Client[] = []
  #receipts = 0

  constructor(dialect: Dialect, place: Place) {
    this.dialect = dialect
    this.place = place
  }

  /** A client of the library that is tried. */
  async client(options: OpenOptions = {}, url = this.place.bridge.url): Promise<Client> {
    return this.#keep(await this.dialect.open(url, options))
  }

  /** The other side: stompjs 7 in 1.2, which says and hears everything. */
  async witness(url = this.place.bridge.url): Promise<Client> {
    return this.#keep(await stompjs('1.2').open(url))
  }

  #keep(client: Client): Client {
    this.#clients.push(client)
    return client
  }

  queue(): string {
    return `/queue/interop-${randomUUID()}`
  }

  topic(): string {
    return `/topic/interop-${randomUUID()}`
  }

  /** A receipt id that no other frame has. */
  receipt(): string {
    return `r-${++this.#receipts}`
  }

  /** SEND, and its RECEIPT. */
  async sends(
    client: Client,
    destination: string,
    body: string | Buffer,
    headers: Record<string, string> = {},
  ): Promise<Frame> {
    const receipt = this.receipt()
    client.send(destination, body, { ...headers, receipt })
    return await client.ears.receipt(receipt)
  }

  /** SUBSCRIBE, and its RECEIPT. */
  async subscribes(client: Client, destination: string, headers: Record<string, string> = {}): Promise<Subscription> {
    const receipt = this.receipt()
    const subscription = client.subscribe(destination, { ...headers, receipt })
    await client.ears.receipt(receipt)
    return subscription
  }

  /** ACK, and its RECEIPT. */
  async acks(client: Client, message: Message, headers: Record<string, string> = {}): Promise<void> {
    const receipt = this.receipt()
    message.ack({ ...headers, receipt })
    await client.ears.receipt(receipt)
  }

  /** NACK, and its RECEIPT. */
  async nacks(client: Client, message: Message, headers: Record<string, string> = {}): Promise<void> {
    const receipt = this.receipt()
    message.nack({ ...headers, receipt })
    await client.ears.receipt(receipt)
  }

  /** What a queue holds, in order, taken out of it by the witness: all up to an end mark that is put behind it. */
  async leftIn(queue: string): Promise<Message[]> {
    const witness = await this.witness()
    await this.sends(witness, queue, END)
    const { messages } = await this.subscribes(witness, queue)
    await messages.find('the end mark', ({ body }) => body === END)
    await witness.disconnect()
    return messages.all.filter(({ body }) => body !== END)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients.splice(0).reverse()) await client[Symbol.asyncDispose]()
  }
}

const END = 'nothing is behind this'

export function bodies(messages: readonly Message[]): string[] {
  return messages.map(({ body }) => body)
}
