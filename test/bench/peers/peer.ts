/** What is compared: a server that browsers could speak STOMP over WebSocket to, with every process that has work from it. */
import type { Rabbit } from '../../support/rabbitmq.ts'

export interface Peer {
  /** Unique; a column of the report. */
  readonly name: string
  start(rig: Rig): Promise<RunningPeer>
}

/** What the peers of one run have in common. */
export interface Rig {
  readonly rabbit: Rabbit
  readonly rabbitPid: number
  /** Where a peer may write a CPU profile; undefined = none is wanted. */
  readonly profiles: string | undefined
}

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
  /** The same of a queue. */
  readonly queues: string
  /** Process ids by role, children included: whose CPU time is the peer's. */
  readonly processes: Readonly<Record<string, number>>
}
