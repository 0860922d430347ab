/**
 * What a session has accepted and not yet settled: SENDs that await their confirm, frames that wait behind a SUBSCRIBE. Over its bound the
 * wire is not read until half of it is settled; DISCONNECT waits until it is empty.
 */
export interface PendingBound {
  readonly frames: number
  readonly bytes: number
}

export class Pending {
  readonly #bound: PendingBound
  readonly #onRelief: () => void
  #frames = 0
  #bytes = 0
  #full = false
  #empty: (() => void)[] = []

  /** @param onRelief called when a full one has drained to half */
  constructor(bound: PendingBound, onRelief: () => void) {
    this.#bound = bound
    this.#onRelief = onRelief
  }

  /** Frames not yet settled. */
  get frames(): number {
    return this.#frames
  }

  get full(): boolean {
    return this.#full
  }

  /** A frame whose end is not yet known. One frame may pass the bound; none after it. */
  begin(bytes: number): void {
    this.#frames++
    this.#bytes += bytes
    if (this.#frames >= this.#bound.frames || this.#bytes >= this.#bound.bytes) this.#full = true
  }

  done(bytes: number): void {
    this.#frames--
    this.#bytes -= bytes
    if (this.#frames === 0) for (const resolve of this.#empty.splice(0)) resolve()
    if (!this.#full || this.#frames > this.#bound.frames / 2 || this.#bytes > this.#bound.bytes / 2) return
    this.#full = false
    this.#onRelief()
  }

  whenEmpty(): Promise<void> {
    if (this.#frames === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#empty.push(resolve)
    })
  }
}
