/** Frames to destinations that no route has: ERROR, or nothing at all as in Spring. */
import { describe, expect, test } from 'vitest'
import { openStage } from './stage.ts'

test('as it comes: ERROR no-route, and the close', async () => {
  const stage = openStage()
  const client = await stage.connected()
  client.sends('SEND', { destination: '/nowhere' }, 'x')
  await client.isRefused('no-route', 1008)
})

describe('unmapped: ignore', () => {
  test('SEND, SUBSCRIBE and its UNSUBSCRIBE are not answered, and the session goes on', async () => {
    const stage = openStage({ unmapped: 'ignore' })
    const client = await stage.connected()
    client.sends('SEND', { destination: '/nowhere' }, 'x')
    client.sends('SUBSCRIBE', { destination: '/nowhere', id: 's1' })
    client.sends('UNSUBSCRIBE', { id: 's1' })
    await client.getsNothing()
    client.sends('SEND', { destination: '/queue/a', receipt: 'r' }, 'x')
    await client.getsReceipts('r')
    expect(stage.counters.ignored).toBe(3)
  })

  test.each([
    ['SEND', { destination: '/nowhere', receipt: 'r' }, 'no-route'],
    ['SUBSCRIBE', { destination: '/nowhere', id: 's1', receipt: 'r' }, 'no-route'],
    ['UNSUBSCRIBE', { id: 's1', receipt: 'r' }, 'unknown-subscription'],
  ] as const)('who asks for a receipt is told the truth: %s', async (command, headers, code) => {
    const stage = openStage({ unmapped: 'ignore' })
    const client = await stage.connected()
    client.sends(command, headers)
    await client.isRefused(code, 1008, { 'receipt-id': 'r' })
  })

  test('and so is a transaction, whose COMMIT vouches for what is in it', async () => {
    const stage = openStage({ unmapped: 'ignore' })
    const client = await stage.connected()
    client.sends('BEGIN', { transaction: 't' })
    client.sends('SEND', { destination: '/nowhere', transaction: 't' }, 'x')
    await client.isRefused('no-route', 1008)
  })

  test('what is reserved for the bridge stays forbidden', async () => {
    const stage = openStage({ unmapped: 'ignore' })
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { destination: '/user/queue/x', id: 's1' })
    await client.isRefused('forbidden', 4403)
  })
})

test('CSRF headers of Spring Security go no further, whatever frame they stand on', async () => {
  const stage = openStage()
  const csrf = { 'X-CSRF-TOKEN': 'a', 'X-XSRF-TOKEN': 'b', _csrf: 'c' }
  const client = await stage.connected('1.2', csrf)
  client.sends('SEND', { destination: '/queue/a', receipt: 'r', ...csrf, colour: 'red' }, 'x')
  await client.getsReceipts('r')
  const { headers } = stage.main.publish.message
  expect(headers.slice(0, headers.indexOf('stomp-session'))).toEqual(['colour', 'red'])
})
