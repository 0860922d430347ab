/**
 * One client session's use of the broker: its publications in order, its subscriptions, its reply queues. Everything that costs the broker
 * something belongs to the upstream that links of one identity share.
 */
import type { Link, PublishOptions, Sink, SubscribeOptions, Subscription } from '../../broker/broker.ts'
import { asError, BrokerError } from '../../broker/errors.ts'
import type { Message } from '../../broker/message.ts'
import { NameBudget } from './budget.ts'
import type { BrokerContext } from './context.ts'
import { type DraftContext, draft, type ReplyQueue } from './draft.ts'
import { closedError } from './failure.ts'
import type { HubSubscription } from './hub-subscription.ts'
import { Outbox } from './outbox.ts'
import { type Plan, planReplies, planSubscription } from './plan.ts'
import { Publication } from './publication.ts'
import { AmqpSubscription, type SubscriptionContext } from './subscription.ts'
import { type AmqpTarget, bindingOf, describe, isInner } from './targets.ts'
import type { Upstream } from './upstream.ts'
import { LinkWay } from './way.ts'

const REPLIES: SubscribeOptions = {
  credit: Number.POSITIVE_INFINITY,
  creditBytes: Number.POSITIVE_INFINITY,
  settle: 'presettled',
  durable: undefined,
  arguments: Object.freeze(Object.create(null)),
}

export class AmqpLink implements Link<AmqpTarget> {
  readonly #context: BrokerContext
  readonly #upstream: Upstream
  readonly #replies: Sink<AmqpTarget>
  readonly #release: () => void
  readonly #outbox: Outbox
  readonly #subscriptionContext: SubscriptionContext
  readonly #draftContext: DraftContext
  readonly #subscriptions = new Set<Held>()
  /** By the name the client gave. */
  readonly #replyQueues = new Map<string, AmqpSubscription>()
  #replyTags = 0
  /** Why it takes nothing any more. */
  #ended: BrokerError | undefined
  #disposed: Promise<void> | undefined

