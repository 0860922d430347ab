/**
 * Members of an audience whose MESSAGEs differ in nothing but their first lines: a delivery is encoded once for all of them. What a turn brings is
 * collected, and at its end joined once for each subscription id and written to each member: work for a delivery does not grow with the members,
 * work for a socket is done once a turn.
 *
 * Order on a socket. Each outlet listens to one strand at a time (its seat). Whatever else is written to it first takes what the strand has
 * collected so far; the seat has lapsed then, and is taken again with the strand's next delivery, whose place is after that.
 */
import type { Delivery } from '../broker/broker.ts'
import { type Clock, elapsed, type Timer } from '../broker/clock.ts'
import type { BatchPolicy, SlowPolicy } from '../routing/route.ts'
import type { Framing, Tail } from '../transports/wire.ts'
import { type Parcel, parcelOf } from './chain.ts'
import type { MessageView } from './delivery.ts'
import type { Outlet } from './outlet.ts'
import { markLines, type Stream } from './stream.ts'
import type { Flushable, Turn } from './turn.ts'

/** Where a member sits in a strand. */
export interface Seat {
  readonly strand: Strand
  readonly stream: Stream
  readonly group: Group
  /** Of what the strand has collected, the first that is not taken. */
  from: number
}

/** Seats with equal first lines: they get the same bytes, made once. */
interface Group {
  readonly head: Buffer
  readonly id: string
  seats: number
  /** The bytes made last, and from where to where they go. */
  bytes: readonly Buffer[]
  from: number
  to: number
}

export class Strand implements Flushable {
  /** Its name in its audience. */
  readonly key: string
  readonly framing: Framing
  #view: MessageView
  readonly #slow: SlowPolicy
  readonly #batch: BatchPolicy | undefined
  readonly #turn: Turn
  readonly #clock: Clock
  readonly #seats = new Map<Outlet, Seat>()
  readonly #groups = new Map<string, Group>()
  #lapsed: Seat[] = []
  /** Who wants to know when all that is collected is written; undefined: nobody. */
  #written: (() => void)[] | undefined
  /** What has been collected: side by side, one entry for each delivery. */
  #deliveries: Delivery[] = []
  #tails: Tail[] = []
  #parcels: Parcel[] = []
  #answers = false
  /** Of the tails. */
  #bytes = 0
  /** When the oldest of what is collected came, in ticks. */
  #began = 0
  #due = false
  #timer: Timer | undefined

  /** @param stream that of its first member: what it has in common with all that may follow is kept of it */
  constructor(key: string, { outlet, view, slow }: Stream, turn: Turn, clock: Clock) {
    this.key = key
    this.framing = outlet.wire.framing
    this.#view = view
    this.#slow = slow
    this.#batch = view.place.route.policy.batch
    this.#turn = turn
    this.#clock = clock
  }

  get size(): number {
    return this.#seats.size
  }

  /** Deliveries that are collected. */
  get collected(): number {
    return this.#tails.length
  }

  /** It is flushed at the end of this turn: who is flushed before it may take what it has. */
  get isDue(): boolean {
    return this.#due
  }

  /** One outlet has one seat: a second subscription of a session would have its MESSAGEs behind all of the first one's. */
  has(outlet: Outlet): boolean {
    return this.#seats.has(outlet)
  }

