/**
 * Browsers on one side, devices on the other: a Mosquitto of its own, a bridge in front of it, stompjs 7 for the browsers, and Debian's
 * mosquitto_pub and mosquitto_sub for the devices, which know nothing of the bridge.
 */
import { startTestBridge, type TestBridge } from '../support/bridge.ts'
import { type Listener, type Mosquitto, type MosquittoOptions, startMosquitto } from '../support/mosquitto.ts'
import type { Client, Headers } from './client.ts'
import { stompjs } from './drivers/stompjs.ts'
import { type Place, Scene } from './scene.ts'

export interface MqttSetting {
  /** Of `brokers.plant`, beside `url` and a fast reconnect: `protocol: 4`. */
  readonly broker?: string
  /** Routes before the preset's: `destination: /lamps/{id}, topic: lamps/{id}`. */
  readonly routes?: readonly string[]
  /** Of the preset's routes: `retain: true`. */
  readonly preset?: string
  /** Further sections of the file. */
  readonly rest?: string
  readonly mosquitto?: MosquittoOptions
}

export class MqttPlace implements Place, AsyncDisposable {
  readonly yaml: string
  readonly bridge: TestBridge
  readonly mosquitto: Mosquitto
  readonly #parts: AsyncDisposableStack

  static async open(setting: MqttSetting = {}): Promise<MqttPlace> {
    await using parts = new AsyncDisposableStack()
    const mosquitto = parts.use(await startMosquitto(setting.mosquitto))
    const yaml = inFrontOf(mosquitto.url, setting)
    const bridge = parts.use(await startTestBridge(yaml))
    return new MqttPlace(yaml, bridge, mosquitto, parts.move())
  }

  private constructor(yaml: string, bridge: TestBridge, mosquitto: Mosquitto, parts: AsyncDisposableStack) {
    this.yaml = yaml
    this.bridge = bridge
    this.mosquitto = mosquitto
    this.#parts = parts
  }

  /** Its clients are browsers, and leave with it. */
  scene(): Scene {
    return new Scene(stompjs('1.2'), this)
  }

  /** mosquitto_pub. */
  async publishes(topic: string, body: string, ...args: readonly string[]): Promise<void> {
    await this.mosquitto.pub(['-t', topic, '-m', body, ...args])
  }

  /** mosquitto_sub at QoS 1, one JSON object a message: see `printed`. */
  async listens(...filters: readonly string[]): Promise<Listener> {
    return await this.mosquitto.sub(['-q', '1', ...filters.flatMap((filter) => ['-t', filter]), '-F', '%j'])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync()
  }
}

/** What a user would write, with ERRORs that leave the connection open. */
function inFrontOf(url: string, { broker, routes = [], preset, rest = '' }: MqttSetting = {}): string {
  const entry = (...options: readonly (string | undefined)[]): string =>
    `  - { ${['broker: plant', 'errors: keep', ...options].filter(Boolean).join(', ')} }`
  const plant = ['adapter: mqtt', `url: "${url}"`, 'reconnectMax: 500ms', broker].filter(Boolean).join(', ')
  return [
    `brokers: { plant: { ${plant} } }`,
    'routes:',
    ...routes.map((route) => entry(route)),
    entry('preset: mqtt', preset),
    rest,
  ].join('\n')
}

/** A message as mosquitto_sub prints it with `%j`. */
export interface Printed {
  readonly topic: string
  readonly qos: number
  /** 1: a copy that waited at the broker. */
  readonly retain: number
  readonly payload: string
  readonly properties?: Readonly<Record<string, unknown>> & { readonly 'user-properties'?: Headers }
}

/** The first `count` messages that mosquitto_sub has printed. */
export async function printed(device: Listener, count: number): Promise<Printed[]> {
  return (await device.heard(count)).slice(0, count).map((line) => JSON.parse(line) as Printed)
}

/** The code of the ERROR that answers a SEND. */
export async function refusedSend(
  scene: Scene,
  client: Client,
  destination: string,
  headers: Record<string, string> = {},
): Promise<string> {
  const receipt = scene.receipt()
  client.send(destination, 'never', { ...headers, receipt })
  return await codeOf(client, receipt)
}

/** The code of the ERROR that answers a SUBSCRIBE. */
export async function refusedSubscribe(
  scene: Scene,
  client: Client,
  destination: string,
  headers: Record<string, string> = {},
): Promise<string> {
  const receipt = scene.receipt()
  client.subscribe(destination, { ...headers, receipt })
  return await codeOf(client, receipt)
}

async function codeOf(client: Client, receipt: string): Promise<string> {
  const { headers } = await client.ears.errors.find(
    `the answer to ${receipt}`,
    (frame) => frame.headers['receipt-id'] === receipt,
  )
  return headers['bridge-code']!
}
