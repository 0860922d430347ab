/**
 * What a client sends with xhr_send: bodies into octets, in the order in which they are complete. A body is answered when its octets are taken; while
 * the session does not read, it waits, and so does a client that keeps to the protocol: sockjs-client sends one at a time.
 *
 * Bounded: so many requests, and so many bytes of them together.
 */
import { Buffer, isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { JSON_GROWTH, messagesOf, Octets } from './frames.ts'

/** The end of one xhr_send. @param text of the body; '' = none */
export type Answer = (status: number, text: string) => void

export interface InboxEvents {
  octets(octets: Buffer): void
  /** A message over the limit. */
  tooLarge(): void
}

/** One xhr_send under way. */
interface Sending {
  readonly answer: Answer
  /** Of its body, so far. */
  bytes: number
  octets: Buffer | undefined
}

/** xhr_sends of one session under way. */
const REQUESTS = 8
const CROWDED = 'Too much is under way: wait for the answers.\n'

export class Inbox {
  readonly #events: InboxEvents
  readonly #octets: Octets
  /** Bytes of JSON under way: received, or waiting. */
  #most: number
  #bytes = 0
  #requests = 0
  #waiting: Sending[] = []
  /** Their octets are taken, by a session that then stopped reading. */
  #taken: Sending[] = []
  #isPaused = false
  #isPumping = false
  #isClosed = false

  /**
   * @param most octets of one message
   * @param underWay octets of all that is under way, as JSON up to three times that; `bound` changes it
   */
  constructor(most: number, underWay: number, events: InboxEvents) {
    this.#octets = new Octets(most)
    this.#most = underWay * JSON_GROWTH
    this.#events = events
  }

  /** Octets of all that is under way from now on. */
  set bound(underWay: number) {
    this.#most = underWay * JSON_GROWTH
  }

  /** Reads the body of a request, and sees to its answer. */
  take(request: IncomingMessage, answer: Answer): void {
    const declared = Number(request.headers['content-length'] ?? 0)
    if (this.#isClosed) {
      answer(204, '')
    } else if (declared > this.#most) {
      answer(413, '')
      this.#events.tooLarge()
    } else if (this.#requests >= REQUESTS || this.#bytes + declared > this.#most) {
      answer(503, CROWDED)
    } else {
      const sending: Sending = { answer, bytes: 0, octets: undefined }
      this.#requests++
      collect(
        request,
        (bytes) => this.#grew(sending, bytes),
        (body) => this.#complete(sending, body),
      )
    }
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    for (const sending of this.#taken.splice(0)) this.#finish(sending, 204)
    this.#pump()
  }

  /** Nothing more is taken. Whoever waits is answered all the same: what comes after a close is read and ignored. Idempotent. */
  close(): void {
    this.#isClosed = true
    for (const sending of [...this.#taken.splice(0), ...this.#waiting.splice(0)]) this.#finish(sending, 204)
  }

  /** @returns whether there is room for it */
  #grew(sending: Sending, bytes: number): boolean {
    sending.bytes += bytes
    this.#bytes += bytes
    if (this.#bytes <= this.#most) return true
    const isLarge = sending.bytes > this.#most
    this.#finish(sending, isLarge ? 413 : 503, isLarge ? '' : CROWDED)
    if (isLarge) this.#events.tooLarge()
    return false
  }

  #complete(sending: Sending, body: Buffer | undefined): void {
    if (body === undefined || this.#isClosed) {
      this.#finish(sending, 204)
      return
    }
    const messages = isUtf8(body) ? messagesOf(body.toString()) : 'Broken JSON encoding.'
    if (typeof messages === 'string') {
      this.#finish(sending, 500, `${messages}\n`)
      return
    }
    sending.octets = this.#octets.of(messages)
    if (sending.octets === undefined) {
      this.#finish(sending, 413)
      this.#events.tooLarge()
      return
    }
    this.#waiting.push(sending)
    this.#pump()
  }

  #pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    while (!this.#isPaused && !this.#isClosed) {
      const sending = this.#waiting.shift()
      if (sending === undefined) break
      const octets = sending.octets!
      sending.octets = undefined
      if (octets.length > 0) this.#events.octets(octets)
      // What it brought has filled the session: its client shall wait.
      if (this.#isPaused) this.#taken.push(sending)
      else this.#finish(sending, 204)
    }
    this.#isPumping = false
  }

  #finish(sending: Sending, status: number, text = ''): void {
    this.#requests--
    this.#bytes -= sending.bytes
    sending.answer(status, text)
  }
}

/**
 * @param grew told of each chunk; false: enough, and `done` is not called any more
 * @param done the whole body; undefined: the client has gone before its end
 */
function collect(
  request: IncomingMessage,
  grew: (bytes: number) => boolean,
  done: (body: Buffer | undefined) => void,
): void {
  const chunks: Buffer[] = []
  let isOver = false
  const finish = (body: Buffer | undefined): void => {
    if (!isOver) done(body)
    isOver = true
  }
  request.on('data', (chunk: Buffer) => {
    if (isOver) return
    chunks.push(chunk)
    if (grew(chunk.length)) return
    isOver = true
    chunks.length = 0
  })
  request.once('end', () => finish(Buffer.concat(chunks)))
  request.once('close', () => finish(undefined))
}
