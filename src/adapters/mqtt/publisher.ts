/**
 * All publishing of one broker, over its shared connection, first come first served: so each link's order is kept. Holds what cannot go yet:
 * because the connection is away, its buffer is full, or the broker's receive window is. The library's own queue and store are not used:
 * they have no bound, no time limit and no mark for what was sent twice.
 */
import type { IConnackPacket, IPublishPacket, MqttClient } from 'mqtt'
import type { Clock, Timer } from '../../broker/clock.ts'
import { BrokerError } from '../../broker/errors.ts'
import { publishRefused, REASON, reasonOf, unavailableError } from './failure.ts'
import type { Publication } from './publication.ts'

export interface PublisherBounds {
  readonly heldMessages: number
  /** Of bodies. */
  readonly heldBytes: number
}

/** Unconfirmed at one time, where the broker names no smaller window. */
const WIDEST_WINDOW = 1_000

export class Publisher {
  readonly #bounds: PublisherBounds
  readonly #clock: Clock
  #client: MqttClient | undefined
  #window = WIDEST_WINDOW
  /** Bytes of a packet that the broker takes. */
  #largest = Number.POSITIVE_INFINITY
  /** The socket's buffer is full. */
  #isFull = false
  #queue: Publication[] = []
  #queuedBytes = 0
  /** Written at QoS 1 and not answered, in that order. */
  #unconfirmed = new Set<Publication>()
  /** Message ids that were answered "no matching subscribers": the library takes it for plain success. */
  readonly #unmatched = new Set<number>()
  #sweep: Timer | undefined
  /** When that fires, in milliseconds since 1970. */
  #sweepAt = Number.POSITIVE_INFINITY
  readonly #idle: (() => void)[] = []

  constructor(bounds: PublisherBounds, clock: Clock) {
    this.#bounds = bounds
    this.#clock = clock
  }

  /** Publications that could not be handed over yet. */
  get held(): number {
    return this.#queue.length
  }

