/**
 * RabbitMQ, over AMQP 0-9-1 with amqplib. What a RECEIPT means here: RabbitMQ has confirmed the message; on a queue also that a queue has
 * taken it, and, if that queue is durable, that it survives a restart of the broker.
 *
 * Two connections at least for each identity: one publishes (and may be blocked), the others consume. With a service account there is one
 * identity; with `credentials: client` one for each login, passcode and virtual host.
 */
import { randomBytes } from 'node:crypto'
import type {
  Broker,
  Forms,
  Health,
  InnerOptions,
  InnerPurpose,
  Link,
  Peer,
  Principal,
  Route,
  Sink,
  Traits,
} from '../../broker/broker.ts'
import type { Clock } from '../../broker/clock.ts'
import type { BrokerObserver } from '../../broker/observer.ts'
import type { BrokerContext } from './context.ts'
import { closedError } from './failure.ts'
import { type BrokerSettings, brokerSettings } from './fields.ts'
import { HealthBoard } from './health.ts'
import { AmqpLink } from './link.ts'
import { Pool } from './pool.ts'
import { Probe } from './probe.ts'
import { compileRoute, innerRoute } from './route.ts'
import { type AmqpTarget, isSame, traitsOf } from './targets.ts'
import { Upstream } from './upstream.ts'

export type { AmqpTarget } from './targets.ts'

export interface RabbitmqDeps {
  readonly observer: BrokerObserver
  readonly clock: Clock
}

/**
 * @param name the key under `brokers:`
 * @param options see `brokerFields`; durations in milliseconds
 * @throws FieldError
 */
export function rabbitmqBroker(
  name: string,
  options: Readonly<Record<string, unknown>>,
  deps: RabbitmqDeps,
): Broker<AmqpTarget> {
  return new RabbitmqBroker(name, brokerSettings(options), deps)
}

class RabbitmqBroker implements Broker<AmqpTarget> {
  readonly name: string
  readonly credentials: 'service' | 'client'
  readonly peer: Peer
  /** With a service account: bridges meet in its virtual host, while every login of a client may be in another. */
  readonly inner?: (purpose: InnerPurpose, options: InnerOptions) => Route<AmqpTarget>
  readonly forms: Forms = {
    copy: (name) => ({ exchange: 'amq.topic', routingKey: name }),
    compete: (name) => ({ queue: name, declare: 'missing' }),
  }
  readonly #context: BrokerContext
  readonly #pool: Pool
  /** Of the service account. */
  readonly #service: Upstream | undefined
  readonly #links = new Set<AmqpLink>()
  #disposed: Promise<void> | undefined

  constructor(name: string, settings: BrokerSettings, deps: RabbitmqDeps) {
    this.name = name
    this.credentials = settings.credentials
    this.peer = { system: 'rabbitmq', address: settings.endpoint.hostname, port: settings.endpoint.port }
    const prefix = randomBytes(9).toString('base64url')
    let ids = 0
    const board = new HealthBoard(name, deps.observer, deps.clock)
    this.#context = {
      ...deps,
      name,
      settings,
      board,
      probe: settings.account === undefined ? new Probe(settings, board, deps.clock) : undefined,
      nextId: () => `${prefix}-${++ids}`,
      fork: (upstream, replies) => this.#fork(upstream, replies),
    }
    this.#pool = new Pool(this.#context)
    const { account } = settings
    if (account === undefined) return
    this.#service = new Upstream({ context: this.#context, account, identity: 'service', refused: undefined })
    this.inner = innerRoute
  }

  get health(): Health {
    return this.#context.board.health
  }

  get users(): number {
    return this.#pool.size
  }

  get held(): number {
    return this.#service?.publisher.held ?? this.#pool.held
  }

  async start(signal: AbortSignal): Promise<void> {
    if (this.#disposed !== undefined || signal.aborted) return
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    const service = this.#service
    const started =
      service === undefined ? this.#context.probe!.start() : Promise.all([service.start(), service.publisher.start()])
    await Promise.race([started, aborted])
  }

  route(options: Readonly<Record<string, unknown>>, names: readonly string[]): Route<AmqpTarget> {
    return compileRoute(options, names)
  }

  traits(target: AmqpTarget): Traits {
    return traitsOf(target)
  }

  isSame(one: AmqpTarget, other: AmqpTarget): boolean {
    return isSame(one, other)
  }

  async link(who: Principal, replies: Sink<AmqpTarget>, signal: AbortSignal): Promise<Link<AmqpTarget>> {
    if (this.#disposed !== undefined) throw closedError()
    if (this.#service !== undefined) return this.#open(this.#service, replies, () => {})
    const upstream = await this.#pool.take(who.credentials, signal)
    return this.#open(upstream, replies, () => this.#pool.release(upstream))
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose()
    return this.#disposed
  }

  async #dispose(): Promise<void> {
    this.#context.probe?.stop()
    const links = [...this.#links]
    const closing = Promise.all(links.map((link) => link[Symbol.asyncDispose]()))
    for (const link of links) link.refuse(closedError())
    await closing
    await Promise.all([this.#service?.[Symbol.asyncDispose](), this.#pool[Symbol.asyncDispose]()])
    this.#context.board.close()
  }

  #open(upstream: Upstream, replies: Sink<AmqpTarget>, release: () => void): AmqpLink {
    const link: AmqpLink = new AmqpLink(this.#context, upstream, replies, () => {
      this.#links.delete(link)
      release()
    })
    this.#links.add(link)
    return link
  }

  #fork(upstream: Upstream, replies: Sink<AmqpTarget>): AmqpLink {
    if (upstream === this.#service) return this.#open(upstream, replies, () => {})
    this.#pool.retain(upstream)
    return this.#open(upstream, replies, () => this.#pool.release(upstream))
  }
}
