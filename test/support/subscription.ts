/** The subscription of a FakeBroker (broker.ts): it records what is settled, and delivers, loses and ends when its test says so. */
import type { Outcome, Sink, SubscribeOptions, Subscription } from '../../src/broker/broker.ts'
import { BrokerError } from '../../src/broker/errors.ts'
import { type Message, Properties } from '../../src/broker/message.ts'

/** What a subscription needs of its broker. */
export interface Script {
  readonly log: string[]
  isHeld(call: 'subscribe' | 'settle' | 'stop'): boolean
}

/** An answer that the test may give later. */
export class Answer {
  readonly promise: Promise<void>
  settled = false
  #resolve!: () => void
  #reject!: (reason: BrokerError) => void

  constructor(held: boolean) {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // Whoever asked may have gone away; the test hears of it by other means.
    this.promise.catch(() => {})
    if (!held) this.give()
  }

  give(): void {
    this.settled = true
    this.#resolve()
  }

  refuse(code: BrokerError['code'], text: string = code): void {
    this.settled = true
    this.#reject(new BrokerError(code, text))
  }
}

export interface DeliveryOptions {
  readonly headers?: readonly string[]
  readonly properties?: Partial<Properties>
  /** The concrete one, where the subscription is a wildcard. */
  readonly target?: string
  readonly redelivered?: boolean
}

export class FakeSubscription implements Subscription<string> {
  readonly target: string
  readonly options: SubscribeOptions
  readonly sink: Sink<string>
  readonly address: string
  readonly consent: Answer
  /** What was settled, in call order: `accepted 1,2`. */
  readonly settled: string[] = []
  /** Settlements whose answer is held back. */
  readonly settling: Answer[] = []
  readonly stopping: Answer[] = []
  forgotten = false
  disposed = false
  readonly #broker: Script
  #tag = 0
  readonly #out = new Set<number>()

  constructor(broker: Script, target: string, options: SubscribeOptions, sink: Sink<string>) {
    this.#broker = broker
    this.target = target
    this.address = target
    this.options = options
    this.sink = sink
    this.consent = new Answer(broker.isHeld('subscribe'))
  }

  get live(): Promise<void> {
    return this.consent.promise
  }

  /** Deliveries that nobody has settled. */
  get unsettled(): readonly number[] {
    return [...this.#out]
  }

  /** @returns the tag */
  deliver(body: string | Buffer, { headers = [], properties, target, redelivered }: DeliveryOptions = {}): number {
    const tag = ++this.#tag
    if (this.options.settle === 'each') this.#out.add(tag)
    const message: Message = {
      body: Buffer.from(body),
      headers,
      properties: Object.assign(new Properties(), properties),
    }
    this.sink.deliver({ message, target: target ?? this.target, redelivered: redelivered ?? false, tag })
    return tag
  }

  /** The connection is gone: what is out is stale. */
  lost(): void {
    this.#out.clear()
    this.sink.lost()
  }

  resumed(gap: boolean): void {
    this.sink.resumed(gap)
  }

  end(code: BrokerError['code']): void {
    this.#out.clear()
    this.sink.end(new BrokerError(code, `${this.target}: ${code}`))
  }

  async settle(tags: readonly number[], outcome: Outcome): Promise<readonly number[]> {
    this.settled.push(`${outcome} ${tags.join(',')}`)
    this.#broker.log.push(`${outcome} ${tags.join(',')} of ${this.target}`)
    const stale = tags.filter((tag) => this.disposed || !this.#out.delete(tag))
    const answer = new Answer(this.#broker.isHeld('settle'))
    this.settling.push(answer)
    await answer.promise
    return stale
  }

  async stop(forget = false): Promise<void> {
    this.forgotten ||= forget
    this.#broker.log.push(`stop ${this.target}`)
    const answer = new Answer(this.#broker.isHeld('stop'))
    this.stopping.push(answer)
    await answer.promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.disposed) return
    this.disposed = true
    const back = this.#out.size === 0 ? '' : ` with ${[...this.#out].join(',')}`
    this.#broker.log.push(`end ${this.target}${back}`)
    this.#out.clear()
  }
}
