/**
 * Every scalar option of the configuration: its place in the file, its default, its rule and its one line of documentation; and the frozen
 * shape that the rest of the program sees. `brokers` and `routes` hold what only their adapters understand: see entries.ts.
 *
 * Defaults are texts, as an operator would write them: what is read from here, from a file, from the environment or from a flag goes through
 * the same reader. (convict turns a text into the type of the default: a default of 10000 would make `10s` a 10.)
 */
import { network, origin } from './listen.ts'
import { duration, integer, list, oneOf, orAuto, type Reader, size, text, truth } from './read.ts'

export interface Leaf<V> {
  readonly default: string
  readonly read: Reader<V>
  /** One line for default.yaml. */
  readonly doc: string
}

export interface Tree {
  readonly [name: string]: Leaf<unknown> | Tree
}

/** The values of a tree of leaves. */
export type Values<T> = T extends Leaf<infer V> ? V : { readonly [K in keyof T]: Values<T[K]> }

export function isLeaf(node: Leaf<unknown> | Tree): node is Leaf<unknown> {
  return typeof node.read === 'function'
}

const leaf = <V>(standard: string, read: Reader<V>, doc: string): Leaf<V> => ({ default: standard, read, doc })

const SECOND = 1000
const HOUR = 3600 * SECOND
const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB
const MANY = 1_000_000_000

const port = integer(0, 65_535)
const host = text(/^[^\s/@]+$/, 'a host name or an IP address')
const path = text(/^[^\0]*$/, 'the path of a file')
const hostName = /^[^\s/:@]+$/

