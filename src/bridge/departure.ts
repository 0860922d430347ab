/**
 * How a bridge goes, NATS's lame duck: whoever sends clients here hears of it first, the clients go while another bridge takes them, and
 * nothing that was begun is left undone. Only the order and the bounds are here; what a session does is in src/session/drain.ts.
 *
 *   not ready ── delay ──▶ nobody new ── grace, spread ──▶ no session ── goodbyes ──▶ over
 *
 * Each arrow has an end, whatever brokers and clients do.
 */
import type { Clock } from '../broker/clock.ts'
import type { Config } from '../config/schema.ts'
import type { Sessions } from '../session/sessions.ts'
import type { Listener } from '../transports/listen.ts'
import type { State } from './readiness.ts'

export interface Parts {
  /** Made not ready. */
  readonly state: State
  readonly listener: Pick<Listener, 'stopAccepting' | 'whenEmpty'>
  readonly sessions: Pick<Sessions, 'drain' | 'size'>
  readonly clock: Clock
  readonly log: { info(fields: object, text: string): void }
  /** As they are when it begins: a reload may have changed them. */
  times(): Config['drain']
}

/** Milliseconds for close frames to be read and answered; what is open then is dropped with the listener. */
const GOODBYE_MS = 1_000

export class Departure {
  readonly #parts: Parts
  readonly #over = Promise.withResolvers<void>()
  #isBegun = false

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Resolves when it is over, whoever began it; then nobody is connected who could still be waited for. Never rejects. */
  get over(): Promise<void> {
    return this.#over.promise
  }

  /**
   * Not ready from the call on. Idempotent: who asks again gets the end of the first.
   * @param by who asked, for the log: a signal, an address
   */
  begin(by: string): Promise<void> {
    if (!this.#isBegun) void this.#go(by)
    this.#isBegun = true
    return this.over
  }

  async #go(by: string): Promise<void> {
    const { state, listener, sessions, log } = this.#parts
    const times = this.#parts.times()
    state.draining = true
    log.info({ by, sessions: sessions.size, ...times }, 'draining: not ready from now on')
    await this.#pass(times.delayMs)
    listener.stopAccepting()
    const drained = await sessions.drain(times)
    await Promise.race([listener.whenEmpty(), this.#pass(GOODBYE_MS)])
    log.info(drained, 'drained: no session is left')
    this.#over.resolve()
  }

  #pass(ms: number): Promise<void> {
    return ms === 0 ? Promise.resolve() : new Promise((resolve) => this.#parts.clock.after(ms, resolve))
  }
}
