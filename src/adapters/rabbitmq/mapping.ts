/** What a route maps to: its own options into templates and the rule that its targets carry. Throws FieldError and nothing else. */
import { type AntTemplate, antTemplate } from '../../broker/ant.ts'
import { FieldError } from '../../broker/errors.ts'
import { compileTemplate, type Template } from '../../broker/template.ts'
import { routeFields } from './fields.ts'
import { boolean, type Options, oneOf, refuseUnknown } from './options.ts'
import { checkExchangeName, checkQueueName, checkRoutingKey, type Declare, type TargetRule } from './targets.ts'

/** What a route maps to: templates, and the rule that its targets carry. */
export type RouteSettings =
  | {
      readonly kind: 'exchange'
      readonly exchange: Template
      readonly key: Template
      /** The key's variable is a path, as Spring reads it. */
      readonly paths: AntTemplate | undefined
      readonly rule: TargetRule
    }
  | { readonly kind: 'queue'; readonly name: Template; readonly reply: boolean; readonly rule: TargetRule }
  | { readonly kind: 'temp'; readonly name: Template }

/** Which fields go with which kind. */
const COMPANIONS = {
  exchange: ['exchange', 'routingKey', 'ant', 'mandatory', 'persistent'],
  queue: ['queue', 'declare', 'reply', 'mandatory', 'persistent'],
  temp: ['temp'],
} as const

/** @throws FieldError */
export function routeSettings(options: Options, names: readonly string[]): RouteSettings {
  refuseUnknown(
    options,
    routeFields.map((field) => field.name),
  )
  const kinds = (['exchange', 'queue', 'temp'] as const).filter((kind) => options[kind] !== undefined)
  const kind = kinds[0]
  if (kind === undefined || kinds.length > 1)
    throw new FieldError([kinds[1] ?? 'exchange'], 'a route has either exchange, queue or temp')
  const stray = Object.keys(options).find((name) => !(COMPANIONS[kind] as readonly string[]).includes(name))
  if (stray !== undefined) throw new FieldError([stray], `does not go with ${kind}`)
  const settings = settingsOf(kind, options, names)
  requireAll(settings, kind, names)
  return settings
}

function settingsOf(kind: keyof typeof COMPANIONS, options: Options, names: readonly string[]): RouteSettings {
  const rule: TargetRule = {
    mandatory: boolean(options, 'mandatory'),
    persistent: oneOf(options, 'persistent', ['with-receipt', 'as-sent'] as const) ?? 'with-receipt',
    declare: oneOf(options, 'declare', ['never', 'missing', 'always'] as const) ?? ('never' satisfies Declare),
  }
  if (kind === 'exchange') {
    const exchange = template(options, 'exchange', names, checkExchangeName)
    if (exchange.source === '')
      throw new FieldError(['exchange'], 'must have a name; for the default exchange use queue')
    const key = template({ routingKey: '', ...options }, 'routingKey', names, checkRoutingKey)
    const twice = exchange.names.find((name) => key.names.includes(name))
    if (twice !== undefined) throw new FieldError(['routingKey'], `{${twice}} stands in exchange already`)
    const ant = oneOf(options, 'ant', ['/', '.'] as const)
    return { kind, exchange, key, paths: ant && antTemplate(key, ant, ['routingKey']), rule }
  }
  if (kind === 'temp') return { kind, name: template(options, 'temp', names, (name) => name) }
  const reply = boolean(options, 'reply') ?? false
  if (reply && rule.declare !== 'never') throw new FieldError(['declare'], 'must be never, since reply is true')
  const name = template(options, 'queue', names, (text) => checkQueueName(text, reply))
  return { kind, name, reply, rule: reply ? { ...rule, mandatory: rule.mandatory ?? false } : rule }
}

/** "Every template must be invertible": what is left out of it could not be put back. */
function requireAll(settings: RouteSettings, kind: string, names: readonly string[]): void {
  const used = settings.kind === 'exchange' ? [...settings.exchange.names, ...settings.key.names] : settings.name.names
  const missing = names.find((name) => !used.includes(name))
  if (missing === undefined) return
  const field = kind === 'exchange' ? 'routingKey' : kind
  throw new FieldError([field], `{${missing}} of the destination is not used: a delivery could not find its way back`)
}

function template(
  options: Options,
  field: string,
  names: readonly string[],
  check: (text: string) => string,
): Template {
  const source = options[field]
  if (typeof source !== 'string') throw new FieldError([field], 'must be a text')
  const compiled = compileTemplate(source, [field], names)
  if (compiled.names.length > 0) return compiled
  try {
    check(source)
  } catch (error) {
    throw new FieldError([field], (error as Error).message)
  }
  return compiled
}
