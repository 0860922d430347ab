/**
 * A hundred reloads while clients work, a tenth of them with faults: every receipted message reaches a consumer once, every topic subscriber
 * hears every message in order, and nobody is disconnected.
 */
import { expect, test } from 'vitest'
import { hashOf } from '../../../src/auth/users/phc.ts'
import { until } from '../../support/until.ts'
import { Client } from '../driver.ts'
import { Ledger } from '../ledger.ts'
import { fresh, LONG_MS, type Place } from '../place.ts'
import { type BridgeProcess, spawnBridge } from '../process.ts'

const RELOADS = 100
const SENDERS = 3
const CONSUMERS = 3
const LISTENERS = 10
/** SENDs of one sender that are not confirmed yet. */
const WINDOW = 20

export function reloadStorm(place: Place): void {
  test('a storm of reloads loses nothing and disconnects nobody', { timeout: LONG_MS }, async () => {
    const hash = await hashOf('secret')
    const yaml = (round: number): string => (round % 10 === 9 ? broken(round) : working(place().url, hash, round))
    await using bridge = await spawnBridge(yaml(0), { STOMP_BRIDGE_RELOAD_WATCH: 'false' })
    await using work = new Work(bridge, fresh('storm'))
    await work.begins()
    for (let round = 1; round <= RELOADS; round++) {
      const said = await bridge.reloads(yaml(round))
      expect(said).toContain(round % 10 === 9 ? '"configuration not reloaded' : '"configuration reloaded"')
    }
    await work.ends()
    const metrics = await (await fetch(`${bridge.ops}/metrics`)).text()
    expect(metrics).toMatch(/config_reloads_total\{result="applied"\} 90\n/)
    expect(metrics).toMatch(/config_reloads_total\{result="rejected"\} 10\n/)
  })
}

/** Everything that may change does, each at a beat of its own; the broker and what the clients use of it stay. */
function working(url: string, hash: string, round: number): string {
  const every = (beat: number, text: string): string => (round % beat === 0 ? text : '')
  const user = (name: string): string => `        ${name}: { password: "${hash}", roles: [r${round % 4}] }`
  const rabbit = (name: string): string => `  ${name}: { adapter: rabbitmq, url: "${url}", reconnectMax: 500ms }`
  const lines = [
    'brokers:',
    rabbit('rabbit'),
    `  other: { adapter: memory, maxDurables: ${100 + (round % 2)} }`,
    every(5, rabbit('side')),
    'routes:',
    `  - { destination: "/other/{name}", broker: other, topic: "v${round % 2}.{name}", permit: "role:r${round % 3}" }`,
    every(5, '  - { destination: "/side/{name}", broker: side, queue: "side.{name}" }'),
    // The one that the clients use: sometimes the same object, sometimes another one that means the same.
    `  - { preset: rabbitmq, broker: rabbit, errors: keep, nack: ${round % 3 === 0 ? 'reject' : 'requeue'}, prefetch: 100 }`,
    'auth:',
    '  chain:',
    '    - authenticator: users',
    '      users:',
    user('worker'),
    every(2, user(`guest${round}`)),
    `limits: { pendingFrames: ${64 + (round % 7)}, outboundBytes: ${2 + (round % 3)}MiB, sendRate: ${100_000 + round} }`,
    `heartbeat: { outgoing: ${5 + (round % 5)}s }`,
    `listen: { origins: ["https://app${round % 3}.example.com"] }`,
    `fanout: { linger: ${1 + (round % 3)}s }`,
    `log: { level: ${round % 4 === 0 ? 'debug' : 'info'} }`,
  ]
  return `${lines.filter(Boolean).join('\n')}\n`
}

/** Faults of five kinds, one in each. */
function broken(round: number): string {
  const good = 'brokers: { rabbit: { adapter: memory } }\nroutes: [{ preset: memory, broker: rabbit }]\n'
  const kinds = [
    `${good}limits: "`,
    `${good}limit: { sendRate: 1 }\n`,
    good.replace('preset: memory', 'preset: memry'),
    good.replace('adapter: memory', 'adapter: rabbitmq, url: "amqp://127.0.0.1", vhost: 7'),
    `${good}limits: { handshakeTimeout: 2s }\n`,
  ]
  return kinds[Math.floor(round / 10) % kinds.length]!
}

