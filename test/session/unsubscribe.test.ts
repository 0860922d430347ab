/** UNSUBSCRIBE: no MESSAGE after its RECEIPT, and what is still owed for a while. */
import { describe, expect, test } from 'vitest'
import { passthrough } from './authenticators.ts'
import { ackOf, LIMITS, openStage, VERSIONS } from './stage.ts'

describe.each(VERSIONS)('STOMP %s', (version) => {
  test('the RECEIPT comes when the consumer is cancelled', async () => {
    const stage = openStage()
    stage.main.holds('stop')
    const client = await stage.connected(version)
    client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', receipt: 's' })
    await client.getsReceipts('s')
    client.sends('UNSUBSCRIBE', { id: '1', receipt: 'u' })
    await client.getsNothing()
    stage.main.subscription().stopping[0]!.give()
    await client.getsReceipts('u')
    expect(stage.main.log.slice(1)).toEqual(['subscribe queue:a', 'stop queue:a', 'end queue:a'])
  })

  test('no MESSAGE follows: what still comes is released at once', async () => {
    const stage = openStage()
    stage.main.holds('stop')
    const client = await stage.connected(version)
    client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', ack: 'client' })
    client.sends('UNSUBSCRIBE', { id: '1', receipt: 'u' })
    await stage.settles()
    const subscription = stage.main.subscription()
    subscription.deliver('late')
    subscription.stopping[0]!.give()
    await client.getsReceipts('u')
    expect(subscription.settled).toEqual(['released 1'])
  })

  test('of a subscription that does not exist: ERROR', async () => {
    const client = await openStage().connected(version)
    client.sends('UNSUBSCRIBE', { id: '1', receipt: 'u' })
    await client.isRefused('unknown-subscription', 1008, { 'receipt-id': 'u' })
  })

  test('what was given stays settleable through the grace, then it goes back', async () => {
    const stage = openStage()
    const client = await stage.connected(version)
    client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', ack: 'client-individual' })
    await stage.settles()
    const subscription = stage.main.subscription()
    for (const body of ['1', '2', '3']) subscription.deliver(body)
    const [one, two, three] = await client.getsMessages('1', '2', '3')
    client.sends('UNSUBSCRIBE', { id: '1', receipt: 'u' })
    await client.getsReceipts('u')
    await stage.passes(LIMITS.unsubscribeGraceMs - 1)
    client.sends('ACK', { ...ackOf(client, two!), receipt: 'a' })
    await client.getsReceipts('a')
    expect(subscription.settled).toEqual(['accepted 2'])
    expect(subscription.disposed).toBe(false)
    await stage.passes(1)
    expect(stage.main.log.at(-1)).toBe('end queue:a with 1,3')
    client.sends('ACK', { ...ackOf(client, one!), receipt: 'b' })
    await client.isRefused('unknown-ack', 1008, { 'receipt-id': 'b' })
    expect(three).toBeDefined()
  })
})

test('the grace is over as soon as nothing is owed', async () => {
  const stage = openStage()
  const client = await stage.connected()
  client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', ack: 'client' })
  await stage.settles()
  stage.main.subscription().deliver('1')
  const [message] = await client.getsMessages('1')
  client.sends('UNSUBSCRIBE', { id: '1', receipt: 'u' })
  await client.getsReceipts('u')
  expect(stage.main.subscription().disposed).toBe(false)
  client.sends('ACK', { ...ackOf(client, message!), receipt: 'a' })
  await client.getsReceipts('a')
  expect(stage.main.subscription().disposed).toBe(true)
  expect(stage.clock.pending).toBe(0)
})

test('ack:auto: what is written and not yet taken by the kernel is waited for', async () => {
  const stage = openStage()
  const client = await stage.connected()
  client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', receipt: 's' })
  await client.getsReceipts('s')
  client.wire.stall()
  stage.main.subscription().deliver('1')
  client.sends('UNSUBSCRIBE', { id: '1' })
  await stage.settles()
  expect(stage.main.subscription().disposed).toBe(false)
  client.wire.drains()
  await client.getsMessages('1')
  expect(stage.main.log.slice(-3)).toEqual(['stop queue:a', 'accepted 1 of queue:a', 'end queue:a'])
})

test('before the subscription is live: RECEIPT of the one, then of the other, and nothing after', async () => {
  const stage = openStage()
  stage.main.holds('subscribe')
  const client = await stage.connected()
  client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', ack: 'client', receipt: 's' })
  client.sends('UNSUBSCRIBE', { id: '1', receipt: 'u' })
  await client.getsNothing()
  stage.main.subscription().consent.give()
  await client.getsReceipts('s', 'u')
  stage.main.subscription().deliver('late')
  await client.getsNothing()
  expect(stage.main.open).toBe(1)
})

