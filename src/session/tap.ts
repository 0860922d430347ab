/**
 * Looking over a session's shoulder: every frame that it hears and says, as data, for whoever has asked to see it. Heart-beats are no frames.
 *
 * Costs nothing while nobody looks. What a session says it says through its outlet's wire, be it its own frame or bytes that a thousand others
 * get too; while somebody looks, another wire stands before that one, takes what it is given, and hands it on. Knows nothing of who looks, or why.
 */
import type { Frame } from '../stomp/frame.ts'
import { Parser } from '../stomp/parser.ts'
import type { Version } from '../stomp/version.ts'
import type { Framing, Handshake, Wire } from '../transports/wire.ts'
import type { Session } from './session.ts'

/** in: from the client · out: to the client. */
export type Direction = 'in' | 'out'

export interface Onlooker {
  /** Synchronous, in the order of the wire; never throws. The frame is good for the length of the call: its body is a view. */
  frame(session: Session, direction: Direction, frame: Frame): void
}

/** Asked about every session, so that those to come can be looked at too. Neither call throws. */
export interface Lookout {
  /** Its address is known. */
  began(session: Session): void
  /** Its user is known; CONNECTED has not been written yet. */
  identified(session: Session): void
}

/**
 * `onlooker` sees what `session` hears and says from now on. Not to be called while the session handles or writes a frame.
 * @returns ends it; idempotent
 */
export function lookAt(session: Session, onlooker: Onlooker): () => void {
  session.tap ??= new Tap(session)
  const { tap } = session
  tap.add(onlooker)
  return () => tap.remove(onlooker)
}

/** What was written is whole and our own: nothing in it is too large. */
const NO_LIMITS = {
  frameBytes: Number.MAX_SAFE_INTEGER,
  headerBytes: Number.MAX_SAFE_INTEGER,
  headerCount: Number.MAX_SAFE_INTEGER,
}

export class Tap {
  readonly #session: Session
  readonly #read: (packed: Buffer) => readonly Buffer[]
  readonly #onlookers = new Set<Onlooker>()

  constructor(session: Session) {
    const { wire, outlet } = session
    this.#session = session
    this.#read = wire.framing.reader()
    outlet.wire = new TappedWire(wire, (packed) => this.#wrote(packed))
  }

  add(onlooker: Onlooker): void {
    this.#onlookers.add(onlooker)
  }

  /** With the last one everything is as before. */
  remove(onlooker: Onlooker): void {
    this.#onlookers.delete(onlooker)
    const session = this.#session
    if (this.#onlookers.size > 0 || session.tap !== this) return
    session.tap = undefined
    session.outlet.wire = session.wire
  }

  /** A frame of the client, before anything is done with it. */
  heard(frame: Frame): void {
    this.#tell('in', frame)
  }

  #wrote(packed: Buffer): void {
    for (const bytes of this.#read(packed)) {
      const frame = frameOf(bytes, this.#session.version)
      if (frame !== undefined) this.#tell('out', frame)
    }
  }

  #tell(direction: Direction, frame: Frame): void {
    for (const onlooker of this.#onlookers) onlooker.frame(this.#session, direction, frame)
  }
}

/** undefined for a heart-beat. What nobody could read is not shown: whoever writes must not hear of it. */
function frameOf(bytes: Buffer, version: Version): Frame | undefined {
  const parser = new Parser(NO_LIMITS)
  parser.version = version
  parser.push(bytes)
  try {
    return parser.next()
  } catch {
    return undefined
  }
}

class TappedWire implements Wire {
  readonly id: string
  readonly framing: Framing
  readonly #wire: Wire
  readonly #wrote: (packed: Buffer) => void

  constructor(wire: Wire, wrote: (packed: Buffer) => void) {
    this.id = wire.id
    this.framing = wire.framing
    this.#wire = wire
    this.#wrote = wrote
  }

  get handshake(): Handshake {
    return this.#wire.handshake
  }

  get buffered(): number {
    return this.#wire.buffered
  }

  get sent(): number {
    return this.#wire.sent
  }

  get written(): number {
    return this.#wire.written
  }

  /** What a closed wire does not take was never said. */
  write(packed: Buffer): void {
    const before = this.#wire.written
    this.#wire.write(packed)
    if (this.#wire.written > before) this.#wrote(packed)
  }

  flush(): void {
    this.#wire.flush()
  }

  admitted(beats: boolean): void {
    this.#wire.admitted(beats)
  }

  pause(): void {
    this.#wire.pause()
  }

  resume(): void {
    this.#wire.resume()
  }

  ping(): void {
    this.#wire.ping()
  }

  close(code: number, reason: string): void {
    this.#wire.close(code, reason)
  }

  terminate(): void {
    this.#wire.terminate()
  }
}
