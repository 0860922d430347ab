/**
 * A body as it comes, in one piece. A list of its chunks would be bounded by its bytes and not by their number: whoever sends one byte at a time
 * (of HTTP's chunked coding, half a million in three megabytes) makes of each a Buffer of some hundred bytes. Knows neither where it comes from nor how long
 * it may be.
 */
const NOTHING = Buffer.alloc(0)

export class Gathered {
  /** The first chunk as it came, which mostly is the only one and never written to; from the second on our own. */
  #room: Buffer = NOTHING
  #length = 0

  /** Bytes so far. */
  get length(): number {
    return this.#length
  }

  /** Holds at most twice the bytes that were added, whatever the chunks. */
  add(chunk: Buffer): void {
    const length = this.#length + chunk.length
    if (this.#length === 0) this.#room = chunk
    else {
      if (length > this.#room.length) {
        const grown = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#length))
        grown.set(this.#room.subarray(0, this.#length))
        this.#room = grown
      }
      this.#room.set(chunk, this.#length)
    }
    this.#length = length
  }

  /** All of it, and lets go of it. */
  take(): Buffer {
    const all = this.#room.subarray(0, this.#length)
    this.#room = NOTHING
    this.#length = 0
    return all
  }
}
