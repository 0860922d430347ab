/**
 * As much of STOMP 1.2 as a load generator needs: frames out, and the three questions that are asked of a frame that came in (which command,
 * which number, which ack id), answered by looking at single bytes. Uses no code of the bridge: it must not share its faults or its speed.
 */
import { mask } from './websocket.ts'

/** First octet of the command. */
export const KIND = { message: 0x4d, receipt: 0x52, error: 0x45, connected: 0x43 } as const

const LF = 10
const NUL = 0
const ZERO = 48
const DIGITS = 4
const ACK_HEADER = Buffer.from('\nack:')

/** Bodies are numbered from 0 to RING - 1, then from 0 again. */
export const RING = 1000

/** One frame in one masked WebSocket message. Values are written as they are: none needs an escape. */
export function frame(command: string, headers: Readonly<Record<string, string>>, body = ''): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`)
  return mask(Buffer.from(`${command}\n${lines.join('')}\n${body}\0`))
}

export interface SendOptions {
  readonly destination: string
  /** Of the body, at least 4; ASCII, it begins with its number. */
  readonly bytes: number
  /** Asked for on each, and then each is persistent: a receipt for less would promise little. */
  readonly receipts: boolean
}

/** SEND frames with numbered bodies, made beforehand and of equal length, so that any run of them is one view of one buffer. */
export class Sends {
  readonly #ring: Buffer
  readonly #each: number
  #next = 0

  constructor({ destination, bytes, receipts }: SendOptions) {
    const frames = Array.from({ length: RING }, (_, number) => {
      const digits = String(number).padStart(DIGITS, '0')
      const asked = receipts ? { receipt: `r-${digits}`, persistent: 'true' } : undefined
      const headers = { destination, 'content-type': 'text/plain', 'content-length': String(bytes), ...asked }
      return frame('SEND', headers, digits.padEnd(bytes, 'x'))
    })
    this.#ring = Buffer.concat(frames)
    this.#each = frames[0]!.length
  }

  /** The next `count` frames, in one or two pieces. */
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

/** The `ack` header of the MESSAGE that begins at `start`, as it is written on the wire. */
export function ackIdOf(bytes: Buffer, start: number): string {
  const from = bytes.indexOf(ACK_HEADER, start) + ACK_HEADER.length
  return bytes.toString('latin1', from, bytes.indexOf(LF, from))
}
