/**
 * The options of a RabbitMQ broker and of its routes: wide and unknown outside, narrow and frozen inside. Durations arrive in milliseconds.
 * Throws FieldError and nothing else.
 */
import { FieldError } from '../../broker/errors.ts'
import type { Field } from '../../broker/schema.ts'
import { compileTemplate, type Template } from '../../broker/template.ts'
import { checkExchangeName, checkQueueName, checkRoutingKey, type Declare, type TargetRule } from './targets.ts'
import { type TlsSettings, tlsFields, tlsSettings } from './tls.ts'

export const brokerFields: readonly Field[] = [
  {
    name: 'url',
    default: 'amqp://guest:guest@localhost:5672',
    description: 'amqp:// or amqps://; the path is the virtual host; without user and password clients bring their own',
  },
  {
    name: 'credentials',
    default: undefined,
    description:
      'service: the account in the url, for all clients · client: their login, passcode and host; default: what the url has',
  },
  ...tlsFields,
  {
    name: 'heartbeat',
    default: 10_000,
    unit: 'ms',
    description: 'AMQP heartbeat, whole seconds; a frozen connection is noticed after two to three of them',
  },
  { name: 'connectTimeout', default: 10_000, unit: 'ms', description: 'how long connecting and logging in may take' },
  {
    name: 'confirmTimeout',
    default: 60_000,
    unit: 'ms',
    description: 'how long a broker that is there may take to confirm a message, before its outcome counts as unknown',
  },
  {
    name: 'reconnectMin',
    default: 200,
    unit: 'ms',
    description: 'first pause before connecting again; doubles, with jitter',
  },
  { name: 'reconnectMax', default: 5_000, unit: 'ms', description: 'longest pause before connecting again' },
  {
    name: 'connections',
    default: 32,
    description: 'connections that one account may use for consuming: one more is opened when channel_max is reached',
  },
  {
    name: 'maxUsers',
    default: 1_000,
    description: 'with credentials: client: most identities that are connected at a time, by two connections each',
  },
  {
    name: 'recheck',
    default: 300_000,
    unit: 'ms',
    description:
      'with credentials: client: how often the login of a user who is in is tried again; refused, his sessions end; 0 = never',
  },
  {
    name: 'queueNamesPerMinute',
    default: 20,
    description: 'queues that one client may cause to be declared per minute',
  },
]

export const routeFields: readonly Field[] = [
  { name: 'exchange', default: undefined, description: 'exchange to publish to and to bind to, a template' },
  { name: 'routingKey', default: '', description: 'with exchange: routing or binding key, a template' },
  { name: 'queue', default: undefined, description: 'queue to publish to and to consume, a template' },
  {
    name: 'declare',
    default: 'never',
    description: 'with queue: never · missing (durable, if it is not there) · always',
  },
  {
    name: 'reply',
    default: false,
    description: 'with queue: names that came as reply-to; never declared, never mandatory',
  },
  {
    name: 'temp',
    default: undefined,
    description: 'temporary queue for answers, named by the client; only as reply-to',
  },
  {
    name: 'mandatory',
    default: undefined,
    description: 'an unroutable message is an error; default: on a queue, when a receipt was asked for',
  },
  {
    name: 'persistent',
    default: 'with-receipt',
    description: 'with-receipt: what has a receipt and goes to a queue survives a broker restart · as-sent',
  },
]

export interface Endpoint {
  readonly protocol: 'amqp' | 'amqps'
  readonly hostname: string
  readonly port: number
}

/** An identity towards RabbitMQ. The only object that holds a password; it lives in closures that dial, nowhere else. */
export interface Account {
  readonly login: string
  readonly passcode: string
  readonly vhost: string
}

export interface BrokerSettings {
  readonly endpoint: Endpoint
  /** Empty with amqp://. */
  readonly tls: TlsSettings
  readonly credentials: 'service' | 'client'
  /** Of the url; undefined with `credentials: client`. */
  readonly account: Account | undefined
  /** Where clients go that name no `host`. */
  readonly vhost: string
  readonly heartbeatSeconds: number
  readonly connectTimeoutMs: number
  readonly confirmTimeoutMs: number
  readonly reconnectMinMs: number
  readonly reconnectMaxMs: number
  readonly connections: number
  /** Identities; with a service account there is one. */
  readonly maxUsers: number
  /** 0 = never. */
  readonly recheckMs: number
  readonly queueNamesPerMinute: number
}

type Options = Readonly<Record<string, unknown>>

