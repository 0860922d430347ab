/** The broker's health, joined from its connections: the worst of them counts. Tells the observer about changes only. */
import type { Health } from '../../broker/broker.ts'
import type { Clock } from '../../broker/clock.ts'
import type { BrokerObserver } from '../../broker/observer.ts'

/** `connecting` is only before the first outcome. */
const WORST = ['down', 'blocked', 'up'] as const
type State = (typeof WORST)[number]

export class HealthBoard {
  readonly #name: string
  readonly #observer: BrokerObserver
  readonly #clock: Clock
  readonly #sources = new Map<object, { readonly state: State; readonly reason: string | undefined }>()
  #health: Health
  #closed = false

  constructor(name: string, observer: BrokerObserver, clock: Clock) {
    this.#name = name
    this.#observer = observer
    this.#clock = clock
    this.#health = { state: 'connecting', since: clock.now(), reason: 'not started' }
  }

  get health(): Health {
    return this.#health
  }

  /** @param reason one line for the operator; not shown while up */
  set(source: object, state: State, reason?: string, cause?: Error): void {
    if (this.#closed) return
    this.#sources.set(source, { state, reason })
    this.#join(cause)
  }

  remove(source: object): void {
    if (this.#sources.delete(source) && this.#sources.size > 0) this.#join(undefined)
  }

  /** The observer is not told: it is the bridge's own doing. */
  close(): void {
    this.#closed = true
    this.#health = { state: 'down', since: this.#clock.now(), reason: 'closed' }
  }

  #join(cause: Error | undefined): void {
    for (const state of WORST) {
      for (const source of this.#sources.values()) {
        if (source.state !== state) continue
        this.#change(state, source.reason, cause)
        return
      }
    }
  }

  #change(state: State, reason: string | undefined, cause: Error | undefined): void {
    if (this.#closed) return
    const text = state === 'up' ? undefined : (reason ?? state)
    if (this.#health.state === state && this.#health.reason === text) return
    const since = this.#health.state === state ? this.#health.since : this.#clock.now()
    this.#health = { state, since, reason: text }
    this.#observer.health(this.#name, this.#health, cause)
  }
}
