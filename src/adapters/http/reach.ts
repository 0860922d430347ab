/**
 * Whether the backend is there. What is known of it is what the last attempt to connect came to: one that a request has made, or, once that has
 * failed, those that are made here until one succeeds. While it is there and nobody asks it anything, it is not looked at; what a handler answers,
 * or that it answers nothing, says nothing about this.
 */
import type { Health } from '../../broker/broker.ts'
import type { Clock, Timer } from '../../broker/clock.ts'
import { asError } from '../../broker/errors.ts'
import type { BrokerSettings } from './fields.ts'

export interface ReachContext {
  readonly settings: Pick<BrokerSettings, 'reconnectMinMs' | 'reconnectMaxMs'>
  readonly clock: Clock
  /** Connects and hangs up; rejects when nobody is there. */
  knock(signal: AbortSignal): Promise<void>
  /** It has changed. `again`: it was up before. */
  changed(health: Health, cause: Error | undefined, again: boolean): void
}

export class Reach {
  readonly #context: ReachContext
  readonly #stop = new AbortController()
  #health: Health
  #pauseMs: number
  #timer: Timer | undefined
  #wasUp = false

  constructor(context: ReachContext) {
    this.#context = context
    this.#pauseMs = context.settings.reconnectMinMs
    this.#health = { state: 'connecting', since: context.clock.now(), reason: 'not started' }
  }

  get health(): Health {
    return this.#health
  }

  /** Resolves with the end of the first attempt, however it ends. */
  start(): Promise<void> {
    return this.#knock()
  }

  /** A request could not connect. */
  failed(cause: Error): void {
    if (this.#health.state === 'down' || this.#stop.signal.aborted) return
    this.#down(cause)
    this.#later()
  }

  close(): void {
    if (this.#stop.signal.aborted) return
    this.#stop.abort()
    this.#timer?.cancel()
    this.#set('down', 'closed by the bridge', undefined)
  }

  async #knock(): Promise<void> {
    try {
      await this.#context.knock(this.#stop.signal)
      if (this.#stop.signal.aborted) return
      this.#pauseMs = this.#context.settings.reconnectMinMs
      this.#set('up', undefined, undefined)
      this.#wasUp = true
    } catch (error) {
      if (this.#stop.signal.aborted) return
      this.#down(asError(error))
      this.#later()
    }
  }

  #later(): void {
    const ms = this.#pauseMs
    this.#pauseMs = Math.min(2 * ms, this.#context.settings.reconnectMaxMs)
    this.#timer = this.#context.clock.after(ms, () => void this.#knock())
  }

  #down(cause: Error): void {
    if (this.#health.state !== 'down' || this.#health.reason !== cause.message) this.#set('down', cause.message, cause)
  }

  #set(state: Health['state'], reason: string | undefined, cause: Error | undefined): void {
    const since = this.#health.state === state ? this.#health.since : this.#context.clock.now()
    this.#health = { state, since, reason }
    this.#context.changed(this.#health, cause, this.#wasUp)
  }
}
