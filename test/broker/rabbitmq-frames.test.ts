/** The octets of `basic.publish` are those of amqplib's own encoder. It is not exported: an upgrade that moves it shows here. */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { headBound, type Publish, writeBodyStart, writeEnd, writeHead } from '../../src/adapters/rabbitmq/frames.ts'
import { Outbound } from '../../src/adapters/rabbitmq/properties.ts'

interface Definitions {
  readonly BasicPublish: number
  readonly BasicProperties: number
  encodeMethod(method: number, channel: number, fields: object): Buffer
  encodeProperties(properties: number, channel: number, size: number, fields: object): Buffer
}

const require = createRequire(import.meta.url)
const lib = (name: string) => require(fileURLToPath(new URL(`../../node_modules/amqplib/lib/${name}`, import.meta.url)))
const definitions = lib('defs.js') as Definitions
const makeBodyFrame = (lib('frame.js') as { makeBodyFrame(channel: number, payload: Buffer): Buffer }).makeBodyFrame
const argumentsOf = (lib('api_args.js') as { publish(exchange: string, key: string, options: object): object }).publish

function ours(channel: number, publish: Publish, bodyBytes: number): Buffer {
  const bytes = Buffer.alloc(headBound(publish), 0xee)
  const end = writeHead(bytes, 0, channel, publish, bodyBytes)
  expect(end).toBeLessThanOrEqual(bytes.length)
  return bytes.subarray(0, end)
}

function theirs(channel: number, { exchange, key, properties }: Publish, bodyBytes: number): Buffer {
  const headers: Record<string, string> = Object.create(null)
  for (let at = 0; at < properties.headers.length; at += 2)
    headers[properties.headers[at]!] = properties.headers[at + 1]!
  const fields = argumentsOf(exchange, key, { ...properties, headers })
  return Buffer.concat([
    definitions.encodeMethod(definitions.BasicPublish, channel, fields),
    definitions.encodeProperties(definitions.BasicProperties, channel, bodyBytes, fields),
  ])
}

const short = fc.string({ unit: 'grapheme', maxLength: 60 }).filter((text) => Buffer.byteLength(text) < 256)
const maybe = <V>(value: fc.Arbitrary<V>) => fc.option(value, { nil: undefined })
// A number for a name would come first in amqplib's table, whatever its place.
const name = short.filter((text) => !/^(?:\d|__proto__$)/.test(text))
const headers = fc
  .uniqueArray(fc.tuple(name, fc.string({ unit: 'binary', maxLength: 300 })), {
    selector: ([each]) => each,
    maxLength: 20,
  })
  .map((pairs) => pairs.flat())

const outbound = fc
  .record({
    mandatory: fc.boolean(),
    contentType: maybe(short),
    contentEncoding: maybe(short),
    persistent: maybe(fc.boolean()),
    priority: maybe(fc.integer({ min: 0, max: 255 })),
    correlationId: maybe(short),
    replyTo: maybe(short),
    expiration: maybe(fc.nat().map(String)),
    messageId: maybe(short),
    timestamp: maybe(fc.integer({ min: 0, max: Math.floor(Number.MAX_SAFE_INTEGER / 1000) })),
    type: maybe(short),
    userId: maybe(short),
    appId: maybe(short),
    headers,
  })
  .map(({ headers: list, ...rest }) => Object.assign(new Outbound(list), rest))

describe('basic.publish', () => {
  it('is what amqplib writes, whatever is in it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 65_535 }),
        fc.record({ exchange: short, key: short, properties: outbound }),
        fc.oneof(fc.nat(200_000), fc.constant(2 ** 40 + 7)),
        (channel, publish, bodyBytes) => {
          expect(ours(channel, publish, bodyBytes)).toEqual(theirs(channel, publish, bodyBytes))
        },
      ),
    )
  })

  it('has the frames of its body as amqplib writes them', () => {
    const body = Buffer.from('a body')
    const bytes = Buffer.alloc(body.length + 8)
    const payload = writeBodyStart(bytes, 0, 7, body.length)
    body.copy(bytes, payload)
    expect(writeEnd(bytes, payload + body.length)).toBe(bytes.length)
    expect(bytes).toEqual(makeBodyFrame(7, body))
  })
})