export const scalars = {
  listen: {
    host: leaf('127.0.0.1', host, 'any other address than loopback needs clients to log in, see auth'),
    port: leaf('15674', port, "the port of RabbitMQ's Web STOMP; 0 = any free one"),
    websocket: {
      path: leaf('/ws', text(/^\/[^\s?#]*$/, 'a path that begins with /'), "the path of RabbitMQ's Web STOMP"),
      compression: leaf('false', truth, 'permessage-deflate; costs 4 to 6 times the CPU'),
      ping: leaf('10s', duration(SECOND, HOUR), 'between WebSocket pings: they find dead connections'),
    },
    origins: leaf(
      '',
      list(origin, 'origins like https://app.example.com or https://*.example.com'),
      'further origins whose pages may connect: https://app.example.com, https://*.example.com; the same host always may',
    ),
    missingOrigin: leaf(
      'auto',
      oneOf('auto', 'allow', 'refuse'),
      'clients that send no Origin, so are no browsers; auto = allow, unless cookies log clients in',
    ),
    hosts: leaf('', list(hostName, 'host names without port'), 'further names of this server, like bridge.example.com'),
    trustedProxies: leaf(
      '',
      list(network, 'IP addresses, networks like 10.0.0.0/8, or loopback'),
      'whose X-Forwarded-For, -Host and -Proto are believed: addresses, networks like 10.0.0.0/8, loopback',
    ),
    tls: {
      cert: leaf('', path, 'PEM file: the certificate, then those between it and the root; read again when it changes'),
      key: leaf('', path, 'PEM file: its private key'),
      minVersion: leaf('TLSv1.2', oneOf('TLSv1.2', 'TLSv1.3'), 'TLSv1.2 or TLSv1.3'),
    },
  },
  ops: {
    enabled: leaf('true', truth, '/livez and /readyz'),
    host: leaf('127.0.0.1', host, 'no authentication: keep it off public networks'),
    port: leaf('15680', port, '0 = any free one'),
  },
  auth: {
    anonymous: leaf(
      'auto',
      oneOf('auto', 'true', 'false'),
      'whether clients need no login; auto = on loopback only. With credentials: client they always need one',
    ),
  },
  heartbeat: {
    outgoing: leaf('10s', duration(0, HOUR), 'how often the bridge offers to send; 0 = never'),
    incoming: leaf('10s', duration(0, HOUR), 'how often it wants to hear from a client; 0 = never'),
  },
  limits: {
    dryRun: leaf('false', truth, 'count what is over the limits of connecting and of SEND rates, and let it in'),
    connections: leaf('20000', integer(0, MANY), 'connections at one time; the next one gets 503; 0 = no limit'),
    connectionsPerIp: leaf(
      'auto',
      orAuto(integer(0, MANY)),
      'of one IPv4 address or IPv6 /64, an office or a mobile network; the next gets 429; 0 = no limit; auto = 1000, none on loopback',
    ),
    connectionsPerUser: leaf('0', integer(0, MANY), 'of one user, over all addresses; 0 = no limit'),
    connectRate: leaf('1000', integer(0, MANY), 'new connections in a second; more get 503; 0 = no limit'),
    connectBurst: leaf('5000', integer(1, MANY), 'new connections at once, before connectRate counts'),
    connectRatePerIp: leaf(
      'auto',
      orAuto(integer(0, MANY)),
      'new connections in a second of one address, once connectionsPerIp came at once; 0 = no limit; auto = 100, none on loopback',
    ),
    handshakes: leaf(
      '8192',
      integer(0, MANY),
      'sockets that are not through their handshake; one more drops the oldest; 0 = no limit',
    ),
    handshakeTimeout: leaf('10s', duration(100, HOUR), 'for a TLS handshake, and for the head of a request'),
    frameBytes: leaf('4MiB', size(KIB, GIB), 'body of a frame'),
    headerBytes: leaf('16KiB', size(256, MIB), 'one header line'),
    headerCount: leaf('100', integer(8, 10_000), 'header lines of a frame'),
    connectBytes: leaf('64KiB', size(KIB, MIB), 'a whole frame before CONNECT has succeeded'),
    connectTimeout: leaf('10s', duration(100, HOUR), 'until CONNECT must have succeeded'),
    subscriptions: leaf('1000', integer(1, 1_000_000), 'of one session'),
    unacked: leaf('1000000', integer(1, MANY), 'unacknowledged messages of one session, over all its subscriptions'),
    session: leaf('0', duration(0, 24 * HOUR), 'the longest session, then the client must connect again; 0 = no end'),
    sendRate: leaf('0', integer(0, MANY), 'SENDs a second of one user; over it the user is not read; 0 = no limit'),
    sendBytesRate: leaf('0', size(0, GIB), 'bodies of SENDs a second of one user, the same way; 0 = no limit'),
    sendPatience: leaf(
      '30s',
      duration(0, HOUR),
      'who would have to wait longer, for his own rate or for that of a route, gets ERROR rate-limit',
    ),
    transactions: leaf('16', integer(0, 10_000), 'open at one time in one session'),
    transactionFrames: leaf('1024', integer(1, 1_000_000), 'frames of one transaction'),
    transactionBytes: leaf('4MiB', size(KIB, GIB), 'bodies of one transaction'),
    pendingFrames: leaf('256', integer(1, 1_000_000), 'SENDs waiting for the broker; over it the client is not read'),
    pendingBytes: leaf('1MiB', size(KIB, GIB), 'bodies of those; over it the client is not read'),
    outboundBytes: leaf(
      '1MiB',
      size(64 * KIB, GIB),
      "waiting for one client; over it, it is too slow: see a route's slow",
    ),
    outboundAge: leaf('10s', duration(100, HOUR), 'how long a message may wait for a client that reads too slowly'),
    prefetchAuto: leaf('200', integer(1, 65_535), 'messages under way to a subscription with ack:auto'),
    prefetchClient: leaf('1000', integer(1, 65_535), 'unacknowledged messages of a subscription with ack:client'),
    prefetchBytes: leaf('8MiB', size(KIB, GIB), 'bodies of either'),
    unsubscribeGrace: leaf('10s', duration(0, HOUR), 'how long a message may be acknowledged after UNSUBSCRIBE'),
  },
  outage: {
    max: leaf(
      '0',
      duration(0, 24 * HOUR),
      'a broker away for longer sends its clients away and turns /readyz to 503; 0 = never',
    ),
  },
  fanout: {
    linger: leaf('5s', duration(0, HOUR), 'how long a shared subscription stays after its last subscriber'),
  },
  drain: {
    grace: leaf('10s', duration(0, HOUR), 'on SIGTERM: time for confirms and acknowledgements under way'),
    spread: leaf('5s', duration(0, HOUR), 'then: time over which connections are closed, against a stampede'),
  },
  log: {
    level: leaf('info', oneOf('debug', 'info', 'warn', 'error'), 'debug, info, warn or error'),
    format: leaf('auto', oneOf('auto', 'json', 'pretty'), 'auto = pretty on a terminal, json otherwise'),
  },
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

/** One of `brokers:`: `adapter`, and what only the adapter understands. */
export type BrokerConfig = Readonly<Record<string, unknown>> & { readonly adapter: string }

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
  readonly ops: { readonly enabled: boolean; readonly host: string; readonly port: number }
  readonly auth: {
    /** undefined: only while listening on loopback. */
    readonly anonymous: boolean | undefined
    /** In the order in which they are asked; empty: brokers with `credentials: client` decide, or nobody does. */
    readonly chain: readonly AuthConfig[]
  }
  readonly limits: Limits
  readonly heartbeat: { readonly outgoingMs: number; readonly incomingMs: number }
  readonly drain: { readonly graceMs: number; readonly spreadMs: number }
  readonly log: {
    readonly level: 'debug' | 'info' | 'warn' | 'error'
    readonly format: 'auto' | 'json' | 'pretty'
  }
  /** 0 = a broker may be away for ever. */
  readonly outage: { readonly maxMs: number }
  readonly fanout: { readonly lingerMs: number }
  readonly brokers: Readonly<Record<string, BrokerConfig>>
  readonly routes: readonly RouteConfig[]
}

/** From the file's words to the program's. */
export function toConfig(
  values: Values<typeof scalars>,
  brokers: Readonly<Record<string, BrokerConfig>>,
  routes: readonly RouteConfig[],
  chain: readonly AuthConfig[],
): Config {
  const { listen, ops, auth, limits, heartbeat, drain, log, outage, fanout } = values
  const { connectTimeout, handshakeTimeout, outboundAge, sendPatience, session, unsubscribeGrace, ...sameName } = limits
  const { missingOrigin, tls, ...door } = listen
  const { path, compression, ping } = listen.websocket
  return deepFreeze({
    listen: {
      ...door,
      websocket: { path, compression, pingMs: ping },
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
    heartbeat: { outgoingMs: heartbeat.outgoing, incomingMs: heartbeat.incoming },
    drain: { graceMs: drain.grace, spreadMs: drain.spread },
    log,
    outage: { maxMs: outage.max },
    fanout: { lingerMs: fanout.linger },
    brokers,
    routes,
  })
}

function deepFreeze<V>(value: V): V {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const part of Object.values(value)) deepFreeze(part)
  return Object.freeze(value)
}
