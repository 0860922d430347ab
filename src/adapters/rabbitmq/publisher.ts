/**
 * Publishing for one identity: a connection of its own, the shared confirm channel, and what becomes of the unconfirmed when either dies.
 *
 *   connection lost   what may be sent again goes back to its links, in order, before anything newer; the rest is `outcome-unknown`
 *   channel lost      the same, but the suspects go through the quarantine
 *   blocked           nothing more is written; what is held or unconfirmed for too long is given up
 */
import type { Clock, Timer } from '../../broker/clock.ts'
import type { BrokerObserver } from '../../broker/observer.ts'
import type { Connection, ConnectionEvents } from './connection.ts'
import type { Declarer } from './declare.ts'
import type { Opening } from './dial.ts'
import { closedError, isHardError, replyCode, unavailableError } from './failure.ts'
import { Lane, type LaneEvents } from './lane.ts'
import type { Outbox } from './outbox.ts'
import { HEADERS_BYTES } from './properties.ts'
import type { Publication } from './publication.ts'
import { Quarantine } from './quarantine.ts'
import { Verdicts } from './verdicts.ts'

export interface PublisherOptions {
  readonly broker: string
  /** A connection for publishing, not started. */
  readonly connect: (events: ConnectionEvents) => Connection
  readonly declarer: Declarer
  readonly clock: Clock
  readonly observer: BrokerObserver
  readonly confirmTimeoutMs: number
}

/** Milliseconds between two looks at what is held. */
const SWEEP_MS = 50
/** Milliseconds between two looks for confirms that do not come. */
const WATCH_MS = 5_000
/** Seven short strings, and what is small. */
const PROPERTIES_BYTES = 2_560
/** Milliseconds that dispose waits for confirms that are under way. */
const DRAIN_MS = 2_000

export class Publisher implements AsyncDisposable {
  readonly #options: PublisherOptions
  readonly #connection: Connection
  readonly #quarantine: Quarantine
  readonly #verdicts: Verdicts
  readonly #waiting = new Set<Outbox>()
  #shared: Lane | undefined
  #sweeper: Timer | undefined
  #watcher: Timer | undefined
  /** Bytes of an AMQP frame on this connection; unlimited until it is known. */
  #frame = Number.POSITIVE_INFINITY
  #resent = 0
  #closed = false

