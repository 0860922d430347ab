/** All sessions of a bridge: makes one per wire, and sends them away when the bridge goes. */
import type { Wire, WireEvents } from '../transports/wire.ts'
import { CLOSE, PolicyError } from './failure.ts'
import type { House } from './house.ts'
import { Session } from './session.ts'
import { Ending } from './waiting.ts'

export class Sessions implements AsyncDisposable {
  readonly #house: House
  readonly #open = new Set<Session>()
  readonly #forget = (session: Session): void => void this.#open.delete(session)

  constructor(house: House) {
    this.#house = house
  }

  get size(): number {
    return this.#open.size
  }

  /** What transports call for each new wire. */
  readonly accept = (wire: Wire): WireEvents => {
    const session = new Session(wire, this.#house, this.#forget)
    this.#open.add(session)
    return session
  }

  /** A broker has been away for too long: the sessions that use it must come back later, spread against a stampede. */
  outage(broker: string): void {
    const { snapshot } = this.#house
    const error = new PolicyError('outage', 'the broker has been away for too long: connect again later')
    const users = [...this.#open].filter((session) => session.lanes.has(broker))
    for (const session of users) void this.#spread(session, snapshot.spreadMs, () => session.fail(error))
  }

  /**
   * No more deliveries; what is pending or unacknowledged has `graceMs`; then every client is told to come back, spread over `spreadMs` so
   * that the next bridge is not stormed.
   */
  async drain(graceMs: number, spreadMs: number): Promise<void> {
    const { clock } = this.#house
    const grace = new Ending()
    const timer = clock.after(graceMs, () => grace.come())
    await Promise.all([...this.#open].map((session) => session.drain(grace)))
    timer.cancel()
    await Promise.all([...this.#open].map((session) => this.#spread(session, spreadMs, () => session.goAway())))
  }

  /** Runs within `spreadMs`, unless the session has ended by then. Resolves when it has ended. */
  #spread(session: Session, spreadMs: number, run: () => void): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#house.clock.after(Math.random() * spreadMs, run)
      session.ended.add(() => {
        timer.cancel()
        resolve()
      })
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#open) session.wire.close(CLOSE.goingAway, 'server is going away')
    this.#open.clear()
  }
}
