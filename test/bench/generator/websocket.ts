/**
 * As much of RFC 6455 as a load generator needs: masked messages out, unmasked messages in. It parses a server's output without decoding it,
 * and copies only what a read cut in two, so that the generator costs less than what it measures. Knows nothing of STOMP or sockets.
 */
export const OPCODE = { text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const

const FIN = 0x80
const MASKED = 0x80

/** Any but 0,0,0,0: some servers skip the unmasking then, which no browser lets them do. */
const KEY = Buffer.from([0x37, 0xfa, 0x21, 0x3d])

/** One masked message in one frame. */
export function mask(payload: Buffer, opcode: number = OPCODE.text): Buffer {
  const { length } = payload
  const short = length < 126
  if (length > 0xffff) throw new RangeError('no scenario sends messages over 64 KiB')
  const head = short ? 2 : 4
  const out = Buffer.allocUnsafe(head + KEY.length + length)
  out[0] = FIN | opcode
  out[1] = MASKED | (short ? length : 126)
  if (!short) out.writeUInt16BE(length, 2)
  out.set(KEY, head)
  for (let index = 0, to = head + KEY.length; index < length; index++)
    out[to + index] = payload[index]! ^ KEY[index & 3]!
  return out
}

/** The payload is `bytes` from `start` to `end`, valid only during the call. */
export type OnMessage = (opcode: number, bytes: Buffer, start: number, end: number) => void

/** Cuts a server's octets into messages. */
export class MessageReader {
  readonly #onMessage: OnMessage
  /** The beginning of a message whose end has not come, kept for the next such. */
  #begun: Buffer | undefined
  #held = 0

  constructor(onMessage: OnMessage) {
    this.#onMessage = onMessage
  }

  /**
   * @param bytes may be overwritten after the call
   * @param length how many of them to read
   * @throws Error when a message comes in fragments, which none of the servers does
   */
  push(bytes: Buffer, length: number): void {
    let at = this.#held === 0 ? 0 : this.#complete(bytes, length)
    while (at < length) {
      const size = sizeAt(bytes, at, length)
      if (at + size > length) break
      this.#tell(bytes, at, at + size)
      at += size
    }
    if (at < length) this.#hold(bytes, at, length)
  }

  /** Where the next message begins. */
  #complete(bytes: Buffer, length: number): number {
    let at = 0
    while (at < length) {
      const missing = sizeAt(this.#begun!, 0, this.#held) - this.#held
      const end = Math.min(at + (Number.isFinite(missing) ? missing : 1), length)
      this.#hold(bytes, at, end)
      at = end
      if (sizeAt(this.#begun!, 0, this.#held) === this.#held) {
        const size = this.#held
        this.#held = 0
        this.#tell(this.#begun!, 0, size)
        break
      }
    }
    return at
  }

  #hold(bytes: Buffer, start: number, end: number): void {
    const held = this.#held + end - start
    if (this.#begun === undefined || this.#begun.length < held) {
      const size = sizeAt(bytes, start, end)
      const room = Buffer.allocUnsafe(Math.max(this.#held === 0 && Number.isFinite(size) ? size : 0, 2 * held))
      this.#begun?.copy(room, 0, 0, this.#held)
      this.#begun = room
    }
    bytes.copy(this.#begun, this.#held, start, end)
    this.#held = held
  }

  #tell(bytes: Buffer, at: number, end: number): void {
    const first = bytes[at]!
    if ((first & FIN) === 0) throw new Error('a fragmented message')
    this.#onMessage(first & 0x0f, bytes, at + headAt(bytes, at), end)
  }
}

/** Octets of the message that begins at `at`, its head included; Infinity when not even the head has come. */
function sizeAt(bytes: Buffer, at: number, end: number): number {
  if (at + 2 > end) return Number.POSITIVE_INFINITY
  const head = headAt(bytes, at)
  if (at + head > end) return Number.POSITIVE_INFINITY
  if (head === 2) return head + bytes[at + 1]!
  // no server says 4 GiB in one message
  return head + (head === 4 ? bytes.readUInt16BE(at + 2) : bytes.readUInt32BE(at + 6))
}

function headAt(bytes: Buffer, at: number): number {
  const length = bytes[at + 1]!
  return length < 126 ? 2 : length === 126 ? 4 : 10
}
