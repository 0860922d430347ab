/**
 * Events of sessions, for a backend that keeps a list of who is there: connect, subscribe, unsubscribe, disconnect, and `alive` at regular times,
 * so that the sessions of a bridge that was killed can be dropped. One line of JSON each, to `/topic/bridge.sessions`, to an HTTP hook, or both.
 *
 *   {"bridge":"3f…","seq":7,"at":"2026-01-01T12:00:00.000Z","event":"subscribe","session":"9c…","user":"ann","subscription":"sub-0","destination":"/topic/a"}
 *
 * `seq` counts 1, 2, 3 … for each bridge: a hole is what was dropped. Sessions wait for none of it: what the receivers do not take waits in bounded
 * queues, and is dropped when they are full. Knows no session: whoever wires it tells what happens.
 */
import type { Clock, Timer } from '../broker/clock.ts'
import type { Flow } from '../broker/flow.ts'
import { type Message, Properties } from '../broker/message.ts'
import { SESSIONS_DESTINATION } from '../routing/reserved.ts'
import { Hook, type HookOptions } from './hook.ts'

export interface EventsOptions {
  /** Whether they go to a broker; asked for each. */
  readonly broker: string | undefined
  /** undefined: not by HTTP; asked for each. */
  readonly http: HookOptions | undefined
  /** Milliseconds between two `alive`. */
  readonly aliveMs: number
  /** Events that may wait for the broker, and for the hook. */
  readonly queue: number
}

export interface EventsDeps {
  /** The id of this process. */
  readonly bridge: string
  readonly clock: Clock
  readonly flow: Pick<Flow, 'publish'>
  readonly fetch: typeof fetch
  /** As the configuration has them at the moment. */
  readonly options: () => EventsOptions
  /** One line for the operator, at most once a minute for each receiver. */
  readonly warning: (text: string, cause?: unknown) => void
}

/** How many there were so far. */
export interface EventCounts {
  delivered: number
  /** The queue was full, or all attempts have failed. */
  dropped: number
}

interface Who {
  readonly session: string
  readonly user: string | undefined
}

interface What extends Who {
  readonly subscription: string | undefined
  readonly destination: string
}

const NOBODY = { user: undefined, session: undefined } as const
const QUIET_MS = 60_000

/** Its first four methods are what src/session/ calls a chronicle. */
export class Events implements AsyncDisposable {
  readonly broker: EventCounts = { delivered: 0, dropped: 0 }
  readonly #deps: EventsDeps
  readonly #hook: Hook
  readonly #warned = new Map<string, number>()
  /** Of events that the broker has not confirmed. */
  #underWay = 0
  #idle: (() => void) | undefined
  #seq = 0
  #sessions = 0
  #timer: Timer | undefined
  #isClosed = false

  constructor(deps: EventsDeps) {
    this.#deps = deps
    const { clock, fetch } = deps
    const dropped = (count: number, cause: unknown): void => this.#warn('hook', count, cause)
    this.#hook = new Hook({ clock, fetch, dropped })
  }

  /** Of the HTTP hook. */
  get http(): EventCounts {
    return this.#hook.counts
  }

  /** The first `alive`, and all that follow. */
  start(): void {
    if (this.#isClosed) return
    this.#tell('alive', { sessions: this.#sessions })
    this.#timer = this.#deps.clock.after(this.#deps.options().aliveMs, () => this.start())
  }

  connected({ session, user }: Who): void {
    this.#sessions++
    this.#tell('connect', { session, user })
  }

  subscribed({ session, user, subscription, destination }: What): void {
    this.#tell('subscribe', { session, user, subscription, destination })
  }

  unsubscribed({ session, user, subscription, destination }: What): void {
    this.#tell('unsubscribe', { session, user, subscription, destination })
  }

  disconnected({ session, user }: Who): void {
    this.#sessions--
    this.#tell('disconnect', { session, user })
  }

  /** Says `stop`: nobody is here any more. Resolves when all is told, or after two seconds. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return
    if (this.#timer !== undefined) this.#tell('stop', {})
    this.#isClosed = true
    this.#timer?.cancel()
    const late = Promise.withResolvers<void>()
    const timer = this.#deps.clock.after(LAST_MS, late.resolve)
    const confirmed = Promise.withResolvers<void>()
    this.#idle = confirmed.resolve
    if (this.#underWay === 0) confirmed.resolve()
    await Promise.race([Promise.all([confirmed.promise, this.#hook.drained()]), late.promise])
    timer.cancel()
    this.#hook.close()
  }

  /** @param facts what JSON has no word for is left out */
  #tell(event: string, facts: Readonly<Record<string, unknown>>): void {
    const { broker, http, queue } = this.#deps.options()
    if (this.#isClosed || (broker === undefined && http === undefined)) return
    const { bridge, clock } = this.#deps
    const line = JSON.stringify({ bridge, seq: ++this.#seq, at: new Date(clock.now()).toISOString(), event, ...facts })
    if (http !== undefined) this.#hook.tell(line, http, queue)
    if (broker !== undefined) this.#publish(line, queue)
  }

  #publish(line: string, most: number): void {
    if (this.#underWay >= most) {
      this.#lost(new Error(`${most} wait for the broker`))
      return
    }
    this.#underWay++
    this.#deps.flow
      .publish(SESSIONS_DESTINATION, messageOf(line), NOBODY)
      .then(
        () => {
          this.broker.delivered++
        },
        (error: unknown) => this.#lost(error),
      )
      .finally(() => {
        if (--this.#underWay === 0) this.#idle?.()
      })
  }

  #lost(cause: unknown): void {
    this.broker.dropped++
    this.#warn('broker', 1, cause)
  }

  #warn(receiver: 'broker' | 'hook', count: number, cause: unknown): void {
    const now = this.#deps.clock.now()
    if (now - (this.#warned.get(receiver) ?? Number.NEGATIVE_INFINITY) < QUIET_MS) return
    this.#warned.set(receiver, now)
    this.#deps.warning(`events of sessions are dropped, the ${receiver} does not take them: ${count} now`, cause)
  }
}

/** Milliseconds for what is left to tell at the end. */
const LAST_MS = 2_000

function messageOf(line: string): Message {
  const properties = new Properties()
  properties.contentType = 'application/json'
  return { body: Buffer.from(line), headers: [], properties }
}
