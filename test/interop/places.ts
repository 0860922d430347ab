/** The brokers in front of which the conversations are held, each with a bridge that most of them share. */
import { MEMORY, startTestBridge, type TestBridge } from '../support/bridge.ts'
import { type Rabbit, startRabbit } from '../support/rabbitmq.ts'
import type { Place } from './scene.ts'

/** Heart-beats that a test can wait for. What clients themselves offer is slower, but where they are told otherwise. */
const LIVELY = 'heartbeat: { outgoing: 500ms, incoming: 500ms }\n'

export class StartedPlace implements Place, AsyncDisposable {
  readonly yaml: string
  readonly bridge: TestBridge
  readonly #parts: AsyncDisposableStack

  constructor(yaml: string, bridge: TestBridge, parts: AsyncDisposableStack) {
    this.yaml = yaml
    this.bridge = bridge
    this.#parts = parts
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync()
  }
}

export async function memoryPlace(): Promise<StartedPlace> {
  const parts = new AsyncDisposableStack()
  const yaml = `${MEMORY}${LIVELY}`
  return new StartedPlace(yaml, parts.use(await startTestBridge(yaml)), parts)
}

/** The same, where sockjs-client finds what it looks for at the path of the WebSockets. */
export async function sockjsPlace(): Promise<StartedPlace> {
  const parts = new AsyncDisposableStack()
  const yaml = `${MEMORY}${LIVELY}listen: { sockjs: { path: /ws, clientUrl: "" } }\n`
  return new StartedPlace(yaml, parts.use(await startTestBridge(yaml)), parts)
}

export interface RabbitPlace {
  readonly place: StartedPlace
  readonly rabbit: Rabbit
}

/** A RabbitMQ of its own, whose destinations are those of the Web STOMP plugin, behind a service account. */
export async function rabbitPlace(): Promise<RabbitPlace> {
  const parts = new AsyncDisposableStack()
  const rabbit = parts.use(await startRabbit())
  const yaml = `${presetRabbitmq(rabbit.url)}${LIVELY}`
  return { place: new StartedPlace(yaml, parts.use(await startTestBridge(yaml)), parts), rabbit }
}

export function presetRabbitmq(url: string): string {
  return `
brokers: { rabbit: { adapter: rabbitmq, url: "${url}" } }
routes: [{ preset: rabbitmq, broker: rabbit }]
`
}
