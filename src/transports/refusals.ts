/**
 * Who was turned away at the door, and why: a counter for each reason, and a note for the log that nobody can flood. Decides nothing.
 */
import type { Clock, Timer } from '../broker/clock.ts'

/** Why somebody was turned away; what is a limit has the name of its option below `limits:`. */
export const REASONS = [
  'path',
  'host',
  'origin',
  'draining',
  'connections',
  'connectionsPerIp',
  'connectRate',
  'connectRatePerIp',
  'handshakes',
  'handshakeTimeout',
  /** What it sent is no HTTP, or a head over 16 KiB. */
  'malformed',
  /** The TLS handshake failed. */
  'tls',
] as const

export type Refusal = (typeof REASONS)[number]

/** One line for the log. */
export interface RefusalNote {
  readonly reason: Refusal
  /** The client's IP address; `many` when there were too many of them for a line each. */
  readonly remote: string
  /** One line for the operator: what was asked, and which setting would allow it. A client's own text in it is short and harmless. */
  readonly hint: string
  /** How many there were for this reason and address since the last note, this one included. */
  readonly times: number
  /** False with `limits.dryRun`: it was let in all the same. */
  readonly enforced: boolean
}

/** Milliseconds between two notes of one reason and address. */
const NOTE_MS = 1_000
/** Reasons and addresses that are kept apart; what comes beyond them within a second is `many`. */
const KEYS = 256

/** What is kept back of one reason and address. */
interface Held {
  note: RefusalNote
  times: number
}

/** How often each reason was met, counted from the start. */
export interface RefusalCounts {
  /** All of them. */
  readonly counts: Readonly<Record<Refusal, number>>
  /** Those of them that came in all the same: `limits.dryRun`. */
  readonly spared: Readonly<Record<Refusal, number>>
}

export class Refusals implements RefusalCounts, Disposable {
  readonly counts = zeros()
  readonly spared = zeros()
  readonly #tell: (note: RefusalNote) => void
  readonly #clock: Clock
  readonly #held = new Map<string, Held>()
  #timer: Timer | undefined

  /** @param tell gets at most one note a second for one reason and address */
  constructor(tell: (note: RefusalNote) => void, clock: Clock) {
    this.#tell = tell
    this.#clock = clock
  }

  /** Counts it; the first of its kind is told at once, the others together when a second has passed. */
  add(reason: Refusal, remote: string, hint: string, enforced = true): void {
    this.counts[reason]++
    if (!enforced) this.spared[reason]++
    const [key, note] = this.#slot({ reason, remote, hint, times: 1, enforced })
    const held = this.#held.get(key)
    if (held !== undefined) {
      held.note = note
      held.times++
      return
    }
    this.#held.set(key, { note, times: 0 })
    this.#timer ??= this.#clock.after(NOTE_MS, () => this.#release())
    this.#tell(note)
  }

  /** Tells what is kept back. */
  [Symbol.dispose](): void {
    this.#timer?.cancel()
    this.#release()
    this.#timer?.cancel()
  }

  #slot(note: RefusalNote): [string, RefusalNote] {
    const key = `${note.reason} ${note.remote}`
    if (this.#held.has(key) || this.#held.size < KEYS) return [key, note]
    return [note.reason, { ...note, remote: 'many' }]
  }

  /** Whoever was quiet for a second is forgotten. */
  #release(): void {
    this.#timer = undefined
    for (const [key, held] of this.#held) {
      const { note, times } = held
      held.times = 0
      if (times === 0) this.#held.delete(key)
      else this.#tell({ ...note, times })
    }
    if (this.#held.size > 0) this.#timer = this.#clock.after(NOTE_MS, () => this.#release())
  }
}

function zeros(): Record<Refusal, number> {
  return Object.fromEntries(REASONS.map((reason) => [reason, 0])) as Record<Refusal, number>
}