/** Clients at work, from `begins` to `ends`. */
class Work implements AsyncDisposable {
  readonly #bridge: BridgeProcess
  readonly #name: string
  readonly #ledger = new Ledger()
  readonly #clients: Client[] = []
  readonly #senders: Promise<void>[] = []
  readonly #heard: string[][] = []
  readonly #failures: unknown[] = []
  #published = 0
  #isOver = false

  constructor(bridge: BridgeProcess, name: string) {
    this.#bridge = bridge
    this.#name = name
  }

  async begins(): Promise<void> {
    for (let count = 0; count < CONSUMERS; count++) await this.#consumes()
    for (let count = 0; count < LISTENERS; count++) await this.#listens()
    for (let count = 0; count < SENDERS; count++) this.#senders.push(this.#sends(await this.#client(), count))
    this.#senders.push(this.#publishes(await this.#client()))
    await until('everybody works', () => this.#ledger.consumed > 100 && this.#heard.every(({ length }) => length > 10))
  }

  /** Nothing more is sent, everything is heard, and the books are right. */
  async ends(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#senders)
    expect(this.#failures).toEqual([])
    await until('everything is consumed', () => this.#ledger.outstanding.length === 0)
    await until('everything is heard', () => this.#heard.every(({ length }) => length === this.#published))
    const all = Array.from({ length: this.#published }, (_, n) => String(n))
    for (const heard of this.#heard) expect(heard).toEqual(all)
    this.#ledger.check()
    expect(this.#ledger.duplicates).toBe(0)
    for (const { closed, errors } of this.#clients)
      expect({ closed, errors }).toEqual({ closed: undefined, errors: [] })
    expect(this.#ledger.receipted).toBeGreaterThan(1_000)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#clients.map((client) => client[Symbol.asyncDispose]()))
    await Promise.all(this.#senders)
  }

  async #client(): Promise<Client> {
    const client = await Client.connect(this.#bridge.url, { login: 'worker', passcode: 'secret' })
    this.#clients.push(client)
    return client
  }

  async #consumes(): Promise<void> {
    const client = await this.#client()
    client.onMessage = (message) => {
      this.#ledger.consumes(message)
      client.ack(message)
    }
    await client.do('SUBSCRIBE', { id: 'q', destination: `/queue/${this.#name}`, ack: 'client-individual' })
  }

  async #listens(): Promise<void> {
    const client = await this.#client()
    const heard: string[] = []
    this.#heard.push(heard)
    client.onMessage = ({ headers, body }) => {
      heard.push(headers['bridge-gap'] === 'true' ? `gap before ${body}` : body.toString())
    }
    await client.do('SUBSCRIBE', { id: 't', destination: `/topic/${this.#name}` })
  }

  /** Each in its own order, with so many unconfirmed at one time. */
  async #sends(client: Client, sender: number): Promise<void> {
    const pending = new Set<Promise<void>>()
    for (let count = 0; !this.#isOver; count++) {
      const body = `${sender}-${count}`
      this.#ledger.sends(body)
      const confirmed = client
        .do('SEND', { destination: `/queue/${this.#name}` }, body)
        .then(() => this.#ledger.hasReceipt(body), this.#fails)
        .then(() => void pending.delete(confirmed))
      pending.add(confirmed)
      if (pending.size >= WINDOW) await Promise.race(pending)
    }
    await Promise.all(pending)
  }

  async #publishes(client: Client): Promise<void> {
    for (; !this.#isOver; this.#published++) {
      await client.do('SEND', { destination: `/topic/${this.#name}` }, String(this.#published)).catch(this.#fails)
    }
  }

  readonly #fails = (error: unknown): void => {
    this.#failures.push(error)
    this.#isOver = true
  }
}
