/**
 * One lane per (session, broker): what a client asks of one broker happens in the order of its frames, and a broker that is away stalls
 * nobody else's lane (PROMISES §3). A task that holds the lane (a SUBSCRIBE until it is live, a COMMIT until it is settled) makes later
 * ones wait; a SEND does not hold it: its call fixes the order, its confirm may take as long as it takes.
 */
import type { Broker, Credentials, Link } from '../broker/broker.ts'
import type { BrokerError } from '../broker/errors.ts'
import { PolicyError } from './failure.ts'
import type { Ending } from './waiting.ts'

export interface LaneTask {
  /** Synchronous. What it returns holds the lane until it settles; undefined: the next task follows at once. */
  run(link: Link): Promise<unknown> | undefined
  /** There is no link: the task will never run. */
  fail(reason: BrokerError | PolicyError): void
}

/** Who makes the links. */
export interface Dialler {
  /** Rejects with a BrokerError. */
  dial(broker: Broker, credentials: Credentials | undefined): Promise<Link>
}

/** Of a session that has not asked any broker for anything. */
const NONE: readonly Lane[] = []

export class Lane {
  readonly broker: Broker
  readonly #dialler: Dialler
  #link: Link | undefined
  #held = false
  /** undefined while nobody waits: an emptied list would keep its room. */
  #waiting: LaneTask[] | undefined
  #idle: (() => void)[] | undefined

  /**
   * @param dialler is asked when the first task comes, and again after a failure
   * @param link when it is there already
   */
  constructor(broker: Broker, dialler: Dialler, link?: Link) {
    this.broker = broker
    this.#dialler = dialler
    this.#link = link
  }

  /** The link, once there is one: settling goes past the queue. */
  get link(): Link | undefined {
    return this.#link
  }

  /** Runs the task now if nothing is before it. */
  run(task: LaneTask): void {
    if (this.#held || this.#waiting !== undefined) {
      this.#waiting ??= []
      this.#waiting.push(task)
      return
    }
    this.#perform(task)
  }

  /** Resolves when no task is waiting and none holds the lane. */
  idle(): Promise<void> {
    if (!this.#held && this.#waiting === undefined) return Promise.resolve()
    return new Promise((resolve) => {
      this.#idle ??= []
      this.#idle.push(resolve)
    })
  }

  #perform(task: LaneTask): void {
    if (this.#link === undefined) {
      this.#waiting = [task, ...(this.#waiting ?? [])]
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
    dialled(this.broker, this.#dialler).then(
      (link) => {
        this.#link = link
        this.#release()
      },
      (reason: BrokerError | PolicyError) => {
        const refused = this.#waiting
        this.#waiting = undefined
        for (const task of refused ?? []) task.fail(reason)
        this.#release()
      },
    )
  }

  #release(): void {
    this.#held = false
    while (!this.#held && this.#waiting !== undefined) {
      const task = this.#waiting.shift()!
      if (this.#waiting.length === 0) this.#waiting = undefined
      this.#perform(task)
    }
    if (this.#held) return
    const idle = this.#idle
    this.#idle = undefined
    if (idle !== undefined) for (const resolve of idle) resolve()
  }
}

/** Whom a broker knows by his own login it was shown in CONNECT: nobody can show it later, since it is kept nowhere. */
function dialled(broker: Broker, dialler: Dialler): Promise<Link> {
  if (broker.credentials === 'service') return dialler.dial(broker, undefined)
  const error = new PolicyError('login-required', `broker ${broker.name} has not seen your login: connect again`)
  return Promise.reject(error)
}

/** The lanes of a session, made when they are first needed. A session uses one broker or two: a list is smaller than a Map and as quick. */
export class Lanes {
  readonly #dialler: Dialler
  readonly #ended: Ending
  #lanes: readonly Lane[] = NONE

  constructor(dialler: Dialler, ended: Ending) {
    this.#dialler = dialler
    this.#ended = ended
  }

  of(broker: Broker): Lane {
    for (const lane of this.#lanes) if (lane.broker === broker) return lane
    return this.#add(new Lane(broker, this.#dialler))
  }

  /** Whether it was asked for anything. @param broker its name */
  has(broker: string): boolean {
    return this.#lanes.some((lane) => lane.broker.name === broker)
  }

  uses(broker: Broker): boolean {
    return this.#lanes.some((lane) => lane.broker === broker)
  }

  /** The broker has gone from the configuration: its link is closed now. What waits for one fails when the broker is disposed. */
  async drop(broker: Broker): Promise<void> {
    const lane = this.#lanes.find((each) => each.broker === broker)
    if (lane === undefined) return
    this.#lanes = this.#lanes.filter((each) => each !== lane)
    await lane.link?.[Symbol.asyncDispose]()
  }

  /** Dials now, with the client's own credentials; they are not kept for a second try. Rejects with the BrokerError. */
  async open(broker: Broker, credentials: Credentials | undefined): Promise<void> {
    const link = await this.#dialler.dial(broker, credentials)
    if (this.#ended.isOver) await link[Symbol.asyncDispose]()
    else this.#add(new Lane(broker, this.#dialler, link))
  }

  /**
   * Each link is closed when the tasks that came before are done: what a client has sent is published although it is gone.
   * @param settled what else needs the links until it is settled
   */
  dispose(settled: readonly Promise<unknown>[]): void {
    for (const lane of this.#lanes) {
      void Promise.allSettled([lane.idle(), ...settled]).then(() => lane.link?.[Symbol.asyncDispose]())
    }
  }

  #add(lane: Lane): Lane {
    this.#lanes = [...this.#lanes, lane]
    return lane
  }
}
