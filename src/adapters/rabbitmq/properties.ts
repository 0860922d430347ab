/**
 * Messages between the port and AMQP 0-9-1, both ways. Outbound everything is checked that would make RabbitMQ or amqplib close or break
 * a channel that many clients share; inbound nothing vanishes: AMQP values of any type arrive as text.
 */
import type { ConsumeMessage } from 'amqplib'
import { BrokerError } from '../../broker/errors.ts'
import { type Message, Properties } from '../../broker/message.ts'
import { fromReplyTo, SHORT_STRING_BYTES } from './targets.ts'

/** Bytes of all headers, names and values: RabbitMQ allows a frame (by default 128 KiB), amqplib's encoder 64 KiB. */
export const HEADERS_BYTES = 60 * 1024
/** Bytes that a header of AMQP's table costs beside its name and value: two lengths and a type. */
const HEADER_OVERHEAD = 6
/** Milliseconds; RabbitMQ's timers take 32 bits. */
const EXPIRATION_MOST = 4_294_967_295

/** Headers up to which a repeated name is found by looking at all of them. */
const FEW = 16

/** Properties and flags of a `basic.publish`. One monomorphic class, as the port's own. */
export class Outbound {
  mandatory = false
  contentType: string | undefined = undefined
  contentEncoding: string | undefined = undefined
  /** name, value, name, value …; no name twice. */
  readonly headers: string[]
  /** AMQP's delivery-mode: 2 or 1; undefined = not said. */
  persistent: boolean | undefined = undefined
  /** 0-255. */
  priority: number | undefined = undefined
  correlationId: string | undefined = undefined
  replyTo: string | undefined = undefined
  /** Milliseconds, in decimal digits. */
  expiration: string | undefined = undefined
  messageId: string | undefined = undefined
  /** Seconds since 1970. */
  timestamp: number | undefined = undefined
  type: string | undefined = undefined
  userId: string | undefined = undefined
  appId: string | undefined = undefined

  constructor(headers: string[]) {
    this.headers = headers
  }
}

/**
 * The AMQP properties of a message; `replyTo` and `persistent` are the caller's affair.
 * @param login who the broker knows this connection as; empty with a token, which alone says who that is
 * @param headersMost bytes of all headers
 * @throws BrokerError `bad-message` naming the header or property
 */
export function toAmqp(message: Message, login: string, headersMost: number): Outbound {
  const { properties } = message
  const out = new Outbound(checkedHeaders(message.headers, headersMost))
  if (properties.contentType !== undefined) out.contentType = short('content-type', properties.contentType)
  if (properties.contentEncoding !== undefined)
    out.contentEncoding = short('content-encoding', properties.contentEncoding)
  if (properties.correlationId !== undefined) out.correlationId = short('correlation-id', properties.correlationId)
  if (properties.messageId !== undefined) out.messageId = short('amqp-message-id', properties.messageId)
  if (properties.type !== undefined) out.type = short('type', properties.type)
  if (properties.appId !== undefined) out.appId = short('app-id', properties.appId)
  // rabbitmq.com/validated-user-id.html: any other value than the connection's user is a channel error.
  if (properties.userId === login && login !== '') out.userId = login
  if (properties.expirationMs !== undefined) {
    out.expiration = String(whole('expiration', properties.expirationMs, EXPIRATION_MOST))
  }
  if (properties.priority !== undefined) out.priority = whole('priority', properties.priority, 255)
  if (properties.timestampMs !== undefined) {
    // AMQP 0-9-1 §4.2.5.4: "Time stamps are held in the 64-bit POSIX time_t format with an accuracy of one second".
    out.timestamp = Math.floor(whole('timestamp', properties.timestampMs, Number.MAX_SAFE_INTEGER) / 1000)
  }
  return out
}

function checkedHeaders(headers: readonly string[], most: number): string[] {
  const checked: string[] = []
  const names = headers.length > 2 * FEW ? new Set<string>() : undefined
  let bytes = 0
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!
    const value = headers[at + 1]!
    // Of equal names the first counts.
    if (names === undefined ? hasHeader(checked, name) : names.has(name)) continue
    if (isForbidden(name)) throw new BrokerError('bad-message', `header "${name.slice(0, 80)}" is reserved`)
    const nameBytes = Buffer.byteLength(name)
    if (nameBytes > SHORT_STRING_BYTES)
      throw new BrokerError('bad-message', `a header name has at most ${SHORT_STRING_BYTES} bytes`)
    bytes += nameBytes + Buffer.byteLength(value) + HEADER_OVERHEAD
    if (bytes > most) throw new BrokerError('bad-message', `all headers together have at most ${most} bytes`)
    names?.add(name)
    checked.push(name, value)
  }
  return checked
}

