/**
 * The bridge as a user would run it, all options at their defaults: in front of the same RabbitMQ as the plugin, with a service account and
 * the plugin's destinations; in front of a Mosquitto of its own; and with its embedded memory broker.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startMosquitto } from '../../support/mosquitto.ts'
import type { Need } from '../scenarios/scenario.ts'
import { startServer } from './child.ts'
import type { Peer, Rig, RunningPeer } from './peer.ts'

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url))
const TOPICS: readonly Need[] = ['topics', 'receipts', 'versions', 'ids']
const ALL: readonly Need[] = [...TOPICS, 'headers', 'queues', 'acks', 'persistent']

/** What the bridge stands in front of. Disposing it ends what was started for it. */
interface Backend extends AsyncDisposable {
  /** The value of `brokers.backend`, as YAML. */
  readonly broker: string
  readonly preset: string
  /** Its own processes, by role. */
  readonly processes: Readonly<Record<string, number>>
}

export const bridge = bridgeOn({
  name: 'bridge',
  features: ALL,
  onRabbit: true,
  async backend(rig) {
    const { rabbit, pid } = await rig.rabbit()
    return {
      broker: `{ adapter: rabbitmq, url: "${rabbit.url}" }`,
      preset: 'rabbitmq',
      processes: { broker: pid },
      [Symbol.asyncDispose]: async () => {},
    }
  },
})

export const bridgeOnMemory = bridgeOn({
  name: 'bridge-memory',
  // A restart empties it: it has no `persistent`.
  features: ALL.filter((need) => need !== 'persistent'),
  async backend() {
    return { broker: '{ adapter: memory }', preset: 'memory', processes: {}, [Symbol.asyncDispose]: async () => {} }
  },
})

export const bridgeOnMosquitto = bridgeOn({
  name: 'bridge-mosquitto',
  // Its queues are $share groups, acknowledged one connection each: another thing than what the queue scenarios compare. Headers with a line
  // feed are refused: MQTT has no place for it.
  features: TOPICS,
  async backend() {
    // Mosquitto's own defaults again: the one of the tests writes to disk after every change.
    const mosquitto = await startMosquitto({ config: ['autosave_on_changes false', 'autosave_interval 1800'] })
    return {
      broker: `{ adapter: mqtt, url: "${mosquitto.url}" }`,
      preset: 'mqtt',
      processes: { mosquitto: mosquitto.pid },
      [Symbol.asyncDispose]: () => mosquitto[Symbol.asyncDispose](),
    }
  },
})

interface BridgeOptions {
  readonly name: string
  readonly features: readonly Need[]
  readonly onRabbit?: boolean
  backend(rig: Rig): Promise<Backend>
}

function bridgeOn({ name, features, onRabbit = false, backend }: BridgeOptions): Peer {
  return {
    name,
    features: new Set(features),
    isOurs: true,
    onRabbit,
    async start(rig) {
      await using stack = new AsyncDisposableStack()
      const behind = stack.use(await backend(rig))
      const folder = await mkdtemp(join(tmpdir(), 'bench-bridge-'))
      stack.defer(() => rm(folder, { recursive: true }))
      const file = join(folder, 'bridge.yaml')
      await writeFile(file, configuration(behind))
      const server = stack.use(await startServer({ name, args: [MAIN, '--config', file], profiles: rig.profiles }))
      return running(server, behind, stack.move())
    },
  }
}

function running(server: { url: string; pid: number }, behind: Backend, all: AsyncDisposable): RunningPeer {
  return {
    target: {
      url: server.url,
      connect: { host: '/' },
      topics: '/topic/',
      queues: '/queue/',
      processes: { bridge: server.pid, ...behind.processes },
    },
    [Symbol.asyncDispose]: () => Promise.resolve(all[Symbol.asyncDispose]()),
  }
}

function configuration({ broker, preset }: Backend): string {
  return `
listen: { port: 0 }
ops: { enabled: false }
drain: { grace: 1s, spread: 0ms }
log: { format: json }
brokers: { backend: ${broker} }
routes: [{ preset: ${preset}, broker: backend }]
`
}
