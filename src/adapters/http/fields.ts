/**
 * What an operator may write for a backend that is asked over HTTP: the options of the broker, wide outside and narrow and frozen inside, and the
 * fields of its routes, which route.ts reads. Durations arrive in milliseconds, sizes in bytes. Throws FieldError and nothing else; no value
 * stands in an error, for any of them may be a secret that was written into the wrong place.
 */
import { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { FieldError } from '../../broker/errors.ts'
import type { Field } from '../../broker/schema.ts'
import { didYouMean } from '../../broker/spelling.ts'

export const brokerFields: readonly Field[] = [
  {
    name: 'url',
    shape: 'text',
    default: undefined,
    description: 'http:// or https://, with the path that all requests begin with; nothing a client writes leaves it',
  },
  {
    name: 'token',
    shape: 'text',
    secret: true,
    default: undefined,
    description: 'sent with every request as Authorization: Bearer, so that the backend knows who asks',
  },
  {
    name: 'ca',
    shape: 'text',
    default: undefined,
    description: 'with https: PEM text of the authority; not given: those that Node trusts',
  },
  { name: 'cert', shape: 'text', default: undefined, description: 'with https: PEM text of the client certificate' },
  { name: 'key', shape: 'text', secret: true, default: undefined, description: 'with https: PEM text of its key' },
  {
    name: 'serverName',
    shape: 'text',
    default: undefined,
    description: 'with https: the name that the certificate must bear, when it is not the host of the url',
  },
  { name: 'timeout', default: 10_000, unit: 'ms', description: 'for one request, from its first byte to its last' },
  { name: 'connectTimeout', default: 3_000, unit: 'ms', description: 'how long connecting may take, TLS included' },
  { name: 'maxAnswer', default: 1_048_576, unit: 'bytes', description: 'the longest body of an answer' },
  { name: 'concurrency', default: 64, description: 'requests at one time, of all clients together; the others wait' },
  {
    name: 'keepAlive',
    default: 4_000,
    unit: 'ms',
    description: 'how long an idle connection is kept; must be less than the backend keeps it; 0 = not at all',
  },
  {
    name: 'reconnectMin',
    default: 200,
    unit: 'ms',
    description: 'first pause before a backend that is away is dialled again; doubles',
  },
  { name: 'reconnectMax', default: 5_000, unit: 'ms', description: 'longest pause before it is dialled again' },
  {
    name: 'heldMessages',
    default: 10_000,
    description: 'most messages that wait or are under way; over it a SEND is refused',
  },
  { name: 'heldBytes', default: 67_108_864, unit: 'bytes', description: 'bodies of those; over it a SEND is refused' },
]

export const routeFields: readonly Field[] = [
  {
    name: 'path',
    shape: 'text',
    default: undefined,
    description: 'template of the path below url; not given: the destination without its first segment',
  },
  {
    name: 'reply',
    values: ['none', 'sender', 'user'],
    shape: 'texts',
    default: undefined,
    description:
      'where an answer goes: destinations with {variables} · sender · user · none; not given: /topic and the rest of the destination',
  },
  {
    name: 'replyTo',
    shape: 'texts',
    default: undefined,
    description: 'destinations of which the stomp-destination header of an answer may choose one; {other} is anything',
  },
  { name: 'ordered', default: true, description: 'one request of a client at a time; false: several, in no order' },
  { name: 'retries', default: 2, description: 'how often a request goes again that is answered 503 with Retry-After' },
  {
    name: 'onError',
    values: ['error', 'user'],
    default: 'error',
    description: 'what a failed request comes to: error (ERROR) · user (a message on /user/queue/errors of the sender)',
  },
  {
    name: 'errorBody',
    values: ['hide', 'pass'],
    default: 'hide',
    description: 'pass: what a handler says in text/plain beside a 4xx or 5xx reaches the client, 200 characters of it',
  },
]

/** Where requests go. */
export interface Endpoint {
  readonly secure: boolean
  /** Without the brackets of IPv6. */
  readonly hostname: string
  readonly port: number
  /** What every path begins with, without a slash at its end: `` or `/api/stomp`. */
  readonly base: string
}

export interface BrokerSettings {
  readonly endpoint: Endpoint
  readonly token: string | undefined
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly servername?: string }
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
  readonly maxAnswerBytes: number
  readonly concurrency: number
  readonly keepAliveMs: number
  readonly reconnectMinMs: number
  readonly reconnectMaxMs: number
  readonly heldMessages: number
  readonly heldBytes: number
}

export type Options = Readonly<Record<string, unknown>>

/** Timers stay below 2^31 ms. */
const LONGEST_MS = 24 * 3600 * 1000

