import { expect, test } from 'vitest'
import { MessageReader, OPCODE } from './websocket.ts'

const SIZES = [0, 1, 125, 126, 127, 300, 65_535, 65_536, 70_000]

/** As a server sends it: not masked. */
function served(payload: Buffer): Buffer {
  const { length } = payload
  if (length < 126) return Buffer.concat([Buffer.from([0x80 | OPCODE.text, length]), payload])
  const head = Buffer.alloc(length <= 0xffff ? 4 : 10)
  head[0] = 0x80 | OPCODE.text
  head[1] = length <= 0xffff ? 126 : 127
  if (length <= 0xffff) head.writeUInt16BE(length, 2)
  else head.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([head, payload])
}

const payloads = SIZES.map((size, index) => Buffer.alloc(size, 97 + index))
const stream = Buffer.concat(payloads.map(served))

/** What comes out when the stream is read in pieces, each into the same buffer. */
function readInPieces(size: number): Buffer[] {
  const read: Buffer[] = []
  const scratch = Buffer.alloc(size)
  const reader = new MessageReader((opcode, bytes, start, end) => {
    expect(opcode).toBe(OPCODE.text)
    read.push(Buffer.from(bytes.subarray(start, end)))
  })
  for (let at = 0; at < stream.length; at += size) {
    const length = stream.copy(scratch, 0, at, at + size)
    reader.push(scratch, length)
    scratch.fill(0)
  }
  return read
}

test.each([1, 2, 3, 7, 100, 1_000, 65_537, 1_000_000])(
  'messages read in pieces of %i octets come out whole',
  (size) => {
    const read = readInPieces(size)
    expect(read.map(({ length }) => length)).toEqual(SIZES)
    expect(read.every((payload, index) => payload.equals(payloads[index]!))).toBe(true)
  },
)

test('a fragment is not taken for a message', () => {
  const reader = new MessageReader(() => {})
  expect(() => reader.push(Buffer.from([OPCODE.text, 1, 97]), 3)).toThrow('fragmented')
})
