/**
 * One AMQP connection that comes back by itself: exponential backoff with jitter, for ever, until closed. Knows neither channels nor
 * what they are for; whoever uses it hears `up` with a fresh model and `lost`.
 */
import type { ChannelModel } from 'amqplib'
import type { Clock, Timer } from '../../broker/clock.ts'
import { asError } from '../../broker/errors.ts'
import type { Dial } from './dial.ts'

export interface ConnectionEvents {
  /** Connected and logged in; also after every recovery. */
  up(model: ChannelModel): void
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
  #model: ChannelModel | undefined
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
  get model(): ChannelModel | undefined {
    return this.#model
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
    const model = this.#model
    this.#model = undefined
    if (model !== undefined) await this.#goodbye(model)
    this.#socket.abort()
  }

  async #attempt(): Promise<Error | undefined> {
    if (this.#closed) return new Error('closed')
    this.#socket = new AbortController()
    try {
      const model = await this.#dial(this.#socket.signal)
      this.#opened(model)
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

  #opened(model: ChannelModel): void {
    const socket = this.#socket
    let cause: Error | undefined
    model.on('error', (error) => {
      cause = error
    })
    model.on('close', (error) => {
      // amqplib ends the socket politely; a peer that is gone never answers that.
      this.#clock.after(1_000, () => socket.abort())
      this.#dropped(model, cause ?? error ?? new Error('the connection was closed'))
    })
    model.on('blocked', (reason) => this.#setBlocked(model, reason))
    model.on('unblocked', () => this.#setBlocked(model, undefined))
    if (this.#closed) {
      void this.#goodbye(model).then(() => socket.abort())
      return
    }
    this.#model = model
    this.#upSince = this.#clock.now()
    this.#events.up(model)
  }

  #setBlocked(model: ChannelModel, reason: string | undefined): void {
    if (model !== this.#model) return
    this.#blocked = reason !== undefined
    this.#events.blocked(reason)
  }

  #dropped(model: ChannelModel, cause: Error): void {
    if (model !== this.#model) return
    this.#model = undefined
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
  async #goodbye(model: ChannelModel): Promise<void> {
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
