/**
 * Frames that differ only in their first lines, many at a time: what a turn brings to a subscriber, as the bytes of WebSocket messages, written
 * with one allocation and one copy. Knows RFC 6455 §5.2 and nothing of what the messages say.
 */
import { isUtf8 } from 'node:buffer'
import type { Tail } from './wire.ts'

/** Up to so many bytes all is copied into one buffer, from Node's pool: it is cheaper than one more buffer to write. */
const COPIED_UP_TO = 2 * 1024
/** Beyond that, a tail from here on is handed on as it is: a large buffer for one subscriber alone costs more than writing two. */
const SHARED_FROM = 512

/** `Framing.tail` of all WebSocket framings. */
export function tailOf(bytes: Buffer): Tail {
  return { bytes, isText: isUtf8(bytes) }
}

/** So many wires pay for a copy of everything: each has one buffer to write. */
const READERS = 4

/** `Framing.join` of the plain WebSocket framing. */
export function joinFrames(head: Buffer, tails: readonly Tail[], from: number, readers: number): readonly Buffer[] {
  let total = 0
  let longest = 0
  for (let index = from; index < tails.length; index++) {
    const { length } = tails[index]!.bytes
    total += headerBytes(head.length + length) + head.length + length
    if (length > longest) longest = length
  }
  if (readers < READERS && total > COPIED_UP_TO && longest >= SHARED_FROM) {
    return tails.slice(from).flatMap((tail) => frameOf(head, tail))
  }
  const joined = Buffer.allocUnsafe(total)
  let at = 0
  for (let index = from; index < tails.length; index++) {
    const tail = tails[index]!
    at = writeHeader(joined, at, head.length + tail.bytes.length, tail.isText)
    joined.set(head, at)
    joined.set(tail.bytes, at + head.length)
    at += head.length + tail.bytes.length
  }
  return [joined]
}

/** One frame; its tail as it is. */
function frameOf(head: Buffer, tail: Tail): readonly Buffer[] {
  const { length } = tail.bytes
  const start = Buffer.allocUnsafe(headerBytes(head.length + length) + head.length)
  start.set(head, writeHeader(start, 0, head.length + length, tail.isText))
  return [start, tail.bytes]
}

/** RFC 6455 §5.2: the length in 7, 7+16 or 7+64 bits; §5.1: "A server MUST NOT mask any frames". */
function headerBytes(length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : 10
}

/** @returns where the payload begins */
function writeHeader(into: Buffer, at: number, length: number, isText: boolean): number {
  into[at] = isText ? 0x81 : 0x82
  if (length < 126) {
    into[at + 1] = length
    return at + 2
  }
  if (length < 65_536) {
    into[at + 1] = 126
    into[at + 2] = length >>> 8
    into[at + 3] = length & 0xff
    return at + 4
  }
  into[at + 1] = 127
  into.writeUInt32BE(Math.floor(length / 2 ** 32), at + 2)
  into.writeUInt32BE(length >>> 0, at + 6)
  return at + 10
}
