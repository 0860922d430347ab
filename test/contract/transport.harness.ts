/** What the transport contract needs of a transport's own test: how to open a connection, and what its peer sees. */
import type { Wire, WireEvents } from '../../src/transports/wire.ts'

/** The far end: what a client of this transport sends and sees. */
export interface Peer {
  /** Sends these octets, in any split the transport likes. */
  send(bytes: Buffer): void
  /** What came, one entry per STOMP frame where the transport keeps them apart, else in any split. */
  readonly received: readonly Buffer[]
  /** How the connection ended for the peer; undefined while open. A transport without close codes says 1000, or 1006 for a reset. */
  readonly closed: { readonly code: number; readonly reason: string } | undefined
  /** Stops and starts reading, so that the kernel's buffers fill. */
  stall(): void
  proceed(): void
  /** Drops the connection without a word. */
  vanish(): void
  /** Leaves in the protocol's own way. */
  leave(): void
}

export interface TransportHarness extends AsyncDisposable {
  /** The transport has close codes, reasons and pings. */
  readonly closes: boolean
  /** It carries UTF-8 and nothing else, both ways. */
  readonly textOnly: boolean
  /** Opens one connection; `connected` runs inside `accept`, before any event. */
  open(connected: (wire: Wire) => WireEvents): Promise<Peer>
}

/** A session that only takes notes. */
export class Notes implements WireEvents {
  readonly log: string[] = []
  readonly chunks: Buffer[] = []
  readonly totals: number[] = []
  alives = 0
  closings: { code: number; reason: string }[] = []

  data(chunk: Buffer): void {
    this.log.push('data')
    this.chunks.push(chunk)
  }

  sent(total: number): void {
    this.log.push('sent')
    this.totals.push(total)
  }

  alive(): void {
    this.log.push('alive')
    this.alives++
  }

  closed(code: number, reason: string): void {
    this.log.push('closed')
    this.closings.push({ code, reason })
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks)
  }
}
