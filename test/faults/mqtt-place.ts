/** Where faults of MQTT happen: a Mosquitto, a way to it that can be cut, and the configuration of bridges in front of it. */
import type { TestBridge } from '../support/bridge.ts'
import type { Mosquitto } from '../support/mosquitto.ts'
import { until } from '../support/until.ts'
import { fresh, type Setting } from './place.ts'

/** The Mosquitto of the file that a group of tests runs in. */
export type Shore = () => Mosquitto

/** Flow style, to stand in `brokers:`. Bridges with equal `clientId` share their durable subscriptions. */
export function plant(url: string, options = '', clientId = fresh('bridge')): string {
  const all = ['adapter: mqtt', `url: "${url}"`, `clientId: ${clientId}`, 'reconnectMin: 50ms']
  return `plant: { ${[...all, 'reconnectMax: 500ms', options].filter(Boolean).join(', ')} }`
}

/** What a user would write, with ERRORs that leave the connection open. */
export function inFrontOfMqtt(port: number, { broker = '', route = '', rest = '' }: Setting = {}): string {
  const options = ['preset: mqtt', 'broker: plant', 'errors: keep', route].filter(Boolean).join(', ')
  return [`brokers: { ${plant(`mqtt://127.0.0.1:${port}`, broker)} }`, `routes: [{ ${options} }]`, rest].join('\n')
}

/** Waits until the bridge says so of a broker. */
export async function health(bridge: TestBridge, state: 'up' | 'down', broker = 'plant'): Promise<void> {
  const tells = async (): Promise<string> => await (await fetch(`${bridge.ops}/readyz?verbose`)).text()
  await until(`${broker} is ${state}`, async () => (await tells()).includes(`${broker}: ${state} `), 60_000)
}

/**
 * Resolves when Mosquitto has written to disk all that it had answered when this was called: killed sooner it would lose what it has confirmed.
 * With `autosave_on_changes` it saves at the end of a turn of its loop, after the PUBACKs of that turn have left; and a message that it has only
 * queued is no change to it. A retained one is, and our second CONNECT is a later turn than that.
 */
export async function saved(mosquitto: Mosquitto): Promise<void> {
  const topic = fresh('saved')
  await mosquitto.pub(['-t', topic, '-q', '1', '-r', '-m', 'a change'])
  await mosquitto.pub(['-t', topic, '-q', '1', '-r', '-n'])
}
