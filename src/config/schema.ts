/**
 * The shape of the configuration: which scalar options there are, and the frozen object that the rest of the program sees. Each option's
 * default, rule and documentation stand in sections/; `brokers` and `routes` hold what only their adapters understand: see entries.ts.
 */
import type { Values } from './leaf.ts'
import { events, unmapped, user } from './sections/inner.ts'
import { limits } from './sections/limits.ts'
import { listen, ops } from './sections/listen.ts'
import { auth, drain, fanout, heartbeat, log, outage, reload, tracing } from './sections/running.ts'
import { type SockjsConfig, toSockjs } from './sections/sockjs.ts'
import type { TestConfig } from './tests.ts'

/** In the order of default.yaml. */
export const scalars = {
  listen,
  ops,
  auth,
  heartbeat,
  limits,
  user,
  events,
  unmapped,
  outage,
  fanout,
  drain,
  reload,
  tracing,
  log,
} as const

export interface Limits {
  /** Of the listener, 0 = no limit: see transports/listen.ts, DoorLimits. */
  readonly dryRun: boolean
  readonly connections: number
  /** undefined: 1,000, but none on loopback; and 100 a second. */
  readonly connectionsPerIp: number | undefined
  readonly connectRate: number
  readonly connectBurst: number
  readonly connectRatePerIp: number | undefined
  readonly handshakes: number
  readonly handshakeTimeoutMs: number
  /** Of one session: see session/limits.ts. */
  readonly frameBytes: number
  readonly headerBytes: number
  readonly headerCount: number
  readonly connectBytes: number
  readonly connectTimeoutMs: number
  readonly subscriptions: number
  readonly unacked: number
  readonly sessionMs: number
  readonly connectionsPerUser: number
  readonly sendRate: number
  readonly sendBytesRate: number
  readonly sendPatienceMs: number
  readonly transactions: number
  readonly transactionFrames: number
  readonly transactionBytes: number
  readonly pendingFrames: number
  readonly pendingBytes: number
  readonly outboundBytes: number
  readonly outboundAgeMs: number
  readonly prefetchAuto: number
  readonly prefetchClient: number
  readonly prefetchBytes: number
  readonly unsubscribeGraceMs: number
}

/** `user:`, destinations of users: see routing/inner.ts. */
export interface UserConfig {
  /** undefined: they are closed. */
  readonly broker: string | undefined
  readonly absent: 'ignore' | 'error'
  readonly permit: { readonly send: readonly string[]; readonly subscribe: readonly string[] }
  readonly errors: 'close' | 'keep'
  readonly onGap: 'mark' | 'close'
  readonly identity: 'backend' | 'public' | 'off'
  readonly holdMs: number
}

/** `events:`, what happens to sessions: see flows/events.ts. */
export interface EventsConfig {
  /** undefined: not to a broker. */
  readonly broker: string | undefined
  readonly permit: { readonly subscribe: readonly string[] }
  readonly aliveMs: number
  readonly queue: number
  /** undefined: not by HTTP. */
  readonly http:
    | {
        readonly url: string
        /** '': none. */
        readonly token: string
        readonly timeoutMs: number
        readonly retries: number
        readonly batchBytes: number
      }
    | undefined
}

/** One of `brokers:`: the bridge's own keys, and what only the adapter understands. */
export type BrokerConfig = Readonly<Record<string, unknown>> & {
  readonly adapter: string
  /** false: /readyz does not look at it. Left out: true. */
  readonly required?: boolean
}

/** One of `auth.chain`: `authenticator`, and what only that kind understands. */
export type AuthConfig = Readonly<Record<string, unknown>> & { readonly authenticator: string }

/** One of `routes:` as written, durations and sizes as numbers; routing/build.ts checks it. */
export type RouteConfig = Readonly<Record<string, unknown>>

