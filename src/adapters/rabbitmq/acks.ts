/**
 * The acknowledgements of one channel, gathered until the end of the turn. What is settled message by message, in about the order it came,
 * then goes to the broker as one `basic.ack` with `multiple`: a frame, a wake-up and a look-up there instead of one for each.
 *
 * What is gathered has been handed to an open connection, as much as what waits in a socket's buffer.
 */
import type { Channel, Message } from 'amqplib'
import type { Outcome } from '../../broker/broker.ts'
import type { Gate } from './gate.ts'
import type { Unacked } from './inbox.ts'

export class Acks {
  readonly #channel: Channel
  readonly #gate: Gate
  /** Delivery tags to acknowledge, in the order of settling. */
  #tags: number[] = []
  /** On this channel everything with a smaller delivery tag is settled. */
  #settledBelow = 0

  constructor(channel: Channel, gate: Gate) {
    this.#channel = channel
    this.#gate = gate
  }

  /**
   * @param list ascending
   * @param settledBelow with these, everything on this channel that has a smaller delivery tag is settled
   * @throws amqplib's error when the channel is closed
   */
  settle(list: readonly Unacked[], settledBelow: number, outcome: Outcome): void {
    // rabbitmq.com/streams.html: a stream keeps its messages whatever consumers do; nack would close the whole connection (540).
    if (outcome === 'accepted' || list[0]?.offset !== undefined) this.#accept(list, settledBelow)
    else this.#refuse(list, settledBelow, outcome === 'released')
  }

  /** Hands over what is gathered: before anything that may close the channel. Where it is closed already, the broker gives them again. */
  flush(): void {
    try {
      this.#flush()
    } catch {}
  }

  #flush(): void {
    const tags = this.#tags
    if (tags.length === 0) return
    this.#tags = []
    let upTo = 0
    let covered = 0
    for (const tag of tags) {
      if (tag >= this.#settledBelow) this.#ack(tag, false)
      else {
        covered++
        if (tag > upTo) upTo = tag
      }
    }
    if (covered > 0) this.#ack(upTo, covered > 1)
  }

  #accept(list: readonly Unacked[], settledBelow: number): void {
    if (this.#tags.length === 0) this.#gate.atTheEnd(() => this.flush())
    for (const { deliveryTag } of list) this.#tags.push(deliveryTag)
    this.#settledBelow = settledBelow
  }

  #refuse(list: readonly Unacked[], settledBelow: number, requeue: boolean): void {
    // They may be older than what is gathered, but `multiple` must not speak for it.
    this.#flush()
    const last = list.at(-1)
    if (last === undefined) return
    if (list.length > 1 && last.deliveryTag < settledBelow) this.#channel.nack(byTag(last.deliveryTag), true, requeue)
    else for (const { deliveryTag } of list) this.#channel.nack(byTag(deliveryTag), false, requeue)
  }

  #ack(deliveryTag: number, multiple: boolean): void {
    this.#channel.ack(byTag(deliveryTag), multiple)
  }
}

/** As much of a message as amqplib looks at. */
function byTag(deliveryTag: number): Message {
  return { fields: { deliveryTag } } as Message
}
