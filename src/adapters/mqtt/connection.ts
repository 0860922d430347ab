/**
 * One MQTT connection that comes back by itself: exponential backoff with jitter, for ever, until it is closed. Each attempt is a client of its
 * own with the library's reconnecting, resubscribing and queueing turned off: what such a client holds dies with its connection, so nothing
 * of one connection can leak into the next. Knows neither topics nor who waits for what.
 */
import { Socket } from 'node:net'
import { connect, type IClientOptions, type IConnackPacket, type IPublishPacket, type MqttClient } from 'mqtt'
import type { Clock, Timer } from '../../broker/clock.ts'
import { type Disposition, intercept } from './deferred.ts'
import { reasonOf, reasonText } from './failure.ts'
import type { BrokerSettings } from './fields.ts'

export interface ConnectionEvents {
  /** Connected and logged in; also after every recovery. */
  up(client: MqttClient, connack: IConnackPacket): void
  /** It was up. */
  lost(cause: Error): void
  /** An attempt has failed; the next is scheduled after this returns. */
  failed?(cause: Error): void
  /** A PUBLISH. After a resumed session it may come before `up`. */
  received(packet: IPublishPacket, client: MqttClient): Disposition
  /** It was closed by its owner. */
  closed?(): void
}

export interface ConnectionOptions {
  readonly clientId: string
  /** The broker forgets what it kept under this client id. */
  readonly clean: boolean
  /** Seconds the broker keeps the session after the connection; 0 = not at all. MQTT 5. */
  readonly expirySeconds: number
  /** Unacknowledged messages that the broker may send, 1 … 65,535. MQTT 5. */
  readonly receiveMaximum: number
  readonly will?: IClientOptions['will']
}

/** A connection that lasted shorter counts as a failed attempt: a broker that accepts and drops must not be hammered. */
const PROVED_MS = 5_000
/** Milliseconds for DISCONNECT to leave. */
const GOODBYE_MS = 1_000

/** The connection was ended by a DISCONNECT or CONNACK with this reason. */
export class ReasonError extends Error {
  override readonly name = 'ReasonError'
  readonly code: number

  constructor(code: number) {
    super(reasonText(code))
    this.code = code
  }
}

export class Connection {
  readonly clientId: string
  readonly #settings: BrokerSettings
  readonly #options: ConnectionOptions
  readonly #clock: Clock
  readonly #events: ConnectionEvents
  #client: MqttClient | undefined
  #isUp = false
  #upSince = 0
  #attempts = 0
  #isRenewing = false
  #retry: Timer | undefined
  #closed = false
  #first: PromiseWithResolvers<void> | undefined

  constructor(settings: BrokerSettings, options: ConnectionOptions, clock: Clock, events: ConnectionEvents) {
    this.clientId = options.clientId
    this.#settings = settings
    this.#options = options
    this.#clock = clock
    this.#events = events
  }

  /** The client of the connection that stands; undefined while there is none. */
  get client(): MqttClient | undefined {
    return this.#isUp ? this.#client : undefined
  }

  /** Begins; resolves when the first attempt has ended, one way or the other. Called again, the same answer. */
  start(): Promise<void> {
    if (this.#first === undefined) {
      this.#first = Promise.withResolvers()
      this.#attempt()
    }
    return this.#first.promise
  }

  /** Leaves politely, what was written still arrives, and connects again at once: what was not acknowledged comes again. */
  renew(): void {
    this.#isRenewing = true
    this.#client?.end()
  }

  /**
   * No event comes after the call. Resolves when the DISCONNECT has left, or nobody is there to take it. Idempotent.
   * @param forget the broker drops the session, whatever its expiry (MQTT 5)
   */
  async close(forget: boolean): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#events.closed?.()
    this.#retry?.cancel()
    this.#first?.resolve()
    const client = this.#client
    if (client === undefined) return
    if (!this.#isUp) {
      client.end(true)
      return
    }
    this.#isUp = false
    await this.#goodbye(client, forget)
  }

  #goodbye(client: MqttClient, forget: boolean): Promise<void> {
    const { protocol } = this.#settings
    const farewell = protocol === 5 && forget ? { properties: { sessionExpiryInterval: 0 } } : {}
    return new Promise((resolve) => {
      const timer = this.#clock.after(GOODBYE_MS, () => {
        client.stream.destroy()
        resolve()
      })
      client.end(false, farewell, () => {
        timer.cancel()
        resolve()
      })
    })
  }

  #attempt(): void {
    const client = connect(this.#clientOptions())
    let cause: Error | undefined
    this.#client = client
    intercept(client, (packet) => (this.#closed ? 'defer' : this.#events.received(packet, client)))
    client.on('error', (error) => {
      const code = reasonOf(error)
      cause = code === undefined ? error : new ReasonError(code)
      // Some of them leave the connection open with a parser that has lost its place.
      client.stream.destroy()
    })
    client.on('disconnect', ({ reasonCode }) => {
      if (reasonCode !== undefined) cause = new ReasonError(reasonCode)
    })
    client.on('connect', (connack) => this.#opened(client, connack))
    client.on('close', () => this.#dropped(client, cause ?? new Error('the connection was closed')))
  }

  #clientOptions(): IClientOptions {
    const { protocol, endpoint, account, tls, keepaliveSeconds, connectTimeoutMs } = this.#settings
    const { clientId, clean, expirySeconds, receiveMaximum, will } = this.#options
    const options: IClientOptions = {
      ...endpoint,
      ...account,
      ...tls,
      // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
      rejectUnauthorized: true,
      clientId,
      protocolVersion: protocol,
      clean,
      keepalive: keepaliveSeconds,
      connectTimeout: connectTimeoutMs,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
    }
    if (will !== undefined) options.will = will
    if (protocol === 5) options.properties = { receiveMaximum, sessionExpiryInterval: expirySeconds }
    return options
  }

  #opened(client: MqttClient, connack: IConnackPacket): void {
    if (this.#closed || client !== this.#client) return
    this.#isUp = true
    this.#upSince = this.#clock.now()
    // MQTT.js leaves Nagle's algorithm on: a PUBLISH behind a PUBACK would wait for the broker's delayed ACK, some 40 ms.
    if (client.stream instanceof Socket) client.stream.setNoDelay(true)
    this.#events.up(client, connack)
    this.#first?.resolve()
  }

  #dropped(client: MqttClient, cause: Error): void {
    if (this.#closed || client !== this.#client) return
    this.#client = undefined
    const wasUp = this.#isUp
    this.#isUp = false
    if (wasUp && this.#clock.now() - this.#upSince >= PROVED_MS) this.#attempts = 0
    if (wasUp) this.#events.lost(cause)
    else this.#events.failed?.(cause)
    this.#first?.resolve()
    this.#schedule()
  }

  #schedule(): void {
    if (this.#closed) return
    if (this.#isRenewing) {
      this.#isRenewing = false
      this.#attempt()
      return
    }
    const { reconnectMinMs, reconnectMaxMs } = this.#settings
    const ceiling = Math.min(reconnectMaxMs, reconnectMinMs * 2 ** Math.min(this.#attempts++, 30))
    // Half of it at random: a thousand bridges must not come back in step.
    this.#retry = this.#clock.after(ceiling * (0.5 + Math.random() / 2), () => this.#attempt())
  }
}
