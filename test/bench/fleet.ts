/**
 * The peers of one run: each is started when it is first needed and lives until the end, unless a measurement wants one without a past, or it
 * died. So does the RabbitMQ that some of them share. Knows nothing of scenarios.
 */
import { startRabbit } from '../support/rabbitmq.ts'
import type { Peer, RunningPeer, SharedRabbit, Target } from './peers/peer.ts'

export class Fleet implements AsyncDisposable {
  readonly #running = new Map<Peer, RunningPeer>()
  readonly #profiles: string | undefined
  /** Since they were started; a RabbitMQ by any of those that share it. */
  readonly #used = new Set<Peer>()
  #rabbit: Promise<SharedRabbit> | undefined

  /** @param profiles where CPU profiles go; undefined = none */
  constructor(profiles: string | undefined) {
    this.#profiles = profiles
  }

  /** The present RabbitMQ; undefined when nobody has asked for it. */
  get rabbit(): Promise<SharedRabbit> | undefined {
    return this.#rabbit
  }

  /**
   * Where the peer is to be reached; starts it where it does not run.
   * @param fresh one that has served no measurement yet, nor has its broker
   * @throws Error when it does not start
   */
  async target(peer: Peer, fresh: boolean): Promise<Target> {
    if (fresh) await this.#forgetPast(peer)
    const present = this.#running.get(peer)
    if (present !== undefined && !isAlive(present.target)) await this.#end(peer)
    const rig = { rabbit: () => this.#sharedRabbit(), profiles: this.#profiles }
    const running = this.#running.get(peer) ?? (await peer.start(rig))
    this.#running.set(peer, running)
    this.#used.add(peer)
    return running.target
  }

  /** @throws Error when the shared RabbitMQ is gone: nothing could be compared any more */
  async check(): Promise<void> {
    const rabbit = await this.#rabbit
    if (rabbit !== undefined && !runs(rabbit.pid)) throw new Error('RabbitMQ has died')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const peer of [...this.#running.keys()]) await this.#end(peer)
    await this.#endRabbit()
  }

  async #forgetPast(peer: Peer): Promise<void> {
    const used = [...this.#used].filter((each) => each === peer || (each.onRabbit && peer.onRabbit))
    for (const each of used) await this.#end(each)
    if (peer.onRabbit && used.length > 0) await this.#endRabbit()
  }

  async #end(peer: Peer): Promise<void> {
    const running = this.#running.get(peer)
    this.#running.delete(peer)
    this.#used.delete(peer)
    await running?.[Symbol.asyncDispose]()
  }

  async #endRabbit(): Promise<void> {
    const shared = await this.#rabbit
    this.#rabbit = undefined
    await shared?.rabbit[Symbol.asyncDispose]()
  }

  #sharedRabbit(): Promise<SharedRabbit> {
    this.#rabbit ??= (async () => {
      const rabbit = await startRabbit({ plugins: ['rabbitmq_web_stomp'] })
      return { rabbit, pid: Number((await rabbit.eval('os:getpid().')).replaceAll('"', '')) }
    })()
    return this.#rabbit
  }
}

/** Whether all of its processes run. */
export function isAlive({ processes }: Target): boolean {
  return Object.values(processes).every(runs)
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
