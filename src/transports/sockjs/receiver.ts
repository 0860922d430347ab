/**
 * One HTTP response that carries frames to a client: of a poll one frame, of a stream as many as fit. The ways in which the transports write the
 * same frames stand here as a table. Knows neither what the frames say nor which session they are of.
 */
import { Buffer } from 'node:buffer'
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'

interface Manner {
  readonly contentType: string
  /** Before the first frame. */
  readonly prelude: string
  /** Before and behind each. */
  readonly before: string
  readonly behind: string
  /** Over with its first frame. */
  readonly polls: boolean
}

export type ReceiverKind = 'xhr' | 'xhr_streaming' | 'eventsource'

const MANNERS: Readonly<Record<ReceiverKind, Manner>> = {
  xhr: { contentType: 'application/javascript; charset=UTF-8', prelude: '', before: '', behind: '\n', polls: true },
  xhr_streaming: {
    contentType: 'application/javascript; charset=UTF-8',
    // "The transport must first send 2KiB of `h` bytes as prelude."
    prelude: `${'h'.repeat(2048)}\n`,
    before: '',
    behind: '\n',
    polls: false,
  },
  eventsource: {
    contentType: 'text/event-stream; charset=UTF-8',
    // "The transport must first send a new line prelude, due to a bug in Opera."
    prelude: '\r\n',
    before: 'data: ',
    behind: '\r\n\r\n',
    polls: false,
  },
}

export interface ReceiverEvents {
  /** The kernel has taken a frame that was `bytes` long by the reckoning of `send`. */
  handed(bytes: number): void
  /** The response is over, and the kernel has taken all of it. */
  finished(): void
  /** The connection is gone before that. */
  lost(): void
}

export class Receiver {
  readonly #response: ServerResponse
  readonly #manner: Manner
  readonly #headers: OutgoingHttpHeaders
  readonly #limit: number
  #events: ReceiverEvents | undefined
  #written = 0
  #isOver = false

  /**
   * @param headers beside the Content-Type
   * @param limit bytes of frames after which a stream is over: "in order to remove (garbage collect) old messages from the browser memory"
   */
  constructor(response: ServerResponse, kind: ReceiverKind, headers: OutgoingHttpHeaders, limit: number) {
    this.#response = response
    this.#manner = MANNERS[kind]
    this.#limit = limit
    // nginx: "X-Accel-Buffering" with "no" passes on what comes as it comes
    this.#headers = { 'Content-Type': this.#manner.contentType, 'X-Accel-Buffering': 'no', ...headers }
    response.on('close', () => this.#closed())
  }

  /** Whose it is. A stream says its prelude. */
  begin(events: ReceiverEvents): void {
    this.#events = events
    if (this.#manner.polls) return
    this.#response.writeHead(200, this.#headers)
    this.#response.write(this.#manner.prelude)
  }

  /** One frame for a client that has no session, and the end. */
  say(frame: string): void {
    this.begin({ handed() {}, finished() {}, lost() {} })
    this.send([frame], 0)
    this.end()
  }

  /** It takes no more frames. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** One frame, in pieces. @param bytes what `handed` tells of it */
  send(pieces: readonly (Buffer | string)[], bytes: number): void {
    const { before, behind, polls } = this.#manner
    const parts = [before, ...pieces, behind].map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece))
    const frame = Buffer.concat(parts)
    const handed = (error?: Error | null): void => {
      if (!error && bytes > 0) this.#events?.handed(bytes)
    }
    if (polls) {
      this.#isOver = true
      this.#response.writeHead(200, { ...this.#headers, 'Content-Length': frame.length })
      this.#response.write(frame, handed)
      this.#response.end()
      return
    }
    this.#written += frame.length
    this.#response.write(frame, handed)
    if (this.#written >= this.#limit) this.end()
  }

  /** The client may come again. A poll that has had no frame is answered with nothing. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#manner.polls) this.#response.writeHead(200, this.#headers)
    this.#response.end()
  }

  /** Drops the connection, and tells nobody. */
  drop(): void {
    this.#events = undefined
    this.#isOver = true
    this.#response.destroy()
  }

  #closed(): void {
    const events = this.#events
    this.#events = undefined
    this.#isOver = true
    if (this.#response.writableFinished) events?.finished()
    else events?.lost()
  }
}