/** The whole configuration, frozen all the way down. Durations are milliseconds, sizes bytes. */
export interface Config {
  readonly listen: {
    readonly host: string
    readonly port: number
    readonly websocket: { readonly path: string; readonly compression: boolean; readonly pingMs: number }
    /** undefined: none. */
    readonly sockjs: SockjsConfig | undefined
    readonly origins: readonly string[]
    /** undefined: allowed, unless cookies log clients in. */
    readonly missingOrigin: boolean | undefined
    readonly hosts: readonly string[]
    readonly trustedProxies: readonly string[]
    /** undefined: none. One of the paths may be empty, which is a fault that the listener finds. */
    readonly tls:
      | { readonly cert: string; readonly key: string; readonly minVersion: 'TLSv1.2' | 'TLSv1.3' }
      | undefined
  }
  readonly ops: {
    readonly enabled: boolean
    readonly host: string
    readonly port: number
    /** Bearer tokens; empty: what needs one is closed. */
    readonly token: readonly string[]
  }
  readonly auth: {
    /** undefined: only while listening on loopback. */
    readonly anonymous: boolean | undefined
    /** In the order in which they are asked; empty: brokers with `credentials: client` decide, or nobody does. */
    readonly chain: readonly AuthConfig[]
  }
  readonly limits: Limits
  readonly user: UserConfig
  readonly events: EventsConfig
  /** What becomes of a frame to a destination that no route has. */
  readonly unmapped: 'error' | 'ignore'
  readonly heartbeat: { readonly outgoingMs: number; readonly incomingMs: number }
  readonly drain: { readonly delayMs: number; readonly graceMs: number; readonly spreadMs: number }
  readonly reload: { readonly watch: boolean }
  /** Spans of single messages; auto: where an OpenTelemetry SDK is registered. */
  readonly tracing: { readonly enabled: 'auto' | 'true' | 'false' }
  readonly log: {
    readonly level: 'debug' | 'info' | 'warn' | 'error'
    readonly format: 'auto' | 'json' | 'pretty'
  }
  /** 0 = a broker may be away for ever. */
  readonly outage: { readonly maxMs: number }
  readonly fanout: { readonly lingerMs: number }
  readonly brokers: Readonly<Record<string, BrokerConfig>>
  readonly routes: readonly RouteConfig[]
  /** What `stomp-bridge check` tries; nothing else looks at it. */
  readonly tests: readonly TestConfig[]
}

/** From the file's words to the program's. */
export function toConfig(
  values: Values<typeof scalars>,
  brokers: Readonly<Record<string, BrokerConfig>>,
  routes: readonly RouteConfig[],
  chain: readonly AuthConfig[],
  tests: Config['tests'],
): Config {
  const { listen, ops, auth, limits, user, events, unmapped, heartbeat, drain, reload, tracing, log, outage, fanout } =
    values
  const { connectTimeout, handshakeTimeout, outboundAge, sendPatience, session, unsubscribeGrace, ...sameName } = limits
  const { missingOrigin, tls, ...door } = listen
  const { path, compression, ping } = listen.websocket
  return deepFreeze({
    listen: {
      ...door,
      websocket: { path, compression, pingMs: ping },
      sockjs: toSockjs(listen.sockjs),
      missingOrigin: missingOrigin === 'auto' ? undefined : missingOrigin === 'allow',
      tls: tls.cert === '' && tls.key === '' ? undefined : tls,
    },
    ops,
    auth: { anonymous: auth.anonymous === 'auto' ? undefined : auth.anonymous === 'true', chain },
    limits: {
      ...sameName,
      connectTimeoutMs: connectTimeout,
      handshakeTimeoutMs: handshakeTimeout,
      outboundAgeMs: outboundAge,
      sendPatienceMs: sendPatience,
      sessionMs: session,
      unsubscribeGraceMs: unsubscribeGrace,
    },
    user: userConfig(user),
    events: eventsConfig(events),
    unmapped,
    heartbeat: { outgoingMs: heartbeat.outgoing, incomingMs: heartbeat.incoming },
    drain: { delayMs: drain.delay, graceMs: drain.grace, spreadMs: drain.spread },
    reload,
    tracing,
    log,
    outage: { maxMs: outage.max },
    fanout: { lingerMs: fanout.linger },
    brokers,
    routes,
    tests,
  })
}

function userConfig({ broker, hold, ...rest }: Values<typeof scalars>['user']): UserConfig {
  return { ...rest, broker: broker === '' ? undefined : broker, holdMs: hold }
}

function eventsConfig({ broker, alive, http, ...rest }: Values<typeof scalars>['events']): EventsConfig {
  const { url, timeout, ...own } = http
  return {
    ...rest,
    broker: broker === '' ? undefined : broker,
    aliveMs: alive,
    http: url === '' ? undefined : { ...own, url, timeoutMs: timeout },
  }
}

function deepFreeze<V>(value: V): V {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const part of Object.values(value)) deepFreeze(part)
  return Object.freeze(value)
}
