/**
 * What a SUBSCRIBE means in AMQP: which queue, who makes it, how it is bound and consumed. Pure; every refusal that needs no broker is
 * made here.
 */
import { createHash } from 'node:crypto'
import type { Options } from 'amqplib'
import type { SubscribeOptions } from '../../broker/broker.ts'
import { BrokerError } from '../../broker/errors.ts'
import { type Arguments, readArguments } from './arguments.ts'
import { queueOptions } from './declare.ts'
import { knownArguments } from './route.ts'
import { type AmqpTarget, checkQueueName, describe, type ExchangeTarget, OWN_QUEUE_PREFIX } from './targets.ts'

export interface Plan {
  readonly target: AmqpTarget
  /** For errors. */
  readonly what: string
  /** '' = the broker makes up a name. */
  readonly queue: string
  /** How the queue is declared; undefined: never. */
  readonly declare: Options.AssertQueue | undefined
  /** Declare before consuming; else only when consuming shows that the queue is missing. */
  readonly declareFirst: boolean
  readonly bind: { readonly exchange: string; readonly key: string } | undefined
  /** What the subscriber wants of what the binding brings, by routing key; left out: all of it. */
  readonly accepts?: ((key: string) => boolean) | undefined
  /** Server-named and exclusive: it goes with its consumer, and a lost connection loses what was in it. */
  readonly isOwn: boolean
  /** It counts against the client's new queue names. */
  readonly isNamedByClient: boolean
  /** The name in this broker of a durable subscription. */
  readonly durable: string | undefined
  readonly noAck: boolean
  readonly consumer: Arguments['consumer']
}

/** @throws BrokerError `unsupported`, `bad-message`, `bad-destination`, `forbidden` */
export function planSubscription(target: AmqpTarget, options: SubscribeOptions): Plan {
  const args = readArguments(options.arguments, knownArguments(target))
  const noAck = options.settle === 'presettled'
  if (target.kind === 'temp') throw new BrokerError('unsupported', 'a temporary queue is for reply-to only')
  const plan = target.kind === 'queue' ? planQueue(target.name, target, args) : planExchange(target, options, args)
  return { ...plan, target, what: describe(target), noAck, consumer: args.consumer }
}

/** The queue for answers to one link's `reply-to` of that name. */
export function planReplies(target: AmqpTarget): Plan {
  return { ...OWN_QUEUE, bind: undefined, target, what: describe(target), noAck: true, consumer: {} }
}

type Core = Omit<Plan, 'target' | 'what' | 'noAck' | 'consumer'>

/** RabbitMQ 4 denies transient queues that are not exclusive; and nobody else may consume from it. */
const OWN_QUEUE = {
  queue: '',
  declare: { exclusive: true, autoDelete: true, durable: false },
  declareFirst: true,
  isOwn: true,
  isNamedByClient: false,
  durable: undefined,
} as const

function planQueue(name: string, { rule }: AmqpTarget & { kind: 'queue' }, args: Arguments): Core {
  refuseExclusive(args)
  const isDeclared = rule.declare !== 'never'
  return {
    queue: name,
    declare: isDeclared ? queueOptions(args) : undefined,
    declareFirst: isDeclared && (rule.declare === 'always' || args.declares),
    bind: undefined,
    isOwn: false,
    isNamedByClient: isDeclared,
    durable: undefined,
  }
}

function planExchange(target: ExchangeTarget, options: SubscribeOptions, args: Arguments): Core {
  const bind = { exchange: target.exchange, key: target.key }
  const accepts = target.filter?.accepts
  if (accepts !== undefined && args.queueName !== undefined) {
    // Whoever else consumes from that queue would miss what is left out here.
    throw new BrokerError('unsupported', 'header "x-queue-name" does not go with ? or * inside a segment')
  }
  if (options.durable !== undefined || args.queueName !== undefined) {
    refuseExclusive(args)
    const durable = options.durable === undefined ? undefined : durableQueueName(options.durable, target)
    const queue = args.queueName === undefined ? durable! : checkQueueName(args.queueName)
    return {
      queue,
      declare: {
        // "durable" here is the subscription: without it the queue goes with its last consumer. Transient and shared is denied by RabbitMQ 4.
        durable: args.durable ?? true,
        autoDelete: durable === undefined ? (args.autoDelete ?? true) : false,
        arguments: args.queue,
      },
      declareFirst: true,
      bind,
      accepts,
      isOwn: false,
      isNamedByClient: args.queueName !== undefined,
      durable: durable === undefined ? undefined : queue,
    }
  }
  if (args.durable === true)
    throw new BrokerError('unsupported', 'a durable subscription needs a name that it is resumed by')
  // `exclusive` is what it is anyway, and `auto-delete` says when: the queue goes with its subscription.
  return { ...OWN_QUEUE, declare: { ...OWN_QUEUE.declare, arguments: args.queue }, bind, accepts }
}

/** Exclusivity is per AMQP connection, and connections are pooled: it would keep nobody out. */
function refuseExclusive(args: Arguments): void {
  if (args.exclusive === true)
    throw new BrokerError('unsupported', 'header "exclusive" is not supported for a named queue')
}

function durableQueueName(name: string, { exchange, key, filter }: ExchangeTarget): string {
  const pattern = filter === undefined ? [] : [filter.source]
  const hash = createHash('sha256')
    .update(JSON.stringify([name, exchange, key, ...pattern]))
    .digest('hex')
  return `${OWN_QUEUE_PREFIX}sub.${hash.slice(0, 32)}`
}
