/** A publish as AMQP will see it: checked, mapped, with the rules of its route. Pure. */
import type { PublishOptions } from '../../broker/broker.ts'
import { BrokerError } from '../../broker/errors.ts'
import type { Message } from '../../broker/message.ts'
import { type Arguments, readArguments } from './arguments.ts'
import { queueKey } from './declare.ts'
import { hasHeader, type Outbound, setHeader, toAmqp } from './properties.ts'
import { knownArguments } from './route.ts'
import { type AmqpTarget, type Declare, type ExchangeTarget, namesMany, type QueueTarget } from './targets.ts'

/** A reply queue whose name at the broker changes with every recovery. */
export interface ReplyQueue {
  /** Undefined while it is not declared. */
  readonly queueName: string | undefined
  /** Resolves when it is; rejects with the BrokerError that says it never will be. */
  attached(): Promise<void>
}

/** A queue that has to be there before something is published to it. */
export interface NeededQueue {
  /** Of the declarer's answer. */
  readonly key: string
  readonly name: string
  readonly declare: Declare
  readonly args: Arguments
}

export interface Draft {
  readonly exchange: string
  readonly key: string
  readonly body: Buffer
  readonly options: Outbound
  /** Unique; goes along as `bridge-id` when somebody waits for the confirm, or a return must find its way back. */
  readonly id: string | undefined
  readonly replyQueue: ReplyQueue | undefined
  readonly queue: NeededQueue | undefined
  readonly holdMs: number
  readonly resend: boolean
}

export interface DraftContext {
  /** Who the broker knows this connection as. */
  readonly login: string
  /** Bytes of all headers. */
  readonly headersMost: number
  readonly nextId: () => string
  /** The link's reply queue of that name, made if there is none. Throws BrokerError `limit`. */
  readonly replyQueue: (name: string) => ReplyQueue
}

/** @throws BrokerError `bad-message`, `unsupported`, `limit` */
export function draft(target: AmqpTarget, message: Message, options: PublishOptions, context: DraftContext): Draft {
  if (target.kind === 'temp') throw new BrokerError('unsupported', 'a temporary queue is for reply-to only')
  if (target.kind === 'exchange' && target.filter !== undefined) throw namesMany(target.filter)
  const isQueue = target.kind === 'queue'
  const out = toAmqp(message, context.login, context.headersMost)
  const mandatory = target.rule.mandatory ?? (isQueue && options.receipt)
  const persistent = isPersistent(target, message, options.receipt)
  if (mandatory) out.mandatory = true
  if (persistent !== undefined) out.persistent = persistent
  const queue = isQueue ? neededQueue(target, options.arguments) : undefined
  if (!isQueue && options.arguments !== undefined) passOn(options.arguments, out.headers)
  const replyQueue = setReplyTo(out, message.properties.replyTo as AmqpTarget | undefined, context)
  const id = options.receipt || mandatory ? context.nextId() : undefined
  if (id !== undefined) setHeader(out.headers, 'bridge-id', id)
  return {
    exchange: isQueue ? '' : target.exchange,
    key: isQueue ? target.name : target.key,
    body: message.body,
    options: out,
    id,
    replyQueue,
    queue,
    holdMs: options.holdMs,
    resend: options.resend,
  }
}

/**
 * "A SEND with `receipt` to a compete target is published persistent unless the frame says `persistent:false` or the route says
 * `persistent: as-sent`."
 */
function isPersistent(target: ExchangeTarget | QueueTarget, message: Message, receipt: boolean): boolean | undefined {
  const asSent = message.properties.persistent
  if (asSent !== undefined) return asSent
  return receipt && target.kind === 'queue' && target.rule.persistent === 'with-receipt' ? true : undefined
}

function neededQueue(target: QueueTarget, texts: PublishOptions['arguments']): NeededQueue | undefined {
  const { declare } = target.rule
  if (declare === 'never' && texts === undefined) return undefined
  const args = readArguments(texts, knownArguments(target))
  if (args.exclusive === true)
    throw new BrokerError('unsupported', 'header "exclusive" is not supported for a named queue')
  return declare === 'never' ? undefined : { key: queueKey(target.name, args), name: target.name, declare, args }
}

/** Nothing is declared for a publish to an exchange: what would be an argument elsewhere is a header of the message. */
function passOn(texts: Readonly<Record<string, string>>, headers: string[]): void {
  for (const [name, value] of Object.entries(texts)) if (!hasHeader(headers, name)) headers.push(name, value)
}

function setReplyTo(out: Outbound, replyTo: AmqpTarget | undefined, context: DraftContext): ReplyQueue | undefined {
  if (replyTo === undefined) return undefined
  if (replyTo.kind === 'temp') return context.replyQueue(replyTo.name)
  if (replyTo.kind === 'exchange')
    throw new BrokerError('unsupported', 'reply-to must be a queue: AMQP has no other address')
  // rabbitmq.com/direct-reply-to.html: without a consumer on this very channel it is a channel error.
  if (replyTo.name === 'amq.rabbitmq.reply-to')
    throw new BrokerError('bad-message', 'reply-to: direct reply-to is not supported')
  out.replyTo = replyTo.name
  return undefined
}
