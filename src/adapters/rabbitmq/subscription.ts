/**
 * One subscription through all its attachments: the port's promises about tags, credit, loss and return. How the queue is made and consumed
 * is the attachment's affair.
 *
 * A stream gives a message once to a subscription: there `released` and `rejected` mean no more than `accepted`.
 */
import type { ConsumeMessage } from 'amqplib'
import type { Outcome, Sink, SubscribeOptions, Subscription } from '../../broker/broker.ts'
import type { Clock } from '../../broker/clock.ts'
import { BrokerError } from '../../broker/errors.ts'
import type { ArgumentTable } from './arguments.ts'
import { Attachment } from './attachment.ts'
import type { Channels } from './channels.ts'
import type { Budget, Declarer } from './declare.ts'
import type { ReplyQueue } from './draft.ts'
import { closedError, ending, unmendable } from './failure.ts'
import { Inbox } from './inbox.ts'
import type { Plan } from './plan.ts'
import { fromAmqp } from './properties.ts'
import type { Registry } from './registry.ts'
import { type AmqpTarget, deliveredTo } from './targets.ts'
import { Window } from './window.ts'

export interface SubscriptionContext {
  readonly channels: Channels
  readonly declarer: Declarer
  readonly registry: Registry
  readonly clock: Clock
  readonly budget: Budget
  /** Nothing is left of it. */
  readonly closed?: () => void
}

const RETRY_MS = 50
/** Times that a connection may die of a hard error while only this subscription was being attached. */
const STRIKES = 2
/** Nothing was stale. */
const SETTLED: Promise<readonly number[]> = Promise.resolve(Object.freeze([]))

export class AmqpSubscription implements Subscription<AmqpTarget>, ReplyQueue {
  readonly live: Promise<void>
  readonly #plan: Plan
  readonly #sink: Sink<AmqpTarget>
  readonly #context: SubscriptionContext
  readonly #becameLive: () => void
  readonly #neverLive: (reason: BrokerError) => void
  readonly #window: Window
  readonly #inbox: Inbox
  /** Tags given to presettled deliveries, which no ledger counts. */
  #presettled = 0
  #attachment: Attachment | undefined
  /** attaching: not yet live · away: it was live, and is being attached again · stopped: settles only · over: nothing is left */
  #state: 'attaching' | 'live' | 'away' | 'stopped' | 'over' = 'attaching'
  #stopping: Promise<void> | undefined
  /** `stop` has resolved. */
  #isSilent = false
  #closing: Promise<void> | undefined
  #waiting: { readonly resolve: () => void; readonly reject: (reason: BrokerError) => void }[] = []
  /** Of a stream: where to go on after a loss. */
  #resumeAt: number | undefined

  constructor(plan: Plan, options: SubscribeOptions, sink: Sink<AmqpTarget>, context: SubscriptionContext) {
    this.#plan = plan
    this.#sink = sink
    this.#context = context
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.live = promise
    this.#becameLive = resolve
    this.#neverLive = reject
    // Whoever does not look at `live` must not crash the process.
    promise.catch(() => {})
    this.#inbox = new Inbox(options)
    const isStream = plan.consumer['x-stream-offset'] !== undefined
    this.#window = new Window(isStream ? Math.min(options.credit, 1_000) : options.credit, options.creditBytes)
    void this.#run()
  }

  /** As it was asked for: the name of a queue that the bridge made is nobody's business. */
  get address(): AmqpTarget {
    return this.#plan.target
  }

  /** Undefined while it is away. */
  get queueName(): string | undefined {
    return this.#state === 'live' ? this.#attachment!.queue : undefined
  }