  /** Handed over, or kept until it can be; or settled with an error. */
  publish(publication: Publication): void {
    if (this.#largest !== Number.POSITIVE_INFINITY && publication.packetBytes > this.#largest) {
      publication.reject(new BrokerError('bad-message', `the broker takes packets of at most ${this.#largest} bytes`))
      return
    }
    if (this.#queue.length === 0 && this.#isOpen && this.#hasRoomFor(publication)) this.#write(publication)
    else this.#hold(publication)
  }

  /** @returns how many were sent again */
  opened(client: MqttClient, { properties }: IConnackPacket): number {
    const again = this.#queue.filter((publication) => publication.wasWritten).length
    this.#client = client
    // MQTT 5 §3.3.4: "The Client MUST NOT send more than Receive Maximum QoS 1 and QoS 2 PUBLISH packets" unacknowledged
    this.#window = Math.min(properties?.receiveMaximum ?? WIDEST_WINDOW, WIDEST_WINDOW)
    this.#largest = properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY
    this.#isFull = false
    this.#unmatched.clear()
    client.on('packetreceive', (packet) => {
      if (packet.cmd !== 'puback' || packet.reasonCode !== REASON.noMatchingSubscribers) return
      this.#unmatched.add(packet.messageId!)
    })
    this.#sweep?.cancel()
    this.#sweepAt = Number.POSITIVE_INFINITY
    this.#pump()
    return again
  }

  /** What was not confirmed goes again, first and in its order, or is given up where its route says so. */
  lost(cause: Error): void {
    this.#client = undefined
    const open = [...this.#unconfirmed]
    this.#unconfirmed = new Set()
    const again = open.filter((publication) => publication.resend)
    for (const publication of open) if (!publication.resend) publication.abandon(cause)
    this.#queue.unshift(...again)
    for (const { body } of again) this.#queuedBytes += body.length
    this.#holdAll(cause)
  }

  /** Refuses what waits, lets what was written be confirmed for `ms` milliseconds. */
  async close(reason: BrokerError, ms: number): Promise<void> {
    this.#sweep?.cancel()
    for (const publication of this.#take(() => true)) publication.refuse(reason)
    if (this.#unconfirmed.size > 0 && this.#client !== undefined) {
      await new Promise<void>((resolve) => {
        this.#idle.push(resolve)
        this.#clock.after(ms, resolve)
      })
    }
    for (const publication of this.#unconfirmed) publication.abandon(reason)
    this.#unconfirmed.clear()
  }

  get #isOpen(): boolean {
    return this.#client !== undefined && !this.#isFull
  }

  #hasRoomFor({ qos }: Publication): boolean {
    return qos === 0 || this.#unconfirmed.size < this.#window
  }

  #hold(publication: Publication): void {
    if (this.#client === undefined) {
      const now = this.#clock.now()
      publication.hold(now)
      // QoS 0 promises nothing that would be worth waiting for.
      if (publication.qos === 0 || publication.deadline! <= now) {
        publication.reject(unavailableError())
        return
      }
    }
    const { heldMessages, heldBytes } = this.#bounds
    if (this.#queue.length >= heldMessages || this.#queuedBytes + publication.body.length > heldBytes) {
      publication.reject(new BrokerError('limit', 'too many messages wait for the broker'))
      return
    }
    this.#queue.push(publication)
    this.#queuedBytes += publication.body.length
    if (this.#client === undefined && publication.deadline! < this.#sweepAt) this.#arm()
  }

  /** The connection went away with these in the queue. */
  #holdAll(cause: Error): void {
    const now = this.#clock.now()
    for (const publication of this.#queue) publication.hold(now)
    for (const publication of this.#take(({ qos, deadline }) => qos === 0 || deadline! <= now))
      publication.abandon(cause)
    this.#arm()
  }

  /** Fails each when its time is over. */
  #arm(): void {
    this.#sweep?.cancel()
    let soonest = Number.POSITIVE_INFINITY
    for (const { deadline = soonest } of this.#queue) soonest = Math.min(soonest, deadline)
    this.#sweepAt = soonest
    if (soonest === Number.POSITIVE_INFINITY) return
    this.#sweep = this.#clock.after(Math.max(1, soonest - this.#clock.now()), () => {
      const now = this.#clock.now()
      for (const publication of this.#take(({ deadline }) => deadline! <= now)) publication.abandon()
      this.#arm()
    })
  }

  /** Takes those out of the queue. */
  #take(which: (publication: Publication) => boolean): Publication[] {
    const taken = this.#queue.filter(which)
    this.#queue = this.#queue.filter((publication) => !which(publication))
    this.#queuedBytes = this.#queue.reduce((sum, { body }) => sum + body.length, 0)
    return taken
  }

  #pump(): void {
    let next = 0
    while (this.#isOpen && next < this.#queue.length && this.#hasRoomFor(this.#queue[next]!)) {
      const publication = this.#queue[next++]!
      this.#queuedBytes -= publication.body.length
      this.#write(publication)
    }
    if (next > 0) this.#queue.splice(0, next)
  }

  #write(publication: Publication): void {
    const client = this.#client!
    const { topic, body, qos, retain } = publication
    const properties = publication.prepare(this.#clock.now())
    const options = properties === undefined ? { qos, retain } : { qos, retain, properties }
    if (qos === 1) this.#unconfirmed.add(publication)
    client.publish(topic, body, options, (error, packet) => {
      if (qos === 1) this.#answered(publication, error ?? undefined, packet as IPublishPacket | undefined)
    })
    // At most once: it has been handed to the socket, and nobody will ever say more.
    if (qos === 0) publication.resolve()
    if (client.stream.writableNeedDrain) this.#waitForDrain(client)
  }

  #waitForDrain(client: MqttClient): void {
    if (this.#isFull) return
    this.#isFull = true
    client.stream.once('drain', () => {
      if (this.#client !== client) return
      this.#isFull = false
      this.#pump()
    })
  }

  #answered(publication: Publication, error: Error | undefined, packet: IPublishPacket | undefined): void {
    const reason = reasonOf(error)
    // When a connection dies the library calls back with an error of its own, before or after `lost`, which decides what then happens.
    if (error !== undefined && reason === undefined) return
    if (!this.#unconfirmed.delete(publication)) return
    const unmatched = packet?.messageId !== undefined && this.#unmatched.delete(packet.messageId)
    if (reason !== undefined) publication.reject(publishRefused(reason, error))
    else if (unmatched && publication.mandatory)
      publication.reject(new BrokerError('not-found', 'nobody subscribes to this topic'))
    else publication.resolve()
    if (this.#unconfirmed.size === 0) for (const tell of this.#idle.splice(0)) tell()
    this.#pump()
  }
}
