/**
 * A confirm channel with its ledger of what the broker has not confirmed yet. amqplib's confirm callback per message is left alone: delivery
 * tags count 1, 2, 3 … on a channel, so a ring finds the publication without a closure.
 */
import type { ConfirmChannel, Message } from 'amqplib'
import { asError, BrokerError } from '../../broker/errors.ts'
import { Unsettled } from '../../broker/unsettled.ts'
import type { Opening } from './dial.ts'
import type { Gate } from './gate.ts'
import type { Publication } from './publication.ts'

interface Confirm {
  readonly deliveryTag: number
  readonly multiple: boolean
}

export interface LaneEvents {
  /** The broker closed this channel, and only this channel, for that reason; `takeAll` is what it left open. */
  died(lane: Lane, cause: Error): void
  /** After every confirm. */
  confirmed?(): void
  /** No queue took it, so it may be written once more. True: somebody else settles it. */
  returned?(publication: Publication): boolean
}

export class Lane {
  readonly #channel: ConfirmChannel
  readonly #gate: Gate
  /** By delivery tag. */
  readonly #open = new Unsettled<Publication>()
  /** Mandatory ones by id, for basic.return. */
  readonly #returnable = new Map<string, Publication>()
  readonly #events: LaneEvents
  #isOpen = true

  static async open({ model, gate }: Opening, events: LaneEvents): Promise<Lane> {
    return new Lane(await model.createConfirmChannel(), gate, events)
  }

  private constructor(channel: ConfirmChannel, gate: Gate, events: LaneEvents) {
    this.#channel = channel
    this.#gate = gate
    this.#events = events
    let cause: Error | undefined
    channel.on('error', (error) => {
      cause = error
    })
    channel.on('close', () => {
      this.#isOpen = false
      // Without an error it went with its connection, which tells of itself.
      if (cause !== undefined) events.died(this, cause)
    })
    // amqplib's own ledger, of callbacks: nothing is in it.
    channel.removeAllListeners('ack').removeAllListeners('nack')
    channel.on('ack', (confirm) => this.#confirm(confirm, false))
    channel.on('nack', (confirm) => this.#confirm(confirm, true))
    channel.on('return', (message) => this.#returned(message))
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  get unconfirmed(): number {
    return this.#open.size
  }

  /** Call order is the order at the broker. */
  write(publication: Publication, now: number): void {
    const { draft } = publication
    const options = publication.prepare(now)
    try {
      const { exchange, key } = draft
      this.#gate.publish(this.#channel, { exchange, key, properties: options }, draft.body)
    } catch (error) {
      // Nothing was sent and no tag was used: what throws is the encoder.
      publication.reject(
        new BrokerError('bad-message', 'the message cannot be expressed in AMQP', { cause: asError(error) }),
      )
      return
    }
    this.#open.add(publication)
    if (options.mandatory && draft.id !== undefined) this.#returnable.set(draft.id, publication)
  }

  /** What is unconfirmed, oldest first, and forgets it. */
  takeAll(): Publication[] {
    this.#returnable.clear()
    return this.#open.clear()
  }

  /** Gives up what is overdue. The broker may still take it: these were written. */
  sweep(now: number): void {
    for (let tag = this.#open.oldest, left = this.#open.size; left > 0; tag++) {
      const publication = this.#open.peek(tag)
      if (publication === undefined) continue
      left--
      publication.hold(now, true)
      if (publication.isOverdue(now)) publication.abandon()
    }
  }

  /** Gives up what was written before `then` and is not confirmed: the oldest come first. */
  expire(then: number): void {
    for (let tag = this.#open.oldest, left = this.#open.size; left > 0; tag++) {
      const publication = this.#open.peek(tag)
      if (publication === undefined) continue
      if (!publication.wasWrittenBefore(then)) return
      left--
      publication.abandon()
    }
  }

  #confirm({ deliveryTag, multiple }: Confirm, nacked: boolean): void {
    const first = multiple ? this.#open.oldest : deliveryTag
    for (let tag = first; tag <= deliveryTag; tag++) {
      const publication = this.#open.take(tag)
      if (publication !== undefined) this.#answered(publication, nacked)
    }
    this.#events.confirmed?.()
  }

  #answered(publication: Publication, nacked: boolean): void {
    const { id } = publication.draft
    if (id !== undefined) this.#returnable.delete(id)
    if (nacked) {
      publication.reject(new BrokerError('refused', 'the broker refused the message'))
    } else if (publication.isReturned) {
      if (this.#events.returned?.(publication)) return
      publication.reject(new BrokerError('not-found', 'no queue takes messages for this destination'))
    } else {
      publication.resolve()
    }
  }

  /** rabbitmq.com/confirms.html: "the basic.return is sent to the client before basic.ack". */
  #returned({ properties }: Message): void {
    const id: unknown = properties.headers?.['bridge-id']
    const publication = typeof id === 'string' ? this.#returnable.get(id) : undefined
    if (publication !== undefined) publication.isReturned = true
  }
}
