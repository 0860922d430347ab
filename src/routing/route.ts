/**
 * What routing hands to a session: types only. A `Route` is one entry of `routes:` (or of a preset), a `Place` is one destination string
 * resolved through it.
 */
import type { Route as AdapterRoute, Broker, Traits } from '../broker/broker.ts'
import type { Variables } from '../broker/template.ts'
import type { RouteTraffic } from '../broker/traffic.ts'
import type { PatternOptions } from './pattern.ts'
import type { Permit } from './permit.ts'

/** What becomes of the messages of a subscription whose client reads too slowly: see session/backlog.ts. */
export type SlowPolicy =
  | { readonly kind: 'pause' | 'drop-oldest' | 'drop-newest' | 'disconnect' }
  /** `header` of MESSAGE says which messages replace one another; `destination`: all of one destination. */
  | { readonly kind: 'conflate'; readonly header: string }

/** Deliveries to those who share a subscription are collected until one of these is reached. */
export interface BatchPolicy {
  /** Milliseconds since the first of them. */
  readonly delayMs: number
  /** Of encoded messages, for one subscriber. */
  readonly bytes: number
}

/** Keys of a route that the bridge owns, with their defaults filled in. */
export interface RoutePolicy {
  /** open: anybody who may use the route · closed · delivered: only names that this session received as `reply-to`. */
  readonly send: 'open' | 'closed' | 'delivered'
  readonly subscribe: 'open' | 'closed'
  /**
   * The word of `allow:` that would open what is closed here, for the text of `forbidden`; undefined when nothing is closed, or no word would
   * open it. A temp-queue route that has it may not stand in `reply-to` either.
   */
  readonly closedBy?: string | undefined
  /** Argument headers that clients may set; `all` = every one the adapter knows. */
  readonly allow: 'all' | ReadonlySet<string>
  /** After the ERROR of one refused operation: close the connection (STOMP's rule) or keep it. */
  readonly errors: 'close' | 'keep'
  /** After a recovery that may have lost messages: mark the next MESSAGE, or close with ERROR `gap`. */
  readonly onGap: 'mark' | 'close'
  /** Milliseconds that SEND and SUBSCRIBE wait for a broker that is away. */
  readonly holdMs: number
  /** Publish again what was unconfirmed when the connection died. */
  readonly resend: boolean
  /** What NACK without a `requeue` header does. */
  readonly nack: 'requeue' | 'reject'
  /** The most unsettled messages of one subscription; undefined = the bridge's default for the ack mode. */
  readonly prefetch: number | undefined
  /** Who learns the sender: backends (`stomp-user`, `stomp-session` headers, hidden from browsers), browsers too, nobody. */
  readonly identity: 'backend' | 'public' | 'off'
  /** Who may, of those to whom the route is open. */
  readonly permit: Permit
  /** Patterns of other routes on the same broker: what they mean is theirs, and their `permit` decides. */
  readonly except: readonly string[]
  /** Whether a page of this origin may use it; undefined = every page that could connect. */
  readonly welcomes: ((origin: string) => boolean) | undefined
  /** SEND frames, and bytes of their bodies, in a second, of all users together; 0 = no bound. */
  readonly sendRate: number
  readonly sendBytesRate: number
  /** Bounds of what a SEND may carry. */
  readonly payload: PayloadRule | undefined
  /** Subscribers who want the same get it through one subscription at the broker. */
  readonly share: boolean
  /** false: no shared subscription outlives its last subscriber, so that the broker knows who is there. Left out: as the fan-out says. */
  readonly lingers?: boolean
  /** Of destinations of users: what becomes of a SEND to somebody who has not subscribed. */
  readonly absent?: 'ignore' | 'error'
  /** undefined: `disconnect` where subscriptions are shared, `pause` where they are the client's own. */
  readonly slow: SlowPolicy | undefined
  /** undefined: deliveries go out at the end of the turn that brings them. */
  readonly batch: BatchPolicy | undefined
}

export interface PayloadRule {
  /** Of the body. */
  readonly maxBytes: number | undefined
  /** Without parameters, lower case; `type/*` matches every subtype. */
  readonly contentTypes: readonly string[] | undefined
}

export interface Route {
  /** Position in the configuration's order, 0 …; presets are unfolded. */
  readonly index: number
  /** Position in `routes:` of the entry that it comes from, 0 …; all routes of a preset have the same. */
  readonly entry: number
  /** The destination pattern as written. */
  readonly pattern: string
  /** How the pattern is read, where it is not the plain way: `slash: dot`, and names that brokers make up. */
  readonly reading?: PatternOptions
  readonly broker: Broker
  readonly adapter: AdapterRoute
  readonly policy: RoutePolicy
}

/** One destination string, resolved. Cached, so it is equal by identity while it stays in the cache. */
export interface Place {
  /** The destination as the client wrote it. */
  readonly destination: string
  readonly route: Route
  readonly target: unknown
  readonly traits: Traits
  /** What the destination says for each {variable} of the pattern. */
  readonly variables: Variables
  /** Routes that own some of what this place means: who uses it must be permitted there too. */
  readonly owners: readonly Route[]
  /** What passes through its route, counted. */
  readonly traffic: RouteTraffic
}
