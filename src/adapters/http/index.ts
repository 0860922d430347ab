/**
 * Handlers over HTTP: a SEND becomes a POST and its answer a message, a SUBSCRIBE one GET. What a RECEIPT means here: the handler has answered 2xx,
 * and the broker that its answer went to has confirmed that. Nothing is kept: what no handler takes in time, its sender hears of.
 *
 * One backend, fixed by the configuration: nothing that a client or a handler writes leads to another host, or out of the path of `url`.
 */
import type { Broker, Health, Link, Peer, Principal, Route, Sink, Traits } from '../../broker/broker.ts'
import type { Clock } from '../../broker/clock.ts'
import type { Flow } from '../../broker/flow.ts'
import type { BrokerObserver } from '../../broker/observer.ts'
import { Caller } from './call.ts'
import { Complaints } from './complaints.ts'
import type { Way } from './errand.ts'
import { closedError } from './failure.ts'
import { type BrokerSettings, brokerSettings } from './fields.ts'
import { Gate } from './gate.ts'
import { HttpLink, type LinkContext } from './link.ts'
import { Reach } from './reach.ts'
import { Room } from './room.ts'
import { compileRoute, type HttpTarget, POLICY_KEYS } from './route.ts'

export type { HttpTarget } from './route.ts'

export interface HttpDeps {
  readonly observer: BrokerObserver
  readonly clock: Clock
  /** Where answers go. */
  readonly flow: Flow
}

/** What a broker holds at the moment. All zero when nobody uses it. */
export interface Holdings {
  readonly links: number
  /** Requests that wait or are under way. */
  readonly requests: number
}

/** Milliseconds that requests which were sent have to be answered when the broker is disposed. */
const ANSWER_MS = 2_000

/**
 * @param name the key under `brokers:`
 * @param options see `brokerFields`; durations in milliseconds, sizes in bytes
 * @throws FieldError
 */
export function httpBroker(name: string, options: Readonly<Record<string, unknown>>, deps: HttpDeps): HttpBroker {
  return new HttpBroker(name, brokerSettings(options), deps)
}

export class HttpBroker implements Broker<HttpTarget> {
  readonly name: string
  readonly credentials = 'service'
  readonly policyKeys = POLICY_KEYS
  readonly peer: Peer
  readonly #settings: BrokerSettings
  readonly #clock: Clock
  readonly #caller: Caller
  readonly #gate: Gate
  readonly #reach: Reach
  readonly #room: Room
  readonly #context: LinkContext
  readonly #links = new Set<HttpLink>()
  #disposed: Promise<void> | undefined

  constructor(name: string, settings: BrokerSettings, { observer, clock, flow }: HttpDeps) {
    this.name = name
    this.peer = { system: 'http', address: settings.endpoint.hostname, port: settings.endpoint.port }
    this.#settings = settings
    this.#clock = clock
    this.#caller = new Caller(settings, clock)
    this.#gate = new Gate(settings.concurrency, clock)
    this.#room = new Room(settings.heldMessages, settings.heldBytes)
    this.#reach = new Reach({
      settings,
      clock,
      knock: (signal) => this.#caller.knock(signal),
      changed: (health, cause, again) => {
        if (health.state === 'up') this.#gate.open()
        else this.#gate.shut()
        observer.health(name, health, cause)
        if (health.state === 'up' && again) observer.recovered(name, 0, 0)
      },
    })
    const complaints = new Complaints(clock, (text) => observer.warning(name, text))
    const way: Way = { caller: this.#caller, gate: this.#gate, clock, lost: (cause) => this.#reach.failed(cause) }
    this.#context = {
      ...{ way, room: this.#room, flow, clock, token: settings.token },
      complain: (text) => complaints.hear(text),
      fork: (who) => this.#newLink(who),
      gone: (link) => this.#links.delete(link),
    }
  }

  get health(): Health {
    return this.#reach.health
  }

  get held(): number {
    return Math.max(0, this.#room.messages - this.#gate.inside)
  }

  get holdings(): Holdings {
    return { links: this.#links.size, requests: this.#room.messages }
  }

  async start(signal: AbortSignal): Promise<void> {
    if (this.#disposed !== undefined || signal.aborted) return
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    await Promise.race([this.#reach.start(), aborted])
  }

  route(options: Readonly<Record<string, unknown>>, names: readonly string[]): Route<HttpTarget> {
    return compileRoute(this.#settings.endpoint.base, options, names)
  }

  isSame(one: HttpTarget, other: HttpTarget): boolean {
    return one.path === other.path && one.destination === other.destination
  }

  traits(): Traits {
    return { confirms: true, settles: false, stores: false, distribution: 'once', wildcard: false }
  }

  async link(who: Principal, _replies: Sink<HttpTarget>, signal: AbortSignal): Promise<Link<HttpTarget>> {
    if (this.#disposed !== undefined || signal.aborted) throw closedError()
    return this.#newLink(who)
  }

  /** What is not sent is rejected with `closed`; what is has a little time, and then no answer. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose()
    return this.#disposed
  }

  async #dispose(): Promise<void> {
    this.#reach.close()
    for (const link of [...this.#links]) link.close(closedError())
    this.#gate.close(closedError())
    await this.#answers()
    this.#caller[Symbol.dispose]()
  }

  /** Those that are under way, so far as they come soon. */
  async #answers(): Promise<void> {
    const late = Promise.withResolvers<void>()
    const timer = this.#clock.after(ANSWER_MS, late.resolve)
    await Promise.race([this.#gate.whenEmpty(), late.promise])
    timer.cancel()
  }

  #newLink(who: Principal): HttpLink {
    const link = new HttpLink(this.#context, who)
    // A fork of a link that outlived its broker is closed from the start.
    if (this.#disposed === undefined) this.#links.add(link)
    else link.close(undefined)
    return link
  }
}
