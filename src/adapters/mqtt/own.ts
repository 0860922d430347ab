/**
 * A subscription with a connection of its own: one that is acknowledged, or durable. The MQTT session on that connection outlives a lost one,
 * so what was not acknowledged comes again; and its Receive Maximum is the subscription's credit.
 *
 *   deferred   PUBACK when the subscriber has settled it and all before it
 *   emulate    PUBACK at once; credit and release are the bridge's own, and what it holds dies with it
 *   presettled PUBACK at once, and no credit (a durable subscription with `ack:auto`)
 *
 * MQTT cannot give a message to somebody else: `released` delivers it to the same subscriber again.
 */
import type { IConnackPacket, IPublishPacket, MqttClient } from 'mqtt'
import type { Outcome, Sink, SubscribeOptions, Subscription } from '../../broker/broker.ts'
import type { Clock } from '../../broker/clock.ts'
import type { BrokerError } from '../../broker/errors.ts'
import { type Connection, type ConnectionOptions, ReasonError } from './connection.ts'
import type { Connections } from './connections.ts'
import { type Disposition, puback } from './deferred.ts'
import { closedError, REASON, subscribeRefused, takenOver } from './failure.ts'
import { HeadWatch } from './headwatch.ts'
import { type Held, InFlight } from './inflight.ts'
import { answerTarget } from './listening.ts'
import { inboundMessage } from './properties.ts'
import { Subacks } from './subacks.ts'
import { isReserved, type MqttTarget } from './topics.ts'

export interface OwnContext {
  readonly protocol: 4 | 5
  readonly connections: Connections
  readonly clock: Clock
  /** Publishes to a dead-letter topic; resolves when the broker has it. */
  bury(topic: string, packet: IPublishPacket): Promise<void>
  /** Nothing of it is left. */
  closed(): void
}

/** A packet and the client that brought it: ids of two connections never meet. */
interface Brought {
  readonly packet: IPublishPacket
  readonly client: MqttClient
}

/** Seconds that the broker keeps the session of a lost connection for which somebody still waits. */
const OUTAGE_S = 300
const WIDEST = 65_535
/** The least cap: below it a broker that ignores the window would be asked for everything twice. */
const LEAST_MESSAGES = 64
const LEAST_BYTES = 1_048_576

export class OwnSubscription implements Subscription<MqttTarget> {
  readonly address: MqttTarget
  readonly #options: SubscribeOptions
  readonly #sink: Sink<MqttTarget>
  readonly #context: OwnContext
  readonly #mode: 'deferred' | 'emulate' | 'presettled'
  readonly #inFlight: InFlight<Brought>
  readonly #watch: HeadWatch
  readonly #live = Promise.withResolvers<void>()
  #connection: Connection | undefined
  #state: 'new' | 'live' | 'lost' | 'stopped' | 'ended' = 'new'
  #presettledTags = 0
  /** Over the cap something was left with the broker: all that follows must stay there too, or the order would break. */
  #overflowed = false
  #isDelivering = false

