/**
 * Whoever breaks the rules is told which one, and is sent away; whoever keeps them beside him notices nothing. Over real sockets, on the memory
 * broker: what is hostile to AMQP is in cases/hostile-headers.ts.
 */
import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { encodeFrame } from '../../src/stomp/encoder.ts'
import { startTestBridge, type TestBridge } from '../support/bridge.ts'
import { until } from '../support/until.ts'
import { bodies, Client } from './driver.ts'
import { fresh } from './place.ts'

const PROTOCOL = 1002
const TOO_LARGE = 1009
/** Of the neighbour, while the other one misbehaves. */
const MESSAGES = 500

const many = (count: number, length = 1): string =>
  Array.from({ length: count }, (_, at) => `h${at}:${'x'.repeat(length)}\n`).join('')

/** Octets after CONNECTED, the code that the ERROR bears, the code of the close. */
const BROKEN_FRAMES: readonly (readonly [what: string, octets: string | Buffer, code: string, close: number])[] = [
  ['an unknown command', 'SHOUT\n\n\0', 'unknown-command', PROTOCOL],
  ['a command of servers', 'MESSAGE\ndestination:/queue/a\n\n\0', 'unknown-command', PROTOCOL],
  ['a command in small letters', 'send\ndestination:/queue/a\n\n\0', 'unknown-command', PROTOCOL],
  ['an endless command', 'A'.repeat(100_000), 'unknown-command', PROTOCOL],
  ['a SEND without destination', 'SEND\n\nhello\0', 'missing-header', PROTOCOL],
  ['a SUBSCRIBE without id', 'SUBSCRIBE\ndestination:/queue/a\n\n\0', 'missing-header', PROTOCOL],
  ['an ACK without id', 'ACK\n\n\0', 'missing-header', PROTOCOL],
  ['a BEGIN without transaction', 'BEGIN\n\n\0', 'missing-header', PROTOCOL],
  ['an undefined escape', 'SEND\ndestination:/queue/a\nk:C:\\temp\n\n\0', 'bad-escape', PROTOCOL],
  ['a header without colon', 'SEND\ndestination:/queue/a\nnonsense\n\n\0', 'bad-header', PROTOCOL],
  ['a header that is not UTF-8', Buffer.from('SEND\ndestination:/queue/\xff\n\n\0', 'latin1'), 'bad-header', PROTOCOL],
  ['a body on a SUBSCRIBE', 'SUBSCRIBE\nid:1\ndestination:/queue/a\n\nbody\0', 'body-not-allowed', PROTOCOL],
  ['an ack mode of its own', 'SUBSCRIBE\nid:1\ndestination:/queue/a\nack:maybe\n\n\0', 'bad-value', PROTOCOL],
  ['a content-length that is too short', sized('3', 'hello'), 'missing-nul', PROTOCOL],
  ['a content-length that is no number', sized('five', 'hello'), 'bad-content-length', PROTOCOL],
  ['a negative content-length', sized('-1', 'hello'), 'bad-content-length', PROTOCOL],
  ['a content-length over the limit', sized('999999999999', 'hello'), 'frame-too-large', TOO_LARGE],
  ['an oversized body', `SEND\ndestination:/queue/a\n\n${'x'.repeat(70_000)}\0`, 'frame-too-large', TOO_LARGE],
  ['10,000 headers', `SEND\ndestination:/queue/a\n${many(10_000)}\n\0`, 'too-many-headers', TOO_LARGE],
  ['an oversized header', `SEND\ndestination:/queue/a\n${many(1, 20_000)}\n\0`, 'header-too-long', TOO_LARGE],
  ['a second CONNECT', 'CONNECT\naccept-version:1.2\nhost:/\n\n\0', 'already-connected', PROTOCOL],
]

/** The same before CONNECTED. */
const BROKEN_OPENINGS: typeof BROKEN_FRAMES = [
  ['a SEND', 'SEND\ndestination:/queue/a\n\nhello\0', 'not-connected', PROTOCOL],
  ['an unknown command', 'GET / HTTP/1.1\r\n\r\n\0', 'unknown-command', PROTOCOL],
  ['a version of its own', 'CONNECT\naccept-version:3.0\nhost:/\n\n\0', 'version-not-supported', PROTOCOL],
  ['nonsense for a heart-beat', 'CONNECT\naccept-version:1.2\nhost:/\nheart-beat:ten\n\n\0', 'bad-value', PROTOCOL],
  ['10,000 headers', `CONNECT\n${many(10_000)}\n\0`, 'too-many-headers', TOO_LARGE],
  ['more than CONNECT may take', `CONNECT\n${many(20, 8_000)}\n\0`, 'frame-too-large', TOO_LARGE],
]

function sized(length: string, body: string): string {
  return `SEND\ndestination:/queue/a\ncontent-length:${length}\n\n${body}\0`
}

/** RFC 6455 §5.2, by hand: what `ws` would never send. */
const BROKEN_WEBSOCKET: readonly (readonly [what: string, octets: readonly number[], close: number])[] = [
  ['a frame without mask', [0x81, 0x02, 0x0a, 0x0a], PROTOCOL],
  ['a reserved opcode', [0x83, 0x80, 0, 0, 0, 0], PROTOCOL],
  ['a reserved bit', [0xc1, 0x81, 0, 0, 0, 0, 0x0a], PROTOCOL],
  ['a continuation of nothing', [0x80, 0x81, 0, 0, 0, 0, 0x0a], PROTOCOL],
  ['a ping of 126 bytes', [0x89, 0xfe, 0, 126, 0, 0, 0, 0], PROTOCOL],
  ['a text that is not UTF-8', [0x81, 0x81, 0, 0, 0, 0, 0xff], 1007],
  ['a message of 2^40 bytes', [0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], TOO_LARGE],
]

