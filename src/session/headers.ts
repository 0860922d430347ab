/**
 * STOMP headers of SEND into a port message, and a port message back into the headers of MESSAGE. Here is decided what is STOMP's own,
 * what a broker has words for, and what is the user's; reserved headers are set by the bridge, once, whatever senders write.
 */
import { BrokerError } from '../broker/errors.ts'
import { type Message, Properties } from '../broker/message.ts'
import type { Frame } from '../stomp/frame.ts'

/**
 * Of a SEND or SUBSCRIBE: meant for the server, never forwarded (RabbitMQ's plugin echoes a sender's `receipt` and `transaction` to
 * subscribers). Of a MESSAGE: a backend's header of this name is hidden.
 */
const RESERVED: ReadonlySet<string> = new Set([
  'destination',
  'content-length',
  'receipt',
  'transaction',
  'message-id',
  'subscription',
  'ack',
  'redelivered',
  'durable',
  'auto-delete',
  'exclusive',
  'prefetch-count',
])

/**
 * Of CONNECT; some clients put them on every frame. In any spelling: whoever has a token must not spread it. The last three are what pages of
 * Spring Security show against cross-site requests; the bridge looks at the origin instead.
 */
const SECRET = /^(?:login|passcode|authorization|x-csrf-token|x-xsrf-token|_csrf)$/i

/** The bridge's own prefixes: removed from what clients send. */
const OWN_PREFIX = /^(?:bridge|stomp)-/i

const DIGITS = /^[0-9]{1,15}$/

/** What the session adds to a SEND. */
export interface Sender {
  readonly user: string | undefined
  readonly session: string
}

/**
 * @param isArgument names that the route reads as arguments; they are no headers
 * @param sender who sent it, for the backends; undefined: not told
 * @throws BrokerError `bad-message` naming the rule: one bad property would close a channel that many clients share
 */
export function toMessage(
  frame: Frame,
  isArgument: (name: string, value: string) => boolean,
  sender: Sender | undefined,
): Message {
  const properties = new Properties()
  const headers: string[] = []
  for (let at = 0; at < frame.headers.length; at += 2) {
    const name = frame.headers[at]!
    const value = frame.headers[at + 1]!
    if (RESERVED.has(name) || SECRET.test(name) || OWN_PREFIX.test(name) || isArgument(name, value)) continue
    if (!setProperty(properties, name, value)) headers.push(name, value)
  }
  if (sender !== undefined) {
    headers.push('stomp-session', sender.session)
    if (sender.user !== undefined) headers.push('stomp-user', sender.user)
  }
  return { body: frame.body, headers, properties }
}

/** STOMP 1.2, Repeated Header Entries: "only the first header entry SHOULD be used". True when `name` is a property. */
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
    case 'user-id':
      properties.userId ??= value
      return true
    case 'expiration':
      properties.expirationMs ??= integer(name, value, Number.MAX_SAFE_INTEGER)
      return true
    case 'priority':
      properties.priority ??= integer(name, value, 255)
      return true
    case 'timestamp':
      // AMQP 0-9-1 §4.2.5.4: timestamps are seconds
      properties.timestampMs ??= integer(name, value, 1e12) * 1000
      return true
    case 'persistent':
      properties.persistent ??= boolean(name, value)
      return true
    case 'reply-to':
      // A destination: send.ts maps it through the routes.
      return true
    default:
      return false
  }
}

function integer(name: string, value: string, most: number): number {
  if (!DIGITS.test(value) || Number(value) > most) {
    throw new BrokerError(
      'bad-message',
      `header "${name}" must be decimal digits, at most ${most}, not "${brief(value)}"`,
    )
  }
  return Number(value)
}

/** The plugin's spellings of a boolean. Throws BrokerError `bad-message`. */
export function boolean(name: string, value: string): boolean {
  if (value === 'true' || value === 'True') return true
  if (value === 'false' || value === 'False') return false
  throw new BrokerError('bad-message', `header "${name}" must be true or false, not "${brief(value)}"`)
}

/** A client's text inside our own: short, and without control characters. */
export function brief(text: string): string {
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?')
  return clean.length > 80 ? `${clean.slice(0, 79)}…` : clean
}

/** Names that MESSAGE never takes from a message's own headers: the bridge sets them, or a property of the message does. */
const OF_PROPERTIES: ReadonlySet<string> = new Set([
  'content-type',
  'content-encoding',
  'correlation-id',
  'amqp-message-id',
  'type',
  'app-id',
  'user-id',
  'expiration',
  'priority',
  'timestamp',
  'persistent',
])

/** Headers of the bridge that receivers need: to de-duplicate what was sent again. */
const TOLD: ReadonlySet<string> = new Set(['bridge-id', 'bridge-resent'])

/**
 * The part of a MESSAGE's headers that is the same for every subscriber: name, value, name, value …
 * @param replyTo the destination that answers go to, already mapped back through the routes
 * @param showSender routes with `identity: public` let browsers see who sent a message
 */
export function fromMessage(message: Message, replyTo: string | undefined, showSender: boolean): string[] {
  const out: string[] = []
  const { properties } = message
  if (properties.contentType !== undefined) out.push('content-type', properties.contentType)
  if (properties.contentEncoding !== undefined) out.push('content-encoding', properties.contentEncoding)
  if (properties.correlationId !== undefined) out.push('correlation-id', properties.correlationId)
  if (replyTo !== undefined) out.push('reply-to', replyTo)
  if (properties.messageId !== undefined) out.push('amqp-message-id', properties.messageId)
  if (properties.type !== undefined) out.push('type', properties.type)
  if (properties.appId !== undefined) out.push('app-id', properties.appId)
  if (properties.userId !== undefined) out.push('user-id', properties.userId)
  if (properties.expirationMs !== undefined) out.push('expiration', String(properties.expirationMs))
  if (properties.priority !== undefined) out.push('priority', String(properties.priority))
  if (properties.timestampMs !== undefined) out.push('timestamp', String(Math.floor(properties.timestampMs / 1000)))
  if (properties.persistent === true) out.push('persistent', 'true')
  for (let at = 0; at < message.headers.length; at += 2) {
    const name = message.headers[at]!
    if (RESERVED.has(name) || OF_PROPERTIES.has(name) || (name === 'reply-to' && replyTo !== undefined)) continue
    if (OWN_PREFIX.test(name) && !TOLD.has(name) && !(showSender && name.startsWith('stomp-'))) continue
    out.push(name, message.headers[at + 1]!)
  }
  return out
}
