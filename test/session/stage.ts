/**
 * Where the session's tests play: real sessions, a real router, a real fan-out, and around them nothing real: brokers, wires, clock and turn
 * do what the script says. When a test is over everybody leaves, and what is then left behind fails it.
 */
import { expect, onTestFinished } from 'vitest'
import type { Authenticator } from '../../src/auth/authenticator.ts'
import { Fanout } from '../../src/broker/fanout.ts'
import { TrafficBook } from '../../src/broker/traffic.ts'
import { buildRoutes, type RouteEntry } from '../../src/routing/build.ts'
import type { RoutePolicy } from '../../src/routing/route.ts'
import { Router } from '../../src/routing/router.ts'
import { Audience } from '../../src/session/audience.ts'
import { SessionCounters } from '../../src/session/counters.ts'
import type { House, Snapshot } from '../../src/session/house.ts'
import type { HeartbeatOffer, SessionLimits } from '../../src/session/limits.ts'
import type { SessionObserver } from '../../src/session/observer.ts'
import { type QuotaLimits, Quotas } from '../../src/session/quotas.ts'
import { review, type Standing } from '../../src/session/review.ts'
import type { Session } from '../../src/session/session.ts'
import { Sessions } from '../../src/session/sessions.ts'
import type { Spans } from '../../src/session/spans.ts'
import type { Version } from '../../src/stomp/version.ts'
import type { Framing } from '../../src/transports/wire.ts'
import { FakeBroker } from '../support/broker.ts'
import { Client, type Heard } from '../support/client.ts'
import { FakeClock } from '../support/clock.ts'
import { FakeTurn } from '../support/turn.ts'
import { FakeWire, PlainFraming } from '../support/wire.ts'
import { anonymous } from './authenticators.ts'

export const VERSIONS: readonly Version[] = ['1.0', '1.1', '1.2']

const NO_QUOTAS: QuotaLimits = {
  connectionsPerUser: 0,
  sendRate: 0,
  sendBytesRate: 0,
  sendPatienceMs: 30_000,
  dryRun: false,
}

export const LIMITS: SessionLimits = {
  frameBytes: 65_536,
  headerBytes: 4096,
  headerCount: 100,
  connectBytes: 2048,
  connectTimeoutMs: 10_000,
  subscriptions: 50,
  unacked: 100_000,
  sessionMs: 0,
  transactions: 4,
  transactionFrames: 10,
  transactionBytes: 4096,
  pendingFrames: 16,
  pendingBytes: 32_768,
  outboundBytes: 8192,
  outboundAgeMs: 10_000,
  prefetchAuto: 200,
  prefetchClient: 1000,
  prefetchBytes: 8_388_608,
  unsubscribeGraceMs: 10_000,
}

export const LINGER_MS = 3000

const ROUTES: readonly RouteEntry[] = [
  { destination: '/topic/{name+}', broker: 'main', topic: '{name+}' },
  { destination: '/queue/{name+}', broker: 'main', queue: '{name+}' },
  { destination: '/temp/{name}', broker: 'main', temp: '{name}' },
  { destination: '/keep/{name}', broker: 'main', queue: 'keep.{name}', errors: 'keep' },
  { destination: '/keep-topic/{name}', broker: 'main', topic: 'keep.{name}', errors: 'keep' },
  { destination: '/other/{name}', broker: 'other', queue: '{name}' },
]

export interface StageOptions {
  readonly brokers?: readonly FakeBroker[]
  /** Before the usual ones: see ROUTES. */
  readonly routes?: readonly RouteEntry[]
  /** Of a route by its pattern: what presets decide, or an operator. */
  readonly policies?: Readonly<Record<string, Partial<RoutePolicy>>>
  readonly limits?: Partial<SessionLimits>
  readonly heartbeat?: HeartbeatOffer
  readonly pingMs?: number
  readonly spreadMs?: number
  readonly unmapped?: 'error' | 'ignore'
  readonly authenticator?: Authenticator
  readonly quotas?: Partial<QuotaLimits>
  /** Who counts these events beside the test. */
  readonly metrics?: () => Pick<SessionObserver, 'closed' | 'failed'>
  /** Who traces single messages. */
  readonly spans?: Spans
}

