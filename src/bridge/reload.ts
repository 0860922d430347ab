/**
 * A new configuration while the bridge runs: read, built and checked in full, then put in the place of the old one at once. On any fault nothing of
 * it is applied, the old one stays, and the log says why with file, line and column. One at a time; who asks while one is under way gets the next,
 * and so do all who ask until that begins.
 *
 *   read ── check ── needs a restart? ── plan ── start new brokers ──▶ swap ── review of sessions ── goodbye to old brokers
 */
import type { Broker } from '../broker/broker.ts'
import type { Clock } from '../broker/clock.ts'
import type { OutageWatch } from '../broker/outage.ts'
import type { Fault } from '../config/errors.ts'
import { faultsOf } from '../config/faults.ts'
import { haveChanged } from '../config/files.ts'
import type { LoadResult } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import type { Logger } from '../ops/log.ts'
import type { InnerRoutes } from '../routing/inner.ts'
import type { Route } from '../routing/route.ts'
import { review } from '../session/review.ts'
import type { Sessions } from '../session/sessions.ts'
import type { Listener } from '../transports/listen.ts'
import { FileWatch } from '../watch.ts'
import type { Current } from './current.ts'
import { doorOf } from './door.ts'
import { type Furnished, snapshotOf } from './house.ts'
import type { Observing } from './observers.ts'
import { type Plan, plan } from './plan.ts'
import type { State } from './readiness.ts'
import { settle } from './reload-carry.ts'
import { changesOf, needRestart } from './reload-changes.ts'
import type { Retirement } from './reload-retire.ts'

/** Where the configuration comes from. */
export interface ConfigSource {
  /** Reads it, with all faults of the text; throws nothing. */
  read(): LoadResult
  /** What else must hold of it, as `stomp-bridge check` says. */
  verify(config: Config, routes: readonly Route[], inner: InnerRoutes): readonly Fault[]
}

export interface ReloadReport {
  /** applied: it holds · unchanged: it says what holds already · rejected: it has faults, and the one before it stays */
  readonly result: 'applied' | 'unchanged' | 'rejected'
  /** One line each, with file:line:column; of `rejected` only. */
  readonly faults: readonly string[]
  /** What is different, without values: `routes +1`, `limits.sendRate`; of `applied` only. */
  readonly changes: readonly string[]
}

export interface ReloadParts {
  readonly current: Current
  readonly source: ConfigSource
  readonly house: Furnished
  readonly sessions: Sessions
  readonly listener: Pick<Listener, 'adopt'>
  readonly outages: OutageWatch
  readonly retirement: Retirement
  readonly observing: Observing
  readonly state: State
  readonly log: Logger
  readonly clock: Clock
}

/** Milliseconds that a new broker has to be up before the swap; then the bridge goes on without it, as at its start. */
const START_MS = 10_000

export class Reloader implements AsyncDisposable {
  readonly #parts: ReloadParts
  readonly #stop = new AbortController()
  /** What the last attempt has read: a fault is told once, and not again every minute. */
  #seen: LoadResult['files']
  #running: Promise<ReloadReport> | undefined
  #next: Promise<ReloadReport> | undefined
  #watch: FileWatch | undefined

  constructor(parts: ReloadParts) {
    this.#parts = parts
    this.#seen = parts.current.loaded?.files ?? new Map()
    this.#watchFiles()
  }

