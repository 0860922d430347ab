/**
 * The way out of one AMQP connection: what is written in a turn of the event loop gathers here and leaves in one system call at its end. By
 * itself amqplib passes each frame through an object stream of its channel and a multiplexer, which writes it alone; the system call is then
 * half of what a message costs, here and, as a packet of its own, at the broker.
 *
 * The only file that changes anything inside amqplib. Knows frames, and nothing of what they mean.
 */
import type { Writable } from 'node:stream'
import type { ChannelModel, ConfirmChannel } from 'amqplib'
import { FRAME_OVERHEAD, headBound, type Publish, writeBodyStart, writeEnd, writeHead } from './frames.ts'

/** What amqplib 2 keeps to itself. */
interface Internals {
  readonly stream: Writable
  readonly muxer: { pipeFrom(frames: Writable): void }
  /** By number; 0 is the connection's own. */
  readonly channels: { buffer: { write(frame: Buffer): boolean } }[]
  /** Octets of a frame, as agreed with the broker. */
  readonly frameMax: number
}

/** Bytes of the memory that gathers frames: it begins small, for a connection of one user among thousands, and grows when a turn fills it. */
const SMALLEST = 2 * 1024
const LARGEST = 64 * 1024
/** Bytes up to which copying is cheaper than one more piece for the kernel; a body of that size fits into every frame (frame-min-size: 4,096). */
const COPIED = 4_096 - FRAME_OVERHEAD

export class Gate {
  /** Bytes of a frame, as client and broker have agreed. */
  readonly frameMax: number
  readonly #socket: Writable
  #memory: Buffer
  /** What of `#memory` is written and has not left: `#from` … `#to`. */
  #from = 0
  #to = 0
  /** What comes before that: full memory, and long bodies that were not copied. */
  #pieces: Buffer[] = []
  #isArmed = false
  #late: (() => void)[] = []

  /**
   * Puts itself into the connection, which has no channels yet.
   * @throws Error when this is not the amqplib that it knows
   */
  constructor(model: ChannelModel) {
    const { stream, muxer, channels, frameMax } = model.connection as Partial<Internals>
    if (typeof stream?.write !== 'function' || typeof muxer?.pipeFrom !== 'function' || channels?.[0] === undefined) {
      throw new Error('this version of amqplib is not known')
    }
    this.#socket = stream
    // amqplib writes "no limit" as the largest number there is.
    this.frameMax = frameMax || LARGEST
    this.#memory = Buffer.allocUnsafeSlow(SMALLEST)
    muxer.pipeFrom = (frames) => {
      frames.write = (frame: Buffer) => this.#write(frame)
    }
    channels[0].buffer = {
      // The connection may end right behind it, and it must not overtake what was written before.
      write: (frame) => {
        this.#flush()
        return stream.write(frame)
      },
    }
  }

  /** `basic.publish`, in the order of the calls. The body is not copied when it is long: it must stay as it is until it is confirmed. */
  publish(channel: ConfirmChannel, publish: Publish, body: Buffer): void {
    const { ch: number } = channel as unknown as { readonly ch: number }
    const isCopied = body.length <= COPIED
    this.#reserve(headBound(publish) + (isCopied ? body.length + FRAME_OVERHEAD : 0))
    this.#to = writeHead(this.#memory, this.#to, number, publish, body.length)
    if (body.length === 0) return
    if (isCopied) {
      const payload = writeBodyStart(this.#memory, this.#to, number, body.length)
      this.#memory.set(body, payload)
      this.#to = writeEnd(this.#memory, payload + body.length)
    } else {
      const most = this.frameMax - FRAME_OVERHEAD
      for (let at = 0; at < body.length; at += most) this.#long(number, body.subarray(at, at + most))
    }
  }

  /** Calls `write` once at the end of this turn, just before everything leaves: what it writes then leaves too. */
  atTheEnd(write: () => void): void {
    this.#late.push(write)
    this.#arm()
  }

  #write(frame: Buffer): boolean {
    if (frame.length <= COPIED) {
      this.#reserve(frame.length)
      this.#memory.set(frame, this.#to)
      this.#to += frame.length
    } else {
      this.#reserve(0)
      this.#piece(frame)
    }
    return true
  }

  #long(channel: number, payload: Buffer): void {
    this.#reserve(FRAME_OVERHEAD)
    this.#to = writeBodyStart(this.#memory, this.#to, channel, payload.length)
    this.#piece(payload)
    this.#reserve(1)
    this.#to = writeEnd(this.#memory, this.#to)
  }

  /** Room for so many bytes from `#to` on. */
  #reserve(bytes: number): void {
    this.#arm()
    if (this.#memory.length - this.#to >= bytes) return
    this.#close()
    const size = Math.min(LARGEST, 2 * this.#memory.length)
    this.#memory = Buffer.allocUnsafeSlow(Math.max(size, bytes))
    this.#from = this.#to = 0
  }

  #piece(bytes: Buffer): void {
    this.#close()
    this.#pieces.push(bytes)
  }

  #close(): void {
    if (this.#to > this.#from) this.#pieces.push(this.#memory.subarray(this.#from, this.#to))
    this.#from = this.#to
  }

  /** An immediate comes behind all that this turn has read: the requests of many clients leave together, and a lone one waits for nobody. */
  #arm(): void {
    if (this.#isArmed) return
    this.#isArmed = true
    setImmediate(() => this.#flush())
  }

  #flush(): void {
    for (const write of this.#late.splice(0)) write()
    this.#isArmed = false
    this.#close()
    const pieces = this.#pieces
    this.#pieces = []
    if (!this.#socket.writable) return
    if (pieces.length > 1) this.#socket.cork()
    for (const piece of pieces) this.#socket.write(piece)
    if (pieces.length > 1) this.#socket.uncork()
    // Everything is in the kernel, so the memory is free.
    if (this.#socket.writableLength === 0) this.#from = this.#to = 0
  }
}
