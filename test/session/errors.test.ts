/** ERROR: what it always has, that it is flushed before the close, and what bad input comes to. */
import { describe, expect, test } from 'vitest'
import { BrokerError, type BrokerErrorCode } from '../../src/broker/errors.ts'
import { errorFrame, failureOf, PolicyError } from '../../src/session/failure.ts'
import { ProtocolError } from '../../src/stomp/errors.ts'
import { LIMITS, openStage, VERSIONS } from './stage.ts'

/** Octets that no session lives through, after CONNECT in 1.2. */
const BAD: readonly (readonly [what: string, octets: string, code: string, close: number, receipt: string])[] = [
  ['an unknown command', 'HELLO\nreceipt:r\n\n\0', 'unknown-command', 1002, 'r'],
  ["a server's command", 'MESSAGE\nreceipt:r\n\n\0', 'unknown-command', 1002, 'r'],
  ['a command in lower case', 'send\nreceipt:r\n\n\0', 'unknown-command', 1002, 'r'],
  ['a missing header', 'SEND\nreceipt:r\n\nx\0', 'missing-header', 1002, 'r'],
  ['a header without colon', 'SEND\nreceipt:r\nnothing\n\nx\0', 'bad-header', 1002, 'r'],
  ['a bad escape', 'SEND\nreceipt:r\ndestination:\\t\n\nx\0', 'bad-escape', 1002, 'r'],
  ['a body where none may be', 'BEGIN\nreceipt:r\ntransaction:t\n\nx\0', 'body-not-allowed', 1002, 'r'],
  [
    'a wrong content-length',
    'SEND\nreceipt:r\ndestination:/queue/a\ncontent-length:1\n\nxy\0',
    'missing-nul',
    1002,
    'r',
  ],
  ['a content-length that is none', 'SEND\nreceipt:r\ncontent-length:-1\n\n', 'bad-content-length', 1002, 'r'],
  ['an oversized body', `SEND\nreceipt:r\ncontent-length:${LIMITS.frameBytes + 1}\n\n`, 'frame-too-large', 1009, 'r'],
  ['an oversized header', `SEND\nreceipt:r\nk:${'x'.repeat(LIMITS.headerBytes)}`, 'header-too-long', 1009, 'r'],
  ['ten thousand headers', `SEND\nreceipt:r\n${'k:v\n'.repeat(10_000)}\n\0`, 'too-many-headers', 1009, 'r'],
]

describe('bad input', () => {
  test.each(BAD)('%s: ERROR, close, and no effect on others', async (_, octets, code, close, receipt) => {
    const stage = openStage()
    const neighbour = await stage.connected()
    const client = await stage.connected()
    client.writes(octets)
    const error = await client.isRefused(code, close)
    expect(error.headers['receipt-id']).toBe(receipt)
    neighbour.sends('SEND', { destination: '/queue/a', receipt: 'n' }, 'x')
    await neighbour.getsReceipts('n')
    expect(stage.main.published).toEqual(['x'])
  })

  test.each(BAD)('%s, one octet at a time: the same', async (_, octets, code, close) => {
    const client = await openStage().connected()
    for (const octet of Buffer.from(octets)) client.writes(Buffer.of(octet))
    await client.isRefused(code, close)
  })

  test('what came before it in the same chunk is done, what comes after is not', async () => {
    const stage = openStage()
    const client = await stage.connected()
    const good = (body: string) => `SEND\ndestination:/queue/a\n\n${body}\0`
    client.writes(`${good('before')}NONSENSE\n\n\0${good('after')}`)
    await client.isRefused('unknown-command', 1002)
    client.writes(good('later'))
    await stage.settles()
    expect(stage.main.published).toEqual(['before'])
  })
})

