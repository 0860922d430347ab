/**
 * The options of a RabbitMQ broker, and the names of those of its routes: wide and unknown outside, narrow and frozen inside. Durations arrive in milliseconds.
 * Throws FieldError and nothing else.
 */
import { FieldError } from '../../broker/errors.ts'
import type { Field } from '../../broker/schema.ts'
import { type Options, oneOf, refuseUnknown } from './options.ts'
import { type TlsSettings, tlsFields, tlsSettings } from './tls.ts'

export const brokerFields: readonly Field[] = [
  {
    name: 'url',
    default: 'amqp://guest:guest@localhost:5672',
    description: 'amqp:// or amqps://; the path is the virtual host; without user and password clients bring their own',
  },
  {
    name: 'credentials',
    values: ['service', 'client'],
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
  { name: 'exchange', shape: 'text', default: undefined, description: 'exchange to publish and bind to, a template' },
  { name: 'routingKey', default: '', description: 'with exchange: routing or binding key, a template' },
  {
    name: 'ant',
    values: ['/', '.'],
    default: undefined,
    description:
      "with routingKey: Spring's names; segments between / (a dot is a character) or between dots, ? * ** {x} in SUBSCRIBE",
  },
  { name: 'queue', shape: 'text', default: undefined, description: 'queue to publish to and to consume, a template' },
  {
    name: 'declare',
    values: ['never', 'missing', 'always'],
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
    shape: 'text',
    default: undefined,
    description: 'temporary queue for answers, named by the client; only as reply-to',
  },
  {
    name: 'mandatory',
    shape: 'truth',
    default: undefined,
    description: 'an unroutable message is an error; default: on a queue, when a receipt was asked for',
  },
  {
    name: 'persistent',
    values: ['with-receipt', 'as-sent'],
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

function integer(options: Options, name: string, least: number, most: number): number {
  const value = options[name] ?? brokerFields.find((field) => field.name === name)!.default
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number
  throw new FieldError([name], `must be an integer from ${least} to ${most}`)
}