  /** @param by what asks for it, for the log: `SIGHUP`. Never rejects */
  reload(by: string): Promise<ReloadReport> {
    if (this.#running === undefined) {
      this.#running = this.#run(by)
      return this.#running
    }
    this.#next ??= this.#running.then(() => {
      this.#next = undefined
      this.#running = this.#run(by)
      return this.#running
    })
    return this.#next
  }

  /** No more of them. One that is under way goes on to its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch?.[Symbol.dispose]()
    this.#stop.abort()
    await this.#running
  }

  async #run(by: string): Promise<ReloadReport> {
    const { observing, log } = this.#parts
    let report: ReloadReport
    try {
      report = await this.#attempt(by)
    } catch (error) {
      log.error({ err: error, by }, 'configuration not reloaded, by a fault of the bridge')
      report = rejected(['internal error: see the log'])
    }
    this.#watchFiles()
    observing.metrics.reloaded(report.result)
    if (this.#next === undefined) this.#running = undefined
    return report
  }

  async #attempt(by: string): Promise<ReloadReport> {
    const { current, source, state, log } = this.#parts
    if (state.draining || this.#stop.signal.aborted) return this.#reject(['the bridge is going away'], by)
    const loaded = source.read()
    this.#seen = loaded.files
    const faults: Fault[] = [...loaded.faults]
    // What is left out for a fault would only bring further ones.
    if (faults.length === 0) faults.push(...needRestart(current.config, loaded.config))
    const made = await this.#plan(loaded, faults)
    if (made === undefined) return this.#reject(loaded.describe(faults), by)
    const changes = changesOf(current.config, loaded.config)
    if (changes.length === 0) {
      Object.assign(current, { loaded, loadedAt: this.#loadedAt(loaded) })
      log.info({ by, hash: loaded.hash }, 'configuration read again: nothing has changed')
      return { result: 'unchanged', faults: [], changes }
    }
    await this.#apply(made, loaded)
    log.info({ by, hash: loaded.hash, changes }, 'configuration reloaded')
    return { result: 'applied', faults: [], changes }
  }

  /** undefined: there are faults. */
  async #plan(loaded: LoadResult, faults: Fault[]): Promise<Plan | undefined> {
    const { current, source, observing } = this.#parts
    try {
      const made = await plan(loaded.config, observing, current.plan)
      faults.push(...source.verify(loaded.config, made.routes, made.inner))
      if (faults.length === 0) return made
      await dispose(leftOf(made, current.plan))
    } catch (error) {
      faults.push(...faultsOf(error))
    }
    return undefined
  }

  #reject(lines: readonly string[], by: string): ReloadReport {
    for (const line of lines) this.#parts.log.error({ by }, `configuration not reloaded: ${line}`)
    return rejected(lines)
  }

  #loadedAt({ hash }: LoadResult): number {
    const { current, clock } = this.#parts
    return hash === current.loaded?.hash ? current.loadedAt : clock.now()
  }

  async #apply(made: Plan, loaded: LoadResult): Promise<void> {
    const { current, house, sessions } = this.#parts
    const before = current.plan
    await this.#start([...made.brokers.values()].filter((broker) => !isIn(before, broker)))
    this.#swap(made, loaded)
    await review(house, sessions.all(), (user) => made.authenticator.review(user, before.authenticator))
    this.#retire(before, made)
  }

  /** That one is down is no fault: it is as if it had gone down a moment later. */
  async #start(brokers: readonly Broker[]): Promise<void> {
    if (brokers.length === 0) return
    const late = Promise.withResolvers<void>()
    const timer = this.#parts.clock.after(START_MS, late.resolve)
    await Promise.race([Promise.all(brokers.map((broker) => broker.start(this.#stop.signal))), late.promise])
    timer.cancel()
  }

  /** At once: between two frames everything is another. */
  #swap(made: Plan, loaded: LoadResult): void {
    const { current, house, listener, outages, observing, log, clock } = this.#parts
    const { config } = made
    const before = current.plan
    for (const broker of before.brokers.values()) if (!isIn(made, broker)) before.voices.get(broker)?.retire()
    settle(made.routes, made.positions)
    Object.assign(current, { config, plan: made, loaded, loadedAt: clock.now() } satisfies Current)
    house.snapshot = snapshotOf(made, observing.traffic)
    house.authenticator = made.authenticator
    house.quotas.follow(config.limits, made.routes)
    listener.adopt({ ...config.listen, ...doorOf(config) })
    outages.maxOutageMs = config.outage.maxMs
    for (const name of before.brokers.keys()) if (!made.brokers.has(name)) outages.forget(name)
    // Missing before it was up for the first time would take every replica out of the load balancer for a broker that nobody has used yet.
    for (const broker of made.brokers.values()) if (!isIn(before, broker)) outages.health(broker.name, broker.health)
    if (config.log.level !== before.config.log.level) log.level = config.log.level
  }

  #retire(before: Plan, made: Plan): void {
    const { house, sessions, retirement } = this.#parts
    const { graceMs } = made.config.drain
    for (const broker of before.brokers.values()) {
      if (!isIn(made, broker)) retirement.broker(broker, house, sessions, graceMs)
    }
    for (const member of before.authenticator.members) {
      if (!made.authenticator.members.includes(member)) retirement.part(member, house, graceMs)
    }
  }

  #watchFiles(): void {
    const { current, clock } = this.#parts
    const paths = [...this.#seen.keys()]
    if (!current.config.reload.watch || this.#stop.signal.aborted || paths.length === 0) {
      this.#watch?.[Symbol.dispose]()
      this.#watch = undefined
    } else if (this.#watch === undefined) this.#watch = new FileWatch(paths, clock, () => this.#look())
    else this.#watch.paths = paths
  }

  #look(): void {
    if (haveChanged(this.#seen)) void this.reload('a changed file')
  }
}

function isIn({ brokers }: Plan, broker: Broker): boolean {
  return brokers.get(broker.name) === broker
}

/** What was made for a plan that is not applied, and nobody else has. */
function leftOf(made: Plan, kept: Plan): AsyncDisposable[] {
  const brokers = [...made.brokers.values()].filter((broker) => !isIn(kept, broker))
  const members = made.authenticator.members.filter((member) => !kept.authenticator.members.includes(member))
  return [...brokers, ...members]
}

async function dispose(parts: readonly AsyncDisposable[]): Promise<void> {
  await Promise.all(parts.map((part) => part[Symbol.asyncDispose]()))
}

function rejected(faults: readonly string[]): ReloadReport {
  return { result: 'rejected', faults, changes: [] }
}
