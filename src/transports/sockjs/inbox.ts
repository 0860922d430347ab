/**
 * What a client sends with xhr_send: bodies into octets, in the order in which they are complete. A body is answered when its octets are taken; while
 * the session does not read, it waits, and so does a client that keeps to the protocol: sockjs-client sends one at a time.
 *
 * Bounded: so many requests, and so many bytes of them together.
 */
import { type Buffer, isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { Gathered } from '../../broker/gathered.ts'
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
  /** Their bodies are on the way, by what lets go of them. */
  readonly #arriving = new Map<Sending, () => void>()
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
      const drop = collect(
        request,
        (bytes) => this.#grew(sending, bytes),
        (body) => this.#complete(sending, body),
      )
      this.#arriving.set(sending, drop)
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

  /**
   * Nothing more is taken. Whoever waits is answered all the same: what comes after a close is read and ignored. So is he whose body is on the way:
   * what he keeps open he keeps open without a session, on the doorstep. Idempotent.
   */
  close(): void {
    this.#isClosed = true
    for (const drop of this.#arriving.values()) drop()
    for (const sending of [...this.#arriving.keys()]) this.#finish(sending, 204)
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
    this.#arriving.delete(sending)
    if (body === undefined) {
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
      // What it brought has filled the session: its client shall wait. Or it has closed it.
      if (this.#isPaused && !this.#isClosed) this.#taken.push(sending)
      else this.#finish(sending, 204)
    }
    this.#isPumping = false
  }

  #finish(sending: Sending, status: number, text = ''): void {
    this.#arriving.delete(sending)
    this.#requests--
    this.#bytes -= sending.bytes
    sending.answer(status, text)
  }
}

/**
 * @param grew told of each chunk; false: enough, and `done` is not called any more
 * @param done the whole body; undefined: the client has gone before its end
 * @returns lets go of what has come; the rest is read and ignored, and neither is called any more
 */
function collect(
  request: IncomingMessage,
  grew: (bytes: number) => boolean,
  done: (body: Buffer | undefined) => void,
): () => void {
  const gathered = new Gathered()
  let isOver = false
  const finish = (body: Buffer | undefined): void => {
    if (!isOver) done(body)
    isOver = true
  }
  const drop = (): void => {
    isOver = true
    gathered.take()
  }
  request.on('data', (chunk: Buffer) => {
    if (isOver) return
    gathered.add(chunk)
    if (!grew(chunk.length)) drop()
  })
  request.once('end', () => finish(gathered.take()))
  request.once('close', () => finish(undefined))
  return drop
}
