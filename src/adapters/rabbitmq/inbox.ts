/**
 * What a subscription has received: what is out with the sink (the ledger), and what arrived beyond the sink's credit (parked, in order). Knows
 * no channel.
 */
import type { ConsumeMessage } from 'amqplib'
import { Unsettled } from '../../broker/unsettled.ts'

/** A delivery that is out: what it takes to settle it. */
export interface Unacked {
  /** AMQP delivery tag, of the channel it came on. */
  readonly deliveryTag: number
  readonly bytes: number
  /** Position in a stream; undefined of other queues. */
  readonly offset: number | undefined
}

export interface Credit {
  readonly credit: number
  readonly creditBytes: number
}

/** What `settle` has found. */
export interface Taken {
  readonly list: readonly Unacked[]
  /** With these, everything that came with a smaller delivery tag is settled. */
  readonly settledBelow: number
  readonly stale: readonly number[]
}

export class Inbox {
  readonly #credit: Credit
  readonly #ledger = new Unsettled<Unacked>()
  #bytes = 0
  #parked: ConsumeMessage[] = []
  /** The largest stream offset that was given out. */
  #highest = -1

  constructor(credit: Credit) {
    this.#credit = credit
  }

  park(message: ConsumeMessage): void {
    this.#parked.push(message)
  }

  /** The next message that the credit allows, now out under `tag`; undefined when there is none, or no credit. */
  next(): { readonly message: ConsumeMessage; readonly tag: number; readonly redelivered: boolean } | undefined {
    if (this.#ledger.size >= this.#credit.credit || this.#bytes > this.#credit.creditBytes) return undefined
    const message = this.#parked.shift()
    if (message === undefined) return undefined
    const unacked = toUnacked(message)
    this.#bytes += unacked.bytes
    const tag = this.#ledger.add(unacked)
    // A stream never says so itself.
    const redelivered = message.fields.redelivered || (unacked.offset !== undefined && unacked.offset <= this.#highest)
    if (unacked.offset !== undefined) this.#highest = Math.max(this.#highest, unacked.offset)
    return { message, tag, redelivered }
  }

  /** @param tags ascending */
  take(tags: readonly number[]): Taken {
    const list: Unacked[] = []
    const stale: number[] = []
    for (const tag of tags) {
      const unacked = this.#ledger.take(tag)
      if (unacked === undefined) stale.push(tag)
      else {
        list.push(unacked)
        this.#bytes -= unacked.bytes
      }
    }
    return { list, settledBelow: this.#settledBelow, stale }
  }

  /** What it takes to settle a message that the subscriber does not want. */
  pass(message: ConsumeMessage): Taken {
    return { list: [toUnacked(message)], settledBelow: this.#settledBelow, stale: [] }
  }

  /** What was never given out, in order, and forgets it. */
  unpark(): readonly Unacked[] {
    return this.#parked.splice(0).map(toUnacked)
  }

  get #settledBelow(): number {
    const oldest = this.#ledger.peek(this.#ledger.oldest)?.deliveryTag
    return oldest ?? this.#parked[0]?.fields.deliveryTag ?? Number.POSITIVE_INFINITY
  }

  /** Of a stream: where to go on when everything that is here is lost. Undefined of other queues. */
  get resumeAt(): number | undefined {
    const unsettled = this.#ledger.peek(this.#ledger.oldest)?.offset
    return unsettled ?? offsetOf(this.#parked[0]) ?? (this.#highest < 0 ? undefined : this.#highest + 1)
  }

  clear(): void {
    this.#ledger.clear()
    this.#parked = []
    this.#bytes = 0
  }
}

/** RabbitMQ writes it as a number; what clients of the bridge send is text. Undefined: it came from no stream. */
export function offsetOf(message: ConsumeMessage | undefined): number | undefined {
  const offset: unknown = message?.properties.headers?.['x-stream-offset']
  return typeof offset === 'number' ? offset : undefined
}

function toUnacked(message: ConsumeMessage): Unacked {
  return { deliveryTag: message.fields.deliveryTag, bytes: message.content.length, offset: offsetOf(message) }
}
