/** `@stomp/rx-stomp`: stompjs behind observables, which come back by themselves after a reconnection. */
import { RxStomp } from '@stomp/rx-stomp'
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
import { configuration, messageOf } from './stompjs.ts'

export function rxStomp(version: Version): Dialect {
  return {
    name: `rx-stomp in ${version}`,
    version,
    escapes: version === '1.2',
    octets: true,
    reconnects: true,
    leaves: 'confirmed',
    async open(url, options = {}) {
      return await admitted(new RxStompDriver(url, version, options))
    },
  }
}

class RxStompDriver implements Client {
  readonly ears = new Ears()
  readonly #rx = new RxStomp()

  constructor(url: string, version: Version, options: OpenOptions) {
    const { ears } = this
    this.#rx.configure(configuration(url, version, options, ears))
    this.#rx.serverHeaders$.subscribe((headers) => ears.hear('CONNECTED', { headers, body: '' }))
    this.#rx.stompErrors$.subscribe((frame) => ears.hear('ERROR', frame))
    this.#rx.unhandledMessage$.subscribe((message) => ears.strays.put(messageOf(message)))
    this.#rx.unhandledReceipts$.subscribe((frame) => ears.hear('RECEIPT', frame))
    this.#rx.stompClient.onDisconnect = () => {
      ears.left = true
    }
    this.#rx.activate()
  }

  send(destination: string, body: string | Buffer, headers: Record<string, string> = {}): void {
    const { receipt } = headers
    if (receipt !== undefined) this.#rx.watchForReceipt(receipt, (frame) => this.ears.hear('RECEIPT', frame))
    const content = typeof body === 'string' ? { body } : { binaryBody: body }
    this.#rx.publish({ destination, headers, ...content })
  }

  subscribe(destination: string, headers: Record<string, string> = {}): Subscription {
    const messages = new Inbox<Message>(`messages of ${destination}`)
    const watching = this.#rx
      .watch({ destination, subHeaders: headers })
      .subscribe((message) => messages.put(messageOf(message)))
    return { messages, unsubscribe: () => watching.unsubscribe() }
  }

  begin(transaction: string): void {
    this.#rx.stompClient.begin(transaction)
  }

  commit(transaction: string): void {
    this.#rx.stompClient.commit(transaction)
  }

  abort(transaction: string): void {
    this.#rx.stompClient.abort(transaction)
  }

  async disconnect(): Promise<void> {
    await this.#rx.deactivate()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect()
  }
}
