/**
 * STOMP over WebSocket, on `ws`: one STOMP frame = one WebSocket message, outbound. Inbound messages are just octets in some split.
 *
 * `ws` does the handshake, reads, validates and answers pings. Outbound data frames are written by ourselves on the raw socket, because a
 * frame for a thousand subscribers is packed once, and the frames of one turn leave in one system call per socket.
 * Knows nothing of STOMP beyond the names of its subprotocols.
 */
import { isUtf8 } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type RawData, type ServerOptions, WebSocket, WebSocketServer } from 'ws'
import { deflated, plain } from './framings.ts'
import type { Upgrade } from './listen.ts'
import type { Accept, Framing, Handshake, Wire, WireEvents } from './wire.ts'

export interface WebSocketOptions {
  /** Where it is mounted, e.g. `/ws`. */
  readonly path: string
  /** Offer permessage-deflate. Costs 4-6 × the CPU of a plain message. */
  readonly compression: boolean
  /** Bytes of one inbound message, inflated; a larger one closes the connection with 1009. Asked for each new connection. */
  readonly maxMessageBytes: number
  /** Milliseconds a peer has to take what was written and to answer a close frame, else it is dropped. Default 5,000. */
  readonly closeMs?: number
}

/** Best first. */
const SUBPROTOCOLS = ['v12.stomp', 'v11.stomp', 'v10.stomp'] as const
const CLOSE_MS = 5_000
/** RFC 6455 §5.5: "All control frames MUST have a payload length of 125 bytes or less"; two of them are the code. */
export const REASON_BYTES = 123
/** Below this many bytes deflating costs more than it saves. */
const DEFLATE_FROM = 1_024

/** Makes the upgrade handler to mount at `options.path`. `accept` is called once per connection, before its first event. */
export function websocket(options: WebSocketOptions, accept: Accept): Upgrade {
  const server = new WebSocketServer(serverOptions(options))
  const mount = randomBytes(3).toString('hex')
  let connections = 0
  return (request, socket, head, remote) => {
    server.options.maxPayload = options.maxMessageBytes
    server.handleUpgrade(request, socket, head, (ws) => {
      new WebSocketWire(`${mount}-${++connections}`, ws, socket, handshakeOf(ws, request, remote)).begin(accept)
    })
  }
}

function serverOptions(options: WebSocketOptions): ServerOptions<typeof Carrier> {
  // `closeTimeout` is an option of ws that its types do not know yet
  const all: ServerOptions<typeof Carrier> & { closeTimeout: number } = {
    WebSocket: Carrier,
    noServer: true,
    clientTracking: false,
    maxPayload: options.maxMessageBytes,
    closeTimeout: options.closeMs ?? CLOSE_MS,
    // without context takeover: else each idle client would keep some 300 KB of windows
    perMessageDeflate: options.compression
      ? { threshold: DEFLATE_FROM, serverNoContextTakeover: true, clientNoContextTakeover: true }
      : false,
    // The highest version of those offered; when none is known, none is returned and the client decides
    handleProtocols: (offered) => SUBPROTOCOLS.find((name) => offered.has(name)) ?? false,
  }
  return all
}

function handshakeOf(ws: WebSocket, request: IncomingMessage, remote: string): Handshake {
  return {
    subprotocol: ws.protocol,
    origin: request.headers.origin,
    url: request.url ?? '',
    remote,
    headers: request.headers,
  }
}

class WebSocketWire implements Wire {
  readonly id: string
  readonly framing: Framing
  handshake: Handshake
  readonly #ws: Carrier
  readonly #socket: Duplex
  #events: WireEvents | undefined
  /** The turn's latest frame: kept back so that the last write of the turn can carry the callback, and a lone one needs no cork. */
  #held: Buffer | undefined
  #corked = false
  #written = 0
  #sent = 0
  /** A `sent` event is due: in this tick, when all callbacks of one write have been called; an immediate would cost one more turn of the loop. */
  #due = false
  /** close() or terminate() was called, or the wire has closed: nothing more goes out, nothing more comes in. */
  #over = false

  constructor(id: string, ws: Carrier, socket: Duplex, handshake: Handshake) {
    this.id = id
    this.#ws = ws
    this.#socket = socket
    this.handshake = handshake
    this.framing = ws.extensions.includes('permessage-deflate') ? deflated : plain
  }

