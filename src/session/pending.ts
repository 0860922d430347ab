/**
 * What a session has accepted and not yet settled: SENDs that await their confirm, frames that wait behind a SUBSCRIBE. Over its bound the
 * wire is not read until half of it is settled; DISCONNECT waits until it is empty.
 */
import type { Clock, Timer } from '../broker/clock.ts'
import type { SessionLimits } from './limits.ts'

export type PendingBound = Pick<SessionLimits, 'pendingFrames' | 'pendingBytes'>

export class Pending {
  #bound: PendingBound
  readonly #onRelief: () => void
  #frames = 0
  #bytes = 0
  #full = false
  #delay: Timer | undefined
  #empty: (() => void)[] | undefined

  /** @param onRelief called when a full one has drained to half */
  constructor(bound: PendingBound, onRelief: () => void) {
    this.#bound = bound
    this.#onRelief = onRelief
  }

  /** Holds from now on, for what waits already too. */
  set bound(bound: PendingBound) {
    this.#bound = bound
    const wasFull = this.#full
    this.#full = this.#isOver
    if (wasFull && !this.#full) this.#onRelief()
  }

  /** Frames not yet settled. */
  get frames(): number {
    return this.#frames
  }

  get full(): boolean {
    return this.#full || this.#delay !== undefined
  }

  /** It is taken for full for so long: its sender has sent too fast. */
  delay(ms: number, clock: Clock): void {
    if (ms === 0 || this.#delay !== undefined) return
    this.#delay = clock.after(ms, () => {
      this.#delay = undefined
      this.#onRelief()
    })
  }

  /** Its session has ended: nobody waits for a delay to be over. */
  close(): void {
    this.#delay?.cancel()
  }

  /** A frame whose end is not yet known. One frame may pass the bound; none after it. */
  begin(bytes: number): void {
    this.#frames++
    this.#bytes += bytes
    if (this.#isOver) this.#full = true
  }

  done(bytes: number): void {
    this.#frames--
    this.#bytes -= bytes
    if (this.#frames === 0 && this.#empty !== undefined) this.#tellEmpty(this.#empty)
    const { pendingFrames, pendingBytes } = this.#bound
    if (!this.#full || this.#frames > pendingFrames / 2 || this.#bytes > pendingBytes / 2) return
    this.#full = false
    this.#onRelief()
  }

  whenEmpty(): Promise<void> {
    if (this.#frames === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#empty ??= []
      this.#empty.push(resolve)
    })
  }

  get #isOver(): boolean {
    const { pendingFrames, pendingBytes } = this.#bound
    return this.#frames >= pendingFrames || this.#bytes >= pendingBytes
  }

  #tellEmpty(waiting: readonly (() => void)[]): void {
    this.#empty = undefined
    for (const resolve of waiting) resolve()
  }
}