/** @throws FieldError */
export function brokerSettings(options: Options): BrokerSettings {
  refuseUnknown(options, ['adapter', ...brokerFields.map((field) => field.name)])
  const url = readUrl(options.url ?? brokerFields[0]!.default)
  const hasAccount = url.username !== '' || url.password !== ''
  const credentials =
    oneOf(options, 'credentials', ['service', 'client'] as const) ?? (hasAccount ? 'service' : 'client')
  if (credentials === 'service' && !hasAccount) {
    throw new FieldError(['url'], 'must have a user and a password, since credentials is service')
  }
  const vhost = url.pathname.length > 1 ? decodeURIComponent(url.pathname.slice(1)) : '/'
  const reconnectMinMs = integer(options, 'reconnectMin', 1, 600_000)
  const reconnectMaxMs = integer(options, 'reconnectMax', 1, 3_600_000)
  if (reconnectMaxMs < reconnectMinMs) throw new FieldError(['reconnectMax'], 'must not be less than reconnectMin')
  const protocol = url.protocol === 'amqps:' ? 'amqps' : 'amqp'
  const account = { login: decodeURIComponent(url.username), passcode: decodeURIComponent(url.password), vhost }
  return Object.freeze({
    endpoint: {
      protocol,
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? (protocol === 'amqps' ? 5671 : 5672) : Number(url.port),
    } as const,
    tls: tlsSettings(options, protocol === 'amqps'),
    credentials,
    account: credentials === 'service' ? account : undefined,
    vhost,
    heartbeatSeconds: Math.max(1, Math.round(integer(options, 'heartbeat', 1_000, 3_600_000) / 1000)),
    connectTimeoutMs: integer(options, 'connectTimeout', 100, 600_000),
    confirmTimeoutMs: integer(options, 'confirmTimeout', 100, 86_400_000),
    reconnectMinMs,
    reconnectMaxMs,
    connections: integer(options, 'connections', 1, 10_000),
    maxUsers: integer(options, 'maxUsers', 1, 1_000_000),
    recheckMs: integer(options, 'recheck', 0, 86_400_000),
    queueNamesPerMinute: integer(options, 'queueNamesPerMinute', 1, 1_000_000),
  })
}

/** What a route maps to: templates, and the rule that its targets carry. */
export type RouteSettings =
  | { readonly kind: 'exchange'; readonly exchange: Template; readonly key: Template; readonly rule: TargetRule }
  | { readonly kind: 'queue'; readonly name: Template; readonly reply: boolean; readonly rule: TargetRule }
  | { readonly kind: 'temp'; readonly name: Template }

/** Which fields go with which kind. */
const COMPANIONS = {
  exchange: ['exchange', 'routingKey', 'mandatory', 'persistent'],
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
    return { kind, exchange, key, rule }
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

function readUrl(value: unknown): URL {
  // A url may hold a password: none of these texts repeats it.
  if (typeof value !== 'string') throw new FieldError(['url'], 'must be a text')
  let url: URL
  try {
    url = new URL(value)
    decodeURIComponent(url.username + url.password + url.pathname)
  } catch {
    throw new FieldError(['url'], 'is no url, such as amqp://user:password@host:5672/vhost')
  }
  if (url.protocol !== 'amqp:' && url.protocol !== 'amqps:')
    throw new FieldError(['url'], 'must begin with amqp:// or amqps://')
  if (url.hostname === '') throw new FieldError(['url'], 'must name a host')
  if (url.search !== '' || url.hash !== '') throw new FieldError(['url'], 'takes no ? or #: use the options beside it')
  return url
}

function refuseUnknown(options: Options, known: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !known.includes(name))
  if (unknown !== undefined) throw new FieldError([unknown], `is not an option here; there are ${known.join(', ')}`)
}

function oneOf<const V extends string>(options: Options, name: string, values: readonly V[]): V | undefined {
  const value = options[name]
  if (value === undefined) return undefined
  const found = values.find((each) => each === value)
  if (found === undefined) throw new FieldError([name], `must be ${values.join(' or ')}`)
  return found
}

function boolean(options: Options, name: string): boolean | undefined {
  const value = options[name]
  if (value === undefined || typeof value === 'boolean') return value
  throw new FieldError([name], 'must be true or false')
}

function integer(options: Options, name: string, least: number, most: number): number {
  const value = options[name] ?? brokerFields.find((field) => field.name === name)!.default
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number
  throw new FieldError([name], `must be an integer from ${least} to ${most}`)
}
