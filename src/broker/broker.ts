/**
 * THE PORT: all that a session may ask of a broker. An adapter implements these types and knows nothing of STOMP: not its frames, ack
 * modes or receipts. A session uses them and knows nothing of AMQP or MQTT. `T`, the target, is opaque to the session.
 *
 *   Broker          one per `brokers.<name>`; lives as long as the configuration that names it
 *   └ Link          one per client session that uses the broker; links of one identity share one upstream session below the port
 *     └ Subscription   one per SUBSCRIBE; owns its unsettled deliveries
 *
 *  1. Order.    publish() calls on one link reach one target in call order.
 *  2. Credit.   Never more than `credit` unsettled deliveries on one subscription, nor more than `creditBytes` of bodies but for one message.
 *  3. Once.     A delivery is settled at most once; settling it again, or after its connection was lost, does nothing (and says so).
 *  4. Return.   What is unsettled when a subscription is disposed, or a link closes, goes back to the broker.
 *  5. Recovery. A lost connection is the adapter's affair: it reconnects and re-subscribes by itself, and tells `Sink.lost` and
 *               `Sink.resumed`. Only what cannot be recovered reaches `Sink.end`.
 *  6. Errors.   Every rejected promise and every `Sink.end` carries a BrokerError. Nothing here throws synchronously but `Route.target`.
 */
import type { BrokerError } from './errors.ts'
import type { Message } from './message.ts'
import type { Space } from './space.ts'
import type { Variables } from './template.ts'

/** Who a link acts for. */
export interface Principal {
  /** The user's name; undefined = anonymous. */
  readonly name: string | undefined
  /** The STOMP session's id, unique in this bridge. */
  readonly session: string
  /** What the client wrote into CONNECT; only a broker with `credentials: 'client'` may look at it, and may keep it nowhere but in the connection. */
  readonly credentials: Credentials | undefined
}

export interface Credentials {
  readonly login: string
  readonly passcode: string
  /** STOMP `host`: the virtual host. */
  readonly host: string | undefined
}

/** A broker as monitoring knows it. */
export interface Peer {
  /** The product or protocol, in the words of OpenTelemetry's `messaging.system` where it has one: `rabbitmq`, `mqtt`. */
  readonly system: string
  /** A host name or an IP address; undefined: it lives in this process. */
  readonly address: string | undefined
  readonly port: number | undefined
}

export interface Health {
  readonly state: 'up' | 'connecting' | 'down' | 'blocked'
  /** Milliseconds since 1970 of the last change. */
  readonly since: number
  /** One line for the operator; undefined while up. */
  readonly reason: string | undefined
}

/** What a target can promise. Equal for all deliveries of a subscription. */
export interface Traits {
  /** publish() resolves when the broker has taken the message over, not when it was sent. */
  readonly confirms: boolean
  /** Deliveries can be settled one by one, and released. */
  readonly settles: boolean
  /**
   * Without `settles`: deliveries can be acknowledged in any order, but the broker hears of them in the order in which they came, and takes none
   * back; `released` gives a message to the same subscription again (MQTT's PUBACK). Left out: no.
   */
  readonly defers?: boolean
  /** Of a copy target: the broker has a word for its address, so that it may stand in `replyTo`. Left out: no. */
  readonly answers?: boolean
  /** What nobody consumes is kept. */
  readonly stores: boolean
  /** copy: every subscription gets every message · compete: each message goes to one of them · once: a single answer. */
  readonly distribution: 'copy' | 'compete' | 'once'
  /** The target names many: a delivery's own target differs from the subscription's. */
  readonly wildcard: boolean
}

