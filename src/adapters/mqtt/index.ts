/**
 * MQTT 5 and 3.1.1, with MQTT.js. What a RECEIPT means here: the broker has answered PUBACK. What it keeps then is the broker's affair: a topic
 * keeps nothing for those who are not there, but for the last retained message.
 *
 * One connection publishes and listens for all clients, under one account. Subscriptions that are acknowledged or durable have one each, for
 * PUBACKs are in order on a connection and a session belongs to a client id.
 */
import { randomBytes } from 'node:crypto'
import type { IConnackPacket, MqttClient } from 'mqtt'
import type { Broker, Health, Link, Peer, Principal, Route, Sink, Traits } from '../../broker/broker.ts'
import type { Clock } from '../../broker/clock.ts'
import type { BrokerObserver } from '../../broker/observer.ts'
import { tlsFailure } from '../../broker/tls.ts'
import { Connection } from './connection.ts'
import { Connections } from './connections.ts'
import type { BrokerContext } from './context.ts'
import { closedError, takenOver } from './failure.ts'
import { type BrokerSettings, brokerSettings } from './fields.ts'
import { Hub } from './hub.ts'
import { MqttLink } from './link.ts'
import { Publisher } from './publisher.ts'
import { RetainedReader } from './retained.ts'
import { compileRoute } from './route.ts'
import { Takeovers } from './takeovers.ts'
import type { MqttTarget } from './topics.ts'

export type { MqttTarget } from './topics.ts'

export interface MqttDeps {
  readonly observer: BrokerObserver
  readonly clock: Clock
}

/** Milliseconds that written publishes have to be confirmed when the broker is disposed. */
const CONFIRM_MS = 2_000
/** Connections that 3.1.1 may need for overlapping filters, of each kind. */
const ROOMS = 32

/**
 * @param name the key under `brokers:`
 * @param options see `brokerFields`; durations in milliseconds
 * @throws FieldError
 */
export function mqttBroker(name: string, options: Readonly<Record<string, unknown>>, deps: MqttDeps): MqttBroker {
  return new MqttBroker(name, brokerSettings(options), deps)
}

/** What a broker holds at the moment beside its shared connection. All zero when nobody uses it. */
export interface Holdings {
  readonly filters: number
  readonly connections: number
  readonly links: number
  readonly durables: number
}

export class MqttBroker implements Broker<MqttTarget> {
  readonly name: string
  readonly credentials = 'service'
  readonly policyKeys = ['nack', 'holdMs'] as const
  readonly peer: Peer
  readonly #settings: BrokerSettings
  readonly #observer: BrokerObserver
  readonly #clock: Clock
  readonly #connection: Connection
  readonly #context: BrokerContext
  readonly #side: Hub
  readonly #links = new Set<MqttLink>()
  #health: Health
  #hasBeenUp = false
  #disposed: Promise<void> | undefined

  constructor(name: string, settings: BrokerSettings, { observer, clock }: MqttDeps) {
    this.name = name
    this.peer = { system: 'mqtt', address: settings.endpoint.hostname, port: settings.endpoint.port }
    this.#settings = settings
    this.#observer = observer
    this.#clock = clock
    this.#health = { state: 'connecting', since: clock.now(), reason: 'not started' }
    const connections = new Connections(settings, clock)
    const listening = {
      protocol: settings.protocol,
      clock,
      rooms: ROOMS,
      connect: connections.openPlain.bind(connections),
    }
    const hub = new Hub({ ...listening, retained: false }, true)
    this.#side = new Hub({ ...listening, retained: true }, false)
    const prefix = randomBytes(9).toString('base64url')
    let ids = 0
    const durables: BrokerContext['durables'] = new Map()
    this.#context = {
      settings,
      clock,
      publisher: new Publisher(settings, clock),
      connections,
      hub,
      retained: new RetainedReader(hub, this.#side, clock),
      durables,
      takeovers: new Takeovers({
        hub,
        clientId: settings.clientId,
        announce: (topic, text) => this.#connection.client?.publish(topic, text, { qos: 0 }),
        taken: (clientId) => durables.get(clientId)?.end(takenOver()),
      }),
      nextId: () => `${prefix}-${++ids}`,
    }
    this.#connection = this.#sharedConnection(connections.newClientId())
  }

