/**
 * A SockJS session over one WebSocket: the WebSocket wire, with the frames of SockJS in its messages. What this adds of its own (`o`, `h`, `c`) is not
 * counted in `written` and `sent`, as on every wire that adds something around what it is given.
 */
import { Buffer } from 'node:buffer'
import type { Clock } from '../../broker/clock.ts'
import { cut, REASON_BYTES } from '../websocket.ts'
import type { Accept, Framing, Handshake, Wire, WireEvents } from '../wire.ts'
import { closeFrame, HEARTBEAT, JSON_GROWTH, messagesOf, Octets, OPEN } from './frames.ts'
import { messagesOver } from './framing.ts'
import { Heart } from './heart.ts'

export interface SocketOptions {
  readonly heartbeatMs: number
  /** Octets of one inbound message. */
  readonly maxMessageBytes: number
  /** The same until the client is let in. */
  readonly maxConnectBytes: number
}

/** An `accept` for WebSockets, whose sessions are accepted as those of SockJS. */
export function inSockjs(options: SocketOptions, accept: Accept, clock: Clock): Accept {
  return (wire) => new SocketWire(wire, options, clock).begin(accept)
}

class SocketWire implements Wire {
  readonly framing: Framing
  readonly #wire: Wire
  readonly #octets: Octets
  readonly #heart: Heart
  /** JSON of one message of a stranger, whose time to read is everybody's. undefined: he has been let in. */
  #strangerBytes: number | undefined
  #events: WireEvents | undefined
  /** Bytes of what is not counted. */
  #added = 0
  #sent = 0
  #isOver = false

  constructor(wire: Wire, { heartbeatMs, maxMessageBytes, maxConnectBytes }: SocketOptions, clock: Clock) {
    this.#wire = wire
    this.framing = messagesOver(wire.framing)
    this.#octets = new Octets(maxMessageBytes)
    this.#strangerBytes = maxConnectBytes * JSON_GROWTH
    this.#heart = new Heart(clock, heartbeatMs, () => this.#beat())
  }

  begin(accept: Accept): WireEvents {
    this.#add(OPEN)
    this.#events = accept(this)
    return {
      data: (message) => this.#heard(message),
      sent: (total) => this.#handed(total),
      alive: () => this.#events?.alive(),
      closed: (code, reason) => this.#closed(code, reason),
    }
  }

  get id(): string {
    return this.#wire.id
  }

  get handshake(): Handshake {
    return this.#wire.handshake
  }

  admitted(beats: boolean): void {
    this.#strangerBytes = undefined
    if (beats) this.#heart.stop()
    this.#wire.admitted(beats)
  }

  get written(): number {
    return this.#wire.written - this.#added
  }

  get sent(): number {
    return this.#sent
  }

  get buffered(): number {
    return this.written - this.#sent
  }

  write(packed: Buffer): void {
    this.#wire.write(packed)
  }

  flush(): void {
    this.#heart.spoke()
    this.#wire.flush()
  }

  pause(): void {
    this.#wire.pause()
  }

  resume(): void {
    this.#wire.resume()
  }

  ping(): void {
    this.#wire.ping()
  }

  close(code: number, reason: string): void {
    if (this.#isOver) return
    const told = cut(reason, REASON_BYTES)
    this.#add(closeFrame(code, told))
    this.#hangUp(code, told)
  }

  terminate(): void {
    this.#isOver = true
    this.#wire.terminate()
  }

  #heard(message: Buffer): void {
    // "Server must ignore empty messages."
    if (this.#isOver || message.length === 0) return
    if (this.#strangerBytes !== undefined && message.length > this.#strangerBytes) {
      this.close(1009, 'the message is too large')
      return
    }
    const messages = messagesOf(message.toString())
    // "When user sends broken data - broken JSON for example, the server must abruptly terminate the ws connection."
    if (typeof messages === 'string') {
      this.#hangUp(1002, messages)
      return
    }
    const octets = this.#octets.of(messages)
    if (octets === undefined) this.close(1009, 'the message is too large')
    else if (octets.length > 0) this.#events?.data(octets)
  }

  #handed(total: number): void {
    const counted = total - this.#added
    if (counted <= this.#sent) return
    this.#sent = counted
    this.#events?.sent(counted)
  }

  #closed(code: number, reason: string): void {
    this.#isOver = true
    this.#heart.stop()
    this.#events?.closed(code, reason)
  }

  #hangUp(code: number, reason: string): void {
    this.#isOver = true
    this.#wire.close(code, reason)
  }

  #beat(): void {
    // While something is under way, a sign of life would only stand behind it.
    if (!this.#isOver && this.#wire.buffered === 0) this.#add(HEARTBEAT)
  }

  #add(frame: string): void {
    const before = this.#wire.written
    this.#wire.write(this.#wire.framing.pack(Buffer.from(frame)))
    this.#added += this.#wire.written - before
    this.flush()
  }
}
