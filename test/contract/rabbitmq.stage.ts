/** The world of one test on a real RabbitMQ: an adapter behind a proxy, and an administrator's own connection. */
import { type ChannelModel, type Channel as Control, connect } from 'amqplib'
import { type AmqpTarget, rabbitmqBroker } from '../../src/adapters/rabbitmq/index.ts'
import type { Broker, Principal, Route } from '../../src/broker/broker.ts'
import { systemClock } from '../../src/broker/clock.ts'
import { type BrokerObserver, silentBrokerObserver } from '../../src/broker/observer.ts'
import { TcpProxy } from '../support/proxy.ts'
import type { Rabbit } from '../support/rabbitmq.ts'
import type { Faults, Spot, Stage } from './harness.ts'

/** May publish to anything but exchanges called `forbidden…`. */
export const ACCOUNT = { name: 'bridge', password: 'bridge secret', rights: ['.*', '^(?!forbidden).*', '.*'] } as const

export interface StageOptions {
  /** Beside the url. */
  readonly broker?: Readonly<Record<string, unknown>>
  readonly observer?: BrokerObserver
  /** Who the adapter is; '' = clients bring their own. */
  readonly account?: string
}

/** What is left of consumers, channels and queues beside these is a leak: scratch, confirm and quarantine channels. */
const STANDING_CHANNELS = 7

export class RabbitStage implements Stage {
  readonly rabbit: Rabbit
  readonly broker: Broker<AmqpTarget>
  readonly proxy: TcpProxy
  readonly control: Control
  readonly #admin: ChannelModel
  readonly #others: Broker<AmqpTarget>[] = []
  readonly #queues: string[] = []
  readonly #exchanges: string[] = []
  readonly #prefix = `t${Math.random().toString(36).slice(2, 10)}`
  #names = 0

  static async open(rabbit: Rabbit, options: StageOptions = {}): Promise<RabbitStage> {
    const proxy = await TcpProxy.to(rabbit.ports.amqp)
    const account = options.account ?? `${ACCOUNT.name}:${encodeURIComponent(ACCOUNT.password)}@`
    const broker = rabbitmqBroker(
      'rabbit',
      { url: `amqp://${account}127.0.0.1:${proxy.port}`, reconnectMin: 20, reconnectMax: 200, ...options.broker },
      { clock: systemClock, observer: options.observer ?? silentBrokerObserver },
    )
    await broker.start(new AbortController().signal)
    const admin = await connect(rabbit.url)
    return new RabbitStage(rabbit, broker, proxy, admin, await admin.createChannel())
  }

  private constructor(
    rabbit: Rabbit,
    broker: Broker<AmqpTarget>,
    proxy: TcpProxy,
    admin: ChannelModel,
    control: Control,
  ) {
    this.rabbit = rabbit
    this.broker = broker
    this.proxy = proxy
    this.#admin = admin
    this.control = control
    admin.on('error', () => {})
    control.on('error', () => {})
  }

  readonly faults: Faults = {
    sever: async () => this.proxy.sever(),
    mute: async () => this.proxy.mute(),
    down: async () => this.proxy.down(),
    up: async () => this.proxy.up(),
  }

  name(kind: string): string {
    return `${this.#prefix}-${kind}-${++this.#names}`
  }

  route(options: Readonly<Record<string, unknown>>, names: readonly string[] = ['name']): Route<AmqpTarget> {
    return this.broker.route(options, names)
  }

  spot(options: Readonly<Record<string, unknown>>, variables: Readonly<Record<string, string>>): Spot {
    const route = this.route(options, Object.keys(variables))
    return { route: route as Route, target: route.target(Object.assign(Object.create(null), variables)) }
  }

  async queue(args: Readonly<Record<string, unknown>> = {}): Promise<Spot> {
    const name = this.name('queue')
    await this.control.assertQueue(name, { durable: true, arguments: args })
    this.#queues.push(name)
    return this.spot({ queue: '{name}' }, { name })
  }

  async topic(): Promise<Spot> {
    return this.spot({ exchange: 'amq.topic', routingKey: '{key}' }, { key: this.name('topic') })
  }

  async wildcard(): Promise<{ pattern: Spot; inside: readonly [Spot, Spot]; outside: Spot }> {
    const base = this.name('wild')
    const at = (key: string): Spot =>
      this.spot({ exchange: 'amq.topic', routingKey: '{key}' }, { key: `${base}.${key}` })
    return { pattern: at('*'), inside: [at('one'), at('two')], outside: at('one.more') }
  }

  async deadLetter(): Promise<{ queue: Spot; dead: Spot }> {
    const dead = await this.queue()
    const queue = await this.queue({
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': (dead.target as { name: string }).name,
    })
    return { queue, dead }
  }

  async nowhere(): Promise<Spot> {
    return this.spot({ queue: '{name}' }, { name: this.name('nowhere') })
  }

  async forbidden(): Promise<Spot> {
    const name = `forbidden-${this.name('exchange')}`
    await this.exchange(name, 'fanout')
    return this.spot({ exchange: '{exchange}' }, { exchange: name })
  }

  async exchange(name: string, type: string): Promise<string> {
    await this.control.assertExchange(name, type, { durable: true })
    this.#exchanges.push(name)
    return name
  }

  async refused(): Promise<{ broker: Broker; principal: Principal }> {
    const broker = rabbitmqBroker(
      'clients',
      { url: this.rabbit.bareUrl },
      { clock: systemClock, observer: silentBrokerObserver },
    )
    this.#others.push(broker)
    await broker.start(new AbortController().signal)
    const credentials = { login: ACCOUNT.name, passcode: 'not the secret', host: undefined }
    return { broker: broker as Broker, principal: { name: ACCOUNT.name, session: 's1', credentials } }
  }

  async leftovers(): Promise<readonly string[]> {
    const { channels, consumers } = await this.rabbit.census()
    const queues = (await this.rabbit.queues()).filter((name) => !name.startsWith(this.#prefix))
    const left = queues.map((name) => `queue ${name}`)
    if (consumers > 0) left.push(`${consumers} consumers`)
    if (channels > STANDING_CHANNELS) left.push(`${channels} channels`)
    return left
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.proxy.up()
    await this.broker[Symbol.asyncDispose]()
    for (const broker of this.#others) await broker[Symbol.asyncDispose]()
    await this.proxy[Symbol.asyncDispose]()
    for (const queue of this.#queues) await this.control.deleteQueue(queue)
    for (const exchange of this.#exchanges) await this.control.deleteExchange(exchange)
    await this.#admin.close()
  }
}
