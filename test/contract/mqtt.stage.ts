/** The world of one test on a real MQTT broker: an adapter behind a proxy. */
import { type MqttBroker, type MqttTarget, mqttBroker } from '../../src/adapters/mqtt/index.ts'
import type { Broker, Route } from '../../src/broker/broker.ts'
import { systemClock } from '../../src/broker/clock.ts'
import { type BrokerObserver, silentBrokerObserver } from '../../src/broker/observer.ts'
import { TcpProxy } from '../support/proxy.ts'
import type { Faults, Spot, Stage } from './harness.ts'

export interface MqttStageOptions {
  readonly port: number
  readonly protocol?: 4 | 5
  /** `user:password@`. */
  readonly account?: string
  /** Beside the url. */
  readonly broker?: Readonly<Record<string, unknown>>
  /** Of all routes that the contract uses. */
  readonly route?: Readonly<Record<string, unknown>>
  readonly observer?: BrokerObserver
}

export class MqttStage implements Stage {
  readonly broker: Broker<MqttTarget>
  readonly isUnmarked: boolean
  readonly proxy: TcpProxy
  readonly #broker: MqttBroker
  readonly #route: Readonly<Record<string, unknown>>
  readonly #prefix = `t${Math.random().toString(36).slice(2, 10)}`
  #names = 0

  static async open(this: typeof MqttStage, options: MqttStageOptions): Promise<MqttStage> {
    const proxy = await TcpProxy.to(options.port)
    const broker = mqttBroker(
      'mqtt',
      {
        url: `mqtt://${options.account ?? ''}127.0.0.1:${proxy.port}`,
        protocol: options.protocol ?? 5,
        reconnectMin: 20,
        reconnectMax: 200,
        clientId: `c${Math.random().toString(36).slice(2, 10)}`,
        ...options.broker,
      },
      { clock: systemClock, observer: options.observer ?? silentBrokerObserver },
    )
    await broker.start(new AbortController().signal)
    return new this(broker, proxy, options)
  }

  constructor(broker: MqttBroker, proxy: TcpProxy, { protocol, route = {} }: MqttStageOptions) {
    this.isUnmarked = protocol === 4
    this.broker = broker
    this.#broker = broker
    this.proxy = proxy
    this.#route = route
  }

  readonly faults: Faults = {
    sever: async () => this.proxy.sever(),
    mute: async () => this.proxy.mute(),
    down: async () => this.proxy.down(),
    up: async () => this.proxy.up(),
  }

  get holdings(): MqttBroker['holdings'] {
    return this.#broker.holdings
  }

  name(kind: string): string {
    return `${this.#prefix}-${kind}-${++this.#names}`
  }

  spot(options: Readonly<Record<string, unknown>>, variables: Readonly<Record<string, string>>): Spot {
    // Within one QoS MQTT keeps the order; between two it does not.
    const route = this.broker.route({ qos: 1, ...this.#route, ...options }, Object.keys(variables))
    return { route: route as Route, target: route.target(Object.assign(Object.create(null), variables)) }
  }

  async queue(): Promise<Spot> {
    return this.spot({ topic: 'contract/{name}', group: 'contract' }, { name: this.name('queue') })
  }

  async topic(): Promise<Spot> {
    return this.spot({ topic: 'contract/{name}' }, { name: this.name('topic') })
  }

  async wildcard(): Promise<{ pattern: Spot; inside: readonly [Spot, Spot]; outside: Spot }> {
    const base = this.name('wild')
    const at = (path: string): Spot => this.spot({ topic: 'contract/{name}' }, { name: `${base}/${path}` })
    return { pattern: at('*'), inside: [at('one'), at('two')], outside: at('one/more') }
  }

  async deadLetter(): Promise<{ queue: Spot; dead: Spot }> {
    const name = this.name('queue')
    const queue = this.spot({ topic: 'contract/{name}', group: 'contract', nack: 'dead/{name}' }, { name })
    return { queue, dead: this.spot({ topic: 'dead/{name}', group: 'contract' }, { name }) }
  }

  async nowhere(): Promise<Spot> {
    return this.spot({ topic: 'contract/{name}', mandatory: true }, { name: this.name('nowhere') })
  }

  async forbidden(): Promise<Spot> {
    return this.spot({ topic: 'forbidden/{name}' }, { name: this.name('topic') })
  }

  async leftovers(): Promise<readonly string[]> {
    const { links, ...held } = this.#broker.holdings
    // The link that a scene publishes on is no leftover.
    const left = Object.entries(held).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what}`]))
    return links > 1 ? [...left, `${links} links`] : left
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.proxy.up()
    await this.broker[Symbol.asyncDispose]()
    await this.proxy[Symbol.asyncDispose]()
  }
}
