/**
 * What one link wants published and could not hand over yet: because the broker is away or blocked, or something has to be known first.
 * Keeps the link's call order, the time each publication may be held, and what a lost connection gave back.
 */
import type { Clock } from '../../broker/clock.ts'
import { BrokerError } from '../../broker/errors.ts'
import type { Verdict } from './declare.ts'
import type { Owner, Publication } from './publication.ts'

/** What an outbox needs of the way to the broker. */
export interface Way {
  /** A write would reach the broker now. */
  readonly isOpen: boolean
  write(publication: Publication, now: number): void
  /** As `write`, alone on a channel where it can do no harm. */
  probe(publication: Publication): void
  /** true: write · probe: nobody has published to this exchange yet · an error: refuse · undefined: ask. */
  verdict(publication: Publication): Verdict | 'probe' | undefined
  /** Finds out what `verdict` does not know. Rejects with a BrokerError that refuses the publication, or with a lost connection. */
  ask(publication: Publication): Promise<void>
  /** `pump` when the way opens, `sweep` until then. */
  wait(outbox: Outbox): void
  leave(outbox: Outbox): void
}

/** Milliseconds after which a question that the broker does not answer counts as the broker being away. */
const QUESTION_MS = 10_000
const RETRY_MS = 50

export class Outbox implements Owner {
  readonly #way: Way
  readonly #clock: Clock
  #queue: Publication[] = []
  /** It was handed over as a probe; everything else waits for its end. */
  #probing: Publication | undefined
  #asking = false
  /** Publications that are not settled. */
  #open = 0
  #count = 0
  readonly #idle: (() => void)[] = []

  constructor(way: Way, clock: Clock) {
    this.#way = way
    this.#clock = clock
  }

  /** Publications that wait. */
  get held(): number {
    return this.#queue.length
  }

  publish(publication: Publication, now: number): void {
    this.#open++
    publication.sequence = ++this.#count
    if (this.#queue.length === 0 && this.#probing === undefined && this.#way.isOpen) {
      const verdict = this.#way.verdict(publication)
      if (verdict === true) this.#way.write(publication, now)
      else if (verdict instanceof BrokerError) publication.reject(verdict)
      else this.#hold(publication, now)
    } else this.#hold(publication, now)
  }

  #hold(publication: Publication, now: number): void {
    publication.hold(now, !this.#way.isOpen)
    if (!this.#way.isOpen && publication.isOverdue(now)) {
      publication.abandon()
      return
    }
    this.#queue.push(publication)
    this.#way.wait(this)
    this.pump()
  }

  /** Hands over what can be. */
  pump(): void {
    while (this.#probing === undefined && !this.#asking && this.#way.isOpen) {
      const head = this.#queue[0]
      if (head === undefined) {
        this.#way.leave(this)
        return
      }
      if (head.isSettled) this.#queue.shift()
      else this.#move(head)
    }
  }

  /** Fails what has been held too long. */
  sweep(now: number): void {
    const graceMs = this.#way.isOpen ? QUESTION_MS : 0
    for (const publication of this.#queue) {
      publication.hold(now, !this.#way.isOpen)
      if (publication.isOverdue(now, graceMs)) publication.abandon()
    }
    this.#queue = this.#queue.filter((publication) => !publication.isSettled)
    if (this.#queue.length === 0) this.#way.leave(this)
  }

  giveBack(publications: readonly Publication[]): void {
    this.#queue.unshift(...publications)
    this.#way.wait(this)
  }

  again(publication: Publication): void {
    // Of many that come back one by one each must come after those before it.
    const at = this.#queue.findIndex(({ sequence }) => sequence > publication.sequence)
    this.#queue.splice(at === -1 ? this.#queue.length : at, 0, publication)
    publication.hold(this.#clock.now(), false)
    this.#way.wait(this)
    this.pump()
  }

  settled(publication: Publication): void {
    this.#open--
    if (publication === this.#probing) {
      this.#probing = undefined
      this.pump()
    }
    if (this.#open === 0) for (const tell of this.#idle.splice(0)) tell()
  }

  /** Resolves when everything is settled. */
  async drained(): Promise<void> {
    if (this.#open > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  /** Refuses what was not handed over. */
  refuse(reason: BrokerError): void {
    for (const publication of this.#queue.splice(0)) {
      if (publication.wasWritten) publication.abandon(reason)
      else publication.reject(reason)
    }
    this.#way.leave(this)
  }

  #move(head: Publication): void {
    const verdict = this.#way.verdict(head)
    if (verdict === undefined) {
      this.#ask(head)
      return
    }
    this.#queue.shift()
    if (verdict === true) this.#way.write(head, this.#clock.now())
    else if (verdict !== 'probe') head.reject(verdict)
    else {
      this.#probing = head
      this.#way.probe(head)
    }
  }

  #ask(head: Publication): void {
    this.#asking = true
    this.#way.ask(head).then(
      () => this.#answered(),
      (error: unknown) => {
        if (error instanceof BrokerError) {
          head.reject(error)
          this.#answered()
        } else {
          // The connection went away under the question: once more when it is back.
          this.#clock.after(RETRY_MS, () => this.#answered())
        }
      },
    )
  }

  #answered(): void {
    this.#asking = false
    this.pump()
  }
}
