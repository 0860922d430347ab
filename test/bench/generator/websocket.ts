/**
 * As much of RFC 6455 as a load generator needs: masked messages out, unmasked messages in. It parses a server's output without copying or
 * decoding it, so that the generator costs less than what it measures. Knows nothing of STOMP or sockets.
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
  #rest: Buffer | undefined

  constructor(onMessage: OnMessage) {
    this.#onMessage = onMessage
  }

  /**
   * @param chunk may be overwritten after the call
   * @throws Error when a message comes in fragments, which none of the servers does
   */
  push(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    while (at + 2 <= bytes.length) {
      if ((bytes[at]! & FIN) === 0) throw new Error('a fragmented message')
      const length = bytes[at + 1]!
      const head = length < 126 ? 2 : length === 126 ? 4 : 10
      if (at + head > bytes.length) break
      const start = at + head
      const end = start + (head === 2 ? length : head === 4 ? bytes.readUInt16BE(at + 2) : bytes.readUInt32BE(at + 6))
      if (end > bytes.length) break
      this.#onMessage(bytes[at]! & 0x0f, bytes, start, end)
      at = end
    }
    this.#rest = at === bytes.length ? undefined : Buffer.from(bytes.subarray(at))
  }
}
