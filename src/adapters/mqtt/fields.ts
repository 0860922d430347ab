/**
 * The options of an MQTT broker: wide and unknown outside, narrow and frozen inside; and the fields of its routes, which route.ts reads.
 * Durations arrive in milliseconds, sizes in bytes. Throws FieldError and nothing else.
 */
import { createSecureContext } from 'node:tls'
import { FieldError } from '../../broker/errors.ts'
import type { Field } from '../../broker/schema.ts'
import { textFault } from './text.ts'

export const brokerFields: readonly Field[] = [
  {
    name: 'url',
    default: 'mqtt://localhost:1883',
    description: 'mqtt:// or mqtts://, with user and password if the broker wants them: one account for all clients',
  },
  { name: 'protocol', values: [4, 5], default: 5, description: '5, or 4 for MQTT 3.1.1: headers are lost there' },
  {
    name: 'ca',
    shape: 'text',
    default: undefined,
    description:
      'with mqtts: PEM text of the authority, written out or read like any secret; not given: those that Node trusts',
  },
  { name: 'cert', shape: 'text', default: undefined, description: 'with mqtts: PEM text of the client certificate' },
  { name: 'key', shape: 'text', secret: true, default: undefined, description: 'with mqtts: PEM text of its key' },
  {
    name: 'serverName',
    shape: 'text',
    default: undefined,
    description: 'with mqtts: the name that the certificate must bear, when it is not the host of the url',
  },
  {
    name: 'clientId',
    default: 'stomp-bridge',
    description:
      'how client ids begin; bridges that share durable subscriptions need the same one, all others different ones',
  },
  {
    name: 'status',
    shape: 'text',
    default: undefined,
    description: 'topic that says online or offline (the last will), retained; not given: none',
  },
  {
    name: 'keepalive',
    default: 30_000,
    unit: 'ms',
    description: 'whole seconds; a frozen connection is noticed after 1.5 of them',
  },
  { name: 'connectTimeout', default: 10_000, unit: 'ms', description: 'how long connecting and logging in may take' },
  {
    name: 'reconnectMin',
    default: 200,
    unit: 'ms',
    description: 'first pause before connecting again; doubles, with jitter',
  },
  { name: 'reconnectMax', default: 5_000, unit: 'ms', description: 'longest pause before connecting again' },
  {
    name: 'connections',
    default: 1_000,
    description:
      'most connections beside the shared one: each subscription that acknowledges or is durable has its own',
  },
  {
    name: 'heldMessages',
    default: 10_000,
    description: 'most messages that wait to be published; over it a SEND is refused',
  },
  { name: 'heldBytes', default: 67_108_864, unit: 'bytes', description: 'bodies of those; over it a SEND is refused' },
]

export const routeFields: readonly Field[] = [
  {
    name: 'topic',
    shape: 'text',
    default: undefined,
    description: 'template of the topic; in SUBSCRIBE * is one level (MQTT +), and # at the end any number',
  },
  {
    name: 'separator',
    values: ['/', '.'],
    default: '/',
    description: 'of levels in the destination: / (a dot is a character) or . (a dot is a level, %2F a dot)',
  },
  {
    name: 'group',
    shape: 'text',
    default: undefined,
    description: 'makes it a queue: each message goes to one subscriber of $share/<group>',
  },
  {
    name: 'qos',
    values: [0, 1],
    default: undefined,
    description:
      '1: all at QoS 1 · 0: nothing subscribed above 0; not given: SEND with receipt or persistent:true at 1',
  },
  { name: 'retain', default: false, description: 'whether clients may SEND with retain:true' },
  {
    name: 'mandatory',
    default: false,
    description: 'a message with a receipt that nobody subscribes to is an error (MQTT 5)',
  },
  {
    name: 'ack',
    values: ['deferred', 'emulate', 'refuse'],
    default: 'deferred',
    description: 'ack:client: deferred (PUBACK when the client has acknowledged) · emulate (PUBACK at once) · refuse',
  },
  {
    name: 'nack',
    values: ['redeliver', 'reject'],
    shape: 'text',
    default: 'redeliver',
    description:
      'NACK, and an ACK that does not come: redeliver (to the same subscriber) · reject (drop) · a topic template',
  },
  {
    name: 'ackTimeout',
    default: 60_000,
    unit: 'ms',
    description: 'how long the oldest message waits for its ACK; 0 = for ever',
  },
  {
    name: 'sessionExpiry',
    default: 86_400_000,
    unit: 'ms',
    description: 'how long the broker keeps a durable subscription',
  },
  { name: 'holdMs', default: 0, unit: 'ms', description: 'how long SEND and SUBSCRIBE wait for a broker that is away' },
]

/** What `mqtt.connect` takes. */
export interface Endpoint {
  readonly protocol: 'mqtt' | 'mqtts'
  readonly hostname: string
  readonly port: number
}

export interface BrokerSettings {
  readonly protocol: 4 | 5
  readonly endpoint: Endpoint
  /** Empty when the URL names none. */
  readonly account: { readonly username?: string; readonly password?: string }
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly servername?: string }
  readonly clientId: string
  readonly status: string | undefined
  readonly keepaliveSeconds: number
  readonly connectTimeoutMs: number
  readonly reconnectMinMs: number
  readonly reconnectMaxMs: number
  readonly connections: number
  readonly heldMessages: number
  readonly heldBytes: number
}

