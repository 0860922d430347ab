/**
 * Lines of JSON by POST, in their order: what has come since the last request goes together with the next one, as an array. One request at a time; one that
 * has no answer, or a bad one that may pass, is made again some times, and then left out. So a receiver may see lines twice, never in another order.
 */
import type { Clock } from '../broker/clock.ts'
import type { EventCounts } from './events.ts'

export interface HookOptions {
  readonly url: string
  /** Of RFC 6750; '' = none. */
  readonly token: string
  /** Milliseconds for one answer. */
  readonly timeoutMs: number
  /** Further attempts after the first one. */
  readonly retries: number
  /** Of one request; a longer line goes alone. */
  readonly batchBytes: number
}

export interface HookDeps {
  readonly clock: Clock
  readonly fetch: typeof fetch
  /** So many lines were left out. */
  readonly dropped: (count: number, cause: unknown) => void
}

/** Milliseconds before the second attempt; they double. */
const PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000

/** The receiver has said what waiting will not change. */
class Refused extends Error {}

export class Hook {
  readonly counts: EventCounts = { delivered: 0, dropped: 0 }
  readonly #deps: HookDeps
  readonly #stop = new AbortController()
  /** What waits; the first lines are under way. */
  #lines: string[] = []
  #options: HookOptions | undefined
  #pumping: Promise<void> | undefined

  constructor(deps: HookDeps) {
    this.#deps = deps
  }

  /** @param options hold for all that waits. @param most lines that may wait */
  tell(line: string, options: HookOptions, most: number): void {
    this.#options = options
    if (this.#lines.length >= most) {
      this.#drop(1, new Error(`${most} wait for the hook`))
      return
    }
    this.#lines.push(line)
    this.#pumping ??= this.#pump()
  }

  /** Resolves when nothing waits. */
  async drained(): Promise<void> {
    await this.#pumping
  }

  /** Ends what is under way. */
  close(): void {
    this.#stop.abort()
  }

  async #pump(): Promise<void> {
    // What is told in the same turn goes together.
    await Promise.resolve()
    while (this.#lines.length > 0 && !this.#stop.signal.aborted) {
      const count = this.#batch()
      const failure = await this.#deliver(`[${this.#lines.slice(0, count).join(',')}]`)
      this.#lines = this.#lines.slice(count)
      if (failure === undefined) this.counts.delivered += count
      else this.#drop(count, failure.cause)
    }
    this.#pumping = undefined
  }

  /** Lines of the next request. */
  #batch(): number {
    const most = this.#options!.batchBytes
    let bytes = 0
    for (const [count, line] of this.#lines.entries()) {
      bytes += Buffer.byteLength(line) + 1
      if (bytes > most && count > 0) return count
    }
    return this.#lines.length
  }

  /** @returns undefined: it has arrived */
  async #deliver(body: string): Promise<{ readonly cause: unknown } | undefined> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#post(body)
        return undefined
      } catch (cause) {
        if (cause instanceof Refused || attempt >= this.#options!.retries || this.#stop.signal.aborted) return { cause }
        await this.#pause(Math.min(PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS))
      }
    }
  }

  async #post(body: string): Promise<void> {
    const { url, token, timeoutMs } = this.#options!
    const late = new AbortController()
    const timer = this.#deps.clock.after(timeoutMs, () => late.abort(new Error(`no answer within ${timeoutMs} ms`)))
    try {
      const response = await this.#deps.fetch(url, {
        method: 'POST',
        body,
        headers: {
          'Content-Type': 'application/json',
          ...(token === '' ? {} : { Authorization: `Bearer ${token}` }),
        },
        // The token is for this receiver and for no other.
        redirect: 'manual',
        signal: AbortSignal.any([late.signal, this.#stop.signal]),
      })
      const { status } = response
      await response.body?.cancel()
      if (status >= 200 && status < 300) return
      const text = `the answer was ${status}`
      // RFC 6585 §4, 429: "the user has sent too many requests"; RFC 9110 §15.6: 5xx are the server's own failures
      throw status === 429 || status >= 500 ? new Error(text) : new Refused(text)
    } finally {
      timer.cancel()
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#deps.clock.after(ms, resolve)
      this.#stop.signal.addEventListener(
        'abort',
        () => {
          timer.cancel()
          resolve()
        },
        { once: true },
      )
    })
  }

  #drop(count: number, cause: unknown): void {
    this.counts.dropped += count
    this.#deps.dropped(count, cause)
  }
}
