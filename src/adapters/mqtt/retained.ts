/**
 * Retained messages for a subscriber whose filter is subscribed to already, by others: a short-lived subscription of the same filter on a
 * side connection. Nothing is cached. Several who ask for one filter at the same time share one such subscription.
 *
 * MQTT does not say when all retained messages have come: a reading ends when none has come for a while.
 */
import type { IPublishPacket } from 'mqtt'
import type { Clock, Timer } from '../../broker/clock.ts'
import type { Ear } from './filters.ts'
import type { Hearing, Hub } from './hub.ts'

/**
 * Rounds without a message, after the broker's consent, that end a reading; and the milliseconds of one. More than one: a process that was
 * busy elsewhere finds its timer due before it has read what came meanwhile.
 */
const QUIET_ROUNDS = 3
const ROUND_MS = 50
/** Milliseconds that a reading may take in all. */
const LONGEST_MS = 10_000
/** Copies that one reader may get. */
const MOST = 10_000

interface Reader {
  /** Topics on which the reader has heard something live since it asked: a copy would be older. */
  readonly heard: ReadonlySet<string>
  deliver(packet: IPublishPacket): void
  done(): void
}

export class RetainedReader {
  readonly #live: Hub
  readonly #side: Hub
  readonly #clock: Clock
  /** By filter: those who are being read to, and those who asked meanwhile. */
  readonly #reading = new Map<string, { waiting: Reader[] }>()
  #closed = false

  /**
   * @param live where the readers' own filters are listened to
   * @param side where the short-lived subscriptions go
   */
  constructor(live: Hub, side: Hub, clock: Clock) {
    this.#live = live
    this.#side = side
    this.#clock = clock
  }

  /** Resolves when all copies have been delivered, or no more are to be had. Never rejects. */
  read(filter: string, deliver: (packet: IPublishPacket) => void): Promise<void> {
    if (this.#closed) return Promise.resolve()
    const heard = new Set<string>()
    const witness: Ear = {
      heard: ({ topic }) => void (heard.size < MOST && heard.add(topic)),
      granted() {},
      lost() {},
      refused() {},
    }
    let hearing: Hearing
    try {
      hearing = this.#live.listen(filter, 0, witness)
    } catch {
      // Its own subscription has ended meanwhile, and there is no room for another.
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      const reader: Reader = {
        heard,
        deliver,
        done() {
          void hearing.stop()
          resolve()
        },
      }
      const reading = this.#reading.get(filter)
      if (reading === undefined) this.#begin(filter, [reader])
      else reading.waiting.push(reader)
    })
  }

  close(): void {
    this.#closed = true
  }

  #begin(filter: string, readers: readonly Reader[]): void {
    const reading = { waiting: [] as Reader[] }
    this.#reading.set(filter, reading)
    let left = MOST
    let quiet: Timer | undefined
    let hearing: Hearing | undefined
    let isOver = false
    const end = (): void => {
      if (isOver) return
      isOver = true
      quiet?.cancel()
      limit.cancel()
      for (const reader of readers) reader.done()
      // The next reading of the filter begins when the broker has forgotten this one: else it would not send them again.
      void Promise.resolve(hearing?.stop()).then(() => {
        this.#reading.delete(filter)
        if (reading.waiting.length > 0) this.#begin(filter, reading.waiting)
      })
    }
    const wait = (rounds: number): void => {
      quiet?.cancel()
      quiet = this.#clock.after(ROUND_MS, () => (rounds > 1 ? wait(rounds - 1) : end()))
    }
    const limit = this.#clock.after(LONGEST_MS, end)
    const ear: Ear = {
      heard: (packet) => {
        if (!packet.retain || isOver) return
        for (const reader of readers) if (!reader.heard.has(packet.topic)) reader.deliver(packet)
        if (--left > 0) wait(QUIET_ROUNDS)
        else end()
      },
      granted: () => wait(QUIET_ROUNDS),
      lost: end,
      refused: end,
    }
    try {
      hearing = this.#side.listen(filter, 0, ear)
    } catch {
      // No connection to be had: without copies then.
      end()
    }
  }
}