  /** @param release is called once, when nothing of it is under way any more */
  constructor(context: BrokerContext, upstream: Upstream, replies: Sink<AmqpTarget>, release: () => void) {
    const { channels, declarer, registry } = upstream
    const budget = new NameBudget(context.settings.queueNamesPerMinute, context.clock)
    const spend = (name: string): void => budget.spend(name)
    this.#context = context
    this.#upstream = upstream
    this.#replies = replies
    this.#release = release
    this.#outbox = new Outbox(new LinkWay(upstream, spend), context.clock)
    this.#subscriptionContext = { channels, declarer, registry, clock: context.clock, budget: spend }
    this.#draftContext = {
      login: upstream.login,
      get headersMost() {
        return upstream.publisher.headersMost
      },
      nextId: context.nextId,
      replyQueue: (name) => this.#replyQueue(name, spend),
    }
    upstream.links.add(this)
  }

  get identity(): string {
    return this.#upstream.identity
  }

  publish(target: AmqpTarget, message: Message, options: PublishOptions): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    try {
      if (message.body.length > this.#upstream.publisher.verdicts.largest) {
        throw new BrokerError(
          'bad-message',
          `the broker takes messages of at most ${this.#upstream.publisher.verdicts.largest} bytes`,
        )
      }
      const now = this.#context.clock.now()
      const publication = new Publication(draft(target, message, options, this.#draftContext), this.#outbox, now)
      this.#outbox.publish(publication, now)
      return publication.promise
    } catch (error) {
      return Promise.reject(asError(error))
    }
  }

  subscribe(target: AmqpTarget, options: SubscribeOptions, sink: Sink<AmqpTarget>): Subscription<AmqpTarget> {
    try {
      if (this.#ended !== undefined) throw this.#ended
      if (target.kind === 'queue' && this.#upstream.registry.isOwned(target.name)) {
        throw new BrokerError('forbidden', `${describe(target)} belongs to another subscription`)
      }
      if (isInner(target)) return this.#listen(target, options, sink)
      return this.#open(planSubscription(target, options), options, sink)
    } catch (error) {
      return new RefusedSubscription(target, asError(error))
    }
  }

  shareKey(target: AmqpTarget, options: SubscribeOptions): string | undefined {
    if (target.kind !== 'exchange' || options.durable !== undefined) return undefined
    const args = Object.entries(options.arguments).sort(([left], [right]) => (left < right ? -1 : 1))
    if (options.arguments['x-queue-name'] !== undefined) return undefined
    return JSON.stringify([this.identity, bindingOf(target), args])
  }

  fork(): Link<AmqpTarget> {
    const fork = this.#context.fork(this.#upstream, this.#replies)
    if (this.#ended !== undefined) fork.end(this.#ended)
    return fork
  }

  /** The identity has lost its rights. */
  end(reason: BrokerError): void {
    const isOver = this.#ended !== undefined
    this.#ended ??= reason
    this.refuse(reason)
    for (const subscription of [...this.#subscriptions, ...this.#replyQueues.values()]) subscription.end(reason)
    // Somebody who has no subscription must hear of it too.
    if (!isOver) this.#replies.end(reason)
  }

  /** Gives up what waits to be published. */
  refuse(reason: BrokerError): void {
    this.#outbox.refuse(reason)
  }

  /** Subscriptions close at once; what was accepted for publishing goes on until it is confirmed or held too long. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose()
    return this.#disposed
  }

  async #dispose(): Promise<void> {
    this.#ended ??= closedError()
    await Promise.all([...this.#subscriptions].map((subscription) => subscription[Symbol.asyncDispose]()))
    void this.#outbox.drained().then(async () => {
      await Promise.all([...this.#replyQueues.values()].map((queue) => queue[Symbol.asyncDispose]()))
      this.#upstream.links.delete(this)
      this.#release()
    })
  }

  #open(plan: Plan, options: SubscribeOptions, sink: Sink<AmqpTarget>): AmqpSubscription {
    const subscription: AmqpSubscription = new AmqpSubscription(plan, options, sink, {
      ...this.#subscriptionContext,
      closed: () => this.#subscriptions.delete(subscription),
    })
    this.#subscriptions.add(subscription)
    return subscription
  }

  /** @throws BrokerError `unsupported` */
  #listen(target: AmqpTarget, options: SubscribeOptions, sink: Sink<AmqpTarget>): HubSubscription {
    if (options.durable !== undefined || options.settle !== 'presettled' || Object.keys(options.arguments).length > 0) {
      throw new BrokerError(
        'unsupported',
        'nothing is kept here for anybody: it can be neither durable nor acknowledged',
      )
    }
    const listening: HubSubscription = this.#upstream.hub.subscribe(target, sink, () =>
      this.#subscriptions.delete(listening),
    )
    this.#subscriptions.add(listening)
    return listening
  }

  #replyQueue(name: string, spend: (name: string) => void): ReplyQueue {
    const known = this.#replyQueues.get(name)
    if (known !== undefined) return known
    spend(name)
    const drop = (): void => void this.#replyQueues.delete(name)
    const sink: Sink<AmqpTarget> = {
      deliver: (delivery) => {
        // One sink for all of them: its tags must not repeat.
        if (this.#disposed === undefined) this.#replies.deliver({ ...delivery, tag: ++this.#replyTags })
      },
      lost: () => this.#replies.lost(),
      resumed: (gap) => this.#replies.resumed(gap),
      // The next request makes a new one.
      end: drop,
    }
    const queue = new AmqpSubscription(planReplies({ kind: 'temp', name }), REPLIES, sink, {
      ...this.#subscriptionContext,
      closed: drop,
    })
    this.#replyQueues.set(name, queue)
    return queue
  }
}

/** A subscription of this link. */
interface Held extends AsyncDisposable {
  /** For a reason that concerns the whole link. */
  end(reason: BrokerError): void
}

/** It was refused before the broker was asked. */
class RefusedSubscription implements Subscription<AmqpTarget> {
  readonly live: Promise<void>
  readonly address: AmqpTarget

  constructor(address: AmqpTarget, reason: Error) {
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
