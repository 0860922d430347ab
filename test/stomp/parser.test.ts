import { Buffer } from 'node:buffer'
import { describe, expect, it } from 'vitest'
import { header } from '../../src/stomp/frame.ts'
import { Parser, type ParserLimits } from '../../src/stomp/parser.ts'
import { byteByByte, drain, embedded, feed, LIMITS, outcome, parserOf } from './reading.ts'
import { octets, refusals, tolerated, vectors } from './vectors.ts'

const TAIL = octets('\nDISCONNECT\nreceipt:tail\n\n\0')

describe.each([...vectors, ...tolerated])('reads $title ($version)', ({ version, bytes, command, headers, body }) => {
  const frame = { command, headers, body }
  const tail = { command: 'DISCONNECT', headers: ['receipt', 'tail'], body: Buffer.alloc(0) }

  it('whole', () => expect(feed(parserOf(version), [bytes])).toEqual([frame]))
  it('byte by byte', () => expect(feed(parserOf(version), byteByByte(bytes))).toEqual([frame]))
  it('with a tail', () => {
    expect(feed(parserOf(version), [embedded(Buffer.concat([bytes, TAIL]))])).toEqual([frame, tail])
  })
  it('split once, anywhere, with a tail', () => {
    const wire = embedded(Buffer.concat([bytes, TAIL]))
    for (let at = 0; at <= wire.length; at++) {
      expect(feed(parserOf(version), [wire.subarray(0, at), wire.subarray(at)])).toEqual([frame, tail])
    }
  })
})

describe.each(refusals)('refuses $title ($version)', ({ version, bytes, code, receipt }) => {
  const refusal = { frames: [], code, receipt }

  it('whole', () => expect(outcome(parserOf(version), [bytes])).toEqual(refusal))
  it('byte by byte', () => expect(outcome(parserOf(version), byteByByte(bytes))).toEqual(refusal))
  it('after a frame, with a tail', () => {
    const wire = embedded(Buffer.concat([TAIL, bytes, octets('\0'), TAIL]))
    const { frames, ...fault } = outcome(parserOf(version), [wire])
    expect(frames).toHaveLength(1)
    expect(fault).toEqual({ code, receipt })
  })
})

