/**
 * The bridge goes, and its sessions with it: nothing more is consumed, what is under way has a time of grace, then each client is sent
 * to another bridge, at a pace that the other can take. Knows nothing of ports and signals: see src/bridge/departure.ts.
 *
 *   open ── stopConsuming ──▶ settling ── all is settled, or grace over ──▶ ready ── its slot comes ──▶ answering ── 1001 ──▶ gone
 *
 * Slots begin with the drain: a session with nothing under way does not wait for the slowest one. All are gone when grace and spread are
 * over, and the time that the last answers may take.
 */
import type { Timer } from '../broker/clock.ts'
import { CLOSE } from './failure.ts'
import type { House } from './house.ts'
import { Pace } from './pace.ts'
import type { Session } from './session.ts'
import { Ending, whenOver } from './waiting.ts'

export interface DrainTimes {
  /** Milliseconds for confirms and acknowledgements that are under way. */
  readonly graceMs: number
  /** Milliseconds over which the sessions are closed. */
  readonly spreadMs: number
}

export interface Drained {
  /** How many there were; those that left by themselves meanwhile are among them. */
  readonly sessions: number
  /** Of them, those that still owed or awaited something when the grace was over. */
  readonly unsettled: number
}

/** Milliseconds that the answers to a client's last frames may take when its slot has come. */
const ANSWERS_MS = 1_000
/** For people: the code says it all. */
const REASON = 'server is going away: connect again'

export class Drain {
  readonly #graceMs: number
  readonly #grace = new Ending()
  readonly #timer: Timer
  readonly #pace: Pace<Session>
  readonly #over = Promise.withResolvers<Drained>()
  #left = 0
  #sessions = 0
  #unsettled = 0

  constructor({ clock }: House, { graceMs, spreadMs }: DrainTimes, sessions: ReadonlySet<Session>) {
    this.#graceMs = graceMs
    this.#timer = clock.after(graceMs, () => this.#grace.come())
    this.#pace = new Pace(clock, { overMs: spreadMs, count: sessions.size }, sendAway)
    for (const session of sessions) this.add(session)
    if (this.#left === 0) this.#finish()
  }

  /** Resolves when every session has ended. */
  get over(): Promise<Drained> {
    return this.#over.promise
  }

  /** Also one that came while the others leave. */
  add(session: Session): void {
    this.#sessions++
    this.#left++
    session.ended.add(() => this.#ended(session))
    void this.#settled(session).then((settled) => {
      if (session.ended.isOver) return
      if (!settled) this.#unsettled++
      this.#pace.add(session)
    })
  }

  /** @returns whether all of it was settled within the grace */
  async #settled(session: Session): Promise<boolean> {
    stopConsuming(session, this.#graceMs)
    const settled = Promise.all([session.subscriptions.whenSettled(), session.pending.whenEmpty()])
    const late = Promise.race([whenOver(this.#grace), whenOver(session.ended)])
    return await Promise.race([settled.then(() => true), late.then(() => false)])
  }

  #ended(session: Session): void {
    this.#pace.delete(session)
    this.#left--
    if (this.#left === 0) this.#finish()
  }

  #finish(): void {
    this.#timer.cancel()
    this.#over.resolve({ sessions: this.#sessions, unsettled: this.#unsettled })
  }
}

/**
 * No more deliveries that somebody must settle: they are for other bridges. Others go on until the close, since silence would only be a gap.
 * @param graceMs milliseconds for which those that the client has may be settled
 */
function stopConsuming(session: Session, graceMs: number): void {
  session.isDraining = true
  for (const each of session.subscriptions.all()) {
    if (each.options.settle === 'each') each.stop(false, graceMs).catch(() => {})
  }
}

/**
 * No frame is read any more; those that were are answered, then the connection is closed with 1001. So the fate of every SEND is known: it
 * has its RECEIPT, or was never taken. No ERROR: nothing was wrong, many pages give up on one, and with stompjs 2 and webstomp, which call one
 * callback for the ERROR and again for the close, they come back twice.
 */
export function sendAway(session: Session): void {
  const late = session.house.clock.after(ANSWERS_MS, () => session.close(CLOSE.goingAway, REASON))
  session.ended.add(() => late.cancel())
  session.leave(CLOSE.goingAway, REASON)
}