export interface Broker<T = unknown> extends AsyncDisposable {
  /** The key under `brokers:`. */
  readonly name: string
  /** service: one account for all clients · client: each client's login, passcode and host are passed on. */
  readonly credentials: 'service' | 'client'
  /** Whom it dials; left out: nobody that monitoring should know of. */
  readonly peer?: Peer
  /** A look, no I/O. */
  readonly health: Health
  /** With `credentials: 'client'`: identities that have connections now, or are being dialled. A look, no I/O; left out or 0: there is one account. */
  readonly users?: number
  /** Publishes that wait for the broker: it is away, asks for patience, or has enough under way. A look, no I/O; left out: it holds none. */
  readonly held?: number
  /** Opens what it needs. Resolves when up, or when the first attempt has failed (it goes on trying by itself); never rejects for a broker that is down. */
  start(signal: AbortSignal): Promise<void>
  /**
   * Checks a route's own fields, at load. `names` are the variables of its destination pattern; each must stand exactly once in the templates.
   * Throws FieldError (path below the route), to which config/ adds the position.
   */
  route(options: Readonly<Record<string, unknown>>, names: readonly string[]): Route<T>
  /** Keys of a route that are the bridge's (`nack`, `holdMs`) but that this kind of broker reads its own way: it finds them in `options`. */
  readonly policyKeys?: readonly string[]
  /**
   * A route inside the bridge's own namespace, which no route of a configuration can name. Its names have no wildcards: every value means itself.
   * Left out: this kind of broker has none, or not with `credentials: 'client'`.
   *
   *   user      variables `name` and `path` (segments parted by `/`): what one user's sessions subscribe to, on all bridges of this broker
   *   sessions  no variables: what happens to the sessions of all bridges of this broker
   */
  inner?(purpose: InnerPurpose, options: InnerOptions): Route<T>
  /** For presets that fit several kinds of brokers. Left out: none of them fits this one. */
  readonly forms?: Forms
  traits(target: T): Traits
  /**
   * Whether a subscription to one gets what a subscription to the other would. What else targets say (how to publish to them, what becomes of
   * what is rejected) does not count.
   */
  isSame(one: T, other: T): boolean
  /**
   * A client session begins to use this broker. With `credentials: 'client'` it rejects with `login-refused` or `broker-unavailable`, or
   * with `limit` when too many identities are connected; with a service account it resolves even while the broker is down. `replies` receives what
   * no SUBSCRIBE asked for: answers to temp-queues; and `end` when the broker has come to refuse this link's identity, after its subscriptions.
   */
  link(who: Principal, replies: Sink<T>, signal: AbortSignal): Promise<Link<T>>
}

/** How this kind of broker writes two things that a preset may want, as options of a route. */
export interface Forms {
  /** Topics: every subscriber gets a copy. @param name a template of words between dots */
  copy(name: string): Readonly<Record<string, unknown>>
  /** Queues: each message goes to one subscriber, and waits for one. @param name a template */
  compete(name: string): Readonly<Record<string, unknown>>
}

export type InnerPurpose = 'user' | 'sessions'

export interface InnerOptions {
  /** A publish that nobody is subscribed to is rejected with `not-found`. */
  readonly mandatory: boolean
}

/** One route of the configuration, as its adapter understands it. Results of `target` are cached per destination string. */
export interface Route<T = unknown> {
  /** Throws BrokerError `bad-destination`. Values are decoded (`%2F` is `/`). */
  target(variables: Variables): T
  /** The way back: undefined when this route could not have made that target. */
  variables(target: T): Variables | undefined
  /** Every name that this route can mean, and those that one of its targets means: permissions are compared by them (PROMISES §5). */
  readonly space: Space
  spaceOf(target: T): Space
  /** Characters that part or replace words in this route's names: a value that has one is no plain name, whoever is called so. */
  readonly special: string
  /** Header names of SUBSCRIBE and SEND that this route's adapter reads as arguments (`x-message-ttl`, `durable`); lower case. */
  readonly arguments: readonly string[]
  /** One line for the start-up page: `exchange amq.topic, key {key}`. */
  readonly summary: string
  /**
   * The same for one target: where exactly a SEND goes, or what a SUBSCRIBE asks the broker for. Operators compare this text in tests of their
   * configuration. Throws BrokerError where the verb can never work: a SEND to a wildcard.
   */
  describe(target: T, verb: 'send' | 'subscribe'): string
  /** One line for the operator: what the confirm of a SEND with a receipt says, what the message then survives, what becomes of it if nobody takes it. */
  receipt(target: T): string
  /** What the broker's `policyKeys` come to, in the bridge's own words. */
  readonly policy?: {
    readonly holdMs?: number
    readonly nack?: 'requeue' | 'reject'
    readonly identity?: 'backend' | 'public' | 'off'
  }
}

