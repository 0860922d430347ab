/** A route of the configuration: destination variables into AMQP names, and back. Pure. */
import type { InnerOptions, InnerPurpose, Route } from '../../broker/broker.ts'
import { BrokerError } from '../../broker/errors.ts'
import { innerKey, innerVariables } from '../../broker/inner.ts'
import { ANYTHING, type Names, plainNames, type Space, wordNames } from '../../broker/space.ts'
import type { Variables } from '../../broker/template.ts'
import { CONSUMER_ARGUMENTS, EXCHANGE_ARGUMENTS, QUEUE_ARGUMENTS } from './arguments.ts'
import { type RouteSettings, routeSettings } from './mapping.ts'
import {
  type AmqpTarget,
  checkExchangeName,
  checkQueueName,
  checkRoutingKey,
  type Declare,
  isInner,
  namesMany,
  OWN_EXCHANGE,
  type TargetRule,
} from './targets.ts'

/** @throws FieldError */
export function compileRoute(options: Readonly<Record<string, unknown>>, names: readonly string[]): Route<AmqpTarget> {
  const settings = routeSettings(options, names)
  return {
    target: (variables) => targetOf(settings, variables),
    variables: (target) => variablesOf(settings, target),
    space: spaceOfRoute(settings),
    spaceOf,
    special: settings.kind !== 'exchange' ? '' : (settings.paths?.special ?? '.*#'),
    arguments: argumentsOf(settings),
    summary: summaryOf(settings),
    describe: describeTarget,
    receipt: receiptText,
  }
}

/** `Broker.inner`. */
export function innerRoute(purpose: InnerPurpose, { mandatory }: InnerOptions): Route<AmqpTarget> {
  const rule: TargetRule = { mandatory, persistent: 'as-sent', declare: 'never' }
  return {
    target: (variables) => ({ kind: 'exchange', exchange: OWN_EXCHANGE, key: innerKey(purpose, variables), rule }),
    variables: (target) =>
      target.kind === 'exchange' && isInner(target) ? innerVariables(purpose, target.key) : undefined,
    space: { kind: 'exchange', parts: [plainNames(OWN_EXCHANGE), ANYTHING] },
    spaceOf,
    special: '',
    arguments: [],
    summary: `exchange ${OWN_EXCHANGE}, key ${purpose === 'user' ? 'user.{name}.{path}' : purpose}`,
    describe: describeTarget,
    receipt: (target) => receiptText(target).replace('ERROR not-found', 'ERROR user-absent'),
  }
}

/** The argument headers that a target's publishes and subscriptions may carry. */
export function knownArguments(target: AmqpTarget): readonly string[] {
  if (target.kind === 'exchange') return EXCHANGE_ARGUMENTS
  return target.kind === 'queue' ? queueArguments(target.rule.declare) : []
}

function argumentsOf(settings: RouteSettings): readonly string[] {
  if (settings.kind === 'exchange') return EXCHANGE_ARGUMENTS
  return settings.kind === 'queue' ? queueArguments(settings.rule.declare) : []
}

function queueArguments(declare: Declare): readonly string[] {
  return declare === 'never' ? CONSUMER_ARGUMENTS : QUEUE_ARGUMENTS
}

function targetOf(settings: RouteSettings, variables: Variables): AmqpTarget {
  switch (settings.kind) {
    case 'exchange': {
      const exchange = checkExchangeName(settings.exchange.render(variables))
      const { paths, key, rule } = settings
      const { name, filter } = paths?.place(variables) ?? { name: key.render(variables), filter: undefined }
      return { kind: 'exchange', exchange, key: checkRoutingKey(name), filter, rule }
    }
    case 'queue': {
      const name = checkQueueName(settings.name.render(variables), settings.reply)
      return { kind: 'queue', name, reply: settings.reply, rule: settings.rule }
    }
    case 'temp':
      return { kind: 'temp', name: settings.name.render(variables) }
  }
}

