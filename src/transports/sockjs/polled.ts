/**
 * A SockJS session over HTTP requests: a wire for a session, though no connection stays. What is written waits for a request that may carry it, and is
 * `sent` when the kernel has taken that response; what the client sends comes with requests of its own.
 *
 *   open ── close() ──▶ closing ── the client has the close frame, or time is over ──▶ closed
 *   open, closing ── a request breaks off, or none comes for `disconnectDelay`, or terminate() ──▶ closed
 *
 * Knows neither paths nor whose requests these are.
 */
import type { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Clock, Timer } from '../../broker/clock.ts'
import { cut, REASON_BYTES } from '../websocket.ts'
import type { Accept, Handshake, Wire, WireEvents } from '../wire.ts'
import { closeFrame, HEARTBEAT, OPEN } from './frames.ts'
import { strings } from './framing.ts'
import { Heart } from './heart.ts'
import { type Answer, Inbox } from './inbox.ts'
import type { Receiver } from './receiver.ts'

export interface PolledOptions {
  /** Bytes of one response, of which a stream may be longer by its last frame. */
  readonly streamBytes: number
  readonly heartbeatMs: number
  /** Milliseconds without a request that could carry anything, after which the client is gone. */
  readonly disconnectDelayMs: number
  /** Octets of one inbound message. */
  readonly maxMessageBytes: number
  /** The same until the client is let in. */
  readonly maxConnectBytes: number
}

/** What answers a client that comes after the end. Called once. */
export type Farewell = (closeFrame: string) => void

/** sockjs-protocol, "Handling close": what a client is told whose request has broken off. */
const INTERRUPTED = closeFrame(1002, 'Connection interrupted')
const ABNORMAL = 1006

export class PolledWire implements Wire {
  readonly id: string
  readonly framing = strings
  handshake: Handshake
  readonly #options: PolledOptions
  readonly #clock: Clock
  readonly #farewell: Farewell
  readonly #inbox: Inbox
  readonly #heart: Heart
  #events: WireEvents | undefined
  #state: 'open' | 'closing' | 'closed' = 'open'
  #receiver: Receiver | undefined
  /** No receiver: the time until the client is given up. */
  #absence: Timer | undefined
  /** Closing: the same, with or without one. */
  #patience: Timer | undefined
  #goodbye: { readonly code: number; readonly reason: string } | undefined
  #isTold = false
  /** What waits for a receiver; the first `flushed` of it may go. */
  #queue: Buffer[] = []
  #flushed = 0
  #written = 0
  #sent = 0
  #due = false

