/**
 * One publication at a time on a confirm channel of its own. Here goes what has just taken a shared channel with it, and the first publication
 * to every exchange: whether an account may write there shows only when it does. What closes this channel is known by name, and hurts
 * nobody else.
 */
import type { Lane, LaneEvents } from './lane.ts'
import type { Publication } from './publication.ts'

export interface QuarantineOptions {
  /** A new confirm channel; rejects when the connection is gone. */
  readonly open: (events: LaneEvents) => Promise<Lane>
  /** A write would reach the broker now. */
  readonly isOpen: () => boolean
  /** Refuses by itself what is known to be refused. True: it did. */
  readonly refuseKnown: (publication: Publication) => boolean
  /** Somebody has written to its exchange and lived. */
  readonly isProved: (publication: Publication) => boolean
  /** Onto the shared channel: it was here for the order only. */
  readonly release: (publication: Publication) => void
  /** This one closed the channel. */
  readonly guilty: (publication: Publication, cause: Error) => void
  /** This one did not. */
  readonly innocent: (publication: Publication) => void
  readonly now: () => number
}

export class Quarantine {
  readonly #options: QuarantineOptions
  readonly #queue: Publication[] = []
  /** How many of each place are here: newer ones have to follow them, for the order. */
  readonly #places = new Map<string, number>()
  /** Those that may have closed a shared channel: they go alone, whatever is known of their exchange. */
  readonly #suspects = new Set<Publication>()
  #lane: Lane | undefined
  #opening = false
  #current: Publication | undefined

  constructor(options: QuarantineOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#places.size
  }

  /** Publications that wait for their turn. */
  get held(): number {
    return this.#queue.length
  }

  holds(place: string): boolean {
    return this.#places.has(place)
  }

  /** @param isSuspect it was under way when a shared channel died; else it comes for its exchange, or to follow others of its place */
  add(publication: Publication, isSuspect: boolean): void {
    if (isSuspect) this.#suspects.add(publication)
    this.#places.set(publication.place, (this.#places.get(publication.place) ?? 0) + 1)
    this.#queue.push(publication)
    this.next()
  }

  /** Goes on, if it can. */
  next(): void {
    while (this.#current === undefined && !this.#opening && this.#options.isOpen()) {
      const head = this.#queue[0]
      if (head === undefined) return
      if (head.isSettled || this.#options.refuseKnown(head)) {
        this.#queue.shift()
        this.#leave(head)
      } else if (!this.#suspects.has(head) && this.#options.isProved(head)) {
        // All that came before it is settled or released. One by one, a busy place would never get out of here.
        this.#queue.shift()
        this.#leave(head)
        this.#options.release(head)
      } else if (this.#lane?.isOpen) {
        this.#queue.shift()
        this.#current = head
        this.#lane.write(head, this.#options.now())
        if (head.isSettled) this.#done()
      } else this.#open()
    }
  }

  /** The connection is gone. `cause` is given when it is an error that what was under way here may have caused. */
  lost(cause: Error | undefined, giveUp: (publication: Publication) => boolean): void {
    this.#lane?.takeAll()
    this.#lane = undefined
    const current = this.#current
    this.#current = undefined
    if (current === undefined) return
    if (cause !== undefined) this.#options.guilty(current, cause)
    if (current.isSettled || giveUp(current)) this.#leave(current)
    else this.#queue.unshift(current)
  }

  /** Gives up what is overdue. */
  sweep(now: number): void {
    this.#lane?.sweep(now)
    for (const publication of this.#queue) {
      publication.hold(now, true)
      if (publication.isOverdue(now)) publication.abandon()
    }
    if (this.#current?.isSettled) this.#done()
  }

  /** Gives up what was written before `then` and is not confirmed. */
  expire(then: number): void {
    this.#lane?.expire(then)
    if (this.#current?.isSettled) this.#done()
  }

  /** Everything that is here, and forgets it. */
  takeAll(): Publication[] {
    const all = this.#current === undefined ? this.#queue.splice(0) : [this.#current, ...this.#queue.splice(0)]
    this.#current = undefined
    this.#places.clear()
    this.#suspects.clear()
    return all
  }

  #open(): void {
    this.#opening = true
    this.#options.open({ died: (lane, cause) => this.#died(lane, cause), confirmed: () => this.#confirmed() }).then(
      (lane) => {
        this.#opening = false
        this.#lane = lane
        this.next()
      },
      () => {
        // The connection is gone; `next` is called when it is back.
        this.#opening = false
      },
    )
  }

  #died(lane: Lane, cause: Error): void {
    lane.takeAll()
    if (lane !== this.#lane) return
    this.#lane = undefined
    if (this.#current !== undefined) this.#options.guilty(this.#current, cause)
    this.#done()
  }

  #confirmed(): void {
    // A late confirm may be of one that was given up before.
    if (this.#current === undefined || !this.#current.isSettled) return
    this.#options.innocent(this.#current)
    this.#done()
  }

  #done(): void {
    const current = this.#current
    if (current === undefined) return
    this.#current = undefined
    this.#leave(current)
    this.next()
  }

  #leave(publication: Publication): void {
    this.#suspects.delete(publication)
    const left = (this.#places.get(publication.place) ?? 1) - 1
    if (left > 0) this.#places.set(publication.place, left)
    else this.#places.delete(publication.place)
  }
}
