/**
 * What one subscription writes to its client: how its MESSAGEs look, what becomes of them when the client reads too slowly, and the marks that its
 * next MESSAGE must carry. Knows neither where deliveries come from nor who acknowledges them.
 */
import type { Delivery } from '../broker/broker.ts'
import type { SlowPolicy } from '../routing/route.ts'
import type { MessageView } from './delivery.ts'
import type { Outlet } from './outlet.ts'
import type { Session } from './session.ts'

/** What a MESSAGE says of those that are missing before it. */
export interface Marks {
  /** Messages that were left out because the client reads too slowly, since the MESSAGE before. */
  readonly dropped: number
  /** Messages may have been lost upstream (PROMISES §2, Gaps). */
  readonly gap: boolean
}

/** Header lines of these marks; '' for none. */
export function markLines({ dropped, gap }: Marks): string {
  return (gap ? 'bridge-gap:true\n' : '') + (dropped > 0 ? `bridge-dropped:${dropped}\n` : '')
}

/** What a stream needs of its subscription. */
export interface StreamOwner {
  /** For the log: the client's name for it. */
  readonly name: string
  /** Writes a delivery of an upstream subscription of its own. */
  give(delivery: Delivery): void
}

export class Stream {
  readonly view: MessageView
  readonly slow: SlowPolicy
  readonly owner: StreamOwner
  /** When it was subscribed, in milliseconds since 1970. */
  readonly since: number
  /** Messages that its client has not got because it reads too slowly. */
  leftOut = 0
  readonly #session: Session
  #dropped = 0
  #gap = false

  constructor(session: Session, view: MessageView, slow: SlowPolicy, owner: StreamOwner) {
    this.#session = session
    this.since = session.house.clock.now()
    this.view = view
    this.slow = slow
    this.owner = owner
  }

  get outlet(): Outlet {
    return this.#session.outlet
  }

  /** A MESSAGE with this `reply-to` has been written: the client may answer there. undefined: it asks for no answer. */
  asked(reply: string | undefined): void {
    this.#session.addresses.add(reply)
  }

  /** Messages of it are being left out; once each time that the client falls behind. */
  dropping(): void {
    const { house, label } = this.#session
    house.observer.slow(label, this.owner.name, this.view.place.destination, this.slow.kind)
  }

  /** Its next MESSAGE differs from those of others. */
  get isMarked(): boolean {
    return this.#gap || this.#dropped > 0
  }

  /** The next MESSAGE tells it, too. */
  mark({ dropped, gap }: Marks): void {
    this.#dropped += dropped
    this.#gap ||= gap
  }

  /** What the next MESSAGE has to tell; then it is told. */
  takeMarks(): Marks {
    const marks = { dropped: this.#dropped, gap: this.#gap }
    this.#dropped = 0
    this.#gap = false
    return marks
  }
}

/**
 * What happens to this subscription's deliveries when its client reads too slowly.
 *
 * What is settled one by one waits at the broker, for credit comes back only when the kernel has taken a message: nothing needs to be dropped, and
 * nothing that somebody must acknowledge may be. What nobody settles cannot be held back.
 *
 * @param wanted by the route; undefined = nothing said
 */
export function slowPolicy(wanted: SlowPolicy | undefined, settle: 'each' | 'presettled'): SlowPolicy {
  if (settle === 'each') return wanted?.kind === 'disconnect' ? wanted : { kind: 'pause' }
  return wanted === undefined || wanted.kind === 'pause' ? { kind: 'disconnect' } : wanted
}
