/** One client session's use of the broker. What it publishes goes over the shared connection; what it subscribes to over that or one of its own. */
import { createHash } from 'node:crypto'
import type { Delivery, Link, PublishOptions, Sink, SubscribeOptions, Subscription } from '../../broker/broker.ts'
import { asError, BrokerError } from '../../broker/errors.ts'
import { type Message, Properties } from '../../broker/message.ts'
import type { BrokerContext } from './context.ts'
import { closedError, takenOver } from './failure.ts'
import { answerTarget, ListeningSubscription } from './listening.ts'
import { OwnSubscription } from './own.ts'
import { inboundMessage } from './properties.ts'
import { Publication } from './publication.ts'
import { MqttTarget } from './topics.ts'

/** Milliseconds that a rejected message may wait for the broker on its way to the dead letters. */
const BURY_MS = 60_000

export class MqttLink implements Link<MqttTarget> {
  /** One account for all. */
  readonly identity = 'service'
  readonly fork: () => Link<MqttTarget>
  readonly #context: BrokerContext
  readonly #subscriptions = new Set<ListeningSubscription | OwnSubscription>()
  readonly #gone: () => void
  #isClosed = false

  constructor(context: BrokerContext, fork: () => Link<MqttTarget>, gone: () => void) {
    this.#context = context
    this.fork = fork
    this.#gone = gone
  }

  publish(target: MqttTarget, message: Message, options: PublishOptions): Promise<void> {
    if (this.#isClosed) return Promise.reject(closedError())
    const { settings, nextId, publisher, clock } = this.#context
    try {
      const all = { ...options, protocol: settings.protocol, nextId }
      const publication = new Publication(target, message, all, clock.now())
      publisher.publish(publication)
      return publication.promise
    } catch (error) {
      return Promise.reject(asError(error))
    }
  }

  subscribe(target: MqttTarget, options: SubscribeOptions, sink: Sink<MqttTarget>): Subscription<MqttTarget> {
    try {
      if (this.#isClosed) throw closedError()
      refuseArguments(options)
      const { settle, durable } = options
      return settle === 'presettled' && durable === undefined
        ? this.#listen(target, sink)
        : this.#open(target, options, sink)
    } catch (error) {
      return new RefusedSubscription(target, asError(error))
    }
  }

  /** In its group each subscription competes; all others receive the same when their filters are equal. */
  shareKey(target: MqttTarget, { settle, durable, arguments: args }: SubscribeOptions): string | undefined {
    const { group, qos } = target.rule
    if (group !== undefined || settle !== 'presettled' || durable !== undefined) return undefined
    // `retain` is a word of SEND: in a SUBSCRIBE it means nothing.
    return Object.keys(args).every((name) => name === 'retain') ? `${qos ?? 1}\0${target.topic}` : undefined
  }

  async kept(target: MqttTarget, deliver: (delivery: Delivery<MqttTarget>) => void): Promise<void> {
    if (this.#isClosed || target.rule.group !== undefined) return
    let tag = 0
    await this.#context.retained.read(target.filter, (packet) => {
      if (this.#isClosed) return
      const message = inboundMessage(packet, (topic) => answerTarget(topic, target))
      deliver({ message, target: target.concrete(packet.topic), redelivered: false, tag: ++tag })
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close(undefined)
  }

  /** @param reason what the sinks are told; undefined = nothing, for their owner closes the link himself */
  async close(reason: BrokerError | undefined): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#gone()
    const left = [...this.#subscriptions]
    if (reason !== undefined)
      for (const subscription of left)
        if (subscription instanceof OwnSubscription) subscription.end(reason)
        else subscription.refused(reason)
    await Promise.all(left.map((subscription) => subscription[Symbol.asyncDispose]()))
  }

  #listen(target: MqttTarget, sink: Sink<MqttTarget>): ListeningSubscription {
    const subscription: ListeningSubscription = new ListeningSubscription(target, sink, () =>
      this.#subscriptions.delete(subscription),
    )
    subscription.start(this.#context.hub)
    this.#subscriptions.add(subscription)
    return subscription
  }

  #open(target: MqttTarget, options: SubscribeOptions, sink: Sink<MqttTarget>): OwnSubscription {
    const { connections, settings, clock, durables, takeovers } = this.#context
    if (options.settle === 'each' && target.rule.ack === 'refuse')
      throw new BrokerError('unsupported', 'this destination takes no acknowledgements')
    const clientId = options.durable === undefined ? undefined : durableId(settings.clientId, options.durable, target)
    const subscription: OwnSubscription = new OwnSubscription(target, options, sink, {
      protocol: settings.protocol,
      connections,
      clock,
      bury: (topic, packet) =>
        this.#bury(
          target,
          topic,
          inboundMessage(packet, (reply) => answerTarget(reply, target)),
        ),
      closed: () => {
        this.#subscriptions.delete(subscription)
        if (clientId !== undefined && durables.get(clientId) === subscription) durables.delete(clientId)
        if (durables.size === 0) takeovers.rest()
      },
    })
    if (clientId !== undefined) {
      // "The newer session wins": with one client id the broker would let them throw each other out for ever.
      durables.get(clientId)?.end(takenOver())
      durables.set(clientId, subscription)
      takeovers.take(clientId)
    }
    this.#subscriptions.add(subscription)
    try {
      subscription.start(clientId)
    } catch (error) {
      void subscription[Symbol.asyncDispose]()
      throw error
    }
    return subscription
  }

  #bury(target: MqttTarget, topic: string, message: Message): Promise<void> {
    const { settings, nextId, publisher, clock } = this.#context
    const grave = new MqttTarget(topic, false, { ...target.rule, group: undefined, mandatory: false }, undefined)
    const properties = Object.assign(new Properties(), message.properties, { replyTo: undefined })
    const options = { receipt: true, holdMs: BURY_MS, resend: true, arguments: undefined, protocol: settings.protocol }
    const publication = new Publication(grave, { ...message, properties }, { ...options, nextId }, clock.now())
    publisher.publish(publication)
    return publication.promise
  }
}

/** Equal on all bridges with the same `clientId`, so that a durable subscription is resumed wherever its owner comes back. */
function durableId(prefix: string, durable: string, { filter }: MqttTarget): string {
  return `${prefix}-${createHash('sha256')
    .update(JSON.stringify([durable, filter]))
    .digest('base64url')
    .slice(0, 22)}`
}

function refuseArguments({ arguments: given }: SubscribeOptions): void {
  const name = Object.keys(given).find((each) => each !== 'retain')
  if (name !== undefined) throw new BrokerError('unsupported', `an MQTT broker does not know "${name}"`)
}

/** It was refused before the broker was asked. */
class RefusedSubscription implements Subscription<MqttTarget> {
  readonly live: Promise<void>
  readonly address: MqttTarget

  constructor(address: MqttTarget, reason: Error) {
    this.address = address
    this.live = Promise.reject(reason)
    this.live.catch(() => {})
  }

  async settle(tags: readonly number[]): Promise<readonly number[]> {
    return tags
  }

  async stop(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}
