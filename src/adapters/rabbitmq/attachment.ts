/**
 * One subscription on one channel: the queue declared, bound and consumed there, and its deliveries acknowledged there. A recovery makes a
 * new attachment. The channel carries nothing else, so whatever closes it ends nobody else's subscription.
 */
import type { Channel, ConsumeMessage } from 'amqplib'
import type { Outcome } from '../../broker/broker.ts'
import type { Clock } from '../../broker/clock.ts'
import { Acks } from './acks.ts'
import type { ArgumentTable } from './arguments.ts'
import type { ChannelEnd, Channels, Opened } from './channels.ts'
import type { Budget } from './declare.ts'
import { closedError, replyCode } from './failure.ts'
import { offsetOf, type Unacked } from './inbox.ts'
import type { Plan } from './plan.ts'

/** Milliseconds that closing waits for the broker's answers. */
const CLOSE_MS = 2_000

export interface AttachmentOptions {
  readonly plan: Plan
  readonly channels: Channels
  readonly clock: Clock
  /** Asked before a queue of the client's naming is declared; undefined on a recovery. */
  readonly budget: Budget | undefined
  /** Consumer arguments in place of the plan's. */
  readonly consumer: ArgumentTable
  /** For basic.qos; 0 = unlimited. */
  readonly prefetch: number
  /** A delivery; may come before `establish` resolves. Must not throw. */
  readonly message: (message: ConsumeMessage) => void
  /** The broker cancelled the consumer: its queue is gone. */
  readonly cancelled: () => void
}

export class Attachment {
  readonly #options: AttachmentOptions
  readonly #abort = new AbortController()
  #opened: Opened | undefined
  #acks: Acks | undefined
  #consumer: string | undefined
  /** Of a stream: the offset of the latest delivery. */
  #offset: number | undefined
  #queue = ''
  #isFresh = false
  #established: Promise<void> | undefined
  #replacing: Promise<void> | undefined
  #stopped = false

  constructor(options: AttachmentOptions) {
    this.#options = options
  }

  get queue(): string {
    return this.#queue
  }

  /** The queue was declared here, so nothing from before is in it. */
  get isFresh(): boolean {
    return this.#isFresh
  }

  /** Resolved when the channel is closed. Not before there was one. */
  get closed(): Promise<ChannelEnd> {
    return this.#opened?.closed ?? Promise.resolve({ error: undefined, hard: false })
  }

  /** Resolves when the queue is consumed and bound. Rejects with amqplib's error or a BrokerError; then nothing of it is left. */
  establish(first: boolean): Promise<void> {
    this.#established = this.#establish(first)
    return this.#established
  }

  /**
   * @param settledBelow with these, everything that came with a smaller delivery tag is settled
   * @returns false when the channel is gone: then they are stale
   */
  settle(list: readonly Unacked[], settledBelow: number, outcome: Outcome): boolean {
    const { channel, gate, isOpen } = this.#opened!
    if (!isOpen) return false
    this.#acks ??= new Acks(channel, gate)
    try {
      this.#acks.settle(list, settledBelow, outcome)
      return true
    } catch {
      return false
    }
  }

  get isReplaceable(): boolean {
    return this.#consumer !== undefined && this.#replacing === undefined && !this.#stopped
  }

