/**
 * Questions to the broker, and declares for publishes: does this exchange exist, is that queue there. 404, 406 and 403 close the channel
 * that asks, so all of it happens on a few scratch channels that carry nothing else. Both kinds of answer are kept for a while.
 */
import type { Channel } from 'amqplib'
import type { Clock } from '../../broker/clock.ts'
import type { BrokerError } from '../../broker/errors.ts'
import type { Arguments } from './arguments.ts'
import type { Channels, Opened } from './channels.ts'
import { refusal, replyCode } from './failure.ts'
import { type Declare, OWN_EXCHANGE } from './targets.ts'

/** PROMISES: "checked passively on a scratch channel before its first publish (cache, both answers, 30 s)". */
const ANSWER_MS = 30_000
const ANSWERS_MOST = 10_000
const SCRATCH_CHANNELS = 4

/** true: it is there. */
export type Verdict = true | BrokerError

/** Spends the right to one more new queue name; throws BrokerError `limit`. */
export type Budget = (name: string) => void

export class Declarer {
  readonly #channels: Channels
  readonly #clock: Clock
  readonly #answers = new Map<string, { readonly verdict: Verdict; readonly until: number }>()
  readonly #asking = new Map<string, Promise<void>>()
  readonly #idle: (Opened | undefined)[] = new Array(SCRATCH_CHANNELS).fill(undefined)
  readonly #waiting: ((scratch: Opened | undefined) => void)[] = []

  constructor(channels: Channels, clock: Clock) {
    this.#channels = channels
    this.#clock = clock
  }

  /** What is known now; undefined = ask. */
  known(key: string): Verdict | undefined {
    const answer = this.#answers.get(key)
    if (answer === undefined) return undefined
    if (answer.until > this.#clock.now()) return answer.verdict
    this.#answers.delete(key)
    return undefined
  }

  /** For what a publish has found out. */
  remember(key: string, verdict: Verdict): void {
    if (this.#answers.size >= ANSWERS_MOST) this.#answers.delete(this.#answers.keys().next().value!)
    this.#answers.set(key, { verdict, until: this.#clock.now() + ANSWER_MS })
  }

  /** What was known has turned out to be wrong. */
  forget(key: string): void {
    this.#answers.delete(key)
  }

  /**
   * Afterwards `known(exchangeKey(name))` has the answer. Rejects when there was none: the connection went away. The bridge's own exchange is
   * declared if it is missing, and stays for good: backends publish to it, whether a bridge is there or not.
   */
  askExchange(name: string): Promise<void> {
    return this.#ask(exchangeKey(name), `exchange "${name}"`, async (scratch) => {
      try {
        await scratch((channel) => channel.checkExchange(name))
      } catch (error) {
        if (name !== OWN_EXCHANGE || replyCode(error) !== 404) throw error
        await scratch((channel) => channel.assertExchange(name, 'topic', { durable: true }))
      }
    })
  }

  /**
   * Makes sure that a queue is there before something is published to it, as its route says. Afterwards `known(queueKey(…))` has the answer.
   * @param budget asked before anything new is declared
   */
  askQueue(name: string, declare: Declare, args: Arguments, budget: Budget): Promise<void> {
    const what = `queue "${name}"`
    return this.#ask(queueKey(name, args), what, async (scratch) => {
      if (declare === 'always' || args.declares) {
        budget(name)
        await scratch((channel) => channel.assertQueue(name, queueOptions(args)))
        return
      }
      try {
        await scratch((channel) => channel.checkQueue(name))
      } catch (error) {
        // A locked queue is there: it may be published to.
        if (replyCode(error) === 405) return
        if (replyCode(error) !== 404) throw error
        budget(name)
        await scratch((channel) => channel.assertQueue(name, { durable: true }))
      }
    })
  }

  /** Rejects with amqplib's error. */
  async deleteQueue(name: string): Promise<void> {
    await this.#scratch((channel) => channel.deleteQueue(name))
  }

  async #ask(
    key: string,
    what: string,
    run: (scratch: <V>(use: (channel: Channel) => Promise<V>) => Promise<V>) => Promise<void>,
  ): Promise<void> {
    const asking = this.#asking.get(key)
    if (asking !== undefined) return asking
    const asked = run((use) => this.#scratch(use)).then(
      () => this.remember(key, true),
      (error: unknown) => {
        const verdict = refusal(error, what)
        if (verdict === undefined) throw error
        // A client's own limit is no property of the queue.
        if (verdict.code === 'limit') throw verdict
        this.remember(key, verdict)
      },
    )
    this.#asking.set(key, asked)
    try {
      await asked
    } finally {
      this.#asking.delete(key)
    }
  }

  /** One question at a time on a channel: a second would be lost when the first one's answer closes it. */
  async #scratch<V>(use: (channel: Channel) => Promise<V>): Promise<V> {
    let scratch = await this.#take()
    try {
      if (scratch === undefined) {
        scratch = await this.#channels.open()
        const opened = scratch
        void opened.closed.then(() => this.#forget(opened))
      }
      return await use(scratch.channel)
    } catch (error) {
      // Whatever it was, the channel is closed or cannot be trusted.
      scratch?.channel.close().catch(() => {})
      scratch = undefined
      throw error
    } finally {
      this.#give(scratch)
    }
  }

  async #take(): Promise<Opened | undefined> {
    if (this.#idle.length > 0) return this.#idle.pop()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #give(scratch: Opened | undefined): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#idle.push(scratch)
    else next(scratch)
  }

  #forget(opened: Opened): void {
    const at = this.#idle.indexOf(opened)
    if (at >= 0) this.#idle[at] = undefined
  }
}

export const exchangeKey = (name: string): string => `exchange\0${name}`

export function queueKey(name: string, args: Arguments): string {
  return args.declares
    ? `queue\0${name}\0${JSON.stringify([args.queue, args.durable, args.autoDelete])}`
    : `queue\0${name}`
}

/** `/queue` of the STOMP plugin: durable, not auto-delete, unless the frame says otherwise. */
export function queueOptions(args: Arguments): {
  durable: boolean
  autoDelete: boolean
  arguments: Arguments['queue']
} {
  return { durable: args.durable ?? true, autoDelete: args.autoDelete ?? false, arguments: args.queue }
}
