/** What a session finds around it: types only. src/bridge/house.ts builds them. */
import type { Authenticator } from '../auth/authenticator.ts'
import type { Broker } from '../broker/broker.ts'
import type { Clock } from '../broker/clock.ts'
import type { Fanout } from '../broker/fanout.ts'
import type { TrafficBook } from '../broker/traffic.ts'
import type { Inner } from '../routing/inner.ts'
import type { Router } from '../routing/router.ts'
import type { Audience } from './audience.ts'
import type { Chronicle } from './chronicle.ts'
import type { SessionCounters } from './counters.ts'
import type { HeartbeatOffer, SessionLimits } from './limits.ts'
import type { SessionObserver } from './observer.ts'
import type { Quotas } from './quotas.ts'
import type { Spans } from './spans.ts'
import type { Lookout } from './tap.ts'
import type { Turn } from './turn.ts'

/** One immutable view of the configuration. A reload puts another one in its place. */
export interface Snapshot {
  readonly router: Router
  /** What is served of the destinations that are reserved for the bridge; left out: nothing. */
  readonly inner?: Inner
  readonly brokers: ReadonlyMap<string, Broker>
  /** What becomes of a SEND or SUBSCRIBE that no route has; left out: it is an error. */
  readonly unmapped?: 'error' | 'ignore'
  readonly limits: SessionLimits
  readonly heartbeat: HeartbeatOffer
  /** How often a client that promises no heart-beats is pinged, in milliseconds; 0 = never. */
  readonly pingMs: number
  /** Sessions that must reconnect do so spread over this time, in milliseconds: no stampede. */
  readonly spreadMs: number
}

/** What all sessions of a bridge share. */
export interface House {
  /** The current one: whoever keeps it keeps what was. */
  readonly snapshot: Snapshot
  /** The current one, too. */
  readonly authenticator: Authenticator
  readonly fanout: Fanout<Audience>
  readonly clock: Clock
  readonly turn: Turn
  readonly quotas: Quotas
  readonly observer: SessionObserver
  readonly counters: SessionCounters
  /** Where its routers count what passes. */
  readonly traffic: TrafficBook
  /** Left out: nobody traces messages. */
  readonly spans?: Spans | undefined
  /** Left out: nobody ever looks on. */
  readonly lookout?: Lookout
  /** Left out: nobody keeps a list of sessions. */
  readonly chronicle?: Chronicle | undefined
  /** The `server` header of CONNECTED: `stomp-bridge/1.0.0`. */
  readonly server: string
}
