/**
 * One lane per (session, broker): what a client asks of one broker happens in the order of its frames, and a broker that is away stalls
 * nobody else's lane (PROMISES §3). A task that holds the lane (a SUBSCRIBE until it is live, a COMMIT until it is settled) makes later
 * ones wait; a SEND does not hold it: its call fixes the order, its confirm may take as long as it takes.
 */
import type { Broker, Credentials, Link } from '../broker/broker.ts'
import type { BrokerError } from '../broker/errors.ts'

export interface LaneTask {
  /** Synchronous. What it returns holds the lane until it settles; undefined: the next task follows at once. */
  run(link: Link): Promise<unknown> | undefined
  /** There is no link: the task will never run. */
  fail(reason: BrokerError): void
}

export class Lane {
  readonly #connect: () => Promise<Link>
  #link: Link | undefined
  #held = false
  readonly #waiting: LaneTask[] = []
  #idle: (() => void)[] = []

  /**
   * @param connect dials when the first task comes, and again after a failure
   * @param link when it is there already
   */
  constructor(connect: () => Promise<Link>, link?: Link) {
    this.#connect = connect
    this.#link = link
  }

  /** The link, once there is one: settling goes past the queue. */
  get link(): Link | undefined {
    return this.#link
  }

  /** Runs the task now if nothing is before it. */
  run(task: LaneTask): void {
    if (this.#held || this.#waiting.length > 0) {
      this.#waiting.push(task)
      return
    }
    this.#perform(task)
  }

  /** Resolves when no task is waiting and none holds the lane. */
  idle(): Promise<void> {
    if (!this.#held && this.#waiting.length === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#idle.push(resolve)
    })
  }

  #perform(task: LaneTask): void {
    if (this.#link === undefined) {
      this.#waiting.unshift(task)
      this.#dial()
      return
    }
    const holding = task.run(this.#link)
    if (holding === undefined) return
    this.#held = true
    const release = (): void => this.#release()
    holding.then(release, release)
  }

  #dial(): void {
    this.#held = true
    this.#connect().then(
      (link) => {
        this.#link = link
        this.#release()
      },
      (reason: BrokerError) => {
        const refused = this.#waiting.splice(0)
        for (const task of refused) task.fail(reason)
        this.#release()
      },
    )
  }

  #release(): void {
    this.#held = false
    while (!this.#held) {
      const task = this.#waiting.shift()
      if (task === undefined) break
      this.#perform(task)
    }
    if (this.#held) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}

/** The lanes of a session, made when they are first needed. */
export class Lanes {
  readonly #link: (broker: Broker, credentials: Credentials | undefined) => Promise<Link>
  readonly #ended: AbortSignal
  readonly #lanes = new Map<Broker, Lane>()

  constructor(link: (broker: Broker, credentials: Credentials | undefined) => Promise<Link>, ended: AbortSignal) {
    this.#link = link
    this.#ended = ended
  }

  of(broker: Broker): Lane {
    let lane = this.#lanes.get(broker)
    if (lane === undefined) {
      lane = new Lane(() => this.#link(broker, undefined))
      this.#lanes.set(broker, lane)
    }
    return lane
  }

  /** @param broker its name */
  has(broker: string): boolean {
    for (const { name } of this.#lanes.keys()) if (name === broker) return true
    return false
  }

  /** Dials now, with the client's own credentials; they are not kept for a second try. Rejects with the BrokerError. */
  async open(broker: Broker, credentials: Credentials | undefined): Promise<void> {
    const link = await this.#link(broker, credentials)
    if (this.#ended.aborted) await link[Symbol.asyncDispose]()
    else this.#lanes.set(broker, new Lane(() => Promise.resolve(link), link))
  }

  /**
   * Each link is closed when the tasks that came before are done: what a client has sent is published although it is gone.
   * @param settled what else needs the links until it is settled
   */
  dispose(settled: readonly Promise<unknown>[]): void {
    for (const lane of this.#lanes.values()) {
      void Promise.allSettled([lane.idle(), ...settled]).then(() => lane.link?.[Symbol.asyncDispose]())
    }
  }
}
