/**
 * One AMQP connection that comes back by itself: exponential backoff with jitter, for ever, until closed. Knows neither channels nor
 * what they are for; whoever uses it hears `up` with a fresh model and `lost`.
 */
import type { Clock, Timer } from '../../broker/clock.ts'
import { asError } from '../../broker/errors.ts'
import type { Dial, Opening } from './dial.ts'

export interface ConnectionEvents {
  /** Connected and logged in; also after every recovery. */
  up(opening: Opening): void
  /** It was up. All its channels have emitted `close` before. */
  lost(cause: Error): void
  /** An attempt has failed; the next is scheduled after this returns, unless it closed the connection. */
  failed(cause: Error): void
  /** The broker reads no more from us for the reason given (a memory or disk alarm); undefined: it does again. */
  blocked(reason: string | undefined): void
  /** It was disposed. */
  closed?(): void
}

export interface Backoff {
  readonly minMs: number
  readonly maxMs: number
}

/** A connection that lasted shorter counts as a failed attempt: a broker that accepts and drops must not be hammered. */
const PROVED_MS = 5_000
/** Milliseconds for the close handshake. */
const CLOSE_MS = 2_000

export class Connection implements AsyncDisposable {
  readonly #dial: Dial
  readonly #backoff: Backoff
  readonly #clock: Clock
  readonly #events: ConnectionEvents
  #opening: Opening | undefined
  /** Of the socket in use; aborted, it is destroyed. */
  #socket = new AbortController()
  #attempts = 0
  #upSince = 0
  #retry: Timer | undefined
  #closed = false
  #blocked = false
  #first: Promise<Error | undefined> | undefined

  constructor(dial: Dial, backoff: Backoff, clock: Clock, events: ConnectionEvents) {
    this.#dial = dial
    this.#backoff = backoff
    this.#clock = clock
    this.#events = events
  }

  /** Undefined while it is away. */
  get opening(): Opening | undefined {
    return this.#opening
  }

  get isBlocked(): boolean {
    return this.#blocked
  }

  /** Begins; resolves with the outcome of the first attempt (undefined = up). Called again, the same answer. */
  start(): Promise<Error | undefined> {
    this.#first ??= this.#attempt()
    return this.#first
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) this.#events.closed?.()
    this.#closed = true
    this.#retry?.cancel()
    const opening = this.#opening
    this.#opening = undefined
    if (opening !== undefined) await this.#goodbye(opening)
    this.#socket.abort()
  }

  async #attempt(): Promise<Error | undefined> {
    if (this.#closed) return new Error('closed')
    this.#socket = new AbortController()
    try {
      this.#opened(await this.#dial(this.#socket.signal))
      return undefined
    } catch (thrown) {
      const cause = asError(thrown)
      this.#socket.abort()
      if (this.#closed) return cause
      this.#events.failed(cause)
      this.#schedule()
      return cause
    }
  }

  #opened(opening: Opening): void {
    const { model } = opening
    const socket = this.#socket
    let cause: Error | undefined
    model.on('error', (error) => {
      cause = error
    })
    model.on('close', (error) => {
      // amqplib ends the socket politely; a peer that is gone never answers that.
      this.#clock.after(1_000, () => socket.abort())
      this.#dropped(opening, cause ?? error ?? new Error('the connection was closed'))
    })
    model.on('blocked', (reason) => this.#setBlocked(opening, reason))
    model.on('unblocked', () => this.#setBlocked(opening, undefined))
    if (this.#closed) {
      void this.#goodbye(opening).then(() => socket.abort())
      return
    }
    this.#opening = opening
    this.#upSince = this.#clock.now()
    this.#events.up(opening)
  }

  #setBlocked(opening: Opening, reason: string | undefined): void {
    if (opening !== this.#opening) return
    this.#blocked = reason !== undefined
    this.#events.blocked(reason)
  }

  #dropped(opening: Opening, cause: Error): void {
    if (opening !== this.#opening) return
    this.#opening = undefined
    this.#blocked = false
    if (this.#clock.now() - this.#upSince >= PROVED_MS) this.#attempts = 0
    this.#events.lost(cause)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#closed) return
    const { minMs, maxMs } = this.#backoff
    const ceiling = Math.min(maxMs, minMs * 2 ** Math.min(this.#attempts++, 30))
    // Half of it at random: a thousand bridges must not come back in step.
    this.#retry = this.#clock.after(ceiling * (0.5 + Math.random() / 2), () => void this.#attempt())
  }

  /** The close handshake, as long as somebody answers. */
  async #goodbye({ model }: Opening): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(CLOSE_MS, resolve)
      const done = (): void => {
        timer.cancel()
        resolve()
      }
      model.once('close', done)
      model.close().then(done, done)
    })
  }
}