/** @throws FieldError */
export function brokerSettings(options: Options): BrokerSettings {
  refuseUnknown(options, brokerFields)
  const url = readUrl(options.url)
  const reconnectMinMs = integer(options, 'reconnectMin', 1, 600_000)
  const reconnectMaxMs = integer(options, 'reconnectMax', 1, 3_600_000)
  if (reconnectMaxMs < reconnectMinMs) throw new FieldError(['reconnectMax'], 'must not be less than reconnectMin')
  return Object.freeze({
    endpoint: endpointOf(url),
    token: readToken(options),
    tls: tlsOf(options, url),
    timeoutMs: integer(options, 'timeout', 10, LONGEST_MS),
    connectTimeoutMs: integer(options, 'connectTimeout', 10, 600_000),
    maxAnswerBytes: integer(options, 'maxAnswer', 0, 2 ** 30),
    concurrency: integer(options, 'concurrency', 1, 10_000),
    keepAliveMs: integer(options, 'keepAlive', 0, 3_600_000),
    reconnectMinMs,
    reconnectMaxMs,
    heldMessages: integer(options, 'heldMessages', 1, 100_000_000),
    heldBytes: integer(options, 'heldBytes', 1, Number.MAX_SAFE_INTEGER),
  })
}

function readUrl(value: unknown): URL {
  if (value === undefined) throw new FieldError([], 'needs a url, such as https://backend.example.com/stomp')
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new FieldError(['url'], 'must begin with http:// or https://')
  if (url.username + url.password !== '') throw new FieldError(['url'], 'takes no user and password: use token')
  if (url.search + url.hash !== '' || /[?#]/.test(String(value)))
    throw new FieldError(['url'], 'takes no ? and no #: only a path')
  return url
}

function endpointOf(url: URL): Endpoint {
  const secure = url.protocol === 'https:'
  return {
    secure,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    base: url.pathname.replace(/\/+$/, ''),
  }
}

/** RFC 6750 §2.1: `b64token`, wider: whatever may stand there without ending the header. */
function readToken(options: Options): string | undefined {
  const token = text(options, 'token')
  if (token === undefined || /^[\x21-\x7e]+$/.test(token)) return token
  throw new FieldError(['token'], 'must be printable ASCII without spaces')
}

function tlsOf(options: Options, { protocol }: URL): BrokerSettings['tls'] {
  const given = (['ca', 'cert', 'key', 'serverName'] as const).flatMap((name) => {
    const value = text(options, name)
    if (value === undefined) return []
    if (protocol !== 'https:') throw new FieldError([name], 'needs a url that begins with https://')
    return [[name === 'serverName' ? 'servername' : name, value] as const]
  })
  const tls: BrokerSettings['tls'] = Object.fromEntries(given)
  if ((tls.cert === undefined) !== (tls.key === undefined))
    throw new FieldError([tls.cert === undefined ? 'key' : 'cert'], 'cert and key go together')
  for (const part of [['ca'], ['cert', 'key']] as const) checkPem(part, tls)
  return tls
}

/** Here, and not with the first request. Node's text is left out: it says where in the PEM, and may quote it. */
function checkPem(names: readonly ('ca' | 'cert' | 'key')[], tls: BrokerSettings['tls']): void {
  try {
    createSecureContext(Object.fromEntries(names.map((name) => [name, tls[name]])))
    // A context takes an authority that is none, and then trusts nobody.
    if (names[0] === 'ca' && tls.ca !== undefined) new X509Certificate(tls.ca)
  } catch {
    throw new FieldError([names[0]!], `${names.join(' and ')}: no PEM text, or one that does not fit the other`)
  }
}

/** @throws FieldError for a key that is none of `fields`, nor one of `others` */
export function refuseUnknown(options: Options, fields: readonly Field[], others: readonly string[] = []): void {
  const known = fields.map(({ name }) => name)
  const unknown = Object.keys(options).find((name) => !known.includes(name) && !others.includes(name))
  if (unknown === undefined) return
  throw new FieldError([unknown], `is not an option here; there are ${known.join(', ')}${didYouMean(unknown, known)}`)
}

/** undefined when it is not given. */
export function text(options: Options, name: string): string | undefined {
  const value = options[name]
  if (value === undefined || (typeof value === 'string' && value !== '')) return value
  throw new FieldError([name], 'must be a text')
}

/** One text or a list of them; undefined when it is not given. */
export function texts(options: Options, name: string): readonly string[] | undefined {
  const value = options[name]
  if (value === undefined) return undefined
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  const bad = list.findIndex((each) => typeof each !== 'string' || each === '')
  if (bad >= 0) throw new FieldError(Array.isArray(value) ? [name, bad] : [name], 'must be a text')
  if (list.length === 0) throw new FieldError([name], 'must not be empty')
  return list as readonly string[]
}

export function flag(options: Options, name: string): boolean {
  const value = options[name] ?? standard(name)
  if (typeof value === 'boolean') return value
  throw new FieldError([name], 'must be true or false')
}

export function oneOf<const W extends string>(options: Options, name: string, words: readonly W[]): W {
  const value = options[name] ?? standard(name)
  const found = words.find((word) => word === value)
  if (found === undefined) throw new FieldError([name], `must be ${words.join(' or ')}`)
  return found
}

/** @returns the default of the field when it is not given */
export function integer(options: Options, name: string, least: number, most: number): number {
  const value = options[name] ?? standard(name)
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number
  throw new FieldError([name], `must be a whole number from ${least} to ${most}`)
}

function standard(name: string): unknown {
  return [...brokerFields, ...routeFields].find((field) => field.name === name)?.default
}