describe.each(VERSIONS)('STOMP %s', (version) => {
  test('an ERROR has message, receipt-id, content-type and a body, and is flushed before the close', async () => {
    const stage = openStage()
    const client = await stage.connected(version)
    client.wire.stall()
    client.sends('ACK', { id: '1-1', 'message-id': '1-1', subscription: 's', receipt: 'r' })
    await stage.settles()
    expect(client.wire.closing).toEqual({ code: 1008, reason: 'unknown ack id' })
    expect(client.wire.buffered).toBeGreaterThan(0)
    client.wire.drains()
    const error = await client.gets('ERROR')
    expect(error.headers).toMatchObject({
      message: 'unknown ack id',
      'bridge-code': 'unknown-ack',
      'receipt-id': 'r',
      'content-type': 'text/plain',
      'content-length': String(Buffer.byteLength(error.body)),
    })
    expect(error.body).toMatch(/unacknowledged message.*\n$/)
  })
})

test('an ERROR comes once: nothing follows it, whatever else was under way', async () => {
  const stage = openStage()
  stage.main.holds('publish')
  const client = await stage.connected()
  for (const receipt of ['1', '2', '3']) client.sends('SEND', { destination: '/queue/a', receipt }, receipt)
  await stage.settles()
  stage.main.publishes[1]!.refuse('refused')
  stage.main.publishes[0]!.refuse('refused')
  stage.main.publishes[2]!.give()
  await client.isRefused('refused', 1013, { 'receipt-id': '2' })
  expect(stage.told).toEqual(['connected 1.2', 'failed refused', 'closed 1013'])
})

test('our own mistakes are "internal error" to the client, and whole to the log', async () => {
  const stage = openStage()
  const client = await stage.connected()
  client.sends('SEND', { destination: '/queue/a', receipt: '0' }, 'x')
  await client.getsReceipts('0')
  stage.main.session.publish = () => Promise.reject(new TypeError('undefined is not 10.0.0.1'))
  client.sends('SEND', { destination: '/keep/a', receipt: 'r' }, 'x')
  const error = await client.isRefused('internal', 1011, { 'receipt-id': 'r' })
  expect(error.headers.message).toBe('internal error')
  expect(error.body).toBe('internal error\n')
})

describe('each failure', () => {
  const BROKER: Readonly<Record<BrokerErrorCode, number>> = {
    'no-route': 1008,
    'user-absent': 1008,
    'bad-destination': 1008,
    'bad-message': 1008,
    'not-found': 1008,
    forbidden: 4403,
    'login-refused': 4401,
    refused: 1013,
    'precondition-failed': 1008,
    unsupported: 1008,
    'broker-unavailable': 1013,
    'outcome-unknown': 1013,
    cancelled: 1008,
    'ack-timeout': 1008,
    'taken-over': 4409,
    limit: 4429,
    closed: 1001,
  }

  test.each(Object.entries(BROKER))('of the broker: %s closes with %i and says so', (code, close) => {
    const failure = failureOf(new BrokerError(code as BrokerErrorCode, 'the rule', { cause: new Error('secret') }))
    expect(failure).toMatchObject({ code, close, text: 'the rule' })
    expect(failure.title).toMatch(/\w/)
    expect(errorFrame(failure, {}, '1.2').toString()).not.toContain('secret')
  })

  test('of the protocol always closes', () => {
    expect(failureOf(new ProtocolError('bad-header', 'x'))).toMatchObject({ close: 1002, operation: false })
    expect(failureOf(new ProtocolError('frame-too-large', 'x'))).toMatchObject({ close: 1009, operation: false })
  })

  test.each([
    ['login-required', false],
    ['connect-timeout', false],
    ['heartbeat-timeout', false],
    ['gap', false],
    ['forbidden', true],
    ['unknown-ack', true],
    ['duplicate-subscription', true],
  ] as const)('of policy: %s is of one operation = %s', (code, operation) => {
    expect(failureOf(new PolicyError(code, 'x')).operation).toBe(operation)
  })

  test('that is nobody knows what is internal', () => {
    for (const thrown of [new Error('x'), 'x', undefined, null, { code: 'forbidden' }]) {
      expect(failureOf(thrown)).toMatchObject({ code: 'internal', close: 1011, operation: false })
    }
  })
})