describe('limits', () => {
  const limits: ParserLimits = { frameBytes: 10, headerBytes: 40, headerCount: 3 }
  const result = (wire: string, more: Partial<ParserLimits> = {}) => {
    const whole = outcome(parserOf('1.2', { ...limits, ...more }), [octets(wire)])
    const split = outcome(parserOf('1.2', { ...limits, ...more }), byteByByte(octets(wire)))
    expect(split, 'byte by byte').toEqual(whole)
    return whole.code ?? whole.frames.length
  }
  const send = (headers: string, body = '') => `SEND\n${headers}\n${body}\0`

  it('of an announced body, at n and at n + 1', () => {
    expect(result(send('content-length:10\n', '0123456789'))).toBe(1)
    expect(result(send('content-length:11\n', '0123456789X'))).toBe('frame-too-large')
  })

  it('of a body that ends with NUL, at n and at n + 1', () => {
    expect(result(send('', '0123456789'))).toBe(1)
    expect(result(send('', '0123456789X'))).toBe('frame-too-large')
  })

  it('of a header line, at n and at n + 1, without its EOL', () => {
    expect(result(send(`name:${'x'.repeat(35)}\n`))).toBe(1)
    expect(result(send(`name:${'x'.repeat(35)}\r\n`))).toBe(1)
    expect(result(send(`name:${'x'.repeat(36)}\n`))).toBe('header-too-long')
    expect(result(send(`name:${'x'.repeat(36)}\r\n`))).toBe('header-too-long')
  })

  it('of a header line, in bytes and not in characters', () => {
    const wire = (euros: number) => Buffer.from(`SEND\nname:${'€'.repeat(euros)}\n\n\0`).toString('latin1')
    expect(result(wire(11))).toBe(1)
    expect(result(wire(12))).toBe('header-too-long')
  })

  it('of the number of headers, at n and at n + 1', () => {
    expect(result(send('a:1\n'.repeat(3)))).toBe(1)
    expect(result(send('a:1\n'.repeat(4)))).toBe('too-many-headers')
    expect(result(send(''), { headerCount: 0 })).toBe(1)
    expect(result(send('a:1\n'), { headerCount: 0 })).toBe('too-many-headers')
  })

  it('of the whole head, at n and at n + 1, EOLs included', () => {
    expect(result(send('a:1\n'), { headTotalBytes: 10 })).toBe(1)
    expect(result(send('a:1\n'), { headTotalBytes: 9 })).toBe('frame-too-large')
    expect(result('SEND\r\na:1\r\n\r\n\0', { headTotalBytes: 13 })).toBe(1)
    expect(result('SEND\r\na:1\r\n\r\n\0', { headTotalBytes: 12 })).toBe('frame-too-large')
  })

  it('of the whole head and of a line: the one that is crossed first is named', () => {
    expect(result(send(`name:${'x'.repeat(99)}\n`), { headTotalBytes: 30 })).toBe('frame-too-large')
    expect(result(send(`name:${'x'.repeat(99)}\n`), { headTotalBytes: 60 })).toBe('header-too-long')
  })

  it('are refused before more of the frame has come', () => {
    expect(result('SEND\ncontent-length:11\n\n')).toBe('frame-too-large')
    expect(result(`SEND\nname:${'x'.repeat(36)}`)).toBe('header-too-long')
    expect(result(`SEND\n${'a:1\n'.repeat(4)}`)).toBe('too-many-headers')
    expect(result('SEND\n\n0123456789X')).toBe('frame-too-large')
  })

  it('tell "too large" from "wrong"', () => {
    const thrown = (wire: string) => {
      const parser = new Parser(limits)
      parser.push(octets(wire))
      try {
        return parser.next()
      } catch (error) {
        return error
      }
    }
    expect(thrown('SEND\ncontent-length:11\n\n')).toMatchObject({ tooLarge: true })
    expect(thrown(`SEND\nname:${'x'.repeat(36)}`)).toMatchObject({ tooLarge: true })
    expect(thrown(`SEND\n${'a:1\n'.repeat(4)}`)).toMatchObject({ tooLarge: true })
    expect(thrown('SEND\nabc\n\n')).toMatchObject({ tooLarge: false })
  })

  it('hold for the next frame when they are replaced', () => {
    const parser = new Parser(limits)
    parser.push(octets(send('', '0123456789') + send('', '0123456789X')))
    expect(parser.next()?.body).toHaveLength(10)
    parser.limits = { ...limits, frameBytes: 11 }
    expect(parser.next()?.body).toHaveLength(11)
  })

  it('hold for a frame that is half read when they are replaced', () => {
    const parser = new Parser({ ...limits, frameBytes: 5 })
    parser.push(octets('SEND\n\n0123'))
    expect(parser.next()).toBeUndefined()
    parser.limits = limits
    parser.push(octets('456789\0'))
    expect(parser.next()?.body.toString()).toBe('0123456789')
  })
})