export type Options = Readonly<Record<string, unknown>>

/** @throws FieldError */
export function brokerSettings(options: Options): BrokerSettings {
  refuseUnknown(options, brokerFields)
  const url = readUrl(options.url ?? brokerFields[0]!.default)
  const protocol = options.protocol ?? 5
  if (protocol !== 4 && protocol !== 5) throw new FieldError(['protocol'], 'must be 5, or 4 for MQTT 3.1.1')
  const reconnectMinMs = integer(options, 'reconnectMin', 1, 600_000)
  const reconnectMaxMs = integer(options, 'reconnectMax', 1, 3_600_000)
  if (reconnectMaxMs < reconnectMinMs) throw new FieldError(['reconnectMax'], 'must not be less than reconnectMin')
  return Object.freeze({
    protocol,
    endpoint: endpointOf(url),
    account: accountOf(url),
    tls: tlsOf(options, url),
    clientId: text(options, 'clientId') ?? 'stomp-bridge',
    status: text(options, 'status'),
    keepaliveSeconds: Math.max(1, Math.round(integer(options, 'keepalive', 1_000, 3_600_000) / 1000)),
    connectTimeoutMs: integer(options, 'connectTimeout', 100, 600_000),
    reconnectMinMs,
    reconnectMaxMs,
    connections: integer(options, 'connections', 1, 100_000),
    heldMessages: integer(options, 'heldMessages', 1, 100_000_000),
    heldBytes: integer(options, 'heldBytes', 1, Number.MAX_SAFE_INTEGER),
  })
}

function endpointOf(url: URL): Endpoint {
  const protocol = url.protocol === 'mqtts:' ? 'mqtts' : 'mqtt'
  const standard = protocol === 'mqtts' ? 8883 : 1883
  return {
    protocol,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? standard : Number(url.port),
  }
}

function accountOf({ username, password }: URL): BrokerSettings['account'] {
  return {
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
  }
}

function tlsOf(options: Options, url: URL): BrokerSettings['tls'] {
  const given = (['ca', 'cert', 'key'] as const).flatMap((name) => {
    const pem = text(options, name)
    if (pem !== undefined && url.protocol !== 'mqtts:')
      throw new FieldError([name], 'needs a url that begins with mqtts://')
    return pem === undefined ? [] : [[name, pem] as const]
  })
  const tls: BrokerSettings['tls'] = Object.fromEntries(given)
  if ((tls.cert === undefined) !== (tls.key === undefined))
    throw new FieldError([tls.cert === undefined ? 'key' : 'cert'], 'cert and key go together')
  for (const part of [['ca'], ['cert', 'key']] as const) checkPem(part, tls)
  const servername = text(options, 'serverName')
  if (servername === undefined) return tls
  if (url.protocol !== 'mqtts:') throw new FieldError(['serverName'], 'needs a url that begins with mqtts://')
  return { ...tls, servername }
}

/** Here, and not when the first connection is made. Node's text is left out: it says where in the PEM, and may quote it. */
function checkPem(names: readonly ('ca' | 'cert' | 'key')[], tls: BrokerSettings['tls']): void {
  try {
    createSecureContext(Object.fromEntries(names.map((name) => [name, tls[name]])))
  } catch {
    throw new FieldError([names[0]!], `${names.join(' and ')}: no PEM text, or one that does not fit the other`)
  }
}

function readUrl(value: unknown): URL {
  // A url may hold a password: none of these texts repeats it.
  if (typeof value !== 'string') throw new FieldError(['url'], 'must be a text')
  let url: URL
  try {
    url = new URL(value)
    decodeURIComponent(url.username + url.password)
  } catch {
    throw new FieldError(['url'], 'is no url, such as mqtt://user:password@host:1883')
  }
  if (url.protocol !== 'mqtt:' && url.protocol !== 'mqtts:')
    throw new FieldError(['url'], 'must begin with mqtt:// or mqtts://')
  if (url.hostname === '') throw new FieldError(['url'], 'must name a host')
  if (url.pathname.length > 1 || url.search !== '' || url.hash !== '')
    throw new FieldError(['url'], 'takes no path, ? or #: use the options beside it')
  return url
}

/** @throws FieldError for a key that is none of `fields` */
export function refuseUnknown(options: Options, fields: readonly Field[]): void {
  const unknown = Object.keys(options).find((name) => !fields.some((field) => field.name === name))
  if (unknown === undefined) return
  throw new FieldError([unknown], `is not an option here; there are ${fields.map(({ name }) => name).join(', ')}`)
}

/** A text that MQTT can carry; undefined when it is not given. */
export function text(options: Options, name: string): string | undefined {
  const value = options[name]
  if (value === undefined) return undefined
  if (typeof value !== 'string' || value === '') throw new FieldError([name], 'must be a text')
  // PEM has lines.
  const fault = /^(?:ca|cert|key)$/.test(name) ? undefined : textFault(value)
  if (fault !== undefined) throw new FieldError([name], `must ${fault}`)
  return value
}

/** @returns the default of the field when it is not given */
export function integer(options: Options, name: string, least: number, most: number): number {
  const value = options[name] ?? [...brokerFields, ...routeFields].find((field) => field.name === name)!.default
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number
  throw new FieldError([name], `must be a whole number from ${least} to ${most}`)
}
