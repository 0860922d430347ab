/**
 * After a reload every living session is looked at again: its limits, its user, its subscriptions. Connections stay; a subscription whose
 * destination now leads elsewhere, or that its user may no longer have, ends with an ERROR that says so. SENDs need no review: each is judged
 * when it comes, by the routes that there are then.
 *
 * With ten thousand sessions that is a second's work at worst, so it is done in portions, one in each turn of the event loop.
 */
import type { Refusal, User } from '../auth/authenticator.ts'
import type { Broker } from '../broker/broker.ts'
import { BrokerError } from '../broker/errors.ts'
import type { Verb } from '../routing/access.ts'
import type { Place } from '../routing/route.ts'
import { closedText } from './arguments.ts'
import { PolicyError } from './failure.ts'
import { checkAccess } from './guard.ts'
import { brief } from './headers.ts'
import type { House } from './house.ts'
import { Pace } from './pace.ts'
import { resolve } from './place.ts'
import type { Session } from './session.ts'
import type { ClientSubscription } from './subscription.ts'
import type { Flushable } from './turn.ts'
import { Ending, whenOver } from './waiting.ts'

/** What the current authenticators say of somebody who was let in before them. */
export type Standing = (user: User) => User | Refusal

/** Sessions and subscriptions looked at in one turn; one session is one portion at least. */
const PORTION = 256

/**
 * Looks at all `sessions`, and at those that come meanwhile. Who must go because of a subscription goes within `drain.spread`: thousands may
 * have had the same. Resolves when all were looked at.
 */
export function review(house: House, sessions: Iterable<Session>, standing: Standing): Promise<void> {
  return new Review(house, sessions, standing).over
}

class Review implements Flushable {
  readonly #house: House
  readonly #sessions: Iterator<Session>
  readonly #standing: Standing
  readonly #over = Promise.withResolvers<void>()
  /** What the last thing is that each of those will hear who must go. */
  readonly #leavers = new Map<Session, () => void>()

  constructor(house: House, sessions: Iterable<Session>, standing: Standing) {
    this.#house = house
    this.#sessions = sessions[Symbol.iterator]()
    this.#standing = standing
    house.turn.mark(this)
  }

  get over(): Promise<void> {
    return this.#over.promise
  }

  flush(): void {
    for (let seen = 0; seen < PORTION; ) {
      const next = this.#sessions.next()
      if (next.done === true) {
        this.#finish()
        return
      }
      seen += 1 + this.#look(next.value)
    }
    this.#house.turn.mark(this)
  }

  /** @returns how many subscriptions it has */
  #look(session: Session): number {
    if (session.ended.isOver) return 0
    session.follow()
    const user = this.#standing(session.user)
    if ('code' in user) {
      session.fail(new BrokerError('login-refused', user.rule, { cause: user.reason }))
      return 0
    }
    if (user !== session.user) session.identity.renew(user)
    const subscriptions = session.subscriptions.all()
    for (const each of subscriptions) this.#lookAt(session, each)
    return subscriptions.length
  }

  #lookAt(session: Session, subscription: ClientSubscription): void {
    try {
      const place = checkStanding(session, subscription.place, 'subscribe')
      if (place !== subscription.place) subscription.adopt(place)
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error
      // What was unsubscribed gets nothing more; its client may still acknowledge.
      if (!session.subscriptions.isCurrent(subscription)) return
      subscription.end(error, (reason, context, errors) => {
        if (errors === 'keep') session.fail(reason, context, errors)
        else if (!this.#leavers.has(session)) this.#leavers.set(session, () => session.fail(reason, context))
      })
    }
  }

  #finish(): void {
    const { clock, snapshot } = this.#house
    const options = { overMs: snapshot.spreadMs, count: this.#leavers.size }
    const pace = new Pace<Session>(clock, options, (session) => this.#leavers.get(session)?.())
    for (const session of this.#leavers.keys()) {
      if (session.ended.isOver) continue
      session.ended.add(() => pace.delete(session))
      pace.add(session)
    }
    this.#over.resolve()
  }
}

/**
 * Whether what was permitted at `place` once is so now, through the current routes and for the user as he is now.
 * @returns the place as it is now
 * @throws PolicyError `route-gone`, `forbidden`
 */
export function checkStanding(session: Session, place: Place, verb: Verb): Place {
  const now = placeNow(session, place, verb)
  if (now.route.policy[verb] === 'closed') {
    throw new PolicyError('forbidden', closedText(now, verb.toUpperCase()), { route: now.route.pattern })
  }
  checkAccess(session, now, verb)
  return now
}

function placeNow(session: Session, place: Place, verb: Verb): Place {
  const { destination, route } = place
  const now = resolved(session, destination, verb)
  if (now?.route.broker === route.broker && route.broker.isSame(now.target, place.target)) return now
  const why = now === undefined ? 'it has no route any more' : 'it leads elsewhere now'
  const text = `${brief(destination)}: the configuration has changed, ${why}`
  throw new PolicyError('route-gone', text, { route: route.pattern })
}

function resolved(session: Session, destination: string, verb: Verb): Place | undefined {
  try {
    return resolve(session, destination, verb)
  } catch (error) {
    if (error instanceof BrokerError) return undefined
    throw error
  }
}

/**
 * A broker is no longer in the configuration: what its sessions have sent it may be confirmed for `graceMs` milliseconds, then their links are
 * closed. Goes through `sessions` twice. To be called when all sessions were looked at: nobody sends it anything more.
 */
export async function leaveBroker(
  house: House,
  sessions: Iterable<Session>,
  broker: Broker,
  graceMs: number,
): Promise<void> {
  const users = [...sessions].filter(({ lanes }) => lanes.uses(broker))
  const grace = new Ending()
  const timer = house.clock.after(users.length === 0 ? 0 : graceMs, () => grace.come())
  const settled = users.map(({ pending, ended }) => Promise.race([pending.whenEmpty(), whenOver(ended)]))
  await Promise.race([Promise.all(settled), whenOver(grace)])
  timer.cancel()
  await Promise.all(Array.from(sessions, ({ lanes }) => lanes.drop(broker)))
}