  constructor(id: string, handshake: Handshake, options: PolledOptions, clock: Clock, farewell: Farewell) {
    this.id = id
    this.handshake = handshake
    this.#options = options
    this.#clock = clock
    this.#farewell = farewell
    const { maxMessageBytes, maxConnectBytes, heartbeatMs } = options
    this.#inbox = new Inbox(maxMessageBytes, maxConnectBytes, {
      octets: (octets) => this.#events?.data(octets),
      tooLarge: () => this.close(1009, 'the message is too large'),
    })
    this.#heart = new Heart(clock, heartbeatMs, () => this.#beat())
  }

  /** The first request: it carries the open frame. */
  begin(receiver: Receiver, accept: Accept): void {
    this.#take(receiver)
    receiver.send([OPEN], 0)
    this.#events = accept(this)
    this.#carry()
  }

  /** Another one. @returns false: there is one already, and it stays */
  attach(receiver: Receiver): boolean {
    if (this.#receiver !== undefined) return false
    this.#take(receiver)
    if (this.#state === 'open') this.#events?.alive()
    this.#carry()
    return true
  }

  /** An xhr_send. */
  receive(request: IncomingMessage, answer: Answer): void {
    this.#inbox.take(request, answer)
  }

  admitted(beats: boolean): void {
    this.handshake = { ...this.handshake, url: '', headers: {} }
    this.#inbox.bound = this.#options.maxMessageBytes
    if (beats) this.#heart.stop()
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

  write(packed: Buffer): void {
    if (this.#state !== 'open') return
    this.#queue.push(packed)
    this.#written += packed.length
  }

  flush(): void {
    this.#flushed = this.#queue.length
    this.#carry()
  }

  pause(): void {
    if (this.#state === 'open') this.#inbox.pause()
  }

  resume(): void {
    this.#inbox.resume()
  }

  /** Ends the response: a client that is there asks again, which is a sign of life. */
  ping(): void {
    this.#beat()
    if (this.#state === 'open') this.#receiver?.end()
  }

  close(code: number, reason: string): void {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.#goodbye = { code, reason: cut(reason, REASON_BYTES) }
    this.#inbox.close()
    this.#patience = this.#after('the close was not taken')
    this.flush()
  }

  terminate(): void {
    if (this.#state === 'closed') return
    this.#stop(closeFrame(ABNORMAL, 'Connection terminated'))
    process.nextTick(() => this.#ended(ABNORMAL, ''))
  }

  #take(receiver: Receiver): void {
    this.#absence?.cancel()
    this.#receiver = receiver
    this.#heart.spoke()
    receiver.begin({
      handed: (bytes) => this.#handed(bytes),
      finished: () => this.#finished(receiver),
      lost: () => this.#lost(),
    })
  }

  /** What may go into the response that is there, if one is. */
  #carry(): void {
    const receiver = this.#receiver
    if (receiver === undefined || this.#events === undefined) return
    while (!receiver.isOver && this.#flushed > 0) this.#carryMessages(receiver)
    if (receiver.isOver || this.#goodbye === undefined) return
    this.#isTold = true
    receiver.send([this.#farewellFrame], 0)
    receiver.end()
  }

  /** `a[…]`: as many as fill a response, in one frame. */
  #carryMessages(receiver: Receiver): void {
    let bytes = 0
    let count = 0
    while (count < this.#flushed && bytes < this.#options.streamBytes) bytes += this.#queue[count++]!.length
    const taken = this.#queue.splice(0, count)
    this.#flushed -= count
    this.#heart.spoke()
    // The last has a comma behind it.
    taken.push(taken.pop()!.subarray(0, -1))
    receiver.send(['a[', ...taken, ']'], bytes)
  }

  #beat(): void {
    const receiver = this.#receiver
    if (receiver === undefined || receiver.isOver || this.#state !== 'open') return
    this.#heart.spoke()
    receiver.send([HEARTBEAT], 0)
  }

  #handed(bytes: number): void {
    if (this.#state === 'closed') return
    this.#sent += bytes
    if (!this.#due) process.nextTick(() => this.#tellSent())
    this.#due = true
  }

  #tellSent(): void {
    if (!this.#due) return
    this.#due = false
    this.#events?.sent(this.#sent)
  }

  #finished(receiver: Receiver): void {
    if (this.#receiver !== receiver) return
    this.#receiver = undefined
    if (this.#goodbye === undefined || !this.#isTold) {
      this.#absence = this.#after('no request came back')
      return
    }
    const { code, reason } = this.#goodbye
    this.#stop(this.#farewellFrame)
    this.#ended(code, reason)
  }

  #lost(): void {
    this.#receiver = undefined
    this.#giveUp('a request broke off')
  }

  /** The time that a client has. */
  #after(reason: string): Timer {
    return this.#clock.after(this.#options.disconnectDelayMs, () => this.#giveUp(reason))
  }

  #giveUp(reason: string): void {
    if (this.#state === 'closed') return
    this.#stop(this.#farewellFrame)
    this.#ended(ABNORMAL, reason)
  }

  get #farewellFrame(): string {
    return this.#goodbye === undefined ? INTERRUPTED : closeFrame(this.#goodbye.code, this.#goodbye.reason)
  }

  #stop(farewell: string): void {
    this.#state = 'closed'
    this.#absence?.cancel()
    this.#patience?.cancel()
    this.#heart.stop()
    this.#inbox.close()
    this.#receiver?.drop()
    this.#receiver = undefined
    this.#queue = []
    this.#farewell(farewell)
  }

  #ended(code: number, reason: string): void {
    this.#tellSent()
    const events = this.#events
    this.#events = undefined
    events?.closed(code, reason)
  }
}
