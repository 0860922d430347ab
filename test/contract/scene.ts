/**
 * The vocabulary of the contract cases: who publishes, who consumes. Watches port rule 2 (credit) on every delivery of every case, and
 * disposes what a case has opened.
 */
import type {
  Delivery,
  Link,
  Outcome,
  PublishOptions,
  SubscribeOptions,
  Subscription,
} from '../../src/broker/broker.ts'
import { type Message, Properties } from '../../src/broker/message.ts'
import { PATIENCE_MS, RecordingSink } from '../support/sink.ts'
import type { Faults, Spot, Stage } from './harness.ts'

export type Case = (scene: Scene) => Promise<void>

const PUBLISH: PublishOptions = { receipt: true, holdMs: PATIENCE_MS, resend: true, arguments: undefined }
const SUBSCRIBE: SubscribeOptions = {
  credit: 100,
  creditBytes: Number.POSITIVE_INFINITY,
  settle: 'each',
  durable: undefined,
  arguments: Object.freeze(Object.create(null)),
}

/** A message; `properties` are set over the empty ones. */
export function message(
  body: string | Buffer,
  headers: readonly string[] = [],
  properties: Partial<Properties> = {},
): Message {
  return {
    body: typeof body === 'string' ? Buffer.from(body) : body,
    headers,
    properties: Object.assign(new Properties(), properties),
  }
}

/** A sink with its subscription. It counts what is out, and notes every delivery beyond the credit. */
export class Consumer extends RecordingSink {
  subscription!: Subscription
  readonly options: SubscribeOptions
  readonly violations: string[] = []
  readonly #out = new Map<number, number>()

  constructor(options: SubscribeOptions, patienceMs?: number) {
    super(patienceMs)
    this.options = options
  }

  override deliver(delivery: Delivery): void {
    const { credit, creditBytes, settle } = this.options
    if (settle === 'each') {
      const bytes = [...this.#out.values()].reduce((sum, each) => sum + each, 0)
      if (this.#out.size >= credit) this.violations.push(`delivery ${this.#out.size + 1} with a credit of ${credit}`)
      // "…nor more than creditBytes of bodies but for one message": before this one, what is out may not be over.
      if (bytes > creditBytes) this.violations.push(`a delivery at ${bytes} of ${creditBytes} bytes`)
      this.#out.set(delivery.tag, delivery.message.body.length)
    }
    super.deliver(delivery)
  }

  override lost(): void {
    this.#out.clear()
    super.lost()
  }

  /** Resolves to the stale tags, as `Subscription.settle` does. */
  settle(deliveries: readonly Delivery[], outcome: Outcome): Promise<readonly number[]> {
    const tags = deliveries.map((delivery) => delivery.tag)
    for (const tag of tags) this.#out.delete(tag)
    return this.subscription.settle(tags, outcome)
  }

  accept(...deliveries: Delivery[]): Promise<readonly number[]> {
    return this.settle(deliveries, 'accepted')
  }

  release(...deliveries: Delivery[]): Promise<readonly number[]> {
    return this.settle(deliveries, 'released')
  }

  reject(...deliveries: Delivery[]): Promise<readonly number[]> {
    return this.settle(deliveries, 'rejected')
  }

  /** Takes `count` deliveries and accepts each at once. */
  async consume(count: number, ms?: number): Promise<Delivery[]> {
    const taken: Delivery[] = []
    while (taken.length < count) {
      const delivery = await this.next(ms)
      taken.push(delivery)
      await this.accept(delivery)
    }
    return taken
  }
}

export class Scene {
  readonly stage: Stage
  readonly #patienceMs: number
  readonly #links: Link[] = []
  readonly #consumers: Consumer[] = []
  #sessions = 0
  #own: Promise<Link> | undefined

  /** @param patienceMs how long its consumers wait for a delivery that should come */
  constructor(stage: Stage, patienceMs = PATIENCE_MS) {
    this.stage = stage
    this.#patienceMs = patienceMs
  }

  /** A new session of the service account. */
  async link(): Promise<Link> {
    const session = `contract-${++this.#sessions}`
    const who = { name: undefined, session, credentials: undefined }
    const link = await this.stage.broker.link(who, new RecordingSink(), new AbortController().signal)
    this.#links.push(link)
    return link
  }

  /** A consumer whose subscription is live; on a link of its own unless one is given. */
  async consumer(spot: Spot, options: Partial<SubscribeOptions> = {}, link?: Link): Promise<Consumer> {
    const consumer = this.subscribe(spot, options, link ?? (await this.link()))
    await consumer.subscription.live
    return consumer
  }

  /** Likewise, without waiting for `live`. */
  subscribe(spot: Spot, options: Partial<SubscribeOptions>, link: Link): Consumer {
    const consumer = new Consumer({ ...SUBSCRIBE, ...options }, this.#patienceMs)
    consumer.subscription = link.subscribe(spot.target, consumer.options, consumer)
    consumer.subscription.live.catch(() => {})
    this.#consumers.push(consumer)
    return consumer
  }

  shareKey(link: Link, target: unknown, options: Partial<SubscribeOptions> = {}): string | undefined {
    return link.shareKey(target, { ...SUBSCRIBE, settle: 'presettled', ...options })
  }

  /** Publishes with a receipt, on a link that all such publishes of this scene share unless one is given. */
  async publish(spot: Spot, body: string | Message, options: Partial<PublishOptions> = {}, link?: Link): Promise<void> {
    await this.publishOn(link ?? (await this.#publisher()), spot, body, options)
  }

  #publisher(): Promise<Link> {
    this.#own ??= this.link()
    return this.#own
  }

  /** The same, without anything awaited before the call: for cases about order. */
  publishOn(link: Link, spot: Spot, body: string | Message, options: Partial<PublishOptions> = {}): Promise<void> {
    return link.publish(spot.target, typeof body === 'string' ? message(body) : body, { ...PUBLISH, ...options })
  }

  /** Throws when the adapter under test cannot be hurt: then the case belongs under its exceptions. */
  get faults(): Faults {
    return need(this.stage.faults, 'faults')
  }

  /** Deliveries beyond the credit, of all consumers. */
  get violations(): string[] {
    return this.#consumers.flatMap((consumer) => consumer.violations)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#links.map((link) => link[Symbol.asyncDispose]()))
    await this.stage[Symbol.asyncDispose]()
  }
}

/** The capability, or an error naming what the harness does not have. */
export function need<V>(capability: V | undefined, name: string): V {
  if (capability === undefined) throw new Error(`this harness has no ${name}`)
  return capability
}

/** Body texts `m1` … `m<count>`. */
export function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `m${index + 1}`)
}
