/**
 * `basic.publish` as octets: its method frame, its content header and the frames of its body, written straight to where they leave from.
 * amqplib's own encoder makes six buffers for each message and copies its body twice. AMQP 0-9-1:
 *
 *   §2.3.5  frame   = type:octet channel:short size:long payload frame-end:octet(206)
 *   §2.3.5.2 header = class-id:short weight:short(0) body-size:longlong property-flags:short property-list
 *   basic.publish   = 60:short 40:short reserved:short exchange:shortstr routing-key:shortstr bits(mandatory, immediate)
 *
 * Knows no connection, and checks nothing: draft.ts and properties.ts have made sure that everything fits.
 */
import type { Outbound } from './properties.ts'

/** Octets of a frame beside its payload. */
export const FRAME_OVERHEAD = 8
const FRAME_END = 206
const METHOD = 1
const HEADER = 2
const BODY = 3

const BASIC = 60
const PUBLISH = 40

/** §4.2.6.1, from the class "basic" of the protocol's XML: the first property has the highest bit. */
const HAS = {
  contentType: 1 << 15,
  contentEncoding: 1 << 14,
  headers: 1 << 13,
  deliveryMode: 1 << 12,
  priority: 1 << 11,
  correlationId: 1 << 10,
  replyTo: 1 << 9,
  expiration: 1 << 8,
  messageId: 1 << 7,
  timestamp: 1 << 6,
  type: 1 << 5,
  userId: 1 << 4,
  appId: 1 << 3,
} as const

/** Octets of method frame and header frame that are not text: all lengths, numbers, flags, with room to spare. */
const FIXED = 96
/** Of one header: two lengths and a type. */
const ENTRY = 6
const LONG_STRING = 0x53
/** Octets of UTF-8 for one UTF-16 code unit, at most. */
const WIDEST = 3

/** What is published, and where to. */
export interface Publish {
  readonly exchange: string
  readonly key: string
  readonly properties: Outbound
}

/** An upper bound of what {@link writeHead} will write, in octets. */
export function headBound({ exchange, key, properties }: Publish): number {
  const { contentType, contentEncoding, correlationId, replyTo, expiration, messageId, type, userId, appId } =
    properties
  let units = exchange.length + key.length
  units += lengthOf(contentType) + lengthOf(contentEncoding) + lengthOf(correlationId) + lengthOf(replyTo)
  units += lengthOf(expiration) + lengthOf(messageId) + lengthOf(type) + lengthOf(userId) + lengthOf(appId)
  for (const text of properties.headers) units += text.length
  return FIXED + WIDEST * units + ENTRY * properties.headers.length
}

/**
 * Method frame and header frame.
 * @param bytes has room for `headBound` octets from `at` on
 * @param bodyBytes of the whole body
 * @returns where they end
 */
export function writeHead(bytes: Buffer, at: number, channel: number, publish: Publish, bodyBytes: number): number {
  return writeHeader(bytes, writeMethod(bytes, at, channel, publish), channel, publish.properties, bodyBytes)
}

/** A body frame up to its payload of `size` octets; @returns where the payload begins. After it comes {@link writeEnd}. */
export function writeBodyStart(bytes: Buffer, at: number, channel: number, size: number): number {
  const payload = begin(bytes, at, BODY, channel)
  bytes.writeUInt32BE(size, payload - 4)
  return payload
}

/** The end of a frame; @returns where the next one begins. */
export function writeEnd(bytes: Buffer, at: number): number {
  bytes[at] = FRAME_END
  return at + 1
}

function writeMethod(bytes: Buffer, start: number, channel: number, publish: Publish): number {
  const payload = begin(bytes, start, METHOD, channel)
  bytes.writeUInt16BE(BASIC, payload)
  bytes.writeUInt16BE(PUBLISH, payload + 2)
  bytes.writeUInt16BE(0, payload + 4)
  let at = writeShort(bytes, payload + 6, publish.exchange)
  at = writeShort(bytes, at, publish.key)
  bytes[at] = publish.properties.mandatory ? 1 : 0
  return finish(bytes, payload, at + 1)
}

function writeHeader(bytes: Buffer, start: number, channel: number, from: Outbound, bodyBytes: number): number {
  const payload = begin(bytes, start, HEADER, channel)
  bytes.writeUInt32BE(BASIC << 16, payload)
  writeLong(bytes, payload + 4, bodyBytes)
  return finish(bytes, payload, writeProperties(bytes, payload + 12, from))
}

/** Flags, then the properties that are there, in the order of their bits. */
function writeProperties(bytes: Buffer, flagsAt: number, from: Outbound): number {
  let flags: number = HAS.headers
  let at = flagsAt + 2
  const short = (flag: number, text: string | undefined): void => {
    if (text === undefined) return
    flags |= flag
    at = writeShort(bytes, at, text)
  }
  const octet = (flag: number, value: number | undefined): void => {
    if (value === undefined) return
    flags |= flag
    bytes[at++] = value
  }
  short(HAS.contentType, from.contentType)
  short(HAS.contentEncoding, from.contentEncoding)
  at = writeTable(bytes, at, from.headers)
  octet(HAS.deliveryMode, from.persistent === undefined ? undefined : from.persistent ? 2 : 1)
  octet(HAS.priority, from.priority)
  short(HAS.correlationId, from.correlationId)
  short(HAS.replyTo, from.replyTo)
  short(HAS.expiration, from.expiration)
  short(HAS.messageId, from.messageId)
  if (from.timestamp !== undefined) {
    flags |= HAS.timestamp
    at = writeLong(bytes, at, from.timestamp)
  }
  short(HAS.type, from.type)
  short(HAS.userId, from.userId)
  short(HAS.appId, from.appId)
  bytes.writeUInt16BE(flags, flagsAt)
  return at
}

/** §4.2.5.5: a field table of long strings. */
function writeTable(bytes: Buffer, start: number, headers: readonly string[]): number {
  let at = start + 4
  for (let index = 0; index < headers.length; index += 2) {
    at = writeShort(bytes, at, headers[index]!)
    bytes[at] = LONG_STRING
    const length = bytes.write(headers[index + 1]!, at + 5)
    bytes.writeUInt32BE(length, at + 1)
    at += 5 + length
  }
  bytes.writeUInt32BE(at - start - 4, start)
  return at
}

function writeShort(bytes: Buffer, at: number, text: string): number {
  const length = text === '' ? 0 : bytes.write(text, at + 1)
  bytes[at] = length
  return at + 1 + length
}

/** 64 bits of a safe integer. */
function writeLong(bytes: Buffer, at: number, value: number): number {
  bytes.writeUInt32BE(Math.floor(value / 2 ** 32), at)
  bytes.writeUInt32BE(value >>> 0, at + 4)
  return at + 8
}

/** @returns where the payload begins; its size is written by `finish` */
function begin(bytes: Buffer, at: number, type: number, channel: number): number {
  bytes[at] = type
  bytes.writeUInt16BE(channel, at + 1)
  return at + 7
}

function finish(bytes: Buffer, payload: number, end: number): number {
  bytes.writeUInt32BE(end - payload, payload - 4)
  return writeEnd(bytes, end)
}

const lengthOf = (text: string | undefined): number => (text === undefined ? 0 : text.length)
