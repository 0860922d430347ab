/** What is compared: a server that browsers could speak STOMP over WebSocket to, with every process that has work from it. */
import type { Rabbit } from '../../support/rabbitmq.ts'
import type { Need } from '../scenarios/scenario.ts'

export interface Peer {
  /** Unique; it names the peer in the report and in `--peers`. */
  readonly name: string
  /** What it can do; it is not measured in a scenario that needs more. */
  readonly features: ReadonlySet<Need>
  /** Whether it is a bridge of ours: the report compares these with everybody, and nobody else with anybody. */
  readonly isOurs: boolean
  /** Whether it works with the RabbitMQ of the Rig. */
  readonly onRabbit: boolean
  start(rig: Rig): Promise<RunningPeer>
}

/** What the peers of one run have in common. */
export interface Rig {
  /** The same one for all that ask; it starts when the first does. For those peers only that are `onRabbit`. */
  rabbit(): Promise<SharedRabbit>
  /** Where a peer may write a CPU profile; undefined = none is wanted. */
  readonly profiles: string | undefined
}

export interface SharedRabbit {
  readonly rabbit: Rabbit
  /** Process id of the server. */
  readonly pid: number
}

/** Disposing it ends what it started, and nothing that it shares. */
export interface RunningPeer extends AsyncDisposable {
  readonly target: Target
}

/** How the generator reaches a peer; plain data, it goes to another process. */
export interface Target {
  /** `ws://host:port/path` */
  readonly url: string
  /** Headers of CONNECT. */
  readonly connect: Readonly<Record<string, string>>
  /** What a destination of a topic begins with, of which every subscriber gets a copy; a name with no dot or slash follows. */
  readonly topics: string
  /** The same of a queue; for a peer with `queues` only. */
  readonly queues: string
  /** Process ids by role, children included: whose CPU time and memory are the peer's. `generator` is taken. */
  readonly processes: Readonly<Record<string, number>>
}