/** What the observer was told: `failed forbidden`, `closed 1000`, `starved s1 /queue/a`, `slow s1 /topic/a conflate`, `connected 1.2`. */
type Told = string

export class Stage {
  readonly clock = new FakeClock()
  readonly turn = new FakeTurn(this.clock)
  readonly framing = new PlainFraming()
  readonly main: FakeBroker
  readonly other: FakeBroker
  readonly fanout: Fanout<Audience>
  readonly told: Told[] = []
  readonly counters = new SessionCounters()
  readonly traffic = new TrafficBook()
  readonly sessions: Session[] = []
  /** Wires of all clients, those that came later last. */
  readonly wires: FakeWire[] = []
  /** Those of a reload too. */
  readonly #brokers: FakeBroker[]
  readonly house: House & { snapshot: Snapshot; authenticator: Authenticator }
  /** The sessions that are open. */
  readonly everybody: Sessions

  constructor(options: StageOptions) {
    this.#brokers = [...(options.brokers ?? [new FakeBroker('main'), new FakeBroker('other')])]
    this.main = this.#brokers[0]!
    this.other = this.#brokers[1] ?? this.main
    let audiences = 0
    const { clock, turn, traffic } = this
    const audience = (broker: string) => new Audience(++audiences, traffic.broker(broker), turn, clock, options.spans)
    this.fanout = new Fanout({ lingerMs: LINGER_MS, clock, audience })
    this.house = {
      snapshot: this.#snapshot(options),
      authenticator: options.authenticator ?? anonymous,
      fanout: this.fanout,
      clock,
      turn,
      quotas: new Quotas({ ...NO_QUOTAS, ...options.quotas }, clock),
      observer: counted(this.#observer(), options.metrics),
      counters: this.counters,
      traffic,
      spans: options.spans,
      server: 'stomp-bridge/test',
    }
    this.everybody = new Sessions(this.house)
  }

  /** A client that has said nothing yet. */
  client(version: Version = '1.2', framing: Framing = this.framing): Client {
    const wire = new FakeWire({ id: `wire-${this.wires.length + 1}`, framing })
    this.wires.push(wire)
    wire.accept((accepted) => {
      const session = this.everybody.accept(accepted) as Session
      this.sessions.push(session)
      return session
    })
    return new Client(wire, version, () => this.settles())
  }

  /** A client that has heard CONNECTED. */
  async connected(version: Version = '1.2', headers: Record<string, string> = {}): Promise<Client> {
    const client = this.client(version)
    await client.connects(headers)
    return client
  }

  /** The session of the client that came last. */
  get session(): Session {
    return this.sessions.at(-1)!
  }

  /** Until nothing happens any more: promises, turns, and what wires have to tell. */
  async settles(): Promise<void> {
    for (let quiet = 0; quiet < 2; quiet++) {
      await new Promise((resolve) => setImmediate(resolve))
      const flushed = this.turn.end()
      const told = this.wires.map((wire) => wire.step())
      if (flushed || told.includes(true)) quiet = -1
    }
  }

  /**
   * The configuration is another one: all of `options` that is not said is as a stage has it. What the authenticators say now of the users is
   * `standing`. Resolves when all sessions were looked at.
   */
  async reloads(options: StageOptions = {}, standing: Standing = (user) => user): Promise<void> {
    this.#brokers.push(...(options.brokers ?? []).filter((broker) => !this.#brokers.includes(broker)))
    this.house.snapshot = this.#snapshot(options)
    const reviewed = review(this.house, this.everybody.all(), standing)
    await this.settles()
    await reviewed
    await this.passes(0)
  }

  /** Time goes on by `ms`, and everything that follows from it happens. */
  async passes(ms: number): Promise<void> {
    this.clock.advance(ms)
    await this.settles()
  }

  /** Everybody leaves; then nothing may be left behind. */
  async ends(): Promise<void> {
    for (const wire of this.wires) wire.breaks()
    for (const broker of this.#brokers) answerAll(broker)
    await this.settles()
    for (const broker of this.#brokers) answerAll(broker)
    await this.settles()
    this.clock.advance(LINGER_MS)
    await this.settles()
    expect({
      timers: this.clock.pending,
      shared: this.fanout.size,
      open: this.#brokers.map((broker) => broker.open),
      pending: this.sessions.map((session) => session.pending.frames),
      subscriptions: this.sessions.map((session) => session.subscriptions.all().length),
    }).toEqual({
      timers: 0,
      shared: 0,
      open: this.#brokers.map(() => 0),
      pending: this.sessions.map(() => 0),
      subscriptions: this.sessions.map(() => 0),
    })
  }

  #snapshot(options: StageOptions): Snapshot {
    const brokers = new Map((options.brokers ?? this.#brokers.slice(0, 2)).map((broker) => [broker.name, broker]))
    const entries = [...(options.routes ?? []), ...ROUTES].filter((entry) => brokers.has(String(entry.broker)))
    const routes = buildRoutes(entries, brokers).map((route) => ({
      ...route,
      policy: { ...route.policy, ...options.policies?.[route.pattern] },
    }))
    return {
      router: new Router(routes, this.traffic),
      brokers,
      unmapped: options.unmapped ?? 'error',
      limits: { ...LIMITS, ...options.limits },
      heartbeat: options.heartbeat ?? { outgoingMs: 0, incomingMs: 0 },
      pingMs: options.pingMs ?? 0,
      spreadMs: options.spreadMs ?? 0,
    }
  }

  #observer(): SessionObserver {
    return {
      connected: (_, version) => this.told.push(`connected ${version}`),
      closed: (_, code) => this.told.push(`closed ${code}`),
      failed: (_, { code }, _route, _cause, trace) =>
        this.told.push(trace === undefined ? `failed ${code}` : `failed ${code} in trace ${trace}`),
      starved: (_, subscription, destination) => this.told.push(`starved ${subscription} ${destination}`),
      slow: (_, subscription, destination, policy) => this.told.push(`slow ${subscription} ${destination} ${policy}`),
    }
  }
}

function counted(observer: SessionObserver, metrics: StageOptions['metrics']): SessionObserver {
  if (metrics === undefined) return observer
  return {
    ...observer,
    closed(...told) {
      metrics().closed(...told)
      observer.closed(...told)
    },
    failed(...told) {
      metrics().failed(...told)
      observer.failed(...told)
    },
  }
}

/** Gives every answer that was held back, and holds back no more. */
function answerAll(broker: FakeBroker): void {
  broker.answers('link', 'publish', 'subscribe', 'settle', 'stop')
  const subscriptions = broker.subscriptions.flatMap((each) => [each.consent, ...each.settling, ...each.stopping])
  for (const answer of [...broker.linking, ...broker.publishes, ...subscriptions]) if (!answer.settled) answer.give()
}

export function openStage(options: StageOptions = {}): Stage {
  const stage = new Stage(options)
  onTestFinished(() => stage.ends())
  return stage
}

/** The ids of a MESSAGE as ACK and NACK want them. */
export function ackOf(client: Client, message: Heard): Record<string, string> {
  if (client.version === '1.2') return { id: message.headers.ack! }
  const id = { 'message-id': message.headers['message-id']! }
  return client.version === '1.0' ? id : { ...id, subscription: message.headers.subscription! }
}

/** Subscribes to /topic/a as stompjs would, and hears the RECEIPT. */
export async function joins(client: Client, headers: Record<string, string> = {}): Promise<Client> {
  client.sends('SUBSCRIBE', { id: 'sub-0', destination: '/topic/a', receipt: 'joined', ...headers })
  await client.getsReceipts('joined')
  return client
}

/** Clients that all listen to /topic/a. */
export async function crowd(stage: Stage, size: number): Promise<Client[]> {
  const members: Client[] = []
  for (let index = 0; index < size; index++) members.push(await joins(await stage.connected()))
  return members
}

/** A client with two unacknowledged messages. */
export async function working(options: StageOptions = {}, version: Version = '1.2', destination = '/queue/a') {
  const stage = openStage(options)
  const client = await stage.connected(version)
  client.sends('SUBSCRIBE', { id: 'sub', destination, ack: 'client-individual', receipt: 's' })
  await client.getsReceipts('s')
  const subscription = stage.main.subscription()
  for (const body of ['m1', 'm2']) subscription.deliver(body)
  const messages = await client.getsMessages('m1', 'm2')
  const ids = messages.map((message) => ackOf(client, message))
  stage.main.log.length = 0
  return { stage, client, subscription, ids: [ids[0]!, ids[1]!] as const }
}
