/**
 * A subscription that nobody acknowledges: an ear at a filter of the shared connection. At QoS 1 the PUBACK leaves when the message comes:
 * "at most once from the socket on".
 */
import type { IPublishPacket } from 'mqtt'
import type { Outcome, Sink, Subscription } from '../../broker/broker.ts'
import type { BrokerError } from '../../broker/errors.ts'
import { closedError } from './failure.ts'
import type { Ear } from './filters.ts'
import type { Hearing, Hub } from './hub.ts'
import { inboundMessage } from './properties.ts'
import { isReserved, MqttTarget } from './topics.ts'

export class ListeningSubscription implements Subscription<MqttTarget>, Ear {
  readonly address: MqttTarget
  readonly #sink: Sink<MqttTarget>
  readonly #closed: () => void
  readonly #live = Promise.withResolvers<void>()
  #hearing: Hearing | undefined
  #tags = 0
  #state: 'new' | 'live' | 'lost' | 'ended' = 'new'

  /** @param closed is called once, when nothing of it is left */
  constructor(target: MqttTarget, sink: Sink<MqttTarget>, closed: () => void) {
    this.address = target
    this.#sink = sink
    this.#closed = closed
    this.#live.promise.catch(() => {})
  }

  get live(): Promise<void> {
    return this.#live.promise
  }

  /** @throws BrokerError `limit` */
  start(hub: Hub): void {
    this.#hearing = hub.listen(this.address.filter, this.address.rule.qos ?? 1, this)
  }

  heard(packet: IPublishPacket): void {
    if (this.#isOver || isReserved(packet.topic)) return
    const { address } = this
    this.#sink.deliver({
      message: inboundMessage(packet, (topic) => answerTarget(topic, address)),
      target: address.concrete(packet.topic),
      redelivered: packet.dup,
      tag: ++this.#tags,
    })
  }

  granted(): void {
    const before = this.#state
    if (before !== 'new' && before !== 'lost') return
    this.#state = 'live'
    this.#live.resolve()
    // What was published meanwhile was not kept for us.
    if (before === 'lost') this.#sink.resumed(true)
  }

  lost(): void {
    if (this.#state !== 'live') return
    this.#state = 'lost'
    this.#sink.lost()
  }

  refused(reason: BrokerError): void {
    const before = this.#state
    if (this.#isOver) return
    this.#end(reason)
    if (before !== 'new') this.#sink.end(reason)
  }

  /** Nothing can be settled here: every tag is stale. */
  async settle(tags: readonly number[], _outcome: Outcome): Promise<readonly number[]> {
    return tags
  }

  async stop(): Promise<void> {
    if (!this.#isOver) this.#end(closedError())
    await this.#hearing?.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOver) return
    this.#end(closedError())
    void this.#hearing?.stop()
  }

  get #isOver(): boolean {
    return this.#state === 'ended'
  }

  #end(reason: BrokerError): void {
    this.#state = 'ended'
    this.#live.reject(reason)
    this.#closed()
  }
}

/** A response topic, as a place to publish to: in no group, by the manners of the route it came through. */
export function answerTarget(topic: string, { rule }: MqttTarget): MqttTarget {
  return new MqttTarget(topic, /[+#]/.test(topic), { ...rule, group: undefined }, undefined)
}
