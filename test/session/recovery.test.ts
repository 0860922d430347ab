/** A broker's connection is lost and comes back: what is told, to whom, and what is not given twice. */
import { describe, expect, test } from 'vitest'
import { FakeBroker } from '../support/broker.ts'
import { ackOf, LIMITS, openStage, type StageOptions } from './stage.ts'

async function subscribed(headers: Record<string, string>, options: StageOptions = {}) {
  const stage = openStage(options)
  const client = await stage.connected()
  client.sends('SUBSCRIBE', { id: 'sub', destination: '/queue/a', receipt: 's', ...headers })
  await client.getsReceipts('s')
  return { stage, client, subscription: stage.main.subscription() }
}

describe.each([
  ['a queue', { ack: 'client' }],
  ['a topic that is shared', { destination: '/topic/a' }],
])('%s', (_, headers) => {
  test('a gap is told on the next MESSAGE, once', async () => {
    const { client, subscription } = await subscribed(headers)
    subscription.deliver('1')
    subscription.lost()
    subscription.resumed(true)
    subscription.deliver('2')
    subscription.deliver('3')
    const heard = await client.getsMessages('1', '2', '3')
    expect(heard.map((message) => message.headers['bridge-gap'])).toEqual([undefined, 'true', undefined])
    expect(new Set(heard.map((message) => message.headers['message-id'])).size).toBe(3)
  })

  test('a recovery that has lost nothing is not heard of', async () => {
    const { client, subscription } = await subscribed(headers)
    subscription.lost()
    subscription.resumed(false)
    subscription.deliver('1')
    expect((await client.gets('MESSAGE')).headers).not.toHaveProperty('bridge-gap')
  })

  test('onGap: close sends the client away, to come back and fetch anew', async () => {
    const policies = { '/queue/{name+}': { onGap: 'close' }, '/topic/{name+}': { onGap: 'close' } } as const
    const { stage, client, subscription } = await subscribed(headers, { policies })
    subscription.lost()
    subscription.resumed(true)
    await stage.passes(0)
    await client.isRefused('gap', 1012, { subscription: 'sub' })
  })

  test('onGap: close is spread, and forgotten when the client goes first', async () => {
    const policies = { '/queue/{name+}': { onGap: 'close' }, '/topic/{name+}': { onGap: 'close' } } as const
    const { stage, client, subscription } = await subscribed(headers, { policies, spreadMs: 60_000 })
    subscription.resumed(true)
    subscription.resumed(true)
    expect(stage.clock.pending).toBe(1)
    client.sends('DISCONNECT')
    await client.isClosed(1000)
    await stage.passes(3000)
    expect(stage.clock.pending).toBe(0)
  })
})

test('a gap before the RECEIPT is none: nothing was promised', async () => {
  const stage = openStage()
  stage.main.holds('subscribe')
  const client = await stage.connected()
  client.sends('SUBSCRIBE', { id: 'sub', destination: '/queue/a', receipt: 's' })
  await stage.settles()
  stage.main.subscription().resumed(true)
  stage.main.subscription().consent.give()
  await client.getsReceipts('s')
  stage.main.subscription().deliver('1')
  expect((await client.gets('MESSAGE')).headers).not.toHaveProperty('bridge-gap')
})

test('what was held for the RECEIPT when the connection was lost is not given twice', async () => {
  const stage = openStage()
  stage.main.holds('subscribe')
  const client = await stage.connected()
  client.sends('SUBSCRIBE', { id: 'sub', destination: '/queue/a', ack: 'client', receipt: 's' })
  await stage.settles()
  const subscription = stage.main.subscription()
  subscription.deliver('1')
  subscription.lost()
  subscription.deliver('1', { redelivered: true })
  subscription.consent.give()
  await client.getsReceipts('s')
  await client.gets('MESSAGE', { redelivered: 'true' }, '1')
  await client.getsNothing()
})

