/**
 * Frames out: own frames of the session, deliveries of its own upstream subscriptions, and what the strands that it sits in have collected; corked
 * once per turn, written in the order in which they came.
 *
 * A client that reads too slowly. At the first write of a turn the wire says what the turns before have left in it: over the low mark, deliveries
 * wait in a backlog (session/backlog.ts) instead, one by one, until the wire has emptied and they have all been written; then the fast path is
 * open again. Own frames do not wait. The bound counts the wire and the backlog, but not what credit bounds (PROMISES §3).
 */
import type { Delivery } from '../broker/broker.ts'
import type { Clock } from '../broker/clock.ts'
import type { RouteTraffic } from '../broker/traffic.ts'
import type { Wire } from '../transports/wire.ts'
import { Backlog } from './backlog.ts'
import { type Parcel, parcelOf, type Waiting } from './chain.ts'
import type { Said, SessionCounters } from './counters.ts'
import { Departures, type SentListener } from './departures.ts'
import { Stopwatch } from './stopwatch.ts'
import type { Seat } from './strand.ts'
import { markLines, type Stream } from './stream.ts'
import type { Flushable, Turn } from './turn.ts'

export interface OutletLimits {
  /** Bytes that may wait for the client, in the wire and in the backlog; one message may exceed them alone. */
  readonly outboundBytes: number
  /** Milliseconds that a message may wait in the backlog. */
  readonly outboundAgeMs: number
}

export interface OutletDeps {
  readonly turn: Turn
  readonly clock: Clock
  readonly counters: SessionCounters
}

export interface OutletEvents {
  /** The client reads too slowly: the session must end. Called once. @param text what it has left unread */
  tooSlow(text: string): void
}

/** Bytes left in the wire from which on deliveries wait: what a healthy connection may have under way between two turns. */
const LOW_MARK = 64 * 1024

function lowMarkOf({ outboundBytes }: OutletLimits): number {
  return Math.min(LOW_MARK, outboundBytes / 4)
}

export class Outlet implements Flushable {
  /** Another one stands before it while somebody looks on: see tap.ts. */
  wire: Wire
  readonly #deps: OutletDeps
  #limits: OutletLimits
  readonly #events: OutletEvents
  #lowMark: number
  #dirty = false
  #closed = false
  /** The wire was over the low mark when this turn began. */
  #backed = false
  /** The session was told to end. */
  #isOver = false
  /** Bytes of own frames, and of deliveries that no credit bounds, since the wire was last below the low mark. */
  #pending = 0
  #seat: Seat | undefined
  #departures: Departures | undefined
  #stopwatch: Stopwatch | undefined
  #backlog: Backlog | undefined

  constructor(wire: Wire, deps: OutletDeps, limits: OutletLimits, events: OutletEvents) {
    this.wire = wire
    this.#deps = deps
    this.#limits = limits
    this.#events = events
    this.#lowMark = lowMarkOf(limits)
  }

  /** Holds from now on; the age for what begins to wait from now on. */
  set limits(limits: OutletLimits) {
    this.#limits = limits
    this.#lowMark = lowMarkOf(limits)
  }

  /** Something waits: what is written now would overtake it. */
  get isLagging(): boolean {
    return this.#backlog !== undefined
  }

  /** Bytes that wait in the backlog, of what the bound counts. */
  get waiting(): number {
    return this.#backlog?.bytes ?? 0
  }