  /**
   * Another prefetch, while it `isReplaceable`: a second consumer in place of the first. Resolves when that is done, or can no longer be.
   */
  async replace(prefetch: number): Promise<void> {
    this.#replacing = this.#replace(prefetch).then(
      () => {
        this.#replacing = undefined
      },
      () => {},
    )
    await this.#replacing
  }

  /** No more deliveries once it resolves; acknowledging still works. */
  async cancel(): Promise<void> {
    this.#stopped = true
    await this.#bounded(async () => {
      await this.#replacing
      if (this.#consumer !== undefined) await this.#opened!.channel.cancel(this.#consumer)
    })
  }

  /** Idempotent. The broker gives what is unacknowledged to somebody else, and drops a queue that was only for this. */
  async close(): Promise<void> {
    this.#stopped = true
    this.#abort.abort()
    this.#acks?.flush()
    await this.#bounded(async () => {
      await this.#established?.catch(() => {})
      await closeChannel(this.#opened)
    })
  }

  async #establish(first: boolean): Promise<void> {
    const { plan, channels } = this.#options
    this.#opened = await channels.open(this.#abort.signal)
    try {
      if (plan.isOwn || (first && plan.declareFirst) || !(await this.#consumeExisting())) await this.#declare()
      if (plan.bind !== undefined) {
        await this.#channel.bindQueue(this.#queue, plan.bind.exchange, plan.bind.key)
      }
      this.#checkAborted()
    } catch (error) {
      await this.#cleanUp()
      throw error
    }
  }

  get #channel(): Channel {
    this.#checkAborted()
    return this.#opened!.channel
  }

  /** @returns false when it is not there but may be declared, on a fresh channel */
  async #consumeExisting(): Promise<boolean> {
    this.#queue = this.#options.plan.queue
    try {
      await this.#consume(this.#options.prefetch, this.#options.consumer)
      return true
    } catch (error) {
      if (replyCode(error) !== 404 || this.#options.plan.declare === undefined) throw error
      this.#opened = await this.#options.channels.open(this.#abort.signal)
      return false
    }
  }

  /** Bound only after it is consumed: if binding fails, the consumer goes, and an auto-delete queue with it. */
  async #declare(): Promise<void> {
    const { plan, budget } = this.#options
    if (plan.isNamedByClient) budget?.(plan.queue)
    const { queue } = await this.#channel.assertQueue(plan.queue, plan.declare)
    this.#queue = queue
    this.#isFresh = true
    await this.#consume(this.#options.prefetch, this.#options.consumer)
  }

  async #consume(prefetch: number, consumer: ArgumentTable): Promise<void> {
    const { plan } = this.#options
    if (!plan.noAck && prefetch > 0) await this.#channel.prefetch(prefetch)
    const heard = (message: ConsumeMessage | null): void => {
      if (message === null) this.#options.cancelled()
      else {
        this.#offset = offsetOf(message) ?? this.#offset
        this.#options.message(message)
      }
    }
    const { consumerTag } = await this.#channel.consume(this.#queue, heard, { noAck: plan.noAck, arguments: consumer })
    this.#consumer = consumerTag
  }

  async #replace(prefetch: number): Promise<void> {
    const former = this.#consumer!
    const { consumer } = this.#options
    if (this.#offset === undefined) {
      // The second one comes before the first one goes: a queue that is auto-delete would go with it.
      await this.#consume(prefetch, consumer)
      await this.#channel.cancel(former)
    } else {
      // A stream gives everything to both of them, so the second one begins behind all that the first one got.
      await this.#channel.cancel(former)
      await this.#consume(prefetch, { ...consumer, 'x-stream-offset': this.#offset + 1 })
    }
  }

  #checkAborted(): void {
    if (this.#abort.signal.aborted) throw closedError()
  }

  /** An auto-delete queue that never had a consumer would stay as long as its connection. */
  async #cleanUp(): Promise<void> {
    const opened = this.#opened
    if (opened === undefined) return
    if (this.#options.plan.isOwn && this.#isFresh && this.#consumer === undefined) {
      const helper = await opened.sibling().catch(() => undefined)
      await helper?.channel.deleteQueue(this.#queue).catch(() => {})
      void closeChannel(helper)
    }
    void closeChannel(opened)
  }

  async #bounded(run: () => Promise<void>): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.after(CLOSE_MS, resolve)
      const done = (): void => {
        timer.cancel()
        resolve()
      }
      run().then(done, done)
    })
  }
}

/** amqplib's own promise hangs when the connection goes meanwhile. */
async function closeChannel(opened: Opened | undefined): Promise<void> {
  if (opened === undefined) return
  opened.channel.close().catch(() => {})
  await opened.closed
}
