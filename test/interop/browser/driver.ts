/** stompjs 7 in a page: the same conversations as in Node, with its client in a real browser. */
import type { Page } from 'playwright-core'
import type { Version } from '../../../src/stomp/version.ts'
import {
  admitted,
  type Client,
  type Dialect,
  Ears,
  type Headers,
  type Message,
  type OpenOptions,
  type Subscription,
} from '../client.ts'
import { sockjsUrl } from '../drivers/sockjs.ts'
import { Inbox } from '../inbox.ts'

const RECONNECT_MS = 50

/** What page.js tells. */
type Told =
  | { event: 'frame'; command: 'CONNECTED' | 'RECEIPT' | 'ERROR'; headers: Headers; body: string }
  | { event: 'message'; subscription: string | undefined; index: number; headers: Headers; octets: number[] }
  | { event: 'EOL' }
  | { event: 'left' }

type Stage = Readonly<Record<string, (...args: unknown[]) => unknown>>

/** @param theater is asked when the tests run */
export function inBrowser(version: Version, theater: () => Theater): Dialect {
  return {
    name: `stompjs 7 in ${version} in Chromium`,
    version,
    escapes: version === '1.2',
    octets: true,
    reconnects: true,
    leaves: 'confirmed',
    open: async (url, options = {}) => await admitted(theater().open(url, version, options)),
  }
}

/** The same over sockjs-client. @param transports that it may use; none = all */
export function inBrowserOverSockjs(transports: readonly string[], theater: () => Theater): Dialect {
  return {
    ...inBrowser('1.2', theater),
    name: `stompjs 7 over sockjs-client (${transports.join(', ') || 'any transport'}) in Chromium`,
    // It makes texts of what it is given.
    octets: false,
    open: async (url, options = {}) => await admitted(theater().open(sockjsUrl(url), '1.2', options, transports)),
  }
}

/** A page and the clients in it. */
export class Theater {
  readonly #page: Page
  readonly #clients = new Map<string, BrowserClient>()

  private constructor(page: Page) {
    this.#page = page
  }

  /** @param url where page.js is loaded from; its origin is what the bridge sees */
  static async build(page: Page, url: string): Promise<Theater> {
    const theater = new Theater(page)
    await page.exposeFunction('tell', (key: string, told: Told) => theater.#clients.get(key)!.told(told))
    await page.goto(url)
    await page.waitForFunction('globalThis.stage !== undefined')
    return theater
  }

  /** @param transports those of sockjs-client; undefined: a plain WebSocket */
  open(url: string, version: Version, options: OpenOptions, transports?: readonly string[]): BrowserClient {
    const key = `client-${this.#clients.size}`
    const client = new BrowserClient(key, this)
    this.#clients.set(key, client)
    const { headers = {}, heartBeat = 10_000, reconnect = false } = options
    const delay = reconnect ? RECONNECT_MS : 0
    void this.say('open', key, url, version, headers, heartBeat, delay, transports ?? null)
    return client
  }

  /** Calls are carried out in the order in which they were made, waited for or not. */
  async say(method: string, ...args: readonly unknown[]): Promise<unknown> {
    return await this.#page.evaluate(
      async ([name, values]) => await (globalThis as unknown as { stage: Stage }).stage[name]!(...values),
      [method, args] as const,
    )
  }
}

export class BrowserClient implements Client {
  readonly ears = new Ears()
  readonly #key: string
  readonly #theater: Theater
  readonly #inboxes = new Map<string, Inbox<Message>>()

  constructor(key: string, theater: Theater) {
    this.#key = key
    this.#theater = theater
  }

  told(told: Told): void {
    switch (told.event) {
      case 'frame':
        this.ears.hear(told.command, { headers: told.headers, body: told.body })
        break
      case 'message': {
        const inbox = this.#inboxes.get(told.subscription ?? '') ?? this.ears.strays
        inbox.put(this.#message(told))
        break
      }
      case 'EOL':
        this.ears.heartBeats.put('EOL')
        break
      case 'left':
        this.ears.left = true
    }
  }

  #message({ index, headers, octets }: Extract<Told, { event: 'message' }>): Message {
    const bytes = Buffer.from(octets)
    return {
      headers,
      body: bytes.toString(),
      bytes,
      ack: (more) => void this.#theater.say('settle', 'ack', index, more),
      nack: (more) => void this.#theater.say('settle', 'nack', index, more),
    }
  }

  /** The transports of sockjs-client that it has used, one for each connection. */
  async used(): Promise<unknown> {
    return await this.#theater.say('used', this.#key)
  }

  send(destination: string, body: string | Buffer, headers: Record<string, string> = {}): void {
    void this.#theater.say('send', this.#key, destination, typeof body === 'string' ? body : [...body], headers)
  }

  subscribe(destination: string, headers: Record<string, string> = {}): Subscription {
    const id = `s${this.#inboxes.size}`
    const messages = new Inbox<Message>(`messages of ${destination}`)
    this.#inboxes.set(id, messages)
    void this.#theater.say('subscribe', this.#key, destination, { ...headers, id })
    return { messages, unsubscribe: () => void this.#theater.say('unsubscribe', this.#key, id) }
  }

  begin(transaction: string): void {
    void this.#theater.say('transact', this.#key, 'begin', transaction)
  }

  commit(transaction: string): void {
    void this.#theater.say('transact', this.#key, 'commit', transaction)
  }

  abort(transaction: string): void {
    void this.#theater.say('transact', this.#key, 'abort', transaction)
  }

  async disconnect(): Promise<void> {
    await this.#theater.say('close', this.#key)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect()
  }
}
