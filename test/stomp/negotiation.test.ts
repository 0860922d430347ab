import { describe, expect, it } from 'vitest'
import { header } from '../../src/stomp/frame.ts'
import { LONGEST_MS, negotiateHeartbeat, parseHeartbeat } from '../../src/stomp/heartbeat.ts'
import { negotiate } from '../../src/stomp/version.ts'

describe('accept-version', () => {
  it.each([
    [undefined, '1.0'],
    ['1.0', '1.0'],
    ['1.1', '1.1'],
    ['1.2', '1.2'],
    ['1.0,1.1,1.2', '1.2'],
    ['1.2,1.1,1.0', '1.2'],
    ['1.1,1.0', '1.1'],
    ['1.0,1.1,2.0', '1.1'],
    ['1.0, 1.1', '1.1'],
    ['2.0', undefined],
    ['1.20', undefined],
    ['', undefined],
    [',', undefined],
  ])('%j is %j', (accepted, agreed) => expect(negotiate(accepted)).toBe(agreed))
})

describe('heart-beat', () => {
  it.each([
    [undefined, [0, 0]],
    ['0,0', [0, 0]],
    ['500,2999', [500, 2999]],
    ['0010,00', [10, 0]],
    [`${LONGEST_MS},${LONGEST_MS + 1}`, [LONGEST_MS, LONGEST_MS]],
    [`0,${'9'.repeat(400)}`, [0, LONGEST_MS]],
  ])('%j is read as %j', (value, read) => expect(parseHeartbeat(value)).toEqual(read))

  it.each(['', '5', '5,', ',5', '5,5,5', '-5,5', '5, 5', ' 5,5', '5.0,5', '1e3,0', 'a,b'])('%j is refused', (value) => {
    expect(() => parseHeartbeat(value)).toThrow(expect.objectContaining({ code: 'bad-value' }))
  })

  it.each([
    { client: [0, 0], server: [10_000, 10_000], agreed: [0, 0] },
    { client: [500, 2999], server: [10_000, 10_000], agreed: [10_000, 10_000] },
    { client: [20_000, 30_001], server: [10_000, 10_000], agreed: [30_001, 20_000] },
    { client: [0, 5], server: [3, 10_000], agreed: [5, 0] },
    { client: [5, 0], server: [3, 10_000], agreed: [0, 10_000] },
    { client: [5, 5], server: [0, 0], agreed: [0, 0] },
  ])('client $client with server $server gives $agreed', ({ client, server, agreed }) => {
    const offer = { outgoingMs: server[0]!, incomingMs: server[1]! }
    expect(negotiateHeartbeat([client[0]!, client[1]!], offer)).toEqual({
      outgoingMs: agreed[0],
      incomingMs: agreed[1],
    })
  })
})

it('of repeated headers the first counts', () => {
  const frame = { command: 'MESSAGE', headers: ['foo', 'World', 'foo', 'Hello', 'World', 'x'], body: Buffer.alloc(0) }
  expect(header(frame, 'foo')).toBe('World')
  expect(header(frame, 'World')).toBe('x')
  expect(header(frame, 'Hello')).toBeUndefined()
})
