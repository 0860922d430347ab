/**
 * Would RabbitMQ still let in those who are in? It never asks again by itself: whoever's password was changed, whose token has expired, or who was
 * deleted in a directory behind RabbitMQ (OAuth, LDAP, HTTP), keeps his connection. Only a user that is deleted in RabbitMQ's own database loses it
 * (3.10). So from time to time every login is tried once more, on a connection of its own that is closed at once.
 *
 * Knows neither passwords nor links. A user's permissions are no affair of it: RabbitMQ looks at them with every operation.
 */
import type { Clock, Timer } from '../../broker/clock.ts'
import { isLoginRefused } from './failure.ts'

/** Logins tried at one time: a thousand users must not become a storm, whatever the clock says. */
const AT_ONCE = 4

/** One try. `start` resolves to why it failed, undefined = RabbitMQ has let it in; disposed early, it gives up. */
export interface Knock extends AsyncDisposable {
  start(): Promise<Error | undefined>
}

/** Somebody who is in. */
export interface Login {
  /** A connection with these credentials, not started. */
  readonly knock: () => Knock
  /** While RabbitMQ is away there is nothing to learn, and whoever comes back has just logged in. */
  readonly isUp: () => boolean
  /** RabbitMQ knows these credentials no more. Called at most once; it is not watched any longer. */
  readonly refused: (cause: Error) => void
}

export class Recheck {
  readonly #everyMs: number
  readonly #clock: Clock
  /** In the order in which they fell due. */
  readonly #due = new Set<Watch>()
  #underWay = 0

  /** @param everyMs the longest time between two tries of one login; 0 = none is tried */
  constructor(everyMs: number, clock: Clock) {
    this.#everyMs = everyMs
    this.#clock = clock
  }

  watch(login: Login): Watch {
    const watch: Watch = new Watch(login, () => this.#due.delete(watch))
    this.#schedule(watch)
    return watch
  }

  #schedule(watch: Watch): void {
    if (this.#everyMs === 0 || watch.isStopped) return
    // Half of it at random: those who came together, after a restart, drift apart.
    watch.timer = this.#clock.after(this.#everyMs * (0.5 + Math.random() / 2), () => {
      this.#due.add(watch)
      this.#next()
    })
  }

  #next(): void {
    for (const watch of this.#due) {
      if (this.#underWay >= AT_ONCE) return
      this.#due.delete(watch)
      this.#underWay++
      void watch.look().then(() => {
        this.#underWay--
        this.#schedule(watch)
        this.#next()
      })
    }
  }
}

export class Watch {
  readonly #login: Login
  readonly #stopped: () => void
  #knock: Knock | undefined
  /** Until it falls due. */
  timer: Timer | undefined
  isStopped = false

  /** @param stopped is called when it is stopped */
  constructor(login: Login, stopped: () => void) {
    this.#login = login
    this.#stopped = stopped
  }

  /** One try, and what follows from it. Never rejects. */
  async look(): Promise<void> {
    if (!this.#login.isUp()) return
    const knock = this.#login.knock()
    this.#knock = knock
    const cause = await knock.start()
    await knock[Symbol.asyncDispose]()
    this.#knock = undefined
    // A closed virtual host (`isOpenRefused`) may as well be RabbitMQ's limit of connections for a user who is in: amqplib does not tell.
    if (this.isStopped || cause === undefined || !isLoginRefused(cause)) return
    this.isStopped = true
    this.#login.refused(cause)
  }

  /** Resolves when nothing of it is under way. Idempotent. */
  async stop(): Promise<void> {
    this.isStopped = true
    this.timer?.cancel()
    this.#stopped()
    await this.#knock?.[Symbol.asyncDispose]()
  }
}