  /** One encoded STOMP frame of the session's own, or the heart-beat EOL. @param said for the counters */
  frame(frame: Buffer, said: Said): void {
    this.#begin()
    if (this.#closed) return
    this.#deps.counters.said[said]!++
    this.#pending += this.#pack(frame)
  }

  /** A message of an upstream subscription of its own that nobody settles. */
  message(stream: Stream, delivery: Delivery, messageId: string): void {
    this.#begin()
    if (this.#closed) return
    const { framing } = this.wire
    const tail = framing.tail(stream.view.tail(delivery, messageId))
    const parcel = parcelOf(stream.view, stream.slow, delivery, tail)
    if (this.#backed || this.isLagging) this.#wait(stream, [parcel])
    else this.#write(stream, parcel, markLines(stream.takeMarks()))
  }

  /** A delivery that comes while others wait: it is given to its owner when its time has come. */
  hold(stream: Stream, delivery: Delivery): void {
    const { message } = delivery
    // It may wait for long, and its body is a view.
    const kept = { ...delivery, message: { ...message, body: Buffer.from(message.body) } }
    if (!this.#lag(stream).hold(stream, kept, this.#room)) this.#overrun()
  }

  /**
   * A MESSAGE of an upstream subscription of its own.
   * @param listener hears when the kernel has taken it; undefined: its client acknowledges it
   */
  delivery({ slow, view }: Stream, frame: Buffer, listener: SentListener | undefined, tag: number): void {
    this.#begin()
    if (this.#closed) return
    const size = this.#pack(frame)
    this.#count(view.place.traffic)
    // Credit bounds what is under way: the bound does not count it.
    const paused = slow.kind === 'pause'
    if (!paused) this.#pending += size
    this.#departures ??= new Departures()
    this.#departures.add(this.wire.written, paused ? size : 0, listener, tag)
  }

  /** A strand begins to collect for this seat, or goes on: what another has collected is before that. */
  enter(seat: Seat): void {
    if (this.#seat === seat || this.#closed) return
    this.#take()
    this.#seat = seat
    seat.from = seat.strand.collected
  }

  /** Takes what is collected for this seat, if anything is. */
  leave(seat: Seat): void {
    if (this.#seat === seat) this.#take()
  }

  /** The strand's turn is over: what it has collected for this seat goes out, and all that was written in this turn with it. */
  joined(seat: Seat): void {
    if (this.#seat !== seat) return
    this.#seat = undefined
    if (this.#closed) return
    if (!this.#dirty) this.#backed = this.wire.buffered > this.#lowMark
    this.#collect(seat)
    if (!this.#dirty) this.wire.flush()
  }

  /** Nothing more of this stream is written. @returns its deliveries that waited and that somebody must settle */
  withdraw(stream: Stream): Delivery[] {
    const withdrawn = this.#backlog?.withdraw(stream) ?? []
    if (this.#backlog?.isEmpty) this.#backlog = undefined
    return withdrawn
  }

  /** The kernel has taken `total` bytes since the wire opened. */
  sent(total: number): void {
    this.#stopwatch?.sent(total)
    this.#departures?.sent(total)
    this.#drain()
  }

  flush(): void {
    // In one system call with it, if it would be flushed in this turn.
    if (this.#seat?.strand.isDue === true) this.#take()
    if (this.#backlog !== undefined) this.#drain()
    this.#dirty = false
    if (!this.#closed) this.wire.flush()
  }

  /** Writes nothing more. What was written is flushed by the wire's own close. */
  close(): void {
    if (this.#dirty && !this.#closed) this.wire.flush()
    this.#closed = true
    this.#backlog?.close()
    this.#backlog = undefined
  }

  /** What the bound leaves for the backlog. */
  get #room(): number {
    return this.#limits.outboundBytes - this.wire.buffered + (this.#departures?.bytes ?? 0)
  }

  /** Before anything is written. Between turns the kernel has had its chance: what is left now is what the client did not read. */
  #begin(): void {
    if (this.#closed) return
    if (!this.#dirty) {
      this.#backed = this.wire.buffered > this.#lowMark
      this.#dirty = true
      this.#deps.turn.mark(this)
      if (!this.#backed) this.#pending = 0
      else if (this.#pending > this.#limits.outboundBytes) this.#overrun()
    }
    this.#take()
  }

  /** @returns bytes on the wire */
  #pack(frame: Buffer): number {
    const packed = this.wire.framing.pack(frame)
    this.wire.write(packed)
    return packed.length
  }

  #take(): void {
    const seat = this.#seat
    if (seat === undefined) return
    this.#seat = undefined
    seat.strand.lapse(seat)
    if (this.#closed) return
    this.#begin()
    this.#collect(seat)
  }

  #collect(seat: Seat): void {
    if (this.#backed || this.#backlog !== undefined) this.#wait(seat.stream, seat.strand.parcels(seat))
    else for (const bytes of seat.strand.take(seat)) this.wire.write(bytes)
  }

  #wait(stream: Stream, parcels: readonly Parcel[]): void {
    for (const parcel of parcels) {
      if (this.#closed || this.#isOver) return
      if (!this.#lag(stream).add(stream, parcel, this.#room)) this.#overrun()
    }
    if (this.#backlog?.isEmpty) this.#backlog = undefined
  }

  #lag({ slow }: Stream): Backlog {
    if (this.#backlog !== undefined) return this.#backlog
    const { clock, counters } = this.#deps
    counters.lags[slow.kind]++
    this.#backlog = new Backlog(this.#limits.outboundAgeMs, clock, counters, () => this.#overrun())
    return this.#backlog
  }

  /** Writes what waits, as far as the wire is below the low mark; the rest when the kernel has taken that. */
  #drain(): void {
    while (this.#backlog !== undefined && this.wire.buffered < this.#lowMark) {
      const item = this.#backlog.next()
      if (this.#backlog.isEmpty) this.#backlog = undefined
      if (item !== undefined) this.#give(item)
    }
  }

  #give({ stream, parcel, delivery, marks }: Waiting): void {
    if (delivery !== undefined) {
      stream.mark(marks)
      stream.owner.give(delivery)
      return
    }
    this.#begin()
    if (!this.#closed) this.#write(stream, parcel!, markLines(marks))
  }

  #write(stream: Stream, { tail, reply }: Parcel, marks: string): void {
    const { wire } = this
    for (const bytes of wire.framing.join(stream.view.head(marks), [tail], 0, 1)) wire.write(bytes)
    this.#count(stream.view.place.traffic)
    stream.asked(reply)
  }

  /** A MESSAGE was written. How long it takes to leave is of interest where the client has left nothing unread. */
  #count(traffic: RouteTraffic): void {
    traffic.written++
    if (this.#backed || this.isLagging) return
    this.#stopwatch ??= new Stopwatch(this.#deps.turn)
    this.#stopwatch.begin(this.wire.written, traffic.broker.departures)
  }

  #overrun(): void {
    if (this.#closed || this.#isOver) return
    this.#isOver = true
    const text = `the client has left ${this.wire.buffered + this.waiting} bytes unread`
    // Whoever ends the session writes its ERROR, and nothing before it.
    this.#backlog?.close()
    this.#backlog = undefined
    this.#seat = undefined
    this.#deps.counters.disconnected++
    this.#events.tooSlow(text)
  }
}
