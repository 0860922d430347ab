/**
 * How many frames a second the parser and the encoder do on one core, and how many bytes they allocate for each: `node
 * test/bench/stomp.bench.ts [seconds per row]`. What a chunk or a body itself takes is there before the clock starts and not counted.
 *
 * Allocated bytes are what the heap and the ArrayBuffers grow by over a batch of about 1 MiB, too little to call for a garbage
 * collection; the median of many batches, because now and then one (or a compilation) comes all the same.
 */
import { Buffer } from 'node:buffer'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { encodeFrame, encodeMessage, headerLine } from '../../src/stomp/encoder.ts'
import { Parser } from '../../src/stomp/parser.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')
const milliseconds = 1000 * Number(process.argv[2] ?? 1)

interface Case {
  readonly name: string
  /** Bytes of one frame on the wire. */
  readonly bytes: number
  /** Frames of one call of `run`. */
  readonly frames: number
  run(): number
}

const LIMITS = { frameBytes: 2 ** 24, headerBytes: 8192, headerCount: 100 }
const ADDRESS = ['destination', '/topic/prices.eu.frankfurt', 'content-type', 'application/json']
const EIGHT = [...ADDRESS, 'receipt', 'r-4711', 'priority', '4', 'app-id', 'trader', 'x-trace', '00-4bf92f3577b34da6']
const ESCAPED = [...ADDRESS, 'path', 'C:\\new\\table', 'note', 'two\nlines']

const small = Buffer.from('{"symbol":"SIE","bid":181.04,"ask":181.06,"time":1732100000123}')
const large = Buffer.alloc(65_536, 'x')
const huge = Buffer.alloc(2 ** 20, 'x')

function parse(name: string, frame: Buffer, chunk: Buffer[], frames: number): Case {
  const parser = new Parser(LIMITS)
  parser.version = '1.2'
  const run = (): number => {
    let count = 0
    for (const piece of chunk) {
      parser.push(piece)
      while (parser.next() !== undefined) count++
    }
    return count
  }
  return { name: `parse   ${name}`, bytes: frame.length, frames, run }
}

function cut(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size))
}

function cases(): Case[] {
  const heartbeat = Buffer.from('ACK\nid:1-4711\n\n\0')
  const send = encodeFrame('SEND', ADDRESS, small, '1.2')
  const many = Buffer.concat(Array.from({ length: 100 }, () => send))
  const eight = encodeFrame('SEND', EIGHT, small, '1.2')
  const escaped = encodeFrame('SEND', ESCAPED, small, '1.2')
  const delimited = Buffer.from(`SEND\ndestination:/topic/prices.eu.frankfurt\n\n${small}\0`)
  const sendLarge = encodeFrame('SEND', ADDRESS, large, '1.2')
  const sendHuge = encodeFrame('SEND', ADDRESS, huge, '1.2')
  const prefix = `MESSAGE\n${headerLine('subscription', 'sub-0', '1.2')}${headerLine('destination', ADDRESS[1]!, '1.2')}`
  const rest = ['message-id', '1-4711', 'content-type', 'application/json']
  const encode = (name: string, make: () => Buffer): Case => {
    return { name: `encode  ${name}`, bytes: make().length, frames: 1, run: () => (make().length > 0 ? 1 : 0) }
  }
  return [
    parse('ACK, 1 header', heartbeat, [heartbeat], 1),
    parse('SEND, 3 headers, 63 B body', send, [send], 1),
    parse('SEND, the same, 100 in one chunk', send, [many], 100),
    parse('SEND, the same, in chunks of 1 byte', send, cut(send, 1), 1),
    parse('SEND, body up to NUL', delimited, [delimited], 1),
    parse('SEND, 7 headers', eight, [eight], 1),
    parse('SEND, 5 headers with escapes', escaped, [escaped], 1),
    parse('SEND, 64 KiB body', sendLarge, [sendLarge], 1),
    parse('SEND, 64 KiB body, in 4 KiB chunks', sendLarge, cut(sendLarge, 4096), 1),
    parse('SEND, 1 MiB body, in 64 KiB chunks', sendHuge, cut(sendHuge, 65_536), 1),
    encode('MESSAGE, prefix and 2 headers, 63 B', () => encodeMessage(prefix, rest, small, '1.2')),
    encode('MESSAGE, 3 headers, 63 B body', () => encodeFrame('MESSAGE', ADDRESS, small, '1.2')),
    encode('MESSAGE, 7 headers', () => encodeFrame('MESSAGE', EIGHT, small, '1.2')),
    encode('MESSAGE, 5 headers with escapes', () => encodeFrame('MESSAGE', ESCAPED, small, '1.2')),
    encode('RECEIPT', () => encodeFrame('RECEIPT', ['receipt-id', 'r-4711'], undefined, '1.2')),
    encode('MESSAGE, prefix, 64 KiB body', () => encodeMessage(prefix, rest, large, '1.2')),
    encode('MESSAGE, prefix, 1 MiB body', () => encodeMessage(prefix, rest, huge, '1.2')),
  ]
}

/** Frames a second. */
function speed({ run }: Case, forMs: number): number {
  let frames = 0
  const start = performance.now()
  let now = start
  while (now - start < forMs) {
    for (let round = 0; round < 20; round++) frames += run()
    now = performance.now()
  }
  return (1000 * frames) / (now - start)
}

/** Bytes allocated for a frame. */
function allocation({ run, bytes, frames }: Case): number {
  const rounds = Math.ceil(2 ** 20 / Math.max(bytes, 1024) / frames)
  const batches = Array.from({ length: 31 }, () => {
    collectGarbage()
    const before = process.memoryUsage()
    for (let round = 0; round < rounds; round++) run()
    const after = process.memoryUsage()
    return (after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers) / (rounds * frames)
  })
  return batches.toSorted((a, b) => a - b)[15]!
}

function row(cells: readonly string[]): string {
  return cells.map((cell, index) => (index === 0 ? cell.padEnd(46) : cell.padStart(14))).join('')
}

const figure = (value: number, digits = 0) =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })

console.log(`Node ${process.version}, ${process.platform} ${process.arch}\n`)
console.log(row(['', 'bytes/frame', 'frames/s', 'µs/frame', 'MB/s', 'allocated B']))
for (const test of cases()) {
  if (test.run() !== test.frames) throw new Error(`${test.name}: not the frames it should be`)
  speed(test, milliseconds / 4)
  const rate = speed(test, milliseconds)
  const mega = (rate * test.bytes) / 1e6
  const allocated = allocation(test)
  const cells = [figure(test.bytes), figure(rate), figure(1e6 / rate, 2), figure(mega), figure(allocated)]
  console.log(row([test.name, ...cells]))
}