export interface Link<T = unknown> extends AsyncDisposable {
  /**
   * Who this link is towards the broker: equal strings mean equal rights and a shared upstream session. Part of every share key, never printed.
   */
  readonly identity: string
  /**
   * The call fixes the order; the promise is the confirm and the credit: pending while the broker pushes back or is away, at most
   * `options.holdMs` of being away, then rejected with `broker-unavailable`, after which the message is never published.
   */
  publish(target: T, message: Message, options: PublishOptions): Promise<void>
  subscribe(target: T, options: SubscribeOptions, sink: Sink<T>): Subscription<T>
  /** Equal keys receive equal messages; undefined: never share. The identity towards the broker is part of it. */
  shareKey(target: T, options: SubscribeOptions): string | undefined
  /**
   * What the target keeps for every new subscriber (MQTT's retained messages), for one that gets its deliveries from a shared subscription: that
   * brings none of it, for they would reach everybody, or nobody. To be called when live deliveries reach the subscriber: what he has heard
   * live meanwhile is left out. `deliver` may be called until the promise resolves; it never rejects. Left out: nothing is kept.
   */
  kept?(target: T, deliver: (delivery: Delivery<T>) => void): Promise<void>
  /** Another link of the same identity, whose life does not depend on this one: what the fan-out subscribes with. Needs no credentials. */
  fork(): Link<T>
}

export interface PublishOptions {
  /** Somebody waits for the confirm: the message is made to survive what the target can survive. */
  readonly receipt: boolean
  /** Milliseconds to hold the message while the broker is away. */
  readonly holdMs: number
  /** After a lost connection publish again what was not confirmed (true), or reject it with `outcome-unknown`. */
  readonly resend: boolean
  /** Allowed argument headers of the frame (see Route.arguments); null prototype; undefined when there are none. */
  readonly arguments: Readonly<Record<string, string>> | undefined
}

export interface SubscribeOptions {
  /** Messages, 1 … 65,535, or Infinity = unlimited. */
  readonly credit: number
  /** Bytes of unsettled bodies; Infinity = unlimited. */
  readonly creditBytes: number
  /** each: settle() will be called for every delivery · presettled: nobody will settle (AMQP noAck, QoS 0), and credit does not count. */
  readonly settle: 'each' | 'presettled'
  /** The name it is resumed by, unique for (user, client, subscription); undefined = not durable. */
  readonly durable: string | undefined
  /** Allowed argument headers of the frame (see Route.arguments); null prototype. */
  readonly arguments: Readonly<Record<string, string>>
}

/** Where deliveries go. All calls are synchronous and never throw. */
export interface Sink<T = unknown> {
  deliver(delivery: Delivery<T>): void
  /** The connection is gone; what was unsettled is stale (the broker gives it again). The adapter is re-subscribing. */
  lost(): void
  /** Deliveries go on. `gap`: messages may have been lost meanwhile. */
  resumed(gap: boolean): void
  /** No more deliveries, for a reason that waiting cannot mend. What was unsettled is stale. Called at most once. */
  end(reason: BrokerError): void
}

/** Plain data: no closures on the hot path. */
export interface Delivery<T = unknown> {
  readonly message: Message
  /** Concrete: a wildcard subscription needs it. */
  readonly target: T
  readonly redelivered: boolean
  /** 1, 2, 3 … within the subscription, going on across recoveries: ledgers are rings, not Maps. */
  readonly tag: number
}

/** AMQP 1.0's words: done · give it to somebody again · dead-letter or drop. */
export type Outcome = 'accepted' | 'released' | 'rejected'

export interface Subscription<T = unknown> extends AsyncDisposable {
  /** The broker has agreed. Deliveries may come before it: the session holds them until its RECEIPT is written. Rejected: there is no subscription. */
  readonly live: Promise<void>
  /** After `live`: the concrete target, e.g. a server-named queue. */
  readonly address: T
  /** `tags` ascending. Resolves, when the settlement is handed to an open connection, to those that were stale or unknown. Never rejects. */
  settle(tags: readonly number[], outcome: Outcome): Promise<readonly number[]>
  /** With `defers`: this tag is settled, but the broker will not hear of it before an older one is: until then a lost connection gives it again. */
  isDeferred?(tag: number): boolean
  /** No deliver() after it resolves; what is unsettled stays ours and settle() still works. `forget`: a durable subscription ends for good. */
  stop(forget?: boolean): Promise<void>
}
