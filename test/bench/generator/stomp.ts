/**
 * As much of STOMP as a load generator needs: frames out, and the questions that are asked of a frame that came in (which command, which
 * number, which ack id), answered by looking at single bytes. Uses no code of the bridge: it must not share its faults or its speed.
 */
import { mask } from './websocket.ts'

export type Version = '1.0' | '1.1' | '1.2'

/** Names and values as on the wire: who gives them has escaped them. */
export type Headers = Readonly<Record<string, string>>

/** First octet of the command. */
export const KIND = { message: 0x4d, receipt: 0x52, error: 0x45, connected: 0x43 } as const

const LF = 10
const NUL = 0
const ZERO = 48
const DIGITS = 4
const ACK_HEADER = Buffer.from('\nack:')
const RECEIPT_HEADER = Buffer.from('\nreceipt-id:n-')

/** Bodies are numbered from 0 to RING - 1, then from 0 again. */
export const RING = 1000

/** One frame in one masked WebSocket message. */
export function frame(command: string, headers: Headers, body = ''): Buffer {
  return mask(Buffer.from(`${command}\n${lines(headers)}\n${body}\0`))
}

/** What `receiptNumberOf` finds again. */
export const receiptOf = (number: number): string => `n-${number}`

export interface SendOptions {
  readonly destination: string
  /** Of the body, at least 4; ASCII, it begins with its number. */
  readonly bytes: number
  /** Of each SEND. */
  readonly receipts: boolean
  readonly persistent?: boolean
  /** Of the sender's own. */
  readonly headers?: Headers
}

/** SEND frames with numbered bodies, made beforehand and of equal length, so that any run of them is one view of one buffer. */
export class Sends {
  readonly #ring: Buffer
  readonly #each: number
  #next = 0

  constructor({ destination, bytes, receipts, persistent, headers }: SendOptions) {
    const frames = Array.from({ length: RING }, (_, number) => {
      const digits = String(number).padStart(DIGITS, '0')
      const usual = { destination, 'content-type': 'text/plain', 'content-length': String(bytes) }
      const receipt = receipts ? { receipt: `n-${digits}` } : {}
      const safe = persistent === true ? { persistent: 'true' } : {}
      return frame('SEND', { ...usual, ...receipt, ...safe, ...headers }, digits.padEnd(bytes, 'x'))
    })
    this.#ring = Buffer.concat(frames)
    this.#each = frames[0]!.length
  }

  /** Number of the frame that `take` begins with. */
  get next(): number {
    return this.#next
  }

  /** The next `count` frames, in one or more pieces. */
  *take(count: number): Generator<Buffer> {
    while (count > 0) {
      const part = Math.min(count, RING - this.#next)
      yield this.#ring.subarray(this.#next * this.#each, (this.#next + part) * this.#each)
      this.#next = (this.#next + part) % RING
      count -= part
    }
  }
}

/**
 * The number of a MESSAGE.
 * @param end of the frame in `bytes`
 * @param size of the body
 * @throws Error when there is no such body
 */
export function numberOf(bytes: Buffer, end: number, size: number): number {
  // RabbitMQ writes an EOL after the NUL.
  const last = bytes[end - 1] === LF ? end - 2 : end - 1
  let number = 0
  for (let at = last - size; at < last - size + DIGITS; at++) number = number * 10 + bytes[at]! - ZERO
  if (bytes[last] !== NUL || bytes[last - size - 1] !== LF || !(number >= 0 && number < RING)) {
    throw new Error(`not a body that we sent: ${bytes.toString('latin1', Math.max(0, end - size - 300), end)}`)
  }
  return number
}

/** The number of a RECEIPT that begins at `start`: of a SEND, or given to `receiptOf`; NaN when it has none. */
export function receiptNumberOf(bytes: Buffer, start: number, end: number): number {
  const found = bytes.indexOf(RECEIPT_HEADER, start)
  if (found < 0 || found >= end) return Number.NaN
  let number = 0
  for (let at = found + RECEIPT_HEADER.length; bytes[at] !== LF; at++) number = number * 10 + bytes[at]! - ZERO
  return number
}

/** The `ack` header of the MESSAGE that begins at `start`, as it is written on the wire. */
export function ackIdOf(bytes: Buffer, start: number): string {
  const from = bytes.indexOf(ACK_HEADER, start) + ACK_HEADER.length
  return bytes.toString('latin1', from, bytes.indexOf(LF, from))
}

/** Whether each of these headers stands in the frame as it was sent. */
export function hasHeaders(bytes: Buffer, start: number, end: number, headers: Headers): boolean {
  const text = bytes.toString('latin1', start, end)
  return Object.entries(headers).every(([name, value]) => text.includes(`\n${name}:${value}\n`))
}

function lines(headers: Headers): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}:${value}\n`)
    .join('')
}
