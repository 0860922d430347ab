/**
 * What the bridge itself has to say, through the routes of the moment: see broker/flow.ts. For each broker that it needs it has a link of its
 * own, dialled when the first message wants it; what was sent before a reload goes on over the link that it was given to.
 *
 * Knows no session: whoever wires it says how a message reaches one.
 */
import type { Broker, Link, Sink } from '../broker/broker.ts'
import { BrokerError } from '../broker/errors.ts'
import type { Flow, FlowOrigin } from '../broker/flow.ts'
import type { Message } from '../broker/message.ts'
import { absence, type Inner } from '../routing/inner.ts'
import { isReserved } from '../routing/reserved.ts'
import type { Place } from '../routing/route.ts'
import type { Router } from '../routing/router.ts'

interface Routes {
  readonly router: Router
  /** Left out: nothing is served of the reserved destinations. */
  readonly inner?: Inner
  readonly brokers: ReadonlyMap<string, Broker>
}

/** The routes of the moment, and how one session is reached. */
export interface FlowSights {
  /** Asked for each message. */
  readonly snapshot: Routes
  /** As `Flow.reply`. */
  reply(session: string, destination: string, message: Message): boolean
}

export class Flows implements Flow, AsyncDisposable {
  readonly #bridge: string
  /** Of brokers that are in use; one that has gone closes its links itself, when what they have under way is settled. */
  readonly #links = new Map<Broker, Promise<Link>>()
  readonly #stop = new AbortController()
  #sights: FlowSights | undefined

  /** @param bridge the id of this process: who the links are for */
  constructor(bridge: string) {
    this.#bridge = bridge
  }

  /** From now on it takes messages. */
  over(sights: FlowSights): void {
    this.#sights = sights
  }

  async publish(destination: string, message: Message, from: FlowOrigin): Promise<void> {
    if (this.#sights === undefined || this.#stop.signal.aborted) throw closed()
    const place = placeOf(this.#sights.snapshot, destination)
    const { broker, policy } = place.route
    const { holdMs, resend, identity } = policy
    const link = await this.#link(broker)
    const told = { ...message, headers: headersOf(message, identity === 'off' ? NOBODY : from) }
    place.traffic.publishes(message.body.length)
    try {
      await link.publish(place.target, told, { receipt: true, holdMs, resend, arguments: undefined })
    } catch (error) {
      throw absence(place, error)
    }
  }

  reply(destination: string, message: Message, { session }: FlowOrigin): boolean {
    if (this.#sights === undefined || session === undefined) return false
    return this.#sights.reply(session, destination, message)
  }

  /** Takes nothing more; what was published is still confirmed, so far as the brokers live on. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    const links = await Promise.allSettled(this.#links.values())
    this.#links.clear()
    await Promise.all(links.map((each) => each.status === 'fulfilled' && each.value[Symbol.asyncDispose]()))
  }

  /** Of all that wait for one link, who asked first comes first: reactions to a promise run in their order. */
  #link(broker: Broker): Promise<Link> {
    const known = this.#links.get(broker)
    if (known !== undefined) return known
    const current = new Set(this.#sights!.snapshot.brokers.values())
    for (const each of this.#links.keys()) if (!current.has(each)) this.#links.delete(each)
    const forget = (): void => void this.#links.delete(broker)
    const who = { name: undefined, session: this.#bridge, credentials: undefined }
    const dialled = broker.link(who, new Ended(forget), this.#stop.signal)
    this.#links.set(broker, dialled)
    // The next message tries again.
    dialled.catch(forget)
    return dialled
  }
}

/** It asks for no answers; only that its link has ended is news. */
class Ended implements Sink {
  readonly #run: () => void

  constructor(run: () => void) {
    this.#run = run
  }

  deliver(): void {}

  lost(): void {}

  resumed(): void {}

  end(): void {
    this.#run()
  }
}

const NOBODY: FlowOrigin = { user: undefined, session: undefined }

/** @throws BrokerError */
function placeOf({ router, inner }: Routes, destination: string): Place {
  const place = isReserved(destination) ? inner?.resolve(destination, 'send', '') : router.resolve(destination)
  if (place !== undefined) return place
  throw new BrokerError('no-route', `no route for the destination ${JSON.stringify(destination.slice(0, 80))}`)
}

/** PROMISES §5: "adapters with headers add `stomp-user` (absent when anonymous) and `stomp-session`", which nobody else may say. */
function headersOf({ headers }: Message, { user, session }: FlowOrigin): string[] {
  const told: string[] = []
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!
    if (name !== 'stomp-user' && name !== 'stomp-session') told.push(name, headers[at + 1]!)
  }
  if (session !== undefined) told.push('stomp-session', session)
  if (user !== undefined) told.push('stomp-user', user)
  return told
}

function closed(): BrokerError {
  return new BrokerError('closed', 'the bridge is not running')
}
