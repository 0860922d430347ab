/** The ways in which octets reach a parser, for the tests of this folder. */
import { Buffer } from 'node:buffer'
import { ProtocolError } from '../../src/stomp/errors.ts'
import type { Frame } from '../../src/stomp/frame.ts'
import { Parser, type ParserLimits } from '../../src/stomp/parser.ts'
import type { Version } from '../../src/stomp/version.ts'

export const LIMITS: ParserLimits = { frameBytes: 2 ** 20, headerBytes: 1024, headerCount: 100 }

export function parserOf(version: Version, limits: ParserLimits = LIMITS): Parser {
  const parser = new Parser(limits)
  parser.version = version
  return parser
}

/** All frames that are whole. */
export function drain(parser: Parser): Frame[] {
  const frames: Frame[] = []
  for (let frame = parser.next(); frame !== undefined; frame = parser.next()) frames.push(frame)
  return frames
}

/** Pushes chunk by chunk, taking what is whole after each. */
export function feed(parser: Parser, chunks: Iterable<Buffer>): Frame[] {
  return [...chunks].flatMap((chunk) => {
    parser.push(chunk)
    return drain(parser)
  })
}

/** Each octet as a Buffer of its own, a view into a larger one, as Node's are. */
export function* byteByByte(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at++) yield bytes.subarray(at, at + 1)
}

/** The same octets, between octets that are not part of them. */
export function embedded(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from('\0\n:\\'), bytes, Buffer.from('\0\n:\\')]).subarray(4, 4 + bytes.length)
}

/** What came of it: the frames before the fault, and the fault as far as it is a promise. */
interface Outcome {
  readonly frames: readonly Frame[]
  readonly code: string | undefined
  readonly receipt: string | undefined
}

/** Like {@link feed}, with a ProtocolError as a value. Any other error is thrown on. */
export function outcome(parser: Parser, chunks: Iterable<Buffer>): Outcome {
  const frames: Frame[] = []
  try {
    for (const chunk of chunks) {
      parser.push(chunk)
      for (let frame = parser.next(); frame !== undefined; frame = parser.next()) frames.push(frame)
    }
    return { frames, code: undefined, receipt: undefined }
  } catch (thrown) {
    if (!(thrown instanceof ProtocolError)) throw thrown
    return { frames, code: thrown.code, receipt: thrown.receipt }
  }
}
