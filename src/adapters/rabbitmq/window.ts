/**
 * How much of a subscription's credit to ask the broker for. AMQP's prefetch counts messages, the port's credit also bytes: so the first
 * prefetch is small, and once the size of the messages is known it follows `creditBytes / size`, up to the credit.
 *
 * The broker's window is only about memory. That the sink never gets more than its credit is the subscription's own affair.
 */

/** Messages that may come before anything is known of their size. */
const FIRST = 32
/** rabbitmq.com/consumer-prefetch.html: a 16-bit number, 0 = unlimited. */
const MOST = 65_535
/** A change by less is not worth replacing the consumer. */
const WORTH = 2

export class Window {
  readonly #most: number
  readonly #bytes: number
  /** Smoothed; undefined until the first message. */
  #size: number | undefined
  #seen = 0
  #prefetch: number

  constructor(credit: number, creditBytes: number) {
    this.#most = Math.max(1, Math.min(credit, MOST))
    this.#bytes = creditBytes
    this.#prefetch = creditBytes === Number.POSITIVE_INFINITY ? this.#most : Math.min(this.#most, FIRST)
    if (credit === Number.POSITIVE_INFINITY && creditBytes === Number.POSITIVE_INFINITY) this.#prefetch = 0
  }

  /** For basic.qos. */
  get prefetch(): number {
    return this.#prefetch
  }

  /** Notes a delivery. True: the prefetch should be another one. */
  note(bytes: number): boolean {
    if (this.#bytes === Number.POSITIVE_INFINITY) return false
    this.#seen++
    // Quickly up, slowly down: one large message among many small ones is enough to be careful.
    this.#size = Math.max(bytes, this.#size === undefined ? 1 : this.#size + (bytes - this.#size) / 16)
    return this.isOff
  }

  /** The prefetch should be another one. The last step, to the credit itself, is always worth it: a client may wait for all of it before it acks. */
  get isOff(): boolean {
    const wanted = this.#wanted()
    if (wanted <= this.#prefetch) return this.#prefetch > 1 && wanted * WORTH <= this.#prefetch
    return this.#seen >= this.#prefetch && (wanted === this.#most || wanted >= this.#prefetch * WORTH)
  }

  /** Takes over the prefetch that the sizes seen so far suggest. */
  adapt(): void {
    this.#prefetch = this.#wanted()
    this.#seen = 0
  }

  #wanted(): number {
    return Math.max(1, Math.min(this.#most, Math.floor(this.#bytes / Math.max(1, this.#size ?? 1))))
  }
}
