/**
 * A STOMP frame as data: what the parser makes and the session reads. Knows neither what a command means (rules.ts) nor how it looks
 * on the wire (grammar.ts).
 */
import { Buffer } from 'node:buffer'

export interface Frame {
  /** As on the wire; of the parser's frames always one of the commands of STOMP 1.0-1.2. */
  readonly command: string
  /**
   * name, value, name, value … in wire order, unescaped. Repeated names are kept: of equal names the first counts. A flat array, and no
   * Map or plain object, because order matters, repeats matter, and `__proto__` is a legal name.
   */
  readonly headers: readonly string[]
  /**
   * The octets between head and NUL. A view of the memory the chunk came in: never written to, and whoever keeps it long copies it.
   * {@link EMPTY} when there are none.
   */
  readonly body: Buffer
}

/** The body of a frame that has none. */
export const EMPTY: Buffer = Buffer.alloc(0)

/**
 * The value of a header; undefined when the frame does not have it, '' when it is there and empty. Names are case-sensitive.
 *
 * STOMP 1.2, Repeated Header Entries: "only the first header entry SHOULD be used as the value of header entry".
 */
export function header(frame: Frame, name: string): string | undefined {
  return firstOf(frame.headers, name)
}

/** The same for a list of headers, name, value, name, value …, that is not part of a frame yet. */
export function firstOf(headers: readonly string[], name: string): string | undefined {
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index] === name) return headers[index + 1]
  }
  return undefined
}