  /** Listens before it asks, so that an accept that closes at once is heard. */
  begin(accept: Accept): void {
    this.#ws.wire = this
    this.#ws.on('error', onError)
    this.#ws.on('close', onClose)
    this.#events = accept(this)
    this.#ws.on('message', onMessage)
    this.#ws.on('pong', onPong)
  }

  admitted(): void {
    this.handshake = { ...this.handshake, url: '', headers: {} }
  }

  get buffered(): number {
    return this.#written - this.#sent
  }

  get sent(): number {
    return this.#sent
  }

  get written(): number {
    return this.#written
  }

  write(packed: Buffer): void {
    if (this.#over || this.#ws.readyState !== WebSocket.OPEN) return
    this.#written += packed.length
    if (this.framing === deflated) {
      this.#cork()
      const offset = this.#written
      this.#ws.send(packed, { binary: !isUtf8(packed) }, (error) => this.#handed(offset, error))
      return
    }
    if (this.#held !== undefined) {
      this.#cork()
      this.#socket.write(this.#held)
    }
    this.#held = packed
  }

  flush(): void {
    const last = this.#held
    this.#held = undefined
    // RFC 6455 §5.5.1: "The application MUST NOT send any more data frames after sending a Close frame" (ws answers one by itself)
    if (last !== undefined && this.#ws.readyState === WebSocket.OPEN) {
      const offset = this.#written
      this.#socket.write(last, (error) => this.#handed(offset, error))
    }
    if (this.#corked) this.#socket.uncork()
    this.#corked = false
  }

  pause(): void {
    if (!this.#over) this.#ws.pause()
  }

  resume(): void {
    this.#ws.resume()
  }

  ping(): void {
    if (this.#ws.readyState === WebSocket.OPEN) this.#ws.ping()
  }

  close(code: number, reason: string): void {
    if (this.#over) return
    this.flush()
    this.#over = true
    this.#ws.close(code, cut(reason, REASON_BYTES))
    // else the peer's answer would never be read
    this.#ws.resume()
  }

  terminate(): void {
    this.#over = true
    this.#held = undefined
    this.#ws.terminate()
  }

  /** A message of the peer. */
  heard(data: Buffer): void {
    if (!this.#over) this.#events?.data(data)
  }

  ponged(): void {
    if (!this.#over) this.#events?.alive()
  }

  /** Once: after an error ws still closes in its own way, which interests nobody any more. */
  ended(code: number, reason: string): void {
    const events = this.#events
    if (events === undefined) return
    WebSocketWire.#tell(this)
    this.#events = undefined
    this.#over = true
    this.#held = undefined
    events.closed(code, reason)
  }

  #cork(): void {
    if (!this.#corked) this.#socket.cork()
    this.#corked = true
  }

  /** Everything up to `offset` is in the kernel. */
  #handed(offset: number, error: Error | null | undefined): void {
    if (error || this.#events === undefined) return
    this.#sent = offset
    if (!this.#due) process.nextTick(WebSocketWire.#tell, this)
    this.#due = true
  }

  static #tell(wire: WebSocketWire): void {
    if (!wire.#due) return
    wire.#due = false
    wire.#events?.sent(wire.#sent)
  }
}

/** A WebSocket that knows its wire, so that its listeners are the same functions for all connections. */
class Carrier extends WebSocket {
  wire: WebSocketWire | undefined = undefined
}

function onMessage(this: WebSocket, data: RawData): void {
  ;(this as Carrier).wire?.heard(data as Buffer)
}

function onPong(this: WebSocket): void {
  ;(this as Carrier).wire?.ponged()
}

function onError(this: WebSocket, error: Error): void {
  ;(this as Carrier).wire?.ended(codeOf(error), error.message)
}

function onClose(this: WebSocket, code: number, reason: Buffer): void {
  ;(this as Carrier).wire?.ended(code, reason.toString())
}

/** The close code that ws has sent for this error; 1006 when the connection failed without one. */
function codeOf(error: Error & { code?: string }): number {
  switch (error.code) {
    case 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH':
      return 1009
    case 'WS_ERR_INVALID_UTF8':
      return 1007
    case 'WS_ERR_TOO_MANY_BUFFERED_PARTS':
      return 1008
    default:
      return error.code?.startsWith('WS_ERR_') ? 1002 : 1006
  }
}

/** At most `bytes` of UTF-8, cut between two characters. */
export function cut(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytes))
  return text.slice(0, read)
}
