/**
 * The seam between bytes and conversation. A transport turns a socket into a Wire and reports events; it never sees a frame. A session
 * writes packed frames and never sees a socket.
 */

/** How one frame becomes the bytes of this kind of wire. The same object on every wire that takes the same bytes, so that groups pack once. */
export interface Framing {
  /** For the operator: `websocket`. */
  readonly name: string
  /** It carries UTF-8 and nothing else: whoever has other octets must say them in another way. */
  readonly textOnly: boolean
  /** One STOMP frame (or the heart-beat EOL) into what `Wire.write` takes. */
  pack(frame: Buffer): Buffer
  /** The end of a frame that many frames have in common: looked at once. It begins with a whole character. */
  tail(bytes: Buffer): Tail
  /**
   * One frame for each of `tails` from index `from` on: `head` (whole characters of UTF-8), then the tail. Packed like `pack`, each a message of its
   * own, and joined into as few buffers as pays: what `Wire.write` takes one after the other.
   * @param readers how many wires will take them
   */
  join(head: Buffer, tails: readonly Tail[], from: number, readers: number): readonly Buffer[]
  /** For who looks on: made between two frames, it turns what one wire takes from then on, in order, back into the frames. They are views. */
  reader(): (packed: Buffer) => readonly Buffer[]
}

/** Made by `Framing.tail` for the same framing's `join`. Never written to. */
export interface Tail {
  readonly bytes: Buffer
  /** It is UTF-8 throughout. */
  readonly isText: boolean
}

export interface Handshake {
  /** The WebSocket subprotocol agreed on; '' when none was offered. */
  readonly subprotocol: string
  readonly origin: string | undefined
  /** Path and query as received, '' once `admitted`; may hold a token: never logged as it is. */
  readonly url: string
  /** The client's IP address; behind a trusted proxy that of the proxy's client. */
  readonly remote: string
  /** Of the upgrade request; lower-case names. None once `admitted`. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

export interface Wire {
  /** Unique in this process; for the log. */
  readonly id: string
  readonly framing: Framing
  readonly handshake: Handshake
  /**
   * The client is let in: what only that decision needed, `url` and `headers` of the handshake, is let go.
   * @param beats heart-beats of STOMP go out: a wire needs no others to look alive
   */
  admitted(beats: boolean): void
  /** Corks the socket at the first write of a turn; the bytes leave at `flush`. After close or terminate it does nothing. */
  write(packed: Buffer): void
  /** Uncorks: one system call for the turn. */
  flush(): void
  /** Bytes written but not yet handed to the kernel. */
  readonly buffered: number
  /** Bytes handed to the kernel since opened, as packed, whatever a transport puts around them; monotonic. `written - sent = buffered`. */
  readonly sent: number
  /** Bytes given to `write` since opened, as packed: the offset at which the next write begins. */
  readonly written: number
  /** Stops and starts reading. The rest of a chunk that was read already may still come. */
  pause(): void
  resume(): void
  /** Asks the peer for a sign of life; the answer comes as `alive`. Nothing on wires without one. */
  ping(): void
  /** Flushes what was written, then closes in the protocol's own way; terminates by itself when the peer does not answer in time. */
  close(code: number, reason: string): void
  /** Drops the connection at once, with what is buffered. */
  terminate(): void
}

/** What a session wants to know of its wire. None may throw. */
export interface WireEvents {
  /** Octets of the peer, in any split. A view: valid as long as it is referenced. */
  data(chunk: Buffer): void
  /** `Wire.sent` has grown to `total`; at most once a turn. */
  sent(total: number): void
  /** A pong, or any sign of life that is no data. */
  alive(): void
  /** The last event, once. */
  closed(code: number, reason: string): void
}

export type Accept = (wire: Wire) => WireEvents