  /** Whether its deliveries may come together with those of the members: it was subscribed under the same rules. */
  suits({ slow, view }: Stream): boolean {
    return isSame(slow, this.#slow) && isSame(view.place.route.policy.batch, this.#batch)
  }

  /** After a reload: what its members have in common is to be taken from this one of them. */
  adopt({ view, outlet }: Stream): void {
    if (this.#seats.has(outlet)) this.#view = view
  }

  /** @param id equal for members with equal first lines */
  add(id: string, stream: Stream): void {
    let group = this.#groups.get(id)
    if (group === undefined) {
      group = { head: stream.view.head(), id, seats: 0, bytes: [], from: 0, to: 0 }
      this.#groups.set(id, group)
    }
    group.seats++
    const seat: Seat = { strand: this, stream, group, from: 0 }
    this.#seats.set(stream.outlet, seat)
    // It joins with the next delivery: what is collected was before its time.
    if (this.collected > 0) this.#lapsed.push(seat)
  }

  /** What is collected is still its own. */
  remove(stream: Stream): void {
    const seat = this.#seats.get(stream.outlet)
    if (seat?.stream !== stream) return
    stream.outlet.leave(seat)
    this.#seats.delete(stream.outlet)
    if (--seat.group.seats === 0) this.#groups.delete(seat.group.id)
    if (this.size === 0) this.#clear()
  }

  deliver(delivery: Delivery, messageId: string): void {
    if (this.collected === 0) {
      this.#began = this.#turn.ticks()
      for (const seat of this.#seats.values()) seat.stream.outlet.enter(seat)
    } else if (this.#lapsed.length > 0) {
      for (const seat of this.#lapsed.splice(0)) if (this.#isSeated(seat)) seat.stream.outlet.enter(seat)
    }
    const tail = this.framing.tail(this.#view.tail(delivery, messageId))
    this.#deliveries.push(delivery)
    this.#tails.push(tail)
    this.#bytes += tail.bytes.length
    this.#answers ||= delivery.message.properties.replyTo !== undefined
    this.#schedule()
  }

  /** Calls `run` once when what is collected now has been given to everybody who sits here. */
  onceWritten(run: () => void): void {
    this.#written ??= []
    this.#written.push(run)
  }

  /** Whoever sits here is told what is collected, before what comes next: a gap. */
  settle(): void {
    for (const seat of this.#seats.values()) seat.stream.outlet.leave(seat)
    this.#clear()
  }

  flush(): void {
    // It may have been emptied since it was marked, and have begun to wait anew.
    if (!this.#due) return
    for (const seat of this.#seats.values()) seat.stream.outlet.joined(seat)
    // One for each turn: of the oldest delivery, to the last of its clients.
    this.#view.place.traffic.broker.departures.observe(elapsed(this.#began, this.#clock.ticks()))
    this.#clear()
  }

  /** This seat's outlet has something else to write: it has taken all until now. */
  lapse(seat: Seat): void {
    this.#lapsed.push(seat)
  }

  /** What a seat has not taken yet, as bytes for its wire; they are taken. */
  take(seat: Seat): readonly Buffer[] {
    const { group, stream, from } = seat
    const to = this.collected
    seat.from = to
    this.#view.place.traffic.written += to - from
    if (this.#answers) this.#tellAnswers(stream, from)
    if (stream.isMarked) return this.#marked(seat, from)
    if (group.from !== from || group.to !== to || group.bytes.length === 0) {
      group.bytes = this.framing.join(group.head, this.#tails, from, group.seats)
      group.from = from
      group.to = to
    }
    return group.bytes
  }

  /** The same, one by one. */
  parcels(seat: Seat): readonly Parcel[] {
    for (let index = this.#parcels.length; index < this.collected; index++) this.#parcels.push(this.#parcel(index))
    const taken = this.#parcels.slice(seat.from)
    seat.from = this.collected
    return taken
  }

  #isSeated(seat: Seat): boolean {
    return this.#seats.get(seat.stream.outlet) === seat
  }

  #schedule(): void {
    if (this.#due) return
    const { delayMs, bytes } = this.#batch ?? { delayMs: 0, bytes: 0 }
    if (this.#bytes >= bytes) this.#fallDue()
    else this.#timer ??= this.#clock.after(delayMs, () => this.#fallDue())
  }

  #fallDue(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#due = true
    this.#turn.mark(this)
  }

  #clear(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#due = false
    this.#lapsed = []
    this.#deliveries = []
    this.#tails = []
    this.#parcels = []
    this.#answers = false
    this.#bytes = 0
    for (const group of this.#groups.values()) group.bytes = []
    const written = this.#written
    if (written === undefined) return
    this.#written = undefined
    for (const run of written) run()
  }

  #marked({ group, stream }: Seat, from: number): readonly Buffer[] {
    const head = stream.view.head(markLines(stream.takeMarks()))
    const marked = this.framing.join(head, this.#tails.slice(from, from + 1), 0, 1)
    return from + 1 < this.collected ? [...marked, ...this.framing.join(group.head, this.#tails, from + 1, 1)] : marked
  }

  #tellAnswers(stream: Stream, from: number): void {
    for (let index = from; index < this.collected; index++) {
      stream.asked(this.#view.replyDestination(this.#deliveries[index]!))
    }
  }

  #parcel(index: number): Parcel {
    return parcelOf(this.#view, this.#slow, this.#deliveries[index]!, this.#tails[index]!)
  }
}

/** A reload makes equal policies of new objects. */
function isSame(one: SlowPolicy | BatchPolicy | undefined, other: SlowPolicy | BatchPolicy | undefined): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other)
}