test('before a subscription that then fails: its ERROR, and the UNSUBSCRIBE has what it wanted', async () => {
  const stage = openStage()
  stage.main.holds('subscribe')
  const client = await stage.connected()
  client.sends('SUBSCRIBE', { id: '1', destination: '/keep/a', receipt: 's' })
  client.sends('UNSUBSCRIBE', { id: '1', receipt: 'u' })
  await stage.settles()
  stage.main.subscription().consent.refuse('not-found')
  await client.getsError('not-found', { 'receipt-id': 's' })
  await client.getsReceipts('u')
})

test('the id is free at once: SUBSCRIBE may follow in the same breath', async () => {
  const stage = openStage()
  stage.main.holds('stop')
  const client = await stage.connected()
  client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', ack: 'client', receipt: '1' })
  await client.getsReceipts('1')
  stage.main.subscription(0).deliver('old')
  const [old] = await client.getsMessages('old')
  client.sends('UNSUBSCRIBE', { id: '1', receipt: '2' })
  client.sends('SUBSCRIBE', { id: '1', destination: '/queue/b', ack: 'client', receipt: '3' })
  await client.getsReceipts('3')
  stage.main.subscription(1).deliver('new')
  const [fresh] = await client.getsMessages('new')
  stage.main.subscription(0).stopping[0]!.give()
  await client.getsReceipts('2')
  expect(fresh!.headers.ack).not.toBe(old!.headers.ack)
  client.sends('ACK', { ...ackOf(client, old!), receipt: '4' })
  client.sends('ACK', { ...ackOf(client, fresh!), receipt: '5' })
  await client.getsReceipts('4', '5')
  expect(stage.main.subscription(0).settled).toEqual(['accepted 1'])
  expect(stage.main.subscription(1).settled).toEqual(['accepted 1'])
  client.sends('UNSUBSCRIBE', { id: '1', receipt: '6' })
  await stage.settles()
  stage.main.subscription(1).stopping[0]!.give()
  await client.getsReceipts('6')
})

test('twice is an error', async () => {
  const client = await openStage().connected()
  client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a' })
  client.sends('UNSUBSCRIBE', { id: '1', receipt: '1' })
  client.sends('UNSUBSCRIBE', { id: '1', receipt: '2' })
  await client.isRefused('unknown-subscription', 1008, { 'receipt-id': '2' })
})

test('a consumer that cannot be cancelled is an ERROR, and is dropped', async () => {
  const stage = openStage()
  stage.main.holds('stop')
  const client = await stage.connected()
  client.sends('SUBSCRIBE', { id: '1', destination: '/keep/a', ack: 'client', receipt: 's' })
  await client.getsReceipts('s')
  client.sends('UNSUBSCRIBE', { id: '1', receipt: 'u' })
  await stage.settles()
  stage.main.subscription().stopping[0]!.refuse('broker-unavailable')
  await client.getsError('broker-unavailable', { 'receipt-id': 'u', subscription: '1' })
  expect(stage.main.subscription().disposed).toBe(true)
})

describe('a durable subscription', () => {
  const subscribed = async () => {
    const stage = openStage({ authenticator: passthrough })
    const client = await stage.connected('1.2', { login: 'ann', passcode: 'x', 'client-id': 'tab' })
    client.sends('SUBSCRIBE', { id: '1', destination: '/keep-topic/a', durable: 'true', receipt: 's' })
    await client.getsReceipts('s')
    return { stage, client }
  }

  test.each([
    ['false', false],
    ['true', true],
  ])('with durable:%s on UNSUBSCRIBE: ends for good = %s', async (durable, forgotten) => {
    const { stage, client } = await subscribed()
    client.sends('UNSUBSCRIBE', { id: '1', durable, receipt: 'u' })
    await client.getsReceipts('u')
    expect(stage.main.subscription().forgotten).toBe(forgotten)
  })

  test('a flag that is none is an ERROR, and it stands', async () => {
    const { stage, client } = await subscribed()
    client.sends('UNSUBSCRIBE', { id: '1', durable: 'maybe', receipt: 'u' })
    await client.getsError('bad-message', { 'receipt-id': 'u', subscription: '1' })
    stage.main.subscription().deliver('still here')
    await client.getsMessages('still here')
  })
})
