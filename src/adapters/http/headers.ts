/**
 * A message as the head of a request, and the head of an answer as a message. What a handler is told of a client is listed here, and nothing else
 * of the client gets into an HTTP header.
 *
 * Texts. Names and values are percent-encoded in UTF-8 wherever they are not printable ASCII, and where they are `%`: one call decodes them
 * (`decodeURIComponent`, `urllib.parse.unquote`). Answers are read in the same way, and a `%` that begins no code stands for itself.
 * Names. STOMP tells `Id` from `id` and HTTP does not: of two names that differ in nothing else the first counts.
 */
import { isUtf8 } from 'node:buffer'
import { BrokerError } from '../../broker/errors.ts'
import { type Message, Properties } from '../../broker/message.ts'
import type { Answer } from './call.ts'

/** What the frame's own headers are called. */
const PREFIX = 'stomp-header-'
/** Of names and values. Node's servers take 16 KiB for a whole head, others 8. */
const MOST_BYTES = 16_384

export type Head = Record<string, string>

/** What the bridge says of a request. */
export interface Occasion {
  readonly destination: string
  /** undefined: none, or not told. */
  readonly user: string | undefined
  readonly session: string | undefined
  readonly token: string | undefined
}

/** The head of a request without a message. Null prototype, names in lower case. */
export function headOf({ destination, user, session, token }: Occasion): Head {
  const head: Head = Object.create(null)
  head['user-agent'] = 'stomp-bridge'
  // An answer is bounded as it comes, and a small one may unfold to a large one.
  head['accept-encoding'] = 'identity'
  if (token !== undefined) head.authorization = `Bearer ${token}`
  head['stomp-destination'] = encode(destination)
  if (session !== undefined) head['stomp-session'] = encode(session)
  if (user !== undefined) head['stomp-user'] = encode(user)
  return head
}

/**
 * The head of a request with a message: `content-type`, the frame's own headers as `stomp-header-<name>`, and its trace context under the names that
 * W3C gives it.
 * @throws BrokerError `bad-message` when it is larger than servers take
 */
export function headWith(message: Message, occasion: Occasion): Head {
  const head = headOf(occasion)
  const { properties, headers } = message
  head['content-length'] = String(message.body.length)
  if (properties.contentType !== undefined) head['content-type'] = encode(properties.contentType)
  for (const [name, value] of propertiesOf(properties)) head[PREFIX + name] = encode(value)
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!
    const value = headers[at + 1]!
    // The sender stands in the occasion already.
    if (name === 'stomp-session' || name === 'stomp-user') continue
    head[TRACE[name]?.test(value) ? name : PREFIX + encodeName(name)] ??= encode(value)
  }
  let bytes = 0
  for (const name in head) bytes += name.length + head[name]!.length
  if (bytes <= MOST_BYTES) return head
  throw new BrokerError('bad-message', `the headers of a message to a handler have at most ${MOST_BYTES} bytes`)
}

/** What is no trace context is a header like any other. W3C Trace Context §3.2.2, §3.3.1: what of it could be mistaken stays out of HTTP. */
const TRACE: Readonly<Record<string, RegExp | undefined>> = Object.assign(Object.create(null), {
  traceparent: /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/,
  tracestate: /^[\x20-\x24\x26-\x7e]{1,512}$/,
})

/** Headers of STOMP that a message has other words for. */
function propertiesOf(properties: Properties): [string, string][] {
  const { contentEncoding, correlationId, messageId, type, appId, userId } = properties
  const { expirationMs, priority, timestampMs, persistent } = properties
  const all: [string, string | number | boolean | undefined][] = [
    ['content-encoding', contentEncoding],
    ['correlation-id', correlationId],
    ['amqp-message-id', messageId],
    ['type', type],
    ['app-id', appId],
    ['user-id', userId],
    ['expiration', expirationMs],
    ['priority', priority],
    ['timestamp', timestampMs && Math.floor(timestampMs / 1000)],
    ['persistent', persistent],
  ]
  return all.flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, String(value)]]))
}