describe('bad input', () => {
  let bridge: TestBridge
  let neighbour: Client
  let queue: string

  beforeAll(async () => {
    bridge = await startTestBridge(`
brokers: { local: { adapter: memory } }
routes: [{ preset: memory, broker: local }]
limits: { frameBytes: 64KiB }
`)
  })

  afterAll(async () => {
    await bridge[Symbol.asyncDispose]()
  })

  /** In full swing before the fault, checked after it: every message, in order, nothing else. */
  beforeEach(async () => {
    queue = `/queue/${fresh('neighbour')}`
    neighbour = await Client.connect(bridge.url)
    await neighbour.do('SUBSCRIBE', { id: 's', destination: queue, ack: 'auto' })
    for (let at = 0; at < MESSAGES; at++) neighbour.send('SEND', { destination: queue, receipt: `r${at}` }, `m${at}`)
  })

  afterEach(async () => {
    await neighbour.message(MESSAGES)
    expect(bodies(neighbour.messages)).toEqual(Array.from({ length: MESSAGES }, (_, at) => `m${at}`))
    expect(neighbour.receipts.size).toBe(MESSAGES + 1)
    expect(neighbour.errors).toEqual([])
    await neighbour[Symbol.asyncDispose]()
  })

  test.each(BROKEN_FRAMES)('%s: ERROR and close', async (_, octets, code, close) => {
    await using client = await Client.connect(bridge.url)
    client.write(octets)
    expect((await client.gone()).code).toBe(close)
    expect(client.errors.map(({ headers }) => headers['bridge-code'])).toEqual([code])
    expect(client.errors[0]!.body.length).toBeGreaterThan(0)
  })

  test.each(BROKEN_OPENINGS)('before CONNECT %s: ERROR and close', async (_, octets, code, close) => {
    await using client = await Client.open(bridge.url)
    client.write(octets)
    expect((await client.gone()).code).toBe(close)
    expect(client.errors.map(({ headers }) => headers['bridge-code'])).toEqual([code])
  })

  test('the ERROR of a broken frame names its receipt', async () => {
    await using client = await Client.connect(bridge.url)
    client.send('SEND', { receipt: 'the one' }, 'no destination')
    await client.gone()
    expect(client.errors[0]!.headers).toMatchObject({ 'bridge-code': 'missing-header', 'receipt-id': 'the one' })
  })

  test('what came before the broken frame is done, what comes after it is not', async () => {
    await using client = await Client.connect(bridge.url)
    const own = `/queue/${fresh('own')}`
    const frame = (body: string): Buffer => encodeFrame('SEND', ['destination', own], Buffer.from(body), '1.2')
    client.write(Buffer.concat([frame('before'), Buffer.from('SHOUT\n\n\0'), frame('after')]))
    await client.gone()
    await using reader = await Client.connect(bridge.url)
    await reader.do('SUBSCRIBE', { id: 's', destination: own, ack: 'auto' })
    await reader.do('SEND', { destination: own }, 'end')
    await reader.message(2)
    expect(bodies(reader.messages)).toEqual(['before', 'end'])
  })

  test.each(BROKEN_WEBSOCKET)('%s: the WebSocket closes', async (_, octets, close) => {
    const socket = await upgraded(bridge)
    const answer = collected(socket)
    socket.write(Buffer.from(octets))
    await once(socket, 'close')
    // RFC 6455 §5.5.1: opcode 8, length, then the code in two bytes
    const frame = answer()
    expect([frame[0], frame.readUInt16BE(2)]).toEqual([0x88, close])
  })

  test('octets that are no HTTP: 400', async () => {
    const socket = connect(bridge.port, '127.0.0.1')
    const answer = collected(socket)
    socket.write('CONNECT\naccept-version:1.2\n\n\0')
    await once(socket, 'close')
    expect(answer().toString()).toMatch(/^HTTP\/1\.1 400 /)
  })

  test.each([
    ['another path', '/elsewhere', { upgrade: 'websocket' }, 404],
    ['no upgrade', '/ws', {}, 426],
    ['a handshake without key', '/ws', { upgrade: 'websocket', connection: 'Upgrade' }, 400],
  ])('%s: an answer in HTTP', async (_, path, headers, status) => {
    const asked = request({ host: '127.0.0.1', port: bridge.port, path, headers, agent: false }).end()
    const [{ statusCode }] = await once(asked, 'response')
    expect(statusCode).toBe(status)
    asked.destroy()
  })

  test('a client that says nothing is sent away, and its ERROR says why', async () => {
    await using impatient = await startTestBridge(`
brokers: { local: { adapter: memory } }
routes: [{ preset: memory, broker: local }]
limits: { connectTimeout: 200ms }
`)
    await using client = await Client.open(impatient.url)
    expect((await client.gone()).code).toBe(4408)
    expect(client.errors[0]!.headers['bridge-code']).toBe('connect-timeout')
  })
})

/** The opening handshake, by hand. */
async function upgraded({ port }: TestBridge): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  const answer = collected(socket)
  const key = Buffer.from('sixteen octets!!').toString('base64')
  socket.write(
    `GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  )
  await until('the answer to the upgrade', () => answer().includes('\r\n\r\n'))
  expect(answer().toString()).toMatch(/^HTTP\/1\.1 101 /)
  socket.removeAllListeners('data')
  return socket
}

function collected(socket: Socket): () => Buffer {
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.on('error', () => {})
  return () => Buffer.concat(chunks)
}
