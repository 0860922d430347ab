/**
 * The clocks of one session: the CONNECT that never comes, heart-beats out, silence in.
 *
 * STOMP 1.1, Heart-beating: "because of timing inaccuracies, the receiver SHOULD be tolerant and take into account an error margin". A peer
 * is given up after 2½ intervals without any octet; before that it is pinged, which a browser answers even while it slows the timers of a
 * tab in the background.
 */
import type { Clock, Timer } from '../broker/clock.ts'
import type { Heartbeat } from '../stomp/heartbeat.ts'
import type { Wire } from '../transports/wire.ts'
import { PolicyError } from './failure.ts'

/** Whose clocks they are. */
export interface Timed {
  /** Pinged after an interval of silence. */
  readonly wire: Pick<Wire, 'ping'>
  /** An EOL is due, unless something was written since the last call. */
  beat(): void
  /** It is too late: `connect-timeout` or `heartbeat-timeout`. */
  fail(error: PolicyError): void
}

/** Intervals of silence after which the peer is gone: between the 2 and 3 of RabbitMQ. */
const TOLERANCE = 2.5

export class SessionTimers {
  readonly #clock: Clock
  readonly #session: Timed
  /** When the wire was accepted, in milliseconds since 1970. */
  readonly since: number
  #connect: Timer | undefined
  #out: Timer | undefined
  #in: Timer | undefined
  #lastHeard: number
  #deaf = false
  #agreed: Heartbeat | undefined

  constructor(clock: Clock, session: Timed, connectTimeoutMs: number) {
    this.#clock = clock
    this.#session = session
    this.since = clock.now()
    this.#lastHeard = this.since
    this.#connect = clock.after(connectTimeoutMs, () =>
      session.fail(new PolicyError('connect-timeout', `CONNECT must come within ${connectTimeoutMs} ms`)),
    )
  }

  /** The heart-beats that were agreed; undefined before CONNECTED. */
  get agreed(): Heartbeat | undefined {
    return this.#agreed
  }

  /** When the peer gave its last sign of life, in milliseconds since 1970. */
  get lastHeard(): number {
    return this.#lastHeard
  }

  /** The wire is not read: the client has sent more than it may have under way. */
  get isDeaf(): boolean {
    return this.#deaf
  }

  /** CONNECTED: the agreed heart-beats begin. `pingMs` watches clients that promise none of their own. */
  connected(agreed: Heartbeat, pingMs: number): void {
    this.#agreed = agreed
    this.#connect?.cancel()
    this.#connect = undefined
    // Twice per interval, so that no gap is longer than one.
    if (agreed.outgoingMs > 0) this.#every(agreed.outgoingMs / 2, () => this.#session.beat())
    this.#watch(agreed.incomingMs > 0 ? agreed.incomingMs : pingMs)
  }

  /** Octets, or a pong. */
  heard(): void {
    this.#lastHeard = this.#clock.now()
  }

  /** While the wire is not read, silence is no death (PROMISES §3). */
  deaf(deaf: boolean): void {
    this.#deaf = deaf
    this.heard()
  }

  stop(): void {
    this.#connect?.cancel()
    this.#out?.cancel()
    this.#in?.cancel()
  }

  #giveUp(silenceMs: number): void {
    this.#session.fail(new PolicyError('heartbeat-timeout', `nothing was received for ${silenceMs} ms`))
  }

  #every(ms: number, run: () => void): void {
    this.#out = this.#clock.after(ms, () => {
      this.#every(ms, run)
      run()
    })
  }

  #watch(intervalMs: number): void {
    if (intervalMs === 0) return
    this.#in = this.#clock.after(intervalMs / 2, () => {
      this.#watch(intervalMs)
      const silence = this.#clock.now() - this.#lastHeard
      // A paused wire still needs its pings: a dead TCP shows only when something is written.
      if (this.#deaf) this.#session.wire.ping()
      else if (silence > intervalMs * TOLERANCE) this.#giveUp(silence)
      else if (silence >= intervalMs) this.#session.wire.ping()
    })
  }
}
