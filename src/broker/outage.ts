/**
 * How long each broker has been away. A blip takes no replica out of the load balancer: a broker counts as missing only before it was up for
 * the first time, and after `maxOutageMs` (PROMISES §2, Recovery).
 */
import type { Health } from './broker.ts'
import type { Clock, Timer } from './clock.ts'

export class OutageWatch implements AsyncDisposable {
  readonly #clock: Clock
  #maxOutageMs: number
  readonly #onTooLong: (broker: string) => void
  /** Since when, in milliseconds since 1970; the timer rings when it is too long. */
  readonly #away = new Map<string, { readonly since: number; readonly timer: Timer | undefined }>()
  readonly #missing = new Set<string>()

  /**
   * @param maxOutageMs 0 = a broker may be away for ever
   * @param onTooLong called once per outage that lasts longer
   */
  constructor(clock: Clock, maxOutageMs: number, onTooLong: (broker: string) => void) {
    this.#clock = clock
    this.#maxOutageMs = maxOutageMs
    this.#onTooLong = onTooLong
  }

  /** Holds from now on, also for those that are away: the time that has passed counts. */
  set maxOutageMs(maxOutageMs: number) {
    if (maxOutageMs === this.#maxOutageMs) return
    this.#maxOutageMs = maxOutageMs
    for (const [broker, { since, timer }] of this.#away) {
      timer?.cancel()
      this.#begin(broker, since)
    }
  }

  /** It is no longer in the configuration. */
  forget(broker: string): void {
    this.#away.get(broker)?.timer?.cancel()
    this.#away.delete(broker)
    this.#missing.delete(broker)
  }

  /** A broker is missing until it is up for the first time, unless it is up from the beginning. */
  expect({ name, health }: { readonly name: string; readonly health: Pick<Health, 'state'> }): void {
    this.#missing.add(name)
    this.health(name, health)
  }

  /** Whether new clients should be sent elsewhere because of this broker. */
  isMissing(broker: string): boolean {
    return this.#missing.has(broker)
  }

  /** `blocked` is not away: the broker is there and asks for patience. */
  health(broker: string, { state }: Pick<Health, 'state'>): void {
    if (state === 'up' || state === 'blocked') {
      this.#away.get(broker)?.timer?.cancel()
      this.#away.delete(broker)
      this.#missing.delete(broker)
    } else if (!this.#away.has(broker)) {
      this.#begin(broker, this.#clock.now())
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { timer } of this.#away.values()) timer?.cancel()
    this.#away.clear()
  }

  #begin(broker: string, since: number): void {
    const left = since + this.#maxOutageMs - this.#clock.now()
    const timer = this.#maxOutageMs === 0 ? undefined : this.#clock.after(Math.max(0, left), () => this.#over(broker))
    this.#away.set(broker, { since, timer })
  }

  #over(broker: string): void {
    this.#missing.add(broker)
    this.#onTooLong(broker)
  }
}
