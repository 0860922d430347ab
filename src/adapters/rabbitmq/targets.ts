/**
 * Where an AMQP 0-9-1 message can go to and come from, and which names nobody may use. A target carries the few rules of its route
 * that a publish needs, since the port hands over a target and nothing else.
 *
 * Knows nothing of connections.
 */
import type { AntFilter } from '../../broker/ant.ts'
import type { Traits } from '../../broker/broker.ts'
import { BrokerError } from '../../broker/errors.ts'

/** never: the queue exists or it is an error · missing: passive check, declared only after 404 · always: a real declare each time. */
export type Declare = 'never' | 'missing' | 'always'

/** What a route says about publishing; shared by all targets it makes. */
export interface TargetRule {
  /** true, false, or undefined: on a queue, when somebody waits for the confirm. */
  readonly mandatory: boolean | undefined
  /** with-receipt: a publish to a queue that somebody waits for is persistent unless the message says otherwise · as-sent: as the message says. */
  readonly persistent: 'with-receipt' | 'as-sent'
  readonly declare: Declare
}

export interface ExchangeTarget {
  readonly kind: 'exchange'
  readonly exchange: string
  /** Routing key of a publish, binding key of a subscription. */
  readonly key: string
  /** Of an Ant pattern: what it wants of what the binding key brings. */
  readonly filter?: AntFilter | undefined
  readonly rule: TargetRule
}

export interface QueueTarget {
  readonly kind: 'queue'
  readonly name: string
  /** It came as somebody's `reply_to`: never declared, never mandatory, and server-made names are allowed. */
  readonly reply: boolean
  readonly rule: TargetRule
}

/** A queue of one link for answers, named by the client; only ever a `replyTo`. */
export interface TempTarget {
  readonly kind: 'temp'
  readonly name: string
}

export type AmqpTarget = ExchangeTarget | QueueTarget | TempTarget

/** The bridge's own exchange (user destinations, events): no route may target it. */
export const OWN_EXCHANGE = 'stomp-bridge'
/** Names of the queues that the bridge makes for durable subscriptions. */
export const OWN_QUEUE_PREFIX = 'stomp-bridge.'

/** AMQP 0-9-1 §4.2.5.3: "Short strings […] can carry up to 255 octets". */
export const SHORT_STRING_BYTES = 255

/** What is answered to is never declared, and a requester that is gone is no fault of the answerer. */
const REPLY_RULE: TargetRule = { mandatory: false, persistent: 'as-sent', declare: 'never' }

/** @throws BrokerError `bad-destination` */
export function checkExchangeName(name: string): string {
  checkLineless(name)
  if (name.startsWith('amq.rabbitmq.') || name === OWN_EXCHANGE) throw reserved(name)
  return checkLength(name, 'exchange')
}

/** @throws BrokerError `bad-destination` */
export function checkQueueName(name: string, reply = false): string {
  if (name === '') throw new BrokerError('bad-destination', 'the name of a queue is empty')
  checkLineless(name)
  if (name.startsWith(OWN_QUEUE_PREFIX)) throw reserved(name)
  if (!reply && (name.startsWith('amq.rabbitmq.') || name.startsWith('amq.gen-'))) throw reserved(name)
  return checkLength(name, 'queue')
}

/** @throws BrokerError `bad-destination` */
export function checkRoutingKey(key: string): string {
  return checkLength(key, 'routing key')
}

/** What an AMQP `reply_to` means. */
export function fromReplyTo(name: string): QueueTarget {
  return { kind: 'queue', name, reply: true, rule: REPLY_RULE }
}

/** In the bridge's own exchange: for all of them one queue is enough. */
export function isInner(target: AmqpTarget): boolean {
  return target.kind === 'exchange' && target.exchange === OWN_EXCHANGE
}

/** For errors that clients read. */
export function describe(target: AmqpTarget): string {
  if (target.kind === 'exchange') return `exchange "${target.exchange}"`
  return target.kind === 'queue' ? `queue "${target.name}"` : `temporary queue "${target.name}"`
}

/** What a SEND to an Ant pattern is refused with. */
export function namesMany({ source }: AntFilter): BrokerError {
  return new BrokerError('bad-destination', `"${source}" names many topics: it can be subscribed to, not sent to`)
}

/** `Broker.isSame`. */
export function isSame(one: AmqpTarget, other: AmqpTarget): boolean {
  if (one.kind === 'exchange') {
    return other.kind === 'exchange' && bindingOf(one) === bindingOf(other)
  }
  return other.kind === one.kind && other.name === one.name
}

/** Equal for subscriptions to an exchange that get the same. */
export function bindingOf({ exchange, key, filter }: ExchangeTarget): string {
  return JSON.stringify([exchange, key, filter?.source])
}

/** Where a message was published that came to a subscription to `target`. */
export function deliveredTo(target: AmqpTarget, exchange: string, key: string): AmqpTarget {
  if (target.kind !== 'exchange' || (key === target.key && exchange === target.exchange)) return target
  return { kind: 'exchange', exchange, key, rule: target.rule }
}

export function traitsOf(target: AmqpTarget): Traits {
  switch (target.kind) {
    case 'exchange':
      return {
        confirms: true,
        settles: !isInner(target),
        stores: false,
        distribution: 'copy',
        wildcard: isWildcard(target.key),
      }
    case 'queue':
      return { confirms: true, settles: true, stores: true, distribution: 'compete', wildcard: false }
    case 'temp':
      return { confirms: true, settles: false, stores: false, distribution: 'once', wildcard: false }
  }
}

/** AMQP 0-9-1 §3.1.3.3: `*` matches one word, `#` any number. An empty key: a fanout or headers exchange passes any. */
function isWildcard(key: string): boolean {
  return key === '' || /(?:^|\.)[*#](?:\.|$)/.test(key)
}

/** RabbitMQ drops CR and LF from names: "amq.\nrabbitmq.trace" would be a way around every rule about names. */
function checkLineless(name: string): void {
  if (/[\r\n]/.test(name)) throw new BrokerError('bad-destination', 'a name has no line ends')
}

function reserved(name: string): BrokerError {
  return new BrokerError('bad-destination', `"${name.slice(0, 80)}" is a reserved name`)
}

function checkLength(name: string, what: string): string {
  if (Buffer.byteLength(name) > SHORT_STRING_BYTES) {
    throw new BrokerError('bad-destination', `a ${what} has at most ${SHORT_STRING_BYTES} bytes`)
  }
  return name
}