describe('a parser', () => {
  it('has nothing to say about nothing', () => {
    const parser = parserOf('1.2')
    expect(parser.next()).toBeUndefined()
    parser.push(Buffer.alloc(0))
    expect(parser.next()).toBeUndefined()
    expect(parser.buffered).toBe(0)
  })

  it('skips heart-beats and keeps nothing of them', () => {
    const parser = parserOf('1.2')
    parser.push(octets('\n\r\n\n'))
    expect(parser.next()).toBeUndefined()
    expect(parser.buffered).toBe(0)
  })

  it('is pulled: push reads nothing, buffered counts what is left', () => {
    const parser = parserOf('1.2')
    parser.push(octets('NONSENSE\n\n\0'))
    expect(parser.buffered).toBe(11)
    expect(() => parser.next()).toThrow()
  })

  it('takes many frames of one chunk one by one', () => {
    const parser = parserOf('1.2')
    parser.push(octets('BEGIN\ntransaction:1\n\n\0\nABORT\ntransaction:2\n\n\0COMM'))
    expect(parser.next()?.command).toBe('BEGIN')
    expect(parser.buffered).toBe(27)
    expect(parser.next()?.command).toBe('ABORT')
    expect(parser.next()).toBeUndefined()
    expect(parser.buffered).toBe(4)
  })

  it('keeps chunks that come while it is not asked', () => {
    const parser = parserOf('1.2')
    const wire = octets('BEGIN\ntransaction:1\n\n\0SEND\ncontent-length:3\n\na\0b\0'.repeat(50))
    for (const chunk of byteByByte(wire)) parser.push(chunk)
    expect(parser.buffered).toBe(wire.length)
    expect(drain(parser)).toHaveLength(100)
    expect(parser.buffered).toBe(0)
  })

  it('reads what was pushed before CONNECT was answered under the version that was agreed on', () => {
    const parser = new Parser(LIMITS)
    parser.push(octets('CONNECT\naccept-version:1.2\npasscode:a\\cb\n\n\0SEND\ndestination:a\\cb\n\n\0'))
    expect(header(parser.next()!, 'passcode')).toBe('a\\cb')
    parser.version = '1.2'
    expect(header(parser.next()!, 'destination')).toBe('a:b')
  })

  it('reads a frame that is half read when the version is set under that version', () => {
    const parser = new Parser(LIMITS)
    parser.push(octets('SEND\ndestination: a\\cb\n\nbo'))
    expect(parser.next()).toBeUndefined()
    parser.version = '1.2'
    parser.push(octets('dy\0'))
    expect(header(parser.next()!, 'destination')).toBe(' a:b')
  })

  it('gives out a body that lies in one chunk as a view of that chunk', () => {
    const parser = parserOf('1.2')
    const chunk = octets('SEND\na:b\n\nhello\0')
    parser.push(chunk)
    const body = parser.next()!.body
    expect(body.buffer).toBe(chunk.buffer)
    expect(body.byteOffset).toBe(chunk.byteOffset + chunk.indexOf('hello'))
  })

  it('never writes over a body it gave out', () => {
    const parser = parserOf('1.2')
    const wire = octets(Array.from({ length: 200 }, (_, index) => `SEND\n\nbody ${index}\0`).join(''))
    const bodies = feed(parser, byteByByte(wire)).map((frame) => frame.body)
    expect(bodies.map(String)).toEqual(Array.from({ length: 200 }, (_, index) => `body ${index}`))
  })

  it('keeps a long body that came in pieces in memory of its own size', () => {
    const parser = parserOf('1.2')
    const head = 'SEND\ncontent-length:1000000\n\n'
    const wire = Buffer.concat([octets(head), Buffer.alloc(1_000_000, 'x'), octets('\0')])
    const [frame] = feed(parser, pieces(wire, 65_536))
    expect(frame?.body.buffer.byteLength).toBeLessThan(1_100_000)
  })

  it('copies the headers of a long head, so that none keeps all of it alive', () => {
    const long = 'x'.repeat(900)
    const headers = Array.from({ length: 8 }, (_, index) => [`name-of-header-${index}`, `${long}€${index}`]).flat()
    const lines = Array.from({ length: 8 }, (_, index) => `${headers[2 * index]}:${headers[2 * index + 1]}\n`).join('')
    expect(feed(parserOf('1.2'), [Buffer.from(`SEND\n${lines}\n\0`)])[0]?.headers).toEqual(headers)
  })

  it('stays broken after an error, and holds nothing', () => {
    const parser = parserOf('1.2')
    parser.push(octets('FOO\n\n\0DISCONNECT\n\n\0'))
    expect(() => parser.next()).toThrow(expect.objectContaining({ code: 'unknown-command' }))
    parser.push(octets('DISCONNECT\n\n\0'))
    expect(parser.buffered).toBe(0)
    expect(() => parser.next()).toThrow(expect.objectContaining({ code: 'unknown-command' }))
  })

  it('looks at no octet twice: 1 MiB in chunks of one byte, with and without content-length', () => {
    // Were it to scan or copy again from the beginning, this would be 2^39 steps and not end.
    const body = Buffer.alloc(2 ** 20, 'x')
    const announced = Buffer.concat([octets(`SEND\ncontent-length:${body.length}\n\n`), body, octets('\0')])
    const delimited = Buffer.concat([octets('SEND\n\n'), body, octets('\0')])
    for (const wire of [announced, delimited]) {
      const parser = parserOf('1.2')
      let frames = 0
      for (let at = 0; at < wire.length; at++) {
        parser.push(wire.subarray(at, at + 1))
        if (parser.next()?.body.equals(body)) frames++
      }
      expect(frames).toBe(1)
    }
  })
})

function* pieces(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
