/**
 * A port message into what a PUBLISH carries, and back. MQTT 5 has words for content type, expiry, correlation and answers; whatever else a
 * message says about itself goes as user properties, under the names that STOMP clients know. MQTT 3.1.1 has no words at all: there only
 * the body travels.
 */
import { isUtf8 } from 'node:buffer'
import type { IPublishPacket } from 'mqtt'
import { BrokerError } from '../../broker/errors.ts'
import { type Message, Properties } from '../../broker/message.ts'
import { textFault } from './text.ts'
import { checkPublishable, MqttTarget } from './topics.ts'

export type PublishProperties = NonNullable<IPublishPacket['properties']>

/** Properties of the port that MQTT has no word for, by the names they travel under. `user-id` is not among them: nobody could check it. */
const NAMED = {
  'content-encoding': 'contentEncoding',
  'amqp-message-id': 'messageId',
  type: 'type',
  'app-id': 'appId',
} as const
const NUMBERED = { priority: 'priority', timestamp: 'timestampMs' } as const

/** User properties that are properties of the port; what a device writes there counts. */
const RESERVED: ReadonlySet<string> = new Set([...Object.keys(NAMED), ...Object.keys(NUMBERED)])

/** MQTT 5 §1.5.6: Binary Data "is limited to the range of 0 to 65,535 Bytes". */
const LONGEST_BINARY = 65_535

/** @throws BrokerError `bad-message` or `bad-destination` for what would cost the connection */
export function outboundProperties(message: Message): PublishProperties {
  const { contentType, correlationId, expirationMs, replyTo } = message.properties
  const out: PublishProperties = {}
  if (contentType !== undefined) {
    out.contentType = checked('content-type', contentType)
    if (isText(contentType) && isUtf8(message.body)) out.payloadFormatIndicator = true
  }
  if (correlationId !== undefined) {
    out.correlationData = Buffer.from(correlationId)
    if (out.correlationData.length > LONGEST_BINARY) throw bad(`correlation-id has at most ${LONGEST_BINARY} bytes`)
  }
  if (expirationMs !== undefined) out.messageExpiryInterval = expirySeconds(expirationMs)
  if (replyTo instanceof MqttTarget) {
    checkPublishable(replyTo)
    out.responseTopic = replyTo.topic
  }
  const user = userProperties(message)
  // A QoS 1 publish with an empty one is never answered by the library.
  if (user !== undefined) out.userProperties = user
  return out
}

/** MQTT counts in seconds: rounded up, for a message may live longer but not be lost early. */
export function expirySeconds(ms: number): number {
  return Math.min(0xffff_ffff, Math.max(1, Math.ceil(ms / 1000)))
}

function userProperties({ headers, properties }: Message): Record<string, string> | undefined {
  const user: Record<string, string> = Object.create(null)
  let some = false
  const add = (name: string, value: string): void => {
    // STOMP 1.2, Repeated Header Entries: "only the first header entry SHOULD be used"
    if (user[name] !== undefined) return
    user[checked('a header name', name)] = checked(`header "${name.slice(0, 40)}"`, value)
    some = true
  }
  for (const [name, key] of Object.entries(NAMED)) if (properties[key] !== undefined) add(name, properties[key])
  if (properties.priority !== undefined) add('priority', String(properties.priority))
  if (properties.timestampMs !== undefined) add('timestamp', String(Math.floor(properties.timestampMs / 1000)))
  for (let at = 0; at < headers.length; at += 2) add(headers[at]!, headers[at + 1]!)
  return some ? user : undefined
}

function checked(what: string, text: string): string {
  // The library copies packets into plain objects, where this name is none.
  if (text === '__proto__' && what === 'a header name') throw bad('MQTT cannot carry a header named __proto__')
  const fault = textFault(text)
  if (fault !== undefined) throw bad(`${what.replace(/[\p{Cc}\p{Cs}]/gu, '?')} must ${fault}`)
  return text
}

function isText(contentType: string): boolean {
  return /^text\/|[/+](?:json|xml)\b|charset=utf-8/i.test(contentType)
}

/** @param replyTo makes a target of a response topic */
export function inboundMessage(packet: IPublishPacket, replyTo: (topic: string) => MqttTarget): Message {
  const properties = new Properties()
  const headers: string[] = []
  // A copy that waited at the broker, and no news.
  if (packet.retain) headers.push('retain', 'true')
  if (packet.qos > 0) properties.persistent = true
  if (packet.properties !== undefined) readProperties(packet.properties, properties, headers, replyTo)
  const { payload } = packet
  return { body: typeof payload === 'string' ? Buffer.from(payload) : payload, headers, properties }
}

function readProperties(
  from: PublishProperties,
  properties: Properties,
  headers: string[],
  replyTo: (topic: string) => MqttTarget,
): void {
  properties.contentType = from.contentType ?? (from.payloadFormatIndicator ? 'text/plain;charset=utf-8' : undefined)
  properties.correlationId = from.correlationData?.toString()
  if (from.messageExpiryInterval !== undefined) properties.expirationMs = from.messageExpiryInterval * 1000
  if (from.responseTopic !== undefined) properties.replyTo = replyTo(from.responseTopic)
  for (const [name, value] of Object.entries(from.userProperties ?? {})) {
    // MQTT 5 §3.3.2.3.7: the same name may come more than once; STOMP's rule is the first.
    const first = typeof value === 'string' ? value : (value[0] ?? '')
    // It says that this is a copy that waited at the broker, which only the broker knows.
    if (name === 'retain') continue
    if (RESERVED.has(name)) readNamed(properties, name, first)
    else headers.push(name, first)
  }
}

function readNamed(properties: Properties, name: string, value: string): void {
  if (name in NAMED) {
    properties[NAMED[name as keyof typeof NAMED]] = value
    return
  }
  if (!/^[0-9]{1,12}$/.test(value)) return
  if (name === 'priority') properties.priority = Math.min(255, Number(value))
  else properties.timestampMs = Number(value) * 1000
}

function bad(text: string): BrokerError {
  return new BrokerError('bad-message', text)
}