test('the client stays connected through an outage, and others hear nothing of it', async () => {
  const { stage, client, subscription } = await subscribed({ ack: 'client' })
  const neighbour = await stage.connected()
  subscription.lost()
  await stage.passes(3_600_000)
  await client.getsNothing()
  await neighbour.getsNothing()
  subscription.resumed(false)
  subscription.deliver('1')
  await client.getsMessages('1')
})

describe('the broker ends a subscription', () => {
  test.each([
    ['cancelled', 1008],
    ['not-found', 1008],
    ['ack-timeout', 1008],
    ['taken-over', 4409],
    ['broker-unavailable', 1013],
  ] as const)('%s: ERROR names the subscription', async (code, close) => {
    const { client, subscription } = await subscribed({ ack: 'client' })
    subscription.end(code)
    await client.isRefused(code, close, { subscription: 'sub' })
  })

  test('errors: keep leaves the connection, the id is free, and what was out is stale', async () => {
    const { stage, client, subscription } = await subscribed({ destination: '/keep/a', ack: 'client-individual' })
    subscription.deliver('1')
    const [message] = await client.getsMessages('1')
    subscription.end('cancelled')
    await client.getsError('cancelled', { subscription: 'sub' })
    expect(subscription.disposed).toBe(true)
    client.sends('SUBSCRIBE', { id: 'sub', destination: '/keep/a', receipt: 'again' })
    await client.getsReceipts('again')
    client.sends('ACK', { ...ackOf(client, message!), receipt: 'a' })
    await client.gets('RECEIPT', { 'receipt-id': 'a', 'bridge-stale': 'true' })
    await stage.passes(LIMITS.unsubscribeGraceMs)
    client.sends('ACK', { ...ackOf(client, message!), receipt: 'b' })
    await client.isRefused('unknown-ack', 1008, { 'receipt-id': 'b' })
  })

  test('after UNSUBSCRIBE nobody is told, and what was out is stale', async () => {
    const { client, subscription } = await subscribed({ ack: 'client' })
    subscription.deliver('1')
    const [message] = await client.getsMessages('1')
    client.sends('UNSUBSCRIBE', { id: 'sub', receipt: 'u' })
    await client.getsReceipts('u')
    subscription.end('cancelled')
    await client.getsNothing()
    client.sends('ACK', { ...ackOf(client, message!), receipt: 'a' })
    await client.gets('RECEIPT', { 'receipt-id': 'a', 'bridge-stale': 'true' })
  })
})

test('a loss after UNSUBSCRIBE: what was out is stale through the grace', async () => {
  const { stage, client, subscription } = await subscribed({ ack: 'client' })
  subscription.deliver('1')
  const [message] = await client.getsMessages('1')
  client.sends('UNSUBSCRIBE', { id: 'sub', receipt: 'u' })
  await client.getsReceipts('u')
  subscription.lost()
  client.sends('ACK', { ...ackOf(client, message!), receipt: 'a' })
  await client.gets('RECEIPT', { 'receipt-id': 'a', 'bridge-stale': 'true' })
  await stage.passes(LIMITS.unsubscribeGraceMs)
  expect(subscription.disposed).toBe(true)
})

test('a service account that cannot be linked: the frames that wanted it fail, CONNECT does not', async () => {
  const stage = openStage({ brokers: [new FakeBroker('main').holds('link'), new FakeBroker('other')] })
  const client = await stage.connected()
  client.sends('SEND', { destination: '/keep/a', receipt: '1' }, 'x')
  client.sends('SUBSCRIBE', { id: 'sub', destination: '/keep/a', receipt: '2' })
  await stage.settles()
  stage.main.linking[0]!.refuse('broker-unavailable')
  await client.getsError('broker-unavailable', { 'receipt-id': '1' })
  await client.getsError('broker-unavailable', { 'receipt-id': '2', subscription: 'sub' })
  stage.main.answers('link')
  client.sends('SEND', { destination: '/keep/a', receipt: '3' }, 'y')
  await client.getsReceipts('3')
  expect(stage.main.published).toEqual(['y'])
})
