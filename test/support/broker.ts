/**
 * A broker that does what a test says, and nothing else: every call of the port is recorded, and answered at once unless the test holds the
 * answer back. Deliveries, losses and ends come from the test. So every race can be staged.
 *
 * Targets are strings: `topic:a.b` (copy; with `*` a wildcard), `queue:a` (compete), `temp:a` (once). A route has one of these as its option:
 * `{ queue: '{name}' }`.
 */
import type {
  Broker,
  Delivery,
  Health,
  Link,
  Principal,
  PublishOptions,
  Route,
  Sink,
  SubscribeOptions,
  Traits,
} from '../../src/broker/broker.ts'
import { BrokerError } from '../../src/broker/errors.ts'
import { type Message, Properties } from '../../src/broker/message.ts'
import { wordNames } from '../../src/broker/space.ts'
import { compileTemplate } from '../../src/broker/template.ts'
import { Answer, type DeliveryOptions, FakeSubscription } from './subscription.ts'

const KINDS = ['topic', 'queue', 'temp'] as const
const DISTRIBUTION = { topic: 'copy', queue: 'compete', temp: 'once' } as const

/** Calls whose answer can be held back. */
export type Held = 'link' | 'publish' | 'subscribe' | 'settle' | 'stop'

export interface FakeBrokerOptions {
  readonly credentials?: 'service' | 'client'
  /** Header names that its routes read as arguments. */
  readonly arguments?: readonly string[]
  /** What its targets cannot do. */
  readonly traits?: Partial<Traits>
  /** Subscriptions to topics are never shared. */
  readonly shares?: boolean
}

export class FakePublish extends Answer {
  readonly target: string
  readonly message: Message
  readonly options: PublishOptions

  constructor(held: boolean, target: string, message: Message, options: PublishOptions) {
    super(held)
    this.target = target
    this.message = message
    this.options = options
  }

  get text(): string {
    return this.message.body.toString()
  }

  /** The user's headers as an object; of repeated ones the first. */
  get headers(): Record<string, string> {
    const found: Record<string, string> = {}
    for (let at = 0; at < this.message.headers.length; at += 2)
      found[this.message.headers[at]!] ??= this.message.headers[at + 1]!
    return found
  }
}

export class FakeLink implements Link<string> {
  readonly who: Principal
  readonly replies: Sink<string>
  readonly signal: AbortSignal | undefined
  readonly forked: boolean
  readonly subscriptions: FakeSubscription[] = []
  readonly publishes: FakePublish[] = []
  disposed = false
  readonly #broker: FakeBroker
  #replyTag = 0

  constructor(broker: FakeBroker, who: Principal, replies: Sink<string>, signal: AbortSignal | undefined) {
    this.#broker = broker
    this.who = who
    this.replies = replies
    this.signal = signal
    this.forked = signal === undefined
  }

  get identity(): string {
    return this.#broker.credentials === 'client' ? (this.who.name ?? '') : ''
  }

