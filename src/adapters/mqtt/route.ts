/**
 * A route of an MQTT broker: from the variables of a destination to a target and back. The template is written in MQTT's words; values are
 * the client's, in the separator of the route.
 *
 * `separator: .` exchanges `.` and `/` in values: a dot parts levels, and a slash, which only stands in a value as `%2F`, is a dot within a
 * level. So every topic has a destination, and every destination its topic.
 */
import type { Route } from '../../broker/broker.ts'
import { FieldError } from '../../broker/errors.ts'
import { type Names, wordNames } from '../../broker/space.ts'
import { compileTemplate, type Template, type Variables } from '../../broker/template.ts'
import { integer, type Options, refuseUnknown, routeFields, text } from './fields.ts'
import type { RouteRule } from './rule.ts'
import { checkPublishable, MqttTarget, readTopic } from './topics.ts'

/** A day: timers stay below 2^31 ms. */
const LONGEST_MS = 24 * 3600 * 1000

/**
 * @param names the variables of the route's destination pattern
 * @throws FieldError
 */
export function compileRoute(options: Options, names: readonly string[]): Route<MqttTarget> {
  refuseUnknown(options, routeFields)
  const template = topicTemplate(options, names)
  const nack = readNack(options, names)
  const rule = readRule(options, nack === 'redeliver' ? 'redeliver' : 'reject')
  const separator = oneOf(options, 'separator', ['/', '.'] as const) ?? '/'
  const turn = (values: Variables): Variables => (separator === '/' ? values : exchanged(values))
  const dollar = template.source.startsWith('$')
  return {
    target(variables) {
      const values = turn(variables)
      const { topic, wildcard } = readTopic(template.render(values), dollar)
      const dead = typeof nack === 'string' ? undefined : readTopic(nack.render(values), nack.source.startsWith('$'))
      return new MqttTarget(topic, wildcard, rule, dead?.wildcard === true ? undefined : dead?.topic)
    },
    variables(target) {
      if (target.rule.group !== rule.group) return undefined
      const values = template.match(target.topic)
      return values === undefined ? undefined : turn(values)
    },
    // A group shares what every other subscriber of the topic gets too.
    space: { kind: 'topic', parts: [topics(template.source)] },
    spaceOf: ({ topic }) => ({ kind: 'topic', parts: [topics(topic)] }),
    special: '/.+*#>',
    // Of every route: one that does not allow it has to refuse it, or it would pass for a header of the user's own.
    arguments: ['retain'],
    policy: { holdMs: integer(options, 'holdMs', 0, LONGEST_MS), nack: nack === 'redeliver' ? 'requeue' : 'reject' },
    summary: summary(template.source, rule, nack),
    describe: describeTarget,
    receipt: receiptText,
  }
}

function topics(source: string): Names {
  return wordNames(source, { one: '+', many: '#' }, '/')
}

function summary(source: string, rule: RouteRule, nack: 'redeliver' | 'reject' | Template): string {
  const place = rule.group === undefined ? `topic ${source}` : `queue $share/${rule.group}/${source}`
  const qos = rule.qos === undefined ? '' : `, QoS ${rule.qos}`
  return `${place}${qos}${typeof nack === 'string' ? '' : `, rejected to topic ${nack.source}`}`
}

function describeTarget(target: MqttTarget, verb: 'send' | 'subscribe'): string {
  const { topic, filter, rule, deadLetter } = target
  if (verb === 'send') {
    checkPublishable(target)
    return `topic ${topic}, QoS ${rule.qos === 1 ? '1' : '0 or 1'}`
  }
  const place = rule.group === undefined ? `topic ${filter}` : `queue ${filter}`
  return `${place}, QoS ${rule.qos ?? 1}${deadLetter === undefined ? '' : `, rejected to topic ${deadLetter}`}`
}

function receiptText({ rule }: MqttTarget): string {
  const sent = rule.qos === 1 ? 'everything goes' : 'what has a receipt, or persistent:true, goes'
  const nobody = rule.mandatory ? 'ERROR not-found if nobody subscribes (MQTT 5)' : 'if nobody subscribes it is dropped'
  return `PUBACK, for ${sent} at QoS 1: it survives what the sessions of the MQTT broker survive; ${nobody}`
}

function topicTemplate(options: Options, names: readonly string[]): Template {
  const template = readTemplate(options, 'topic', names)
  if (template === undefined) throw new FieldError([], 'a route to an MQTT broker needs "topic"')
  const absent = names.find((name) => !template.names.includes(name))
  if (absent !== undefined)
    throw new FieldError(['topic'], `{${absent}} of the destination is missing: a delivery could not find its way back`)
  return template
}

function readTemplate(options: Options, field: string, names: readonly string[]): Template | undefined {
  const source = text(options, field)
  if (source === undefined) return undefined
  if (/[+#*]/.test(source.replace(/\{[^}]*\}/g, '')))
    throw new FieldError([field], 'must not hold a wildcard: a delivery could not find its way back')
  if (source.startsWith('/')) throw new FieldError([field], 'is a topic and no destination: it must not begin with /')
  if (source.startsWith('$share')) throw new FieldError([field], 'must not begin with $share: use group')
  return compileTemplate(source, [field], names)
}

function readNack(options: Options, names: readonly string[]): 'redeliver' | 'reject' | Template {
  const nack = options.nack ?? 'redeliver'
  if (nack === 'redeliver' || nack === 'reject') return nack
  const template = readTemplate(options, 'nack', names)!
  // `nack: requeue` is RabbitMQ's word: a topic of that name is not what its writer means.
  if (template.source === 'requeue') throw new FieldError(['nack'], 'must be redeliver, reject or a topic')
  return template
}

function readRule(options: Options, nack: 'redeliver' | 'reject'): RouteRule {
  const { qos } = options
  if (qos !== undefined && qos !== 0 && qos !== 1) throw new FieldError(['qos'], 'must be 0 or 1')
  const group = text(options, 'group')
  // MQTT 5 §4.8.2: ShareName "MUST NOT contain the characters "/", "+" or "#""
  if (group !== undefined && /[/+#]/.test(group)) throw new FieldError(['group'], 'must not hold /, + or #')
  return Object.freeze({
    qos,
    retain: boolean(options, 'retain'),
    mandatory: boolean(options, 'mandatory'),
    group,
    ack: oneOf(options, 'ack', ['deferred', 'emulate', 'refuse'] as const) ?? 'deferred',
    nack,
    ackTimeoutMs: integer(options, 'ackTimeout', 0, LONGEST_MS),
    sessionExpirySeconds: Math.ceil(integer(options, 'sessionExpiry', 1_000, 365 * LONGEST_MS) / 1000),
  })
}

function exchanged(values: Variables): Variables {
  const turned: Record<string, string> = Object.create(null)
  for (const [name, value] of Object.entries(values))
    turned[name] = value.replace(/[./]/g, (separator) => (separator === '.' ? '/' : '.'))
  return turned
}

function oneOf<const V extends string>(options: Options, name: string, values: readonly V[]): V | undefined {
  const value = options[name]
  if (value === undefined) return undefined
  const found = values.find((each) => each === value)
  if (found === undefined) throw new FieldError([name], `must be ${values.join(' or ')}`)
  return found
}

function boolean(options: Options, name: string): boolean {
  const value = options[name] ?? false
  if (typeof value === 'boolean') return value
  throw new FieldError([name], 'must be true or false')
}
