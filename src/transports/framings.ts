/**
 * How one STOMP frame becomes the bytes of a WebSocket message, and the way back for who looks on. Knows RFC 6455 §5.2; neither sockets nor what
 * a message says.
 */
import { isUtf8 } from 'node:buffer'
import { joinFrames, tailOf } from './joining.ts'
import type { Framing } from './wire.ts'

/**
 * A complete WebSocket frame. RFC 6455 §5.2: FIN, opcode, length in 7, 7+16 or 7+64 bits; §5.1: "A server MUST NOT mask any frames". §8.1 lets
 * the peer fail a text message that is not UTF-8, so such a frame goes as binary.
 */
export const plain: Framing = {
  name: 'websocket',
  textOnly: false,
  pack(frame) {
    const { length } = frame
    const header = length < 126 ? 2 : length < 65_536 ? 4 : 10
    const packed = Buffer.allocUnsafe(header + length)
    packed[0] = isUtf8(frame) ? 0x81 : 0x82
    if (header === 2) {
      packed[1] = length
    } else if (header === 4) {
      packed[1] = 126
      packed.writeUInt16BE(length, 2)
    } else {
      packed[1] = 127
      packed.writeUInt32BE(Math.floor(length / 2 ** 32), 2)
      packed.writeUInt32BE(length >>> 0, 6)
    }
    packed.set(frame, header)
    return packed
  },
  tail: tailOf,
  join: joinFrames,
  reader() {
    let rest: Buffer = Buffer.alloc(0)
    return (packed) => {
      const bytes = rest.length === 0 ? packed : Buffer.concat([rest, packed])
      const { frames, end } = unpacked(bytes)
      rest = bytes.subarray(end)
      return frames
    }
  },
}

/** With permessage-deflate `ws` frames each message itself. Not the same object as `plain`: the bytes differ. */
export const deflated: Framing = {
  name: 'websocket, compressed',
  textOnly: false,
  pack: (frame) => frame,
  tail: tailOf,
  join: (head, tails, from) => tails.slice(from).map(({ bytes }) => Buffer.concat([head, bytes])),
  reader: () => (packed) => [packed],
}

/** The payloads of the whole frames at the beginning of `bytes`, as views, and where the first one that is not whole begins. */
function unpacked(bytes: Buffer): { readonly frames: readonly Buffer[]; readonly end: number } {
  const frames: Buffer[] = []
  let end = 0
  while (bytes.length - end >= 2) {
    const short = bytes[end + 1]!
    const payload = end + (short < 126 ? 2 : short === 126 ? 4 : 10)
    if (payload > bytes.length) break
    const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(end + 2) : lengthAt(bytes, end + 2)
    if (payload + length > bytes.length) break
    frames.push(bytes.subarray(payload, payload + length))
    end = payload + length
  }
  return { frames, end }
}

function lengthAt(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)
}