function variablesOf(settings: RouteSettings, target: AmqpTarget): Variables | undefined {
  if (settings.kind === 'exchange' && target.kind === 'exchange') {
    const left = settings.exchange.match(target.exchange)
    const right = (settings.paths ?? settings.key).match(target.key)
    return left === undefined || right === undefined ? undefined : Object.assign(Object.create(null), left, right)
  }
  if (settings.kind === 'queue' && target.kind === 'queue') {
    return settings.reply === target.reply ? settings.name.match(target.name) : undefined
  }
  return settings.kind === 'temp' && target.kind === 'temp' ? settings.name.match(target.name) : undefined
}

/** AMQP's exchanges that look at no key; of others nobody but the operator knows. */
const KEYLESS = new Set(['amq.fanout', 'amq.headers', 'amq.match'])

function spaceOfRoute(settings: RouteSettings): Space {
  switch (settings.kind) {
    case 'exchange':
      return exchangeSpace(settings.exchange.source, settings.key.source)
    case 'queue':
      return { kind: 'queue', parts: [plainNames(settings.name.source)] }
    case 'temp':
      return { kind: 'temp', parts: [ANYTHING] }
  }
}

function spaceOf(target: AmqpTarget): Space {
  switch (target.kind) {
    case 'exchange':
      return exchangeSpace(target.exchange, target.key)
    case 'queue':
      return { kind: 'queue', parts: [plainNames(target.name)] }
    case 'temp':
      return { kind: 'temp', parts: [plainNames(target.name)] }
  }
}

function exchangeSpace(exchange: string, key: string): Space {
  // AMQP 0-9-1 §3.1.3.1, the default exchange: "the routing key is the queue name"
  if (exchange === '') return { kind: 'queue', parts: [plainNames(key)] }
  const keys: Names = KEYLESS.has(exchange) || key === '' ? ANYTHING : wordNames(key, { one: '*', many: '#' }, '.')
  return { kind: 'exchange', parts: [plainNames(exchange), keys] }
}

function summaryOf(settings: RouteSettings): string {
  switch (settings.kind) {
    case 'exchange':
      return `exchange ${settings.exchange.source}, key ${settings.key.source === '' ? '(empty)' : settings.key.source}`
    case 'queue': {
      const { declare } = settings.rule
      const how = settings.reply
        ? ', for answers'
        : declare === 'never'
          ? ''
          : `, declared ${declare === 'missing' ? 'if missing' : 'always'}`
      return `queue ${settings.name.source}${how}`
    }
    case 'temp':
      return `temporary queue ${settings.name.source}, for answers`
  }
}

function describeTarget(target: AmqpTarget, verb: 'send' | 'subscribe'): string {
  switch (target.kind) {
    case 'exchange': {
      const { exchange, key, filter } = target
      if (filter !== undefined && verb === 'send') throw namesMany(filter)
      const place = `exchange ${exchange === '' ? '(default)' : exchange}, key ${key === '' ? '(empty)' : key}`
      return filter?.accepts === undefined ? place : `${place}, of which what ${filter.source} matches`
    }
    case 'queue':
      return `queue ${target.name}`
    case 'temp':
      throw new BrokerError('unsupported', `a temporary queue is for reply-to only: it takes no ${verb.toUpperCase()}`)
  }
}

/** What draft.ts does with a publish that somebody waits for. */
function receiptText(target: AmqpTarget): string {
  if (target.kind === 'temp') return 'none: it is for reply-to only'
  const isQueue = target.kind === 'queue'
  const kept = isQueue && target.rule.persistent === 'with-receipt'
  const survives = kept
    ? 'persistent (unless the frame says persistent:false), so that in a durable queue it survives a kill of the bridge and a restart of RabbitMQ'
    : 'a restart of RabbitMQ is survived only in durable queues and with persistent:true in the frame'
  const nobody =
    (target.rule.mandatory ?? isQueue)
      ? 'mandatory: ERROR not-found if no queue takes it'
      : 'if no queue is bound it is dropped'
  return `publisher confirm: RabbitMQ has it; ${survives}; ${nobody}`
}
