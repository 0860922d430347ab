/**
 * What the ops port shows and does, as seen from the port: types only. src/bridge fills them; nothing here knows a session, a broker or a file.
 */
import type { Listing } from './list.ts'
import type { MessageOrder } from './message.ts'
import type { Trace, TraceOrder } from './trace.ts'

/** How things stand, at the moment of asking. */
export interface Readiness {
  /** New clients may be sent here: every check has passed. */
  readonly ready: boolean
  /** It is going away. */
  readonly draining: boolean
  /** One line for the operator; undefined while ready. */
  readonly reason: string | undefined
  readonly checks: readonly Check[]
  readonly brokers: readonly BrokerReadiness[]
}

export interface Check {
  readonly name: string
  readonly passed: boolean
}

export interface BrokerReadiness {
  readonly name: string
  /** `up`, `connecting`, `down`, `blocked`. */
  readonly state: string
  /** Milliseconds since 1970 of the last change. */
  readonly since: number
  /** One line; undefined while up. No addresses with credentials: this port may be asked by anybody. */
  readonly reason: string | undefined
  /** Its absence takes this bridge out of the load balancer. */
  readonly required: boolean
  /** It has been away for too long, or has not been up yet: while it is required, the bridge is not ready. */
  readonly missing: boolean
}

/** What becomes JSON: plain values, `null` for what there is not, times as ISO 8601. No secrets: the answer is searched for them all the same. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }
export type Row = { readonly [name: string]: Json }

export type ListName = 'connections' | 'users' | 'subscriptions' | 'routes' | 'brokers'

/** All of them look, without I/O. */
export interface Views {
  info(): Row
  readonly listings: Readonly<Record<ListName, Listing>>
  /** One connection with its subscriptions, by the id of its row or by its `session`; undefined: there is none. */
  connection(id: string): Row | undefined
  /** The configuration in force, with the origin of each value, secrets masked. */
  config(): Json
}

/** `by` is who asked, for the log: an address. */
export interface Control {
  /** Ends a connection with ERROR `ended-by-operator`. @returns false: there is none with this id */
  end(id: string, by: string): boolean
  /** Publishes a message as a client would who may send everywhere. Resolves when its broker has confirmed it. @throws OpsError */
  publish(order: MessageOrder, by: string): Promise<void>
  /** Begins what SIGTERM begins. Idempotent; returns at once. */
  drain(by: string): void
  /** Reads the configuration anew, as SIGHUP does. Never rejects for what an operator can mend. */
  reload(by: string): Promise<ReloadReport>
}

export interface ReloadReport {
  /** applied: it holds · unchanged: it says what holds already · rejected: it has faults, and the one before it stays */
  readonly result: 'applied' | 'unchanged' | 'rejected'
  /** One line each, with file:line:column; of `rejected` only. */
  readonly faults: readonly string[]
  /** What is different, without values; of `applied` only. */
  readonly changes: readonly string[]
}

export interface Traces {
  /** @throws OpsError `not-found`: no such connection; `too-many-traces` */
  start(order: TraceOrder, by: string): Trace
  /** Those that run, and those that have ended and are still kept. */
  all(): readonly Trace[]
  /** Ends it, if it runs, and forgets what it has seen. @returns false: there is none with this id */
  remove(id: string, by: string): boolean
}

/** A text that Prometheus reads. */
export interface Metrics {
  readonly contentType: string
  text(): Promise<string>
}

/** What may change while the port is open. */
export interface OpsSettings {
  /** Any of them opens what needs a token; several while they are being replaced. None: what needs one is closed. */
  readonly tokens: readonly string[]
  /** Whether this port may be asked for by this name: the Host header, as it came. */
  knowsHost(host: string | undefined): boolean
}

export interface OpsParts {
  settings(): OpsSettings
  readiness(): Readiness
  readonly views: Views
  readonly control: Control
  readonly traces: Traces
  readonly metrics: Metrics
  readonly page: PageFacts
  /** A handler threw: our bug. */
  failed(cause: unknown): void
  /** A wrong token was shown; at most one call a second. */
  refused(remote: string): void
}

export interface PageFacts {
  readonly version: string
  /** Where the page's console connects: `ws://127.0.0.1:15674/ws`; undefined: the bridge would not let it in. */
  readonly websocket: string | undefined
}
