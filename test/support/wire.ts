/**
 * A wire without a socket, from the side of the session: it records what was written, and its test decides when the "kernel" takes it.
 * Frames leave in three steps, as on a real one: `write` keeps them, `flush` hands them on, and only what was taken counts as `sent`.
 */
import type { Accept, Framing, Handshake, Tail, Wire, WireEvents } from '../../src/transports/wire.ts'

/** Packs a frame as it is; counts how often, since a group of sessions shall pack once. */
export class PlainFraming implements Framing {
  readonly name = 'plain'
  readonly textOnly: boolean
  packs = 0

  constructor(textOnly = false) {
    this.textOnly = textOnly
  }

  pack(frame: Buffer): Buffer {
    this.packs++
    return frame
  }

  tail(bytes: Buffer): Tail {
    return { bytes, isText: true }
  }

  /** Each frame a buffer of its own, so that a script can count them. */
  join(head: Buffer, tails: readonly Tail[], from: number): Buffer[] {
    return tails.slice(from).map(({ bytes }) => this.pack(Buffer.concat([head, bytes])))
  }

  reader() {
    return (packed: Buffer): readonly Buffer[] => [packed]
  }
}

export interface WireOptions {
  readonly id: string
  readonly framing: Framing
  readonly handshake?: Partial<Handshake>
}

export class FakeWire implements Wire {
  readonly id: string
  readonly framing: Framing
  handshake: Handshake
  /** What the kernel has taken, one entry per write, in order. */
  readonly out: Buffer[] = []
  paused = false
  /** How often reading was stopped. */
  pauses = 0
  pings = 0
  /** Whether the session beats, as it said when it let the client in; undefined: it has not. */
  beats: boolean | undefined
  /** What the session closed it with: code and reason. */
  closing: { code: number; reason: string } | undefined
  terminated = false
  /** The `closed` event was given. */
  gone = false
  #events!: WireEvents
  #kept: Buffer[] = []
  #flushed: Buffer[] = []
  #stalled = false
  #written = 0
  #sent = 0
  #told = 0

  constructor({ id, framing, handshake }: WireOptions) {
    this.id = id
    this.framing = framing
    this.handshake = { subprotocol: '', origin: undefined, url: '/ws', remote: '192.0.2.1', headers: {}, ...handshake }
  }

  accept(accept: Accept): void {
    this.#events = accept(this)
  }

  get buffered(): number {
    return this.#written - this.#sent
  }

  get sent(): number {
    return this.#sent
  }

  get written(): number {
    return this.#written
  }

  admitted(beats: boolean): void {
    this.beats = beats
    this.handshake = { ...this.handshake, url: '', headers: {} }
  }

  write(packed: Buffer): void {
    if (this.closing !== undefined || this.terminated || this.gone) return
    this.#kept.push(packed)
    this.#written += packed.length
  }

  flush(): void {
    this.#flushed.push(...this.#kept.splice(0))
    if (!this.#stalled) this.drainTo(this.#written)
  }

  pause(): void {
    this.paused = true
    this.pauses++
  }

  resume(): void {
    this.paused = false
  }

  ping(): void {
    this.pings++
  }

  close(code: number, reason: string): void {
    if (this.closing !== undefined || this.terminated || this.gone) return
    this.flush()
    this.closing = { code, reason }
  }

  terminate(): void {
    this.terminated = true
    this.#kept = []
    this.#flushed = []
  }

  /** The peer reads no more: what is flushed stays in the buffer until `drainTo` or `drains`. */
  stall(): void {
    this.#stalled = true
  }

  /** The kernel takes whole frames up to this offset (see `written`). The `sent` event follows at the next `step`. */
  drainTo(offset: number): void {
    while (this.#flushed[0] !== undefined && this.#sent + this.#flushed[0].length <= offset) {
      const frame = this.#flushed.shift()!
      this.#sent += frame.length
      this.out.push(frame)
    }
  }

  /** The peer reads again. */
  drains(): void {
    this.#stalled = false
    this.drainTo(this.#written)
  }

  /** Octets arrive. A real wire may still give what it had read when it was paused. */
  receives(bytes: Buffer): void {
    this.#events.data(bytes)
  }

  /** A pong. */
  pongs(): void {
    this.#events.alive()
  }

  /** The connection ends without the session's doing. */
  breaks(code = 1006, reason = ''): void {
    if (this.gone) return
    this.gone = true
    this.#events.closed(code, reason)
  }

  /** Tells what has come to pass since the last step, as the event loop would. @returns whether there was anything */
  step(): boolean {
    let busy = false
    if (this.#told < this.#sent) {
      this.#told = this.#sent
      busy = true
      this.#events.sent(this.#sent)
    }
    const done = this.terminated || (this.closing !== undefined && this.buffered === 0)
    if (!done || this.gone) return busy
    this.breaks(this.closing?.code, this.closing?.reason)
    return true
  }
}