export function hasHeader(headers: readonly string[], name: string): boolean {
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === name) return true
  return false
}

/** In place of the one that is there. */
export function setHeader(headers: string[], name: string, value: string): void {
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at] !== name) continue
    headers[at + 1] = value
    return
  }
  headers.push(name, value)
}

/**
 * CC and BCC route to other queues past every permission, and close the channel as texts; x-death steers dead-lettering; amq.rabbitmq.* is the
 * broker's. `__proto__` would be lost in amqplib's plain objects on the way to the consumer.
 */
function isForbidden(name: string): boolean {
  switch (name.charCodeAt(0)) {
    case 0x43: // C
      return name === 'CC'
    case 0x42: // B
      return name === 'BCC'
    case 0x78: // x
      return name === 'x-death'
    case 0x61: // a
      return name.startsWith('amq.rabbitmq.')
    case 0x5f: // _
      return name === '__proto__'
    default:
      return false
  }
}

function short(name: string, value: string): string {
  if (value.length <= 85 || Buffer.byteLength(value) <= SHORT_STRING_BYTES) return value
  throw new BrokerError('bad-message', `"${name}" has at most ${SHORT_STRING_BYTES} bytes`)
}

function whole(name: string, value: number, most: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= most) return value
  throw new BrokerError('bad-message', `"${name}" must be an integer from 0 to ${most}`)
}

/** A delivery as a port message; the body stays a view of what was read from the socket. */
export function fromAmqp({ content, properties: from }: ConsumeMessage): Message {
  const properties = new Properties()
  properties.contentType = from.contentType
  properties.contentEncoding = from.contentEncoding
  properties.correlationId = from.correlationId
  properties.messageId = from.messageId
  properties.type = from.type
  properties.appId = from.appId
  properties.userId = from.userId
  if (from.expiration !== undefined && /^[0-9]{1,15}$/.test(from.expiration))
    properties.expirationMs = Number(from.expiration)
  properties.priority = from.priority
  if (from.timestamp !== undefined) properties.timestampMs = from.timestamp * 1000
  if (from.deliveryMode !== undefined) properties.persistent = from.deliveryMode === 2
  if (from.replyTo) properties.replyTo = fromReplyTo(from.replyTo)
  return { body: content, headers: from.headers === undefined ? NO_HEADERS : headersOf(from.headers), properties }
}

const NO_HEADERS: readonly string[] = Object.freeze([])

function headersOf(table: Readonly<Record<string, unknown>>): readonly string[] {
  const headers: string[] = []
  // Own keys only: amqplib's decoder turns a table called __proto__ into a prototype.
  for (const name of Object.keys(table)) headers.push(name, asText(table[name]))
  return headers
}

/** Numbers and booleans as JSON writes them, timestamps as their seconds, bytes as UTF-8, tables and arrays as JSON. */
function asText(value: unknown): string {
  if (typeof value === 'string') return value
  const plain = toPlain(value)
  return typeof plain === 'string' ? plain : JSON.stringify(plain)
}

/** amqplib marks what JavaScript has no word for as `{ '!': type, value }`. */
function toPlain(value: unknown): unknown {
  if (value === null || value === undefined) return ''
  if (typeof value !== 'object') return typeof value === 'bigint' ? value.toString() : value
  if (Buffer.isBuffer(value)) return value.toString('utf8')
  if (Array.isArray(value)) return value.map(toPlain)
  if (Object.hasOwn(value, '!')) return marked(value as { readonly '!': string; readonly value: unknown })
  const plain: Record<string, unknown> = Object.create(null)
  for (const [name, inner] of Object.entries(value)) plain[name] = toPlain(inner)
  return plain
}

function marked({ '!': type, value }: { readonly '!': string; readonly value: unknown }): unknown {
  if (type !== 'decimal') return value
  const { digits, places } = value as { readonly digits: number; readonly places: number }
  return digits / 10 ** places
}
