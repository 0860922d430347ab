/** A route of the configuration: destination variables into AMQP names, and back. Pure. */
import type { Route } from '../../broker/broker.ts'
import { ANYTHING, type Names, plainNames, type Space, wordNames } from '../../broker/space.ts'
import type { Variables } from '../../broker/template.ts'
import { CONSUMER_ARGUMENTS, EXCHANGE_ARGUMENTS, QUEUE_ARGUMENTS } from './arguments.ts'
import { type RouteSettings, routeSettings } from './fields.ts'
import { type AmqpTarget, checkExchangeName, checkQueueName, checkRoutingKey, type Declare } from './targets.ts'

/** @throws FieldError */
export function compileRoute(options: Readonly<Record<string, unknown>>, names: readonly string[]): Route<AmqpTarget> {
  const settings = routeSettings(options, names)
  return {
    target: (variables) => targetOf(settings, variables),
    variables: (target) => variablesOf(settings, target),
    space: spaceOfRoute(settings),
    spaceOf,
    special: settings.kind === 'exchange' ? '.*#' : '',
    arguments: argumentsOf(settings),
    summary: summaryOf(settings),
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
      return { kind: 'exchange', exchange, key: checkRoutingKey(settings.key.render(variables)), rule: settings.rule }
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
    const right = settings.key.match(target.key)
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