  constructor(target: MqttTarget, options: SubscribeOptions, sink: Sink<MqttTarget>, context: OwnContext) {
    this.address = target
    this.#options = options
    this.#sink = sink
    this.#context = context
    const { ack } = target.rule
    this.#mode = options.settle === 'presettled' ? 'presettled' : ack === 'emulate' ? 'emulate' : 'deferred'
    this.#inFlight = new InFlight({
      messages: Math.min(WIDEST, Math.max(LEAST_MESSAGES, 2 * options.credit)),
      bytes: Math.max(LEAST_BYTES, 2 * options.creditBytes),
    })
    const { ackTimeoutMs, nack } = target.rule
    this.#watch = new HeadWatch(
      context.clock,
      ackTimeoutMs,
      () => this.#inFlight.head,
      (tag) => void this.settle([tag], nack === 'redeliver' ? 'released' : 'rejected'),
    )
    this.#live.promise.catch(() => {})
  }

  get live(): Promise<void> {
    return this.#live.promise
  }

  /**
   * @param clientId of a durable subscription: the name the broker resumes it by
   * @throws BrokerError `limit`
   */
  start(clientId: string | undefined): void {
    const { connections } = this.#context
    const { rule } = this.address
    const isDurable = clientId !== undefined
    const options: ConnectionOptions = {
      clientId: clientId ?? connections.newClientId(),
      // Of a new client id there is nothing to forget; but 3.1.1 would then also forget it afterwards, and Mosquitto 2.0 when it restarts.
      clean: false,
      expirySeconds: isDurable ? rule.sessionExpirySeconds : OUTAGE_S,
      receiveMaximum: this.#mode === 'presettled' ? WIDEST : Math.min(WIDEST, this.#options.credit),
    }
    this.#connection = connections.open(options, {
      up: (client, connack) => this.#up(client, connack),
      lost: (cause) => this.#lost(cause),
      received: (packet, client) => this.#received(packet, client),
    })
    void this.#connection.start()
  }

  async settle(tags: readonly number[], outcome: Outcome): Promise<readonly number[]> {
    const stale: number[] = []
    const taken: Held<Brought>[] = []
    for (const tag of tags) {
      const held = this.#inFlight.take(tag)
      if (held === undefined) stale.push(tag)
      else taken.push(held)
    }
    if (taken.length === 0) return stale
    if (outcome === 'released') this.#release(taken)
    else if (outcome === 'accepted') this.#finish(taken)
    else await this.#reject(taken)
    return stale
  }

  isDeferred(tag: number): boolean {
    return this.#inFlight.isDeferred(tag)
  }

  async stop(forget = false): Promise<void> {
    const before = this.#state
    if (before === 'ended' || before === 'stopped') return
    this.#state = 'stopped'
    this.#inFlight.dropWaiting()
    this.#live.reject(closedError())
    const client = this.#connection?.client
    // A durable subscription stays at the broker: what comes now is not acknowledged, and waits for its return.
    if (this.#options.durable !== undefined && !forget) return
    if (client !== undefined) await new Promise<void>((done) => client.unsubscribe(this.address.filter, () => done()))
    if (this.#options.durable !== undefined) await this.#close(true)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close(this.#options.durable === undefined)
  }

  /** From the broker's side, or because its name was taken over. */
  end(reason: BrokerError): void {
    const before = this.#state
    if (before === 'ended') return
    void this.#close(this.#options.durable === undefined)
    this.#live.reject(reason)
    if (before === 'live' || before === 'lost') this.#sink.end(reason)
  }

  async #close(forget: boolean): Promise<void> {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#watch.stop()
    this.#inFlight.clear()
    this.#live.reject(closedError())
    this.#context.closed()
    const connection = this.#connection
    if (connection === undefined) return
    await connection.close(forget)
    if (!forget || this.#context.protocol === 5) return
    const purged = this.#context.connections.purge(connection.clientId)
    // Whoever subscribes under its name after this must not be forgotten with it.
    if (this.#options.durable !== undefined) await purged
  }

  #up(client: MqttClient, { sessionPresent }: IConnackPacket): void {
    if (this.#state === 'stopped' || this.#state === 'ended') return
    const { rule, filter } = this.address
    // 3.1.1 would send what it retains once more.
    if (sessionPresent && this.#context.protocol === 4) {
      this.#granted(sessionPresent)
      return
    }
    // Retain Handling 1, MQTT 5 §3.8.3.1: retained messages only if the subscription is new.
    const options = { qos: rule.qos ?? 1, nl: false, rap: false, rh: 1 } as const
    new Subacks(client).subscribe(filter, options, (refusal) => {
      if (this.#connection?.client !== client) return
      if (refusal === undefined) this.#granted(sessionPresent)
      else this.end(subscribeRefused(refusal))
    })
  }

  #granted(sessionPresent: boolean): void {
    const before = this.#state
    if (before !== 'new' && before !== 'lost') return
    this.#state = 'live'
    this.#live.resolve()
    if (before === 'lost') this.#sink.resumed(!sessionPresent)
  }

  #lost(cause: Error): void {
    if (cause instanceof ReasonError && cause.code === REASON.sessionTakenOver && this.#options.durable !== undefined) {
      this.end(takenOver())
      return
    }
    this.#overflowed = false
    if (this.#mode === 'deferred') {
      this.#watch.stop()
      this.#inFlight.clear()
    }
    if (this.#state !== 'live') return
    this.#state = 'lost'
    // Emulated, what is out has been acknowledged long ago: it is ours and not stale.
    if (this.#mode !== 'emulate') this.#sink.lost()
  }

  #received(packet: IPublishPacket, client: MqttClient): Disposition {
    if (this.#state === 'stopped' || this.#state === 'ended') return 'defer'
    if (isReserved(packet.topic)) return 'ack'
    if (this.#mode === 'presettled') {
      this.#deliver(packet, packet.dup, ++this.#presettledTags)
      return 'ack'
    }
    const { length } = packet.payload
    if (this.#overflowed || !this.#inFlight.arrived({ packet, client }, length, packet.dup)) {
      this.#overflowed = true
      return 'defer'
    }
    this.#pump()
    return this.#mode === 'emulate' ? 'ack' : 'defer'
  }

  /** Gives what may be given. */
  #pump(): void {
    // A sink may settle while it is given something.
    if (this.#isDelivering) return
    this.#isDelivering = true
    try {
      while (this.#hasCredit) {
        const held = this.#inFlight.next(this.#context.clock.now())
        if (held === undefined) break
        this.#deliver(held.packet.packet, held.redelivered, held.tag)
      }
    } finally {
      this.#isDelivering = false
    }
    this.#watch.check()
  }

  get #hasCredit(): boolean {
    if (this.#state === 'stopped' || this.#state === 'ended') return false
    const { credit, creditBytes } = this.#options
    const { messages, bytes } = this.#inFlight.out
    return messages === 0 || (messages < credit && bytes < creditBytes)
  }

  #deliver(packet: IPublishPacket, redelivered: boolean, tag: number): void {
    const { address } = this
    const message = inboundMessage(packet, (topic) => answerTarget(topic, address))
    this.#sink.deliver({ message, target: address.concrete(packet.topic), redelivered, tag })
  }

  #release(taken: readonly Held<Brought>[]): void {
    // The subscriber has gone: left unacknowledged, they come again to whoever resumes the session.
    if (this.#state === 'stopped') return
    for (const held of taken) this.#inFlight.putBack(held)
    this.#pump()
  }

  #finish(taken: readonly Held<Brought>[]): void {
    for (const held of taken) this.#inFlight.settled(held)
    for (const { packet } of this.#inFlight.flush()) {
      const { qos, messageId } = packet.packet
      if (this.#mode === 'deferred' && qos > 0 && messageId !== undefined) puback(packet.client, messageId)
    }
    if (this.#overflowed && this.#inFlight.size === 0) this.#fetch()
    this.#pump()
  }

  /** What was left with the broker comes again on a new connection; nothing is out that could become stale. */
  #fetch(): void {
    if (this.#state === 'live') this.#connection?.renew()
  }

  async #reject(taken: readonly Held<Brought>[]): Promise<void> {
    const { deadLetter } = this.address
    if (deadLetter === undefined) {
      this.#finish(taken)
      return
    }
    try {
      await Promise.all(taken.map(({ packet }) => this.#context.bury(deadLetter, packet.packet)))
      this.#finish(taken)
    } catch {
      // Neither delivered nor dropped: it is given again.
      this.#release(taken)
    }
  }
}
