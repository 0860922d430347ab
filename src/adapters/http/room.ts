/** How much may wait for handlers or be under way, of all clients together: over it nothing more is taken, and whoever sends it is told at once. */
import { BrokerError } from '../../broker/errors.ts'

export class Room {
  readonly #mostMessages: number
  readonly #mostBytes: number
  #messages = 0
  #bytes = 0

  constructor(mostMessages: number, mostBytes: number) {
    this.#mostMessages = mostMessages
    this.#mostBytes = mostBytes
  }

  get messages(): number {
    return this.#messages
  }

  /** Runs `task` if there is room for so many bytes until it settles. Rejects with `limit` if there is none. One message may be larger than the room. */
  async hold(bytes: number, task: () => Promise<void>): Promise<void> {
    const isFull = this.#messages >= this.#mostMessages || (this.#messages > 0 && this.#bytes + bytes > this.#mostBytes)
    if (isFull) throw new BrokerError('limit', 'too much waits for the handlers: nothing was sent')
    this.#messages++
    this.#bytes += bytes
    try {
      await task()
    } finally {
      this.#messages--
      this.#bytes -= bytes
    }
  }
}