  publish(target: string, message: Message, options: PublishOptions): Promise<void> {
    if (this.disposed) return Promise.reject(new BrokerError('closed', 'the link is closed'))
    const publish = new FakePublish(this.#broker.isHeld('publish'), target, message, options)
    this.publishes.push(publish)
    this.#broker.publishes.push(publish)
    this.#broker.log.push(`publish ${publish.text} to ${target}`)
    return publish.promise
  }

  subscribe(target: string, options: SubscribeOptions, sink: Sink<string>): FakeSubscription {
    const subscription = new FakeSubscription(this.#broker, target, options, sink)
    if (this.disposed) subscription.consent.refuse('closed')
    this.subscriptions.push(subscription)
    this.#broker.subscriptions.push(subscription)
    this.#broker.log.push(`subscribe ${target}`)
    return subscription
  }

  shareKey(target: string, options: SubscribeOptions): string | undefined {
    if (!this.#broker.shares || !target.startsWith('topic:') || options.durable !== undefined) return undefined
    return `${this.identity}\0${target}`
  }

  fork(): FakeLink {
    return this.#broker.adopt(new FakeLink(this.#broker, this.who, this.replies, undefined))
  }

  /** An answer to a temp-queue of this session. */
  reply(target: string, body: string, { headers = [], properties }: DeliveryOptions = {}): void {
    const message = { body: Buffer.from(body), headers, properties: Object.assign(new Properties(), properties) }
    const delivery: Delivery<string> = { message, target, redelivered: false, tag: ++this.#replyTag }
    this.replies.deliver(delivery)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.disposed) return
    this.disposed = true
    this.#broker.log.push('close link')
    for (const each of this.subscriptions) await each[Symbol.asyncDispose]()
  }
}

export class FakeBroker implements Broker<string> {
  readonly name: string
  readonly credentials: 'service' | 'client'
  readonly shares: boolean
  health: Health = { state: 'up', since: 0, reason: undefined }
  /** Everything that was asked of it, in order: `publish m1 to queue:a`, `subscribe queue:a`, `accepted 1,2 of queue:a`, `stop queue:a`, `close link`. */
  readonly log: string[] = []
  readonly links: FakeLink[] = []
  readonly linking: Answer[] = []
  readonly publishes: FakePublish[] = []
  readonly subscriptions: FakeSubscription[] = []
  readonly #options: FakeBrokerOptions
  readonly #held = new Set<Held>()

  constructor(name: string, options: FakeBrokerOptions = {}) {
    this.name = name
    this.credentials = options.credentials ?? 'service'
    this.shares = options.shares ?? true
    this.#options = options
  }

  /** From now on these calls are not answered but by hand. */
  holds(...calls: readonly Held[]): this {
    for (const call of calls) this.#held.add(call)
    return this
  }

  /** From now on these calls are answered at once again; what waits is not touched. */
  answers(...calls: readonly Held[]): this {
    for (const call of calls) this.#held.delete(call)
    return this
  }

  isHeld(call: Held): boolean {
    return this.#held.has(call)
  }

  /** The subscription made last, or the one with this index. */
  subscription(index = this.subscriptions.length - 1): FakeSubscription {
    return this.subscriptions[index]!
  }

  get publish(): FakePublish {
    return this.publishes.at(-1)!
  }

  /** What was published, as texts. */
  get published(): readonly string[] {
    return this.publishes.map((each) => each.text)
  }

  /** The link of the session that came last. */
  get session(): FakeLink {
    return this.links.findLast((link) => !link.forked)!
  }

  /** Links and subscriptions that nobody has closed. */
  get open(): number {
    return [...this.links, ...this.subscriptions].filter((each) => !each.disposed).length
  }

  async start(): Promise<void> {}

  route(options: Readonly<Record<string, unknown>>, names: readonly string[]): Route<string> {
    const kind = KINDS.find((each) => options[each] !== undefined)!
    const template = compileTemplate(String(options[kind]), [kind], names)
    return {
      arguments: this.#options.arguments ?? [],
      space: { kind, parts: [wordNames(template.source, { one: '*', many: '#' }, '.')] },
      spaceOf: (target) => ({
        kind,
        parts: [wordNames(target.slice(target.indexOf(':') + 1), { one: '*', many: '#' }, '.')],
      }),
      special: '.*#',
      summary: `${kind} ${template.source}`,
      describe: (target) => target.replace(':', ' '),
      receipt: () => 'it is confirmed',
      target(variables) {
        const name = template.render(variables)
        if (name.includes('!')) throw new BrokerError('bad-destination', `"${name}" must not hold !`)
        return `${kind}:${name}`
      },
      variables: (target) =>
        target.startsWith(`${kind}:`) ? template.match(target.slice(kind.length + 1)) : undefined,
    }
  }

  isSame(one: string, other: string): boolean {
    return one === other
  }

  traits(target: string): Traits {
    const kind = KINDS.find((each) => target.startsWith(`${each}:`))!
    return {
      confirms: true,
      settles: true,
      stores: kind === 'queue',
      distribution: DISTRIBUTION[kind],
      wildcard: target.includes('*'),
      ...this.#options.traits,
    }
  }

  async link(who: Principal, replies: Sink<string>, signal: AbortSignal): Promise<FakeLink> {
    const answer = new Answer(this.isHeld('link'))
    this.linking.push(answer)
    this.log.push('link')
    await answer.promise
    return this.adopt(new FakeLink(this, who, replies, signal))
  }

  adopt(link: FakeLink): FakeLink {
    this.links.push(link)
    return link
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const link of this.links) await link[Symbol.asyncDispose]()
  }
}