/** A message as a handler has answered it. */
export interface Reply {
  readonly message: Message
  /** Where it shall go, if the route lets it; undefined: where the route says. */
  readonly destination: string | undefined
}

/**
 * `content-type`, `content-encoding` and `correlation-id` are properties, `stomp-header-<name>` are headers, all else is HTTP's own.
 * @param request what it answers: its `correlation-id` and trace context go on, unless the answer has its own
 */
export function replyOf({ headers: raw, body }: Answer, request: Message | undefined): Reply {
  const properties = new Properties()
  const headers: string[] = []
  let destination: string | undefined
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!.toLowerCase()
    const value = decode(raw[at + 1]!)
    if (name === 'stomp-destination') destination ??= value
    else if (name === 'content-type' || name === 'content-encoding' || name === 'correlation-id')
      setProperty(properties, name, value)
    else if (name.startsWith(PREFIX)) {
      const own = decode(name.slice(PREFIX.length))
      if (own !== '' && !RESERVED.test(own) && !setProperty(properties, own, value)) headers.push(own, value)
    }
  }
  properties.correlationId ??= request?.properties.correlationId
  for (const name of ['traceparent', 'tracestate']) {
    const value = request === undefined || headers.includes('traceparent') ? undefined : firstOf(request.headers, name)
    if (value !== undefined) headers.push(name, value)
  }
  return { message: { body, headers, properties }, destination }
}

/** The bridge sets them, or they are meant for a server: no handler says them. */
const RESERVED =
  /^(?:destination|content-length|receipt|receipt-id|transaction|message-id|subscription|ack|redelivered|durable|auto-delete|exclusive|prefetch-count|reply-to|user-id|login|passcode|authorization|(?:bridge|stomp)-.*)$/is

/** @returns whether it is one; a value that it cannot have is left out */
function setProperty(properties: Properties, name: string, value: string): boolean {
  switch (name) {
    case 'content-type':
      properties.contentType ??= value
      return true
    case 'content-encoding':
      properties.contentEncoding ??= value
      return true
    case 'correlation-id':
      properties.correlationId ??= value
      return true
    case 'amqp-message-id':
      properties.messageId ??= value
      return true
    case 'type':
      properties.type ??= value
      return true
    case 'app-id':
      properties.appId ??= value
      return true
    case 'expiration':
      properties.expirationMs ??= integer(value, Number.MAX_SAFE_INTEGER)
      return true
    case 'priority':
      properties.priority ??= integer(value, 255)
      return true
    case 'timestamp': {
      const seconds = integer(value, 1e12)
      properties.timestampMs ??= seconds && seconds * 1000
      return true
    }
    case 'persistent':
      if (value === 'true' || value === 'false') properties.persistent ??= value === 'true'
      return true
    default:
      return false
  }
}

function integer(value: string, most: number): number | undefined {
  return /^\d{1,15}$/.test(value) && Number(value) <= most ? Number(value) : undefined
}

function firstOf(headers: readonly string[], name: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === name) return headers[at + 1]
  return undefined
}

/** Printable ASCII but for `%`; a space only where HTTP does not cut it off. */
const PLAIN = /^(?! )[\x20-\x24\x26-\x7e]*(?<! )$/

function encode(value: string): string {
  return PLAIN.test(value) ? value : escaped(value, /[^\x21-\x24\x26-\x7e]/gu)
}

/** RFC 9110 §5.6.2: what of a token need not be encoded. */
const TOKEN = /^[!#$&'*+\-.^_`|~0-9A-Za-z]+$/

function encodeName(name: string): string {
  return (TOKEN.test(name) ? name : escaped(name, /[^!#$&'*+\-.^_`|~0-9A-Za-z]/gu)).toLowerCase()
}

function escaped(text: string, strange: RegExp): string {
  return text.toWellFormed().replace(strange, (character) => {
    const bytes = Buffer.from(character)
    return Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`).join('')
  })
}

/** Node gives the bytes of a header as Latin-1, whatever they are. */
function decode(value: string): string {
  const bytes = Buffer.from(value, 'latin1')
  const text = isUtf8(bytes) ? bytes.toString() : value
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