  get health(): Health {
    return this.#health
  }

  get held(): number {
    return this.#context.publisher.held
  }

  get holdings(): Holdings {
    const { hub, connections, durables } = this.#context
    return {
      filters: hub.size,
      connections: connections.size,
      links: this.#links.size,
      durables: durables.size,
    }
  }

  async start(signal: AbortSignal): Promise<void> {
    if (this.#disposed !== undefined || signal.aborted) return
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    await Promise.race([this.#connection.start(), aborted])
  }

  route(options: Readonly<Record<string, unknown>>, names: readonly string[]): Route<MqttTarget> {
    return compileRoute(options, names)
  }

  isSame(one: MqttTarget, other: MqttTarget): boolean {
    return one.filter === other.filter
  }

  traits({ wildcard, rule }: MqttTarget): Traits {
    return {
      confirms: true,
      settles: false,
      defers: rule.ack !== 'refuse',
      answers: true,
      stores: false,
      distribution: rule.group === undefined ? 'copy' : 'compete',
      wildcard,
    }
  }

  async link(_who: Principal, _replies: Sink<MqttTarget>, signal: AbortSignal): Promise<Link<MqttTarget>> {
    if (this.#disposed !== undefined || signal.aborted) throw closedError()
    return this.#newLink()
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose()
    return this.#disposed
  }

  async #dispose(): Promise<void> {
    const { publisher, retained, hub, connections } = this.#context
    // The observer is not told: it is the bridge's own doing.
    this.#health = { state: 'down', since: this.#clock.now(), reason: 'closed by the bridge' }
    retained.close()
    await Promise.all([...this.#links].map((link) => link.close(closedError())))
    await publisher.close(closedError(), CONFIRM_MS)
    this.#tellStatus('offline')
    hub.close()
    this.#side.close()
    await Promise.all([this.#connection.close(true), connections.close()])
  }

  #newLink(): MqttLink {
    const link: MqttLink = new MqttLink(
      this.#context,
      () => this.#newLink(),
      () => this.#links.delete(link),
    )
    // A fork of a link that outlived its broker is closed from the start.
    if (this.#disposed === undefined) this.#links.add(link)
    else void link.close(undefined)
    return link
  }

  #sharedConnection(clientId: string): Connection {
    const { status } = this.#settings
    const will = status === undefined ? undefined : { topic: status, payload: 'offline', qos: 1 as const, retain: true }
    const options = { clientId, clean: true, expirySeconds: 0, receiveMaximum: 65_535 }
    const { hub, publisher } = this.#context
    return new Connection(this.#settings, will === undefined ? options : { ...options, will }, this.#clock, {
      up: (client, connack) => this.#up(client, connack),
      lost: (cause) => {
        this.#setHealth('down', cause.message, cause)
        publisher.lost(cause)
        hub.lost()
      },
      failed: (cause) => this.#setHealth('down', tlsFailure(cause) ?? cause.message, cause),
      received(packet) {
        hub.received(packet)
        return 'ack'
      },
    })
  }

  #up(client: MqttClient, connack: IConnackPacket): void {
    const { hub, publisher } = this.#context
    if (this.#settings.protocol === 5 && connack.properties?.subscriptionIdentifiersAvailable === false)
      this.#observer.warning(this.name, 'the broker has no subscription identifiers: use protocol: 4')
    this.#setHealth('up', undefined)
    // Subscriptions first: what is sent again must find those who listen.
    hub.opened(client)
    const resent = publisher.opened(client, connack)
    this.#tellStatus('online')
    if (this.#hasBeenUp) this.#observer.recovered(this.name, hub.size, resent)
    this.#hasBeenUp = true
  }

  #tellStatus(text: 'online' | 'offline'): void {
    const { status } = this.#settings
    if (status !== undefined) this.#connection.client?.publish(status, text, { qos: 1, retain: true }, () => {})
  }

  #setHealth(state: Health['state'], reason: string | undefined, cause?: Error): void {
    if (this.#health.state === state && this.#health.reason === reason) return
    const since = this.#health.state === state ? this.#health.since : this.#clock.now()
    this.#health = { state, since, reason }
    this.#observer.health(this.name, this.#health, cause)
  }
}