  /** Resolves when it is live, now or again; rejects when it never will be. */
  attached(): Promise<void> {
    if (this.#state === 'live') return Promise.resolve()
    if (this.#state === 'over' || this.#state === 'stopped') return Promise.reject(closedError())
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  settle(tags: readonly number[], outcome: Outcome): Promise<readonly number[]> {
    const { list, settledBelow, stale } = this.#inbox.take(tags)
    if (list.length > 0) {
      if (!this.#attachment!.settle(list, settledBelow, outcome)) return Promise.resolve(tags)
      this.#give()
    }
    return stale.length === 0 ? SETTLED : Promise.resolve(stale)
  }

  async stop(forget = false): Promise<void> {
    const { durable } = this.#plan
    const isHolder = durable !== undefined && this.#context.registry.durable(durable) === this
    this.#stopping ??= this.#stop()
    await this.#stopping
    if (!forget || !isHolder) return
    this.#context.registry.leave(durable, this)
    const deleted = this.#context.declarer.deleteQueue(durable).catch(() => {})
    if (this.#context.channels.isUp) await deleted
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#neverLive(closedError())
    return this.#close(closedError())
  }

  /** It ends for a reason that concerns the whole link. */
  end(reason: BrokerError): void {
    void this.#fail(reason)
  }

  /** A newer subscription has taken this one's name. Resolves when what it held is back in the queue. */
  takenOver(): Promise<void> {
    return this.#fail(
      new BrokerError('taken-over', `${this.#plan.what}: another session resumed this durable subscription`),
    )
  }

  async #run(): Promise<void> {
    const { registry } = this.#context
    if (this.#plan.durable !== undefined) await registry.takeOver(this.#plan.durable, this)
    for (let strikes = 0; this.#isWanted; ) {
      const attachment = this.#attach()
      // Who was being attached when a connection died of a hard error goes on alone: so the guilty one is found.
      const attaching = (): Promise<void> => attachment.establish(this.#state === 'attaching')
      const failure = await (strikes > 0 ? registry.alone(attaching) : attaching()).then(
        () => undefined,
        (error: unknown) => ({ error }),
      )
      if (!this.#isWanted) return
      if (failure === undefined) {
        strikes = 0
        this.#announce(attachment)
        // All that the first prefetch allows may have come before the consumer could be replaced.
        this.#adapt(attachment)
        await this.#until(attachment)
      } else {
        const reason = unmendable(failure.error, this.#plan.what)
        if (reason !== undefined) return void this.#fail(reason)
        if ((await attachment.closed).hard && ++strikes > STRIKES) {
          return void this.#fail(
            new BrokerError('unsupported', `${this.#plan.what}: the broker does not accept this subscription`),
          )
        }
        await new Promise<void>((resolve) => this.#context.clock.after(RETRY_MS, resolve))
      }
    }
  }

  get #isWanted(): boolean {
    return this.#state !== 'over' && this.#state !== 'stopped'
  }

  #attach(): Attachment {
    const { channels, clock, budget } = this.#context
    const attachment: Attachment = new Attachment({
      plan: this.#plan,
      channels,
      clock,
      budget: this.#state === 'attaching' ? budget : undefined,
      consumer: this.#consumerArguments(),
      prefetch: this.#window.prefetch,
      message: (message) => this.#arrived(attachment, message),
      cancelled: () => void this.#fail(new BrokerError('cancelled', `${this.#plan.what} was deleted at the broker`)),
    })
    this.#attachment = attachment
    return attachment
  }

  #consumerArguments(): ArgumentTable {
    return this.#resumeAt === undefined
      ? this.#plan.consumer
      : { ...this.#plan.consumer, 'x-stream-offset': this.#resumeAt }
  }

  /** Tells that it is live; the first delivery may have done so already. */
  #announce(attachment: Attachment): void {
    const before = this.#state
    if (before !== 'attaching' && before !== 'away') return
    this.#state = 'live'
    if (this.#plan.isOwn) this.#context.registry.own(attachment.queue)
    if (before === 'away') this.#sink.resumed(this.#plan.isOwn || attachment.isFresh)
    for (const { resolve } of this.#waiting.splice(0)) resolve()
    this.#becameLive()
  }

  /** Resolves when the connection is lost, or everything is over. */
  async #until(attachment: Attachment): Promise<void> {
    const { error } = await attachment.closed
    if (this.#state === 'over') return
    if (error !== undefined) return void this.#fail(ending(error, this.#plan.what))
    this.#context.registry.disown(attachment.queue)
    this.#resumeAt = this.#inbox.resumeAt ?? this.#resumeAt
    this.#inbox.clear()
    if (this.#state !== 'live') return
    this.#state = 'away'
    this.#sink.lost()
  }

  #arrived(attachment: Attachment, message: ConsumeMessage): void {
    if (attachment !== this.#attachment || this.#state === 'over' || this.#isSilent) return
    const { noAck, accepts } = this.#plan
    if (accepts !== undefined && !accepts(message.fields.routingKey)) return void this.#pass(attachment, message)
    if (noAck) {
      this.#resumeBefore(attachment)
      this.#deliver(message, ++this.#presettled, message.fields.redelivered)
      return
    }
    if (this.#window.note(message.content.length)) this.#adapt(attachment)
    this.#inbox.park(message)
    if (this.#state === 'stopped') return
    this.#resumeBefore(attachment)
    this.#give()
  }

  /** The binding brings more than is wanted. */
  #pass(attachment: Attachment, message: ConsumeMessage): void {
    if (this.#plan.noAck) return
    const { list, settledBelow } = this.#inbox.pass(message)
    attachment.settle(list, settledBelow, 'accepted')
  }

  #adapt(attachment: Attachment): void {
    if (!this.#window.isOff || !attachment.isReplaceable) return
    this.#window.adapt()
    // What came meanwhile may call for yet another.
    void attachment.replace(this.#window.prefetch).then(() => this.#adapt(attachment))
  }

  /** A delivery that overtakes the answer to `basic.consume` must not come before `resumed`. */
  #resumeBefore(attachment: Attachment): void {
    if (this.#state === 'away') this.#announce(attachment)
  }

  /** Gives the sink what its credit allows. */
  #give(): void {
    while (this.#isWanted) {
      const next = this.#inbox.next()
      if (next === undefined) return
      this.#deliver(next.message, next.tag, next.redelivered)
    }
  }

  #deliver(message: ConsumeMessage, tag: number, redelivered: boolean): void {
    const { exchange, routingKey } = message.fields
    const target = deliveredTo(this.#plan.target, exchange, routingKey)
    this.#sink.deliver({ message: fromAmqp(message), target, redelivered, tag })
  }

  async #stop(): Promise<void> {
    if (!this.#isWanted) return
    const before = this.#state
    this.#state = 'stopped'
    if (before !== 'live') return this.#close(closedError())
    const attachment = this.#attachment!
    await attachment.cancel()
    this.#isSilent = true
    // Arrived and not delivered: given to somebody else, in their order.
    attachment.settle(this.#inbox.unpark(), 0, 'released')
  }

  #fail(reason: BrokerError): Promise<void> {
    const before = this.#state
    const closed = this.#close(reason)
    if (before === 'live' || before === 'away') this.#sink.end(reason)
    else this.#neverLive(reason)
    return closed
  }

  #close(reason: BrokerError): Promise<void> {
    this.#closing ??= this.#closeOnce(reason)
    return this.#closing
  }

  async #closeOnce(reason: BrokerError): Promise<void> {
    this.#state = 'over'
    this.#inbox.clear()
    for (const { reject } of this.#waiting.splice(0)) reject(reason)
    await this.#attachment?.close()
    if (this.#attachment !== undefined) this.#context.registry.disown(this.#attachment.queue)
    if (this.#plan.durable !== undefined) this.#context.registry.leave(this.#plan.durable, this)
    this.#context.closed?.()
  }
}
