/** All sessions of a bridge: makes one per wire, and sends them away when the bridge goes. */
import type { Message } from '../broker/message.ts'
import type { Wire, WireEvents } from '../transports/wire.ts'
import { Drain, type Drained, type DrainTimes } from './drain.ts'
import { CLOSE, PolicyError } from './failure.ts'
import type { House } from './house.ts'
import { Pace } from './pace.ts'
import { tellSelf } from './self.ts'
import { Session } from './session.ts'

export class Sessions implements AsyncDisposable {
  readonly #house: House
  readonly #open = new Set<Session>()
  /** By the ids that clients know. */
  readonly #byId = new Map<string, Session>()
  #drain: Drain | undefined
  readonly #forget = (session: Session): void => {
    this.#open.delete(session)
    this.#byId.delete(session.id)
    this.#house.counters.bytes[1]! += session.wire.written
  }

  constructor(house: House) {
    this.#house = house
  }

  get size(): number {
    return this.#open.size
  }

  /** Those that are open, the oldest first. Sessions may come and go while somebody goes through them. */
  all(): Iterable<Session> {
    return this.#open
  }

  /** @param id its wire's, as the log has it, or its own, as its client knows it from CONNECTED */
  find(id: string): Session | undefined {
    const known = this.#byId.get(id)
    if (known !== undefined) return known
    for (const session of this.#open) if (session.wire.id === id) return session
    return undefined
  }

  /**
   * To the subscriptions of one session, without any broker: see self.ts.
   * @param id its own, as backends know it from `stomp-session`
   * @param destination as it has subscribed: `/user/queue/x`
   * @returns the message is in its outlet; false: it is not here, or has not subscribed so
   */
  deliverTo(id: string, destination: string, message: Message): boolean {
    const session = this.#byId.get(id)
    return session !== undefined && tellSelf(session, destination, message)
  }

  /** What transports call for each new wire. */
  readonly accept = (wire: Wire): WireEvents => {
    this.#house.counters.opened++
    const session = new Session(wire, this.#house, this.#forget)
    this.#open.add(session)
    this.#byId.set(session.id, session)
    this.#drain?.add(session)
    this.#house.lookout?.began(session)
    return session
  }

  /** A broker has been away for too long: the sessions that use it must come back later, spread against a stampede. */
  outage(broker: string): void {
    const { snapshot, clock } = this.#house
    const error = new PolicyError('outage', 'the broker has been away for too long: connect again later')
    const users = [...this.#open].filter((session) => session.lanes.has(broker))
    const options = { overMs: snapshot.spreadMs, count: users.length }
    const pace = new Pace<Session>(clock, options, (session) => session.fail(error))
    for (const session of users) {
      session.ended.add(() => pace.delete(session))
      pace.add(session)
    }
  }

  /** Sends them all away, and those that come meanwhile; resolves when none is left. Once: to ask again changes nothing. */
  drain(times: DrainTimes): Promise<Drained> {
    this.#drain ??= new Drain(this.#house, times, this.#open)
    return this.#drain.over
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#open) session.wire.close(CLOSE.goingAway, 'server is going away')
    this.#open.clear()
    this.#byId.clear()
  }
}
