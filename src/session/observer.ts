/**
 * Named events of sessions, for the log and later for metrics; src/bridge connects them. Never called per message.
 */
import type { Failure } from './failure.ts'

/** How a session appears in the log. */
export interface SessionLabel {
  readonly id: string
  readonly remote: string
  readonly user: string | undefined
}

export interface SessionObserver {
  /** CONNECTED was sent. */
  connected(session: SessionLabel, version: string): void
  /** The wire is gone; `code` and `reason` are those of the close, whoever began it. */
  closed(session: SessionLabel, code: number, reason: string): void
  /**
   * An ERROR frame was written.
   * @param route the pattern of the route that it is about; undefined = none
   * @param cause for the log only: the client has not seen it
   * @param traceId of a SEND: the trace that its message belongs to
   */
  failed(session: SessionLabel, failure: Failure, route: string | undefined, cause: unknown, traceId?: string): void
  /** A subscription has had no credit for a minute: its client does not acknowledge. */
  starved(session: SessionLabel, subscription: string, destination: string): void
  /** Messages are being left out for a client that reads too slowly; once each time that it falls behind. `policy`: `drop-oldest`, `conflate` … */
  slow(session: SessionLabel, subscription: string, destination: string, policy: string): void
}
