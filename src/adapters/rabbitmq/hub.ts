/**
 * What comes from the bridge's own exchange, for all subscriptions of one identity: one queue, with a binding for each key that somebody here is
 * subscribed to. A queue for each would cost RabbitMQ a process, a channel and a consumer for every user who is online.
 *
 *   idle ── first key ──▶ opening ── declared, consumed ──▶ open ── connection lost ──▶ opening …
 *                                                             └── no key for a while ──▶ idle: the queue has gone
 *
 * A binding that is refused ends the subscriptions to its key, and no others: bindings are made on channels that carry nothing else.
 */
import type { ConsumeMessage } from 'amqplib'
import type { Sink } from '../../broker/broker.ts'
import type { Clock, Timer } from '../../broker/clock.ts'
import { BrokerError } from '../../broker/errors.ts'
import { Binder } from './binder.ts'
import type { Channels, Opened } from './channels.ts'
import { type Declarer, exchangeKey } from './declare.ts'
import { closedError, unmendable } from './failure.ts'
import { HubSubscription, type HubTarget } from './hub-subscription.ts'
import { fromAmqp } from './properties.ts'
import type { Registry } from './registry.ts'
import { type AmqpTarget, OWN_EXCHANGE } from './targets.ts'

export interface HubContext {
  readonly channels: Channels
  readonly declarer: Declarer
  readonly registry: Registry
  readonly clock: Clock
}

/** The same for all: nothing of a client's choosing. */
const QUEUE = { exclusive: true, autoDelete: true, durable: false } as const
const RETRY_MS = 50
/** Milliseconds that the queue stays when nobody is subscribed: whoever reloads the only page is back by then. */
const LINGER_MS = 2_000

/** An open queue. */
interface Carrier {
  readonly opened: Opened
  readonly queue: string
  readonly binder: Binder
}

export class Hub {
  readonly #context: HubContext
  /** Of each key that anybody is subscribed to. */
  readonly #listeners = new Map<string, Set<HubSubscription>>()
  readonly #stop = new AbortController()
  #carrier: Carrier | undefined
  #isRunning = false
  #linger: Timer | undefined

  constructor(context: HubContext) {
    this.#context = context
  }

  /** @param closed nothing is left of it */
  subscribe(target: AmqpTarget, sink: Sink<AmqpTarget>, closed: () => void): HubSubscription {
    const at = target as HubTarget
    const subscription: HubSubscription = new HubSubscription(at, sink, () => {
      this.#leave(subscription)
      closed()
    })
    const known = this.#listeners.get(at.key)
    if (known !== undefined) {
      known.add(subscription)
      if (this.#carrier?.binder.has(at.key) === true) subscription.up()
      return subscription
    }
    this.#listeners.set(at.key, new Set([subscription]))
    this.#linger?.cancel()
    this.#linger = undefined
    this.#carrier?.binder.want(at.key)
    if (!this.#isRunning) void this.#run()
    return subscription
  }

  /** Its subscriptions have been closed, or are told now. */
  close(): void {
    this.#linger?.cancel()
    this.#stop.abort()
    this.#failAll(closedError())
  }

  #leave(subscription: HubSubscription): void {
    const { key } = subscription.address
    const listeners = this.#listeners.get(key)
    if (listeners?.delete(subscription) !== true || listeners.size > 0) return
    this.#listeners.delete(key)
    this.#carrier?.binder.drop(key)
    if (this.#listeners.size > 0) return
    this.#linger ??= this.#context.clock.after(LINGER_MS, () => {
      this.#linger = undefined
      this.#carrier?.opened.channel.close().catch(() => {})
    })
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    while (this.#listeners.size > 0 && !this.#stop.signal.aborted) {
      try {
        const carrier = await this.#open()
        this.#carrier = carrier
        for (const key of this.#listeners.keys()) carrier.binder.want(key)
        if (this.#listeners.size === 0) carrier.opened.channel.close().catch(() => {})
        await carrier.opened.closed
        this.#lost(carrier)
      } catch (error) {
        const reason = unmendable(error, `exchange "${OWN_EXCHANGE}"`)
        if (reason !== undefined) this.#failAll(reason)
        else await new Promise<void>((resolve) => this.#context.clock.after(RETRY_MS, resolve))
      }
    }
    this.#isRunning = false
  }

  async #open(): Promise<Carrier> {
    const { channels, declarer, registry } = this.#context
    await this.#ensureExchange(declarer)
    const opened = await channels.open(this.#stop.signal)
    try {
      const { queue } = await opened.channel.assertQueue('', QUEUE)
      registry.own(queue)
      const heard = (message: ConsumeMessage | null): void => {
        // Somebody has deleted the queue: as if the connection had gone.
        if (message === null) opened.channel.close().catch(() => {})
        else this.#deliver(message)
      }
      await opened.channel.consume(queue, heard, { noAck: true })
      const binder = new Binder(opened, queue, {
        bound: (key) => this.#each(key, (subscription) => subscription.up()),
        refused: (key, reason) => this.#fail(key, reason),
      })
      return { opened, queue, binder }
    } catch (error) {
      opened.channel.close().catch(() => {})
      throw error
    }
  }

  /** What was known may be from before a restart that has forgotten it. */
  async #ensureExchange(declarer: Declarer): Promise<void> {
    declarer.forget(exchangeKey(OWN_EXCHANGE))
    await declarer.askExchange(OWN_EXCHANGE)
    const verdict = declarer.known(exchangeKey(OWN_EXCHANGE))
    if (verdict instanceof BrokerError) throw verdict
  }

  #lost({ queue, binder }: Carrier): void {
    this.#carrier = undefined
    this.#context.registry.disown(queue)
    binder.close()
    for (const key of this.#listeners.keys()) this.#each(key, (subscription) => subscription.down())
  }

  #deliver(message: ConsumeMessage): void {
    const listeners = this.#listeners.get(message.fields.routingKey)
    if (listeners === undefined) return
    const ported = fromAmqp(message)
    for (const subscription of listeners) subscription.deliver(ported, message.fields.redelivered)
  }

  #each(key: string, run: (subscription: HubSubscription) => void): void {
    for (const subscription of [...(this.#listeners.get(key) ?? [])]) run(subscription)
  }

  #fail(key: string, reason: BrokerError): void {
    this.#each(key, (subscription) => subscription.end(reason))
  }

  #failAll(reason: BrokerError): void {
    for (const key of [...this.#listeners.keys()]) this.#fail(key, reason)
  }
}