  constructor(options: PublisherOptions) {
    this.#options = options
    this.#verdicts = new Verdicts(options.declarer)
    this.#connection = options.connect({
      up: (opening) => void this.#open(opening),
      lost: (cause) => this.#lost(cause),
      failed: () => this.#arm(),
      blocked: (reason) => (reason === undefined ? this.#resume() : this.#arm()),
    })
    this.#quarantine = new Quarantine({
      open: (events) => this.#openLane(events),
      isOpen: () => this.isOpen,
      refuseKnown: (publication) => this.#verdicts.refuseKnown(publication),
      guilty: (publication, cause) => this.#verdicts.guilty(publication, cause),
      innocent: ({ draft }) => this.#verdicts.prove(draft.exchange),
      isProved: ({ draft }) => this.#verdicts.isProved(draft.exchange),
      release: (publication) => this.#shared!.write(publication, options.clock.now()),
      now: () => options.clock.now(),
    })
  }

  /** Connects, if it does not yet; resolves with the outcome of the first attempt (undefined = up). */
  start(): Promise<Error | undefined> {
    return this.#connection.start()
  }

  /** A write would reach the broker now. */
  get isOpen(): boolean {
    return this.#shared?.isOpen === true && !this.#connection.isBlocked && !this.#closed
  }

  /** Publications that could not be handed over yet. */
  get held(): number {
    let held = this.#quarantine.held
    for (const outbox of this.#waiting) held += outbox.held
    return held
  }

  /** What has been found out by publishing. */
  get verdicts(): Verdicts {
    return this.#verdicts
  }

  /** Bytes of all headers of a message: with its properties they travel in one frame. */
  get headersMost(): number {
    return Math.min(HEADERS_BYTES, this.#frame - PROPERTIES_BYTES)
  }

  /** Only while `isOpen`. */
  write(publication: Publication, now: number): void {
    if (this.#quarantine.size > 0 && this.#quarantine.holds(publication.place)) this.probe(publication)
    else this.#shared!.write(publication, now)
  }

  probe(publication: Publication): void {
    this.#quarantine.add(publication, false)
    if (!this.isOpen) this.#arm()
  }

  wait(outbox: Outbox): void {
    this.#waiting.add(outbox)
    this.#arm()
    void this.start()
  }

  leave(outbox: Outbox): void {
    this.#waiting.delete(outbox)
  }

  /** What is not yet written is refused; what is gets a moment for its confirm. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    for (const outbox of [...this.#waiting]) outbox.refuse(closedError())
    for (const publication of this.#quarantine.takeAll()) giveUp(publication)
    await this.#drained()
    this.#sweeper?.cancel()
    this.#watcher?.cancel()
    for (const publication of this.#shared?.takeAll() ?? []) giveUp(publication)
    this.#shared = undefined
    await this.#connection[Symbol.asyncDispose]()
  }

  async #openLane(events: LaneEvents): Promise<Lane> {
    const { opening } = this.#connection
    if (opening === undefined) throw unavailableError()
    return Lane.open(opening, events)
  }

  async #open(opening: Opening): Promise<void> {
    try {
      const lane = await Lane.open(opening, {
        died: (died, cause) => this.#died(died, cause),
        returned: (publication) => this.#verdicts.askAgain(publication),
      })
      if (this.#connection.opening !== opening) return
      this.#shared = lane
      this.#frame = opening.gate.frameMax
      this.#watch()
      this.#resume()
    } catch {
      // Either the connection is gone, or it has no channel for us: then a new one is the only way on.
      if (this.#connection.opening === opening) opening.model.close().catch(() => {})
    }
  }

  #resume(): void {
    const resent = this.#resent
    this.#resent = 0
    if (resent > 0) this.#options.observer.recovered(this.#options.broker, 0, resent)
    this.#quarantine.next()
    for (const outbox of [...this.#waiting]) outbox.pump()
  }

  #lost(cause: Error): void {
    const unconfirmed = this.#shared?.takeAll() ?? []
    this.#shared = undefined
    // 541 is the broker's own trouble; other 5xx may be a publication's doing, and would come again with it.
    const hard = isHardError(cause) && replyCode(cause) !== 541
    this.#quarantine.lost(hard ? cause : undefined, (publication) => this.#giveUpOrHold(publication, cause))
    this.#putAside(unconfirmed, cause, () => hard)
    this.#arm()
  }

  /** The shared channel died, its connection lives: a client's doing that the checks did not foresee. */
  #died(lane: Lane, cause: Error): void {
    const unconfirmed = lane.takeAll()
    if (lane !== this.#shared) return
    this.#shared = undefined
    this.#options.observer.channelLost(this.#options.broker, cause)
    const named = this.#verdicts.channelLost(cause)
    this.#putAside(unconfirmed, cause, ({ draft }) => named === undefined || draft.exchange === named)
    const { opening } = this.#connection
    if (opening !== undefined) void this.#open(opening)
  }

  /** Suspects into quarantine, the others back to where they came from. */
  #putAside(unconfirmed: readonly Publication[], cause: Error, isSuspect: (publication: Publication) => boolean): void {
    const back = new Map<Publication['owner'], Publication[]>()
    for (const publication of unconfirmed) {
      if (publication.isSettled || this.#giveUpOrHold(publication, cause)) continue
      this.#resent++
      if (isSuspect(publication)) {
        this.#quarantine.add(publication, true)
        continue
      }
      const list = back.get(publication.owner)
      if (list === undefined) back.set(publication.owner, [publication])
      else list.push(publication)
    }
    for (const [owner, list] of back) owner.giveBack(list)
  }

  /** True: it will not be sent again. */
  #giveUpOrHold(publication: Publication, cause: Error): boolean {
    if (!publication.draft.resend) publication.abandon(cause)
    else publication.hold(this.#options.clock.now(), true)
    return publication.isSettled
  }

  /** A broker that is there and never confirms: a quorum queue without its majority. */
  #watch(): void {
    const { clock, confirmTimeoutMs } = this.#options
    this.#watcher?.cancel()
    this.#watcher = clock.after(Math.min(WATCH_MS, confirmTimeoutMs), () => {
      this.#shared?.expire(clock.now() - confirmTimeoutMs)
      this.#quarantine.expire(clock.now() - confirmTimeoutMs)
      if (this.#shared !== undefined && !this.#closed) this.#watch()
    })
  }

  #arm(): void {
    if (this.#sweeper !== undefined || this.#closed) return
    const isNeeded = this.#waiting.size > 0 || this.#connection.isBlocked || this.#quarantine.size > 0
    if (isNeeded) this.#sweeper = this.#options.clock.after(SWEEP_MS, () => this.#sweep())
  }

  #sweep(): void {
    this.#sweeper = undefined
    const now = this.#options.clock.now()
    for (const outbox of [...this.#waiting]) outbox.sweep(now)
    if (this.isOpen) this.#quarantine.next()
    else {
      this.#shared?.sweep(now)
      this.#quarantine.sweep(now)
    }
    this.#arm()
  }

  async #drained(): Promise<void> {
    const { clock } = this.#options
    const deadline = clock.now() + DRAIN_MS
    while (this.#shared?.isOpen && this.#shared.unconfirmed > 0 && clock.now() < deadline) {
      await new Promise<void>((resolve) => clock.after(10, resolve))
    }
  }
}

function giveUp(publication: Publication): void {
  if (publication.wasWritten) publication.abandon(closedError())
  else publication.reject(closedError())
}
