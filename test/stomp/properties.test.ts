/**
 * What holds for every frame and for every input, not only for the vectors. Text and octets are biased to what the grammar gives a
 * meaning to.
 */
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeFrame } from '../../src/stomp/encoder.ts'
import { commands } from '../../src/stomp/grammar.ts'
import type { ParserLimits } from '../../src/stomp/parser.ts'
import { type Version, versions } from '../../src/stomp/version.ts'
import { byteByByte, feed, outcome, parserOf } from './reading.ts'

const SPECIAL = [':', '\\', '\r', '\n', '\0', ' ', 'n', 'r', 'c', 't', 'content-length', '1']

const unit = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...SPECIAL) },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 3 }) },
)
const text = fc.array(unit, { maxLength: 8 }).map((units) => units.join(''))
const name = text.filter((chars) => chars !== '' && chars !== 'content-length')
const octet = fc.oneof(fc.constantFrom(0, 10, 13, 58, 92, 255), fc.nat(255))
const body = fc.array(octet, { maxLength: 40 }).map((octets) => Buffer.from(octets))
const version = fc.constantFrom(...versions)
const command = fc.constantFrom(...commands)

/** What a version can say. 1.0: no LF or CR, no colon in a name, no space before a value. 1.1: no CR where a line ends. */
function sayable(version: Version, name: string, value: string): boolean {
  if (version === '1.2') return true
  if (version === '1.1') return !value.endsWith('\r')
  return !/[\r\n:]/.test(name) && !/[\r\n]|^ /.test(value)
}

const headers = (version: Version) =>
  fc.array(
    fc.tuple(name, text).filter(([name, value]) => sayable(version, name, value)),
    { maxLength: 6 },
  )

const frame = (command: fc.Arbitrary<string>) =>
  version.chain((version) => fc.record({ version: fc.constant(version), command, headers: headers(version), body }))

const escaped = command.filter((command) => !['CONNECT', 'STOMP', 'CONNECTED'].includes(command))

/** Cuts at the given places, in any order and with repeats. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end))
}

describe('every frame', () => {
  it('comes back as it was written', () => {
    fc.assert(
      fc.property(frame(escaped), ({ version, command, headers, body }) => {
        const bytes = encodeFrame(command, headers.flat(), body, version)
        const length = body.length === 0 ? [] : ['content-length', String(body.length)]
        expect(feed(parserOf(version), [bytes])).toEqual([{ command, headers: [...headers.flat(), ...length], body }])
      }),
      { numRuns: 1000 },
    )
  })

  it('is the same frame however its octets are split', () => {
    fc.assert(
      fc.property(
        fc.array(frame(command), { minLength: 1, maxLength: 4 }),
        version,
        fc.array(fc.nat(), { maxLength: 10 }),
        (frames, version, places) => {
          const bytes = Buffer.concat(
            frames.map(({ command, headers, body }) => encodeFrame(command, headers.flat(), body, version)),
          )
          const whole = outcome(parserOf(version), [bytes])
          expect(whole.frames).toHaveLength(frames.length)
          expect(outcome(parserOf(version), cut(bytes, places))).toEqual(whole)
          expect(outcome(parserOf(version), byteByByte(bytes))).toEqual(whole)
        },
      ),
    )
  })
})

describe('every input', () => {
  const limits: ParserLimits = { frameBytes: 60, headerBytes: 30, headerCount: 4, headTotalBytes: 100 }
  const piece = fc.oneof(
    fc.constantFrom('SEND\n', 'CONNECT\r\n', 'MESSAGE\n', 'a:b\n', 'receipt:r\r\n', '\n', '\r\n', '\n\n', '\0', '\\'),
    fc.constantFrom('content-length:', 'content-length:5\n', 'content-length:61\n', ':', 'accept-version:1.2\n'),
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.string({ maxLength: 70 }),
  )
  const octets = fc.oneof(
    fc.array(piece, { maxLength: 20 }).map((pieces) => Buffer.from(pieces.join(''))),
    fc.array(piece, { maxLength: 20 }).map((pieces) => Buffer.from(pieces.join(''), 'latin1')),
    fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)),
  )
  const places = fc.array(fc.nat(), { maxLength: 10 })
  const bound = limits.headTotalBytes! + limits.frameBytes + 1

  it('makes the parser throw nothing but ProtocolError, in bounded memory', () => {
    fc.assert(
      fc.property(octets, version, places, (bytes, version, places) => {
        const parser = parserOf(version, limits)
        for (const chunk of cut(bytes, places)) {
          const { frames } = outcome(parser, [chunk])
          expect(parser.buffered).toBeLessThanOrEqual(bound)
          for (const frame of frames) {
            expect(frame.body.length).toBeLessThanOrEqual(limits.frameBytes)
            expect(frame.headers.length).toBeLessThanOrEqual(2 * limits.headerCount)
          }
        }
      }),
      { numRuns: 3000 },
    )
  })

  it('has the same outcome however it is split', () => {
    fc.assert(
      fc.property(octets, version, places, (bytes, version, places) => {
        const whole = outcome(parserOf(version, limits), [bytes])
        expect(outcome(parserOf(version, limits), cut(bytes, places))).toEqual(whole)
        expect(outcome(parserOf(version, limits), byteByByte(bytes))).toEqual(whole)
      }),
      { numRuns: 3000 },
    )
  })

  it('that is a broken frame is found out in the same way: one octet of a good one changed', () => {
    fc.assert(
      fc.property(frame(command), fc.nat(), octet, places, ({ version, command, headers, body }, at, octet, places) => {
        const bytes = encodeFrame(command, headers.flat(), body, version)
        bytes[at % bytes.length] = octet
        const whole = outcome(parserOf(version), [bytes])
        expect(outcome(parserOf(version), cut(bytes, places))).toEqual(whole)
      }),
      { numRuns: 1000 },
    )
  })
})
