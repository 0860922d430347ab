/** The named bounds of one session. Whatever a client does, its session holds no more than their sum. Defaults stand in src/config/. */
export interface SessionLimits {
  /** Bytes of a frame's body. */
  readonly frameBytes: number
  /** Bytes of one header line. */
  readonly headerBytes: number
  /** Header lines of a frame. */
  readonly headerCount: number
  /** Bytes of a frame's head, and of its body, before CONNECT has succeeded, and milliseconds until it must have. */
  readonly connectBytes: number
  readonly connectTimeoutMs: number
  readonly subscriptions: number
  readonly transactions: number
  /** Unacknowledged messages of all subscriptions together. */
  readonly unacked: number
  /** Milliseconds that a session lasts at most; 0 = no end. */
  readonly sessionMs: number
  /** Frames, and bytes of bodies and headers, of all open transactions together. */
  readonly transactionFrames: number
  readonly transactionBytes: number
  /** Frames that await their confirm or wait behind a SUBSCRIBE, and their bytes of bodies and headers: at either bound the wire is not read. */
  readonly pendingFrames: number
  readonly pendingBytes: number
  /** Bytes that wait for the client, and milliseconds that a message may: over either the route's `slow` says what happens. */
  readonly outboundBytes: number
  readonly outboundAgeMs: number
  /** Credit of a subscription: messages by ack mode, and bytes of bodies. */
  readonly prefetchAuto: number
  readonly prefetchClient: number
  readonly prefetchBytes: number
  /** Milliseconds a delivery stays settleable after UNSUBSCRIBE. */
  readonly unsubscribeGraceMs: number
}

/** What the server offers in `heart-beat`, in milliseconds; 0 = none. */
export interface HeartbeatOffer {
  readonly outgoingMs: number
  readonly incomingMs: number
}
