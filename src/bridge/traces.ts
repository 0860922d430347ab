/**
 * Frame traces: which sessions each of them looks at, and when it is over. At most TRACES run at one time, each looks at no more than SESSIONS
 * sessions: what a trace costs is paid by those it looks at, and an address may be that of a proxy with everybody behind it.
 */
import { canonical } from '../broker/address.ts'
import type { Clock, Timer } from '../broker/clock.ts'
import { OpsError } from '../ops/errors.ts'
import type { Logger } from '../ops/log.ts'
import type { Traces } from '../ops/parts.ts'
import { Trace, type TraceOrder, type TraceTarget } from '../ops/trace.ts'
import type { Session } from '../session/session.ts'
import type { Sessions } from '../session/sessions.ts'
import { type Lookout, lookAt, type Onlooker } from '../session/tap.ts'

const TRACES = 5
/** Of those that have ended, the oldest of which makes room. */
const KEPT = 5
/** Milliseconds that an ended one is kept. */
const KEPT_MS = 60 * 60_000
const SESSIONS = 100

/** A trace that runs. */
interface Running {
  readonly trace: Trace
  readonly onlooker: Onlooker
  readonly timer: Timer
  /** How to look away again. */
  readonly looking: Map<Session, () => void>
}

export class FrameTraces implements Traces, Lookout, AsyncDisposable {
  readonly #clock: Clock
  readonly #log: Pick<Logger, 'info'>
  readonly #running = new Map<string, Running>()
  readonly #ended = new Map<string, { readonly trace: Trace; readonly timer: Timer }>()
  #sessions: Sessions | undefined

  constructor(clock: Clock, log: Pick<Logger, 'info'>) {
    this.#clock = clock
    this.#log = log
  }

  /** Whom there is to look at. */
  over(sessions: Sessions): void {
    this.#sessions = sessions
  }

  start(order: TraceOrder, by: string): Trace {
    const { target, minutes } = order
    if (this.#running.size >= TRACES) {
      throw new OpsError('too-many-traces', `${TRACES} traces may run at one time: end one of them`)
    }
    if (target.kind === 'connection' && this.#sessions?.find(target.value) === undefined) {
      throw new OpsError('not-found', `no connection ${JSON.stringify(target.value)}`)
    }
    const trace = new Trace(order, this.#clock.now())
    const onlooker: Onlooker = {
      frame: ({ wire }, direction, frame) => trace.frame(wire.id, direction, frame, this.#clock.now()),
    }
    const timer = this.#clock.after(minutes * 60_000, () => this.#end(trace.id, 'its time is over'))
    this.#running.set(trace.id, { trace, onlooker, timer, looking: new Map() })
    this.#log.info(
      { trace: trace.id, [target.kind]: target.value, minutes, bodies: order.bodies, by },
      'frame trace began',
    )
    for (const session of this.#sessions?.all() ?? []) if (isMeant(trace, session)) this.#look(trace.id, session)
    return trace
  }

  all(): readonly Trace[] {
    return [...this.#running.values(), ...this.#ended.values()].map(({ trace }) => trace)
  }

  remove(id: string, by: string): boolean {
    this.#end(id, `ended by ${by}`)
    this.#ended.get(id)?.timer.cancel()
    return this.#ended.delete(id)
  }

  began(session: Session): void {
    this.#consider(session, 'remote')
  }

  identified(session: Session): void {
    this.#consider(session, 'user')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of [...this.#running.keys()]) this.#end(id, 'the bridge stops')
    for (const { timer } of this.#ended.values()) timer.cancel()
    this.#ended.clear()
  }

  /** What its kind of target is has just become known. */
  #consider(session: Session, kind: TraceTarget['kind']): void {
    for (const { trace } of this.#running.values()) {
      if (trace.order.target.kind === kind && isMeant(trace, session)) this.#look(trace.id, session)
    }
  }

  #look(id: string, session: Session): void {
    const running = this.#running.get(id)
    if (running === undefined || running.looking.has(session)) return
    const { trace, onlooker, looking } = running
    const hasRoom = looking.size < SESSIONS
    trace.joined(hasRoom)
    if (!hasRoom) return
    looking.set(session, lookAt(session, onlooker))
    session.ended.add(() => looking.delete(session))
  }

  #end(id: string, why: string): void {
    const running = this.#running.get(id)
    if (running === undefined) return
    const { trace, timer, looking } = running
    this.#running.delete(id)
    timer.cancel()
    for (const lookAway of looking.values()) lookAway()
    looking.clear()
    trace.end(this.#clock.now())
    this.#log.info({ trace: id, why }, 'frame trace ended')
    const [oldest] = this.#ended.keys()
    if (this.#ended.size >= KEPT && oldest !== undefined) this.#forget(oldest)
    this.#ended.set(id, { trace, timer: this.#clock.after(KEPT_MS, () => this.#forget(id)) })
  }

  #forget(id: string): void {
    this.#ended.get(id)?.timer.cancel()
    this.#ended.delete(id)
  }
}

function isMeant({ order }: Trace, session: Session): boolean {
  const { kind, value } = order.target
  if (kind === 'connection') return session.wire.id === value || session.id === value
  if (kind === 'user') return session.user.name === value
  return canonical(session.wire.handshake.remote) === value
}
