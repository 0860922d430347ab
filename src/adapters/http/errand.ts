/**
 * One request on its way to an answer: waits for its place, asks, and asks again where nothing was sent, or where the handler says so. It keeps its
 * place until the answer has been used, so that what is in memory is never more than the answers of so many.
 *
 *   waiting ── place ──▶ asking ── answer ──▶ used
 *      ▲                   │
 *      └─ no connection, 503 with Retry-After, GET over a connection that was gone
 */
import type { Clock, Timer } from '../../broker/clock.ts'
import type { BrokerError } from '../../broker/errors.ts'
import { type Answer, type Call, CallError, type Caller, type Request } from './call.ts'
import { lossOf } from './failure.ts'
import type { Gate, Waiting } from './gate.ts'

/** What all requests to one backend share. */
export interface Way {
  readonly caller: Pick<Caller, 'call'>
  readonly gate: Gate
  readonly clock: Clock
  /** A request could not connect: until somebody can, the gate is shut. */
  lost(cause: Error): void
}

export interface Patience {
  /** Milliseconds since 1970 until which it may wait for its place; Infinity: for ever. */
  readonly deadline: number
  /** How often it may be asked again because the handler says so. */
  readonly retries: number
}

export class Errand {
  readonly #way: Way
  readonly #request: Request
  readonly #patience: Patience
  /** One of them at a time. */
  #waiting: Waiting | undefined
  #pause: { readonly timer: Timer; cancel(reason: BrokerError): void } | undefined
  #call: Call | undefined
  #cancelled: BrokerError | undefined

  constructor(way: Way, request: Request, patience: Patience) {
    this.#way = way
    this.#request = request
    this.#patience = patience
  }

  /**
   * @param use is given the answer, whatever its status, and holds the place until it settles
   * @throws BrokerError, by rejecting, and whatever `use` throws
   */
  async run(use: (answer: Answer) => Promise<void>): Promise<void> {
    let [retries, isStale] = [0, false]
    for (;;) {
      await this.#enter()
      let pauseMs: number | undefined
      try {
        const answer = await this.#ask()
        const mayAgain = this.#cancelled === undefined && retries < this.#patience.retries
        pauseMs = mayAgain ? this.#retryAfter(answer) : undefined
        if (pauseMs === undefined) return await use(answer)
      } catch (error) {
        if (!(error instanceof CallError)) throw error
        if (this.#cancelled !== undefined && (this.#isQuestion || error.fault === 'unreachable')) throw this.#cancelled
        const again = error.fault === 'stale' && this.#isQuestion && !isStale
        if (error.fault !== 'unreachable' && !again) throw lossOf(error, this.#isQuestion)
        if (error.fault === 'unreachable') this.#way.lost(error)
        isStale ||= again
      } finally {
        this.#way.gate.leave()
      }
      if (pauseMs === undefined) continue
      retries++
      await this.#rest(pauseMs)
    }
  }

  /** What is not sent never will be; what is goes on. Idempotent. */
  cancel(reason: BrokerError): void {
    this.#cancelled = reason
    this.#waiting?.cancel(reason)
    this.#pause?.cancel(reason)
  }

  /** Nobody wants the answer any more. */
  abort(reason: BrokerError): void {
    this.cancel(reason)
    this.#call?.abort()
  }

  /** It changes nothing: RFC 9110 §9.2.2, "a request … can be repeated automatically if a communication failure occurs". */
  get #isQuestion(): boolean {
    return this.#request.method === 'GET'
  }

  async #enter(): Promise<void> {
    if (this.#cancelled !== undefined) throw this.#cancelled
    const waiting = this.#way.gate.enter(this.#patience.deadline)
    this.#waiting = waiting
    try {
      await waiting.entered
    } finally {
      this.#waiting = undefined
    }
    if (this.#cancelled === undefined) return
    this.#way.gate.leave()
    throw this.#cancelled
  }

  async #ask(): Promise<Answer> {
    this.#call = this.#way.caller.call(this.#request)
    try {
      return await this.#call.answer
    } finally {
      this.#call = undefined
    }
  }

  /** RFC 9110 §10.2.3: seconds, or a date. undefined: not asked for, or too late to be of use. */
  #retryAfter({ status, headers }: Answer): number | undefined {
    const at = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'retry-after')
    if (status !== 503 || at < 0) return undefined
    const said = headers[at + 1]!
    const now = this.#way.clock.now()
    const ms = /^\d{1,6}$/.test(said) ? Number(said) * 1000 : Date.parse(said) - now
    return now + ms <= this.#patience.deadline && ms <= LONGEST_REST_MS ? Math.max(0, ms) : undefined
  }

  async #rest(ms: number): Promise<void> {
    const over = Promise.withResolvers<void>()
    const timer = this.#way.clock.after(ms, over.resolve)
    this.#pause = { timer, cancel: over.reject }
    try {
      await over.promise
    } finally {
      timer.cancel()
      this.#pause = undefined
    }
  }
}

/** Nobody's message waits for a handler longer than this, whatever it says. */
const LONGEST_REST_MS = 300_000
