/**
 * The octets that were received and not yet consumed, as one contiguous piece of memory, so that the parser can look at a frame without
 * minding where chunks began. Knows nothing of frames.
 *
 * A chunk that comes while nothing is held is adopted, not copied: a frame that lies within one chunk costs no copy. Otherwise the
 * octets are appended to memory of our own that grows by doubling: each octet is copied a bounded number of times, however small the
 * chunks, and no chunk (nor the 64 KiB that a small one may be a view of) is kept alive by being waited for.
 */
import { Buffer } from 'node:buffer'
import { EMPTY } from './frame.ts'

/** Bytes of the smallest memory of our own. */
const SMALLEST = 256

export class Window {
  /** The octets held are `bytes[start … end)`. What stands before `start` may be in use as bodies: it is never written to again. */
  bytes: Buffer = EMPTY
  start = 0
  end = 0
  #owned = false

  get length(): number {
    return this.end - this.start
  }

  /**
   * @param wanted how many bytes, counted from `start`, the reader is waiting for; 0 = not known. Memory of our own then grows just to
   *   that, so that a long body is not kept in twice its size
   */
  push(chunk: Buffer, wanted: number): void {
    if (chunk.length === 0) return
    if (this.length === 0) this.#adopt(chunk)
    else this.#append(chunk, wanted)
  }

  #append(chunk: Buffer, wanted: number): void {
    const fits = this.#owned && this.bytes.length - this.end >= chunk.length
    if (!fits) this.#grow(chunk.length, wanted)
    this.bytes.set(chunk, this.end)
    this.end += chunk.length
  }

  /** Consumes up to the index `to` of `bytes`. With the last octet the memory is let go: an idle connection holds none. */
  consume(to: number): void {
    this.start = to
    if (to === this.end) this.#adopt(EMPTY)
  }

  /** Forgets everything, and the memory with it. */
  clear(): void {
    this.#adopt(EMPTY)
  }

  #adopt(chunk: Buffer): void {
    this.bytes = chunk
    this.start = 0
    this.end = chunk.length
    this.#owned = false
  }

  /** Moves what is held into new memory with room for `more` bytes; never in place, because bodies are views of the old one. */
  #grow(more: number, wanted: number): void {
    const held = this.length
    const needed = held + more
    const doubled = Math.max(2 * needed, SMALLEST)
    const capacity = held < wanted ? Math.min(doubled, Math.max(wanted, needed)) : doubled
    const grown = Buffer.allocUnsafe(capacity)
    grown.set(this.bytes.subarray(this.start, this.end), 0)
    this.bytes = grown
    this.start = 0
    this.end = held
    this.#owned = true
  }
}
