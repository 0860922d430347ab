/**
 * What an adapter brings to the contract suite: places in its broker to publish to, and ways to break its connections. Optional members
 * are capabilities: a case that needs a missing one fails, so the adapter must name it under `exceptions` and say why.
 */
import type { Broker, Principal, Route } from '../../src/broker/broker.ts'

/** One target, with the route that made it. */
export interface Spot {
  readonly route: Route
  readonly target: unknown
}

/** The world of one test. Every spot it gives is new, so that tests cannot meet. */
export interface Stage extends AsyncDisposable {
  /** An adapter of this test's own, started and up, with a service account. Whatever it leaves in the broker goes with the stage. */
  readonly broker: Broker
  /** A compete target that exists and is empty; what it holds survives a lost connection. */
  queue(): Promise<Spot>
  /** A copy target to which nobody is subscribed. */
  topic(): Promise<Spot>
  /** A copy target that names many; two concrete ones of the same route within it, one without. */
  wildcard(): Promise<{ readonly pattern: Spot; readonly inside: readonly [Spot, Spot]; readonly outside: Spot }>
  /** A compete target whose rejected messages go to another one. */
  deadLetter(): Promise<{ readonly queue: Spot; readonly dead: Spot }>
  /** A compete target that does not exist, of a route that does not make it. */
  nowhere?(): Promise<Spot>
  /** A target that `broker`'s identity may not publish to, by the broker's own permissions. */
  forbidden?(): Promise<Spot>
  /** A principal whom the broker refuses, and an adapter that passes his credentials on. The stage disposes the adapter. */
  refused?(): Promise<{ readonly broker: Broker; readonly principal: Principal }>
  /**
   * One line for each thing that the adapter holds for links and subscriptions that are gone: queues it declared for topics, consumers,
   * channels, kept messages, timers. Shared connections are no leftovers.
   */
  leftovers?(): Promise<readonly string[]>
  readonly faults?: Faults
  /** A message that was sent twice looks like two: there are no headers to mark it (MQTT 3.1.1). */
  readonly isUnmarked?: boolean
  /** The broker may mark as redelivered what nobody has seen: it gave it to a connection that was already leaving. */
  readonly overmarks?: boolean
}

/** Ways to hurt. A TCP proxy between adapter and broker does all of them; killing the real process is faults/ affair. */
export interface Faults {
  /** Breaks all connections of the adapter at once, without a goodbye. The broker goes on, and new connections succeed. */
  sever(): Promise<void>
  /** From now on nothing that the broker says (confirms above all) reaches the adapter on the connections it has; ends with them. */
  mute(): Promise<void>
  /** As `sever`, and new connections fail until `up`. */
  down(): Promise<void>
  up(): Promise<void>
}

export interface BrokerHarness<Case extends string = string> {
  /** Cases that this adapter cannot pass, each with its reason. They are run all the same, and must fail: a stale exception is a failure. */
  readonly exceptions?: Partial<Record<Case, string>>
  /** Before the first case, e.g. a private broker process. At most 120 s. */
  begin?(): Promise<void>
  /** After the last one. */
  end?(): Promise<void>
  stage(): Promise<Stage>
}
