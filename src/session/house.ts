/** What a session finds around it: types only. src/bridge/house.ts builds them. */
import type { Authenticator } from '../auth/authenticator.ts'
import type { Broker } from '../broker/broker.ts'
import type { Clock } from '../broker/clock.ts'
import type { Fanout } from '../broker/fanout.ts'
import type { Router } from '../routing/router.ts'
import type { Audience } from './audience.ts'
import type { SessionCounters } from './counters.ts'
import type { HeartbeatOffer, SessionLimits } from './limits.ts'
import type { SessionObserver } from './observer.ts'
import type { Quotas } from './quotas.ts'
import type { Turn } from './turn.ts'

/** One immutable view of the configuration; a reload swaps it for new sessions. */
export interface Snapshot {
  readonly router: Router
  readonly brokers: ReadonlyMap<string, Broker>
  readonly limits: SessionLimits
  readonly heartbeat: HeartbeatOffer
  /** How often a client that promises no heart-beats is pinged, in milliseconds; 0 = never. */
  readonly pingMs: number
  /** Sessions that must reconnect do so spread over this time, in milliseconds: no stampede. */
  readonly spreadMs: number
}

/** What all sessions of a bridge share. */
export interface House {
  readonly snapshot: Snapshot
  readonly authenticator: Authenticator
  readonly fanout: Fanout<Audience>
  readonly clock: Clock
  readonly turn: Turn
  readonly quotas: Quotas
  readonly observer: SessionObserver
  readonly counters: SessionCounters
  /** The `server` header of CONNECTED: `stomp-bridge/1.0.0`. */
  readonly server: string
}
