/** What a memory broker keeps in all, and its bounds. Counts; knows nothing of queues, topics or subscriptions. */
import type { Message } from '../../broker/message.ts'
import type { Bounds } from './fields.ts'
import type { MemoryTarget } from './target.ts'

/** One message that somebody may still want, shared by all who keep it. */
export interface Kept {
  /** With a body of its own: the publisher's is a view that pins his read chunk. */
  readonly message: Message
  /** Where it was published to. */
  readonly target: MemoryTarget
  /** Of body and headers. */
  readonly bytes: number
  /** Milliseconds since 1970 from which it is gone; Infinity = never. */
  readonly expires: number
  /** How many copies are held. */
  copies: number
}

export class Store {
  readonly #bounds: Bounds
  #messages = 0
  #bytes = 0

  constructor(bounds: Bounds) {
    this.#bounds = bounds
  }

  get messages(): number {
    return this.#messages
  }

  get bytes(): number {
    return this.#bytes
  }

  /** There is room for so many more copies of one message. */
  admits(copies: number, bytes: number): boolean {
    return this.#messages + copies <= this.#bounds.maxMessages && this.#bytes + bytes <= this.#bounds.maxBytes
  }

  /** Both bounds are at most half used. */
  get isRoomy(): boolean {
    return this.#messages * 2 <= this.#bounds.maxMessages && this.#bytes * 2 <= this.#bounds.maxBytes
  }

  /** One more copy is held. */
  hold(kept: Kept): void {
    this.#messages++
    if (kept.copies++ === 0) this.#bytes += kept.bytes
  }

  /** A copy is held no more. */
  drop(kept: Kept): void {
    this.#messages--
    if (--kept.copies === 0) this.#bytes -= kept.bytes
  }
}

/** Bytes that count for a message: its body, and its headers as text. */
export function sizeOf(message: Message): number {
  return message.headers.reduce((sum, part) => sum + part.length, message.body.length)
}

/** The message with a body of its own. */
export function keep(message: Message, target: MemoryTarget, bytes: number, now: number): Kept {
  const { expirationMs } = message.properties
  return {
    message: { body: Buffer.from(message.body), headers: message.headers, properties: message.properties },
    target,
    bytes,
    expires: expirationMs === undefined ? Number.POSITIVE_INFINITY : now + expirationMs,
    copies: 0,
  }
}
