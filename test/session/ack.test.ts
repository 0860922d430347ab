/** ACK and NACK: which messages they settle, how, and what is said of those that are not there any more. */
import { describe, expect, test } from 'vitest'
import type { Client, Heard } from '../support/client.ts'
import { ackOf, openStage, type Stage, type StageOptions, VERSIONS } from './stage.ts'

type Ack = 'client' | 'client-individual'

/** A client with a subscription in this mode, and the MESSAGEs it was given. */
async function given(
  version: (typeof VERSIONS)[number],
  ack: Ack,
  { options = {}, bodies = ['1', '2', '3'], destination = '/queue/a' } = {} as {
    options?: StageOptions
    bodies?: readonly string[]
    destination?: string
  },
): Promise<{ stage: Stage; client: Client; messages: Heard[] }> {
  const stage = openStage(options)
  const client = await stage.connected(version)
  client.sends('SUBSCRIBE', { id: 'sub', destination, ack, receipt: 's' })
  await client.getsReceipts('s')
  for (const body of bodies) stage.main.subscription().deliver(body)
  return { stage, client, messages: await client.getsMessages(...bodies) }
}

describe.each(VERSIONS)('STOMP %s', (version) => {
  test('ack:client is cumulative', async () => {
    const { stage, client, messages } = await given(version, 'client')
    client.sends('ACK', { ...ackOf(client, messages[1]!), receipt: 'a' })
    await client.getsReceipts('a')
    client.sends('ACK', { ...ackOf(client, messages[2]!), receipt: 'b' })
    await client.getsReceipts('b')
    expect(stage.main.subscription().settled).toEqual(['accepted 1,2', 'accepted 3'])
  })

  test('ack:client-individual is not', async () => {
    const { stage, client, messages } = await given(version, 'client-individual')
    for (const index of [2, 0]) client.sends('ACK', ackOf(client, messages[index]!))
    await stage.settles()
    expect(stage.main.subscription().settled).toEqual(['accepted 3', 'accepted 1'])
    expect(stage.main.subscription().unsettled).toEqual([2])
  })

  test('the RECEIPT comes when the settlement is handed over', async () => {
    const { stage, client, messages } = await given(version, 'client')
    stage.main.holds('settle')
    client.sends('ACK', { ...ackOf(client, messages[0]!), receipt: 'a' })
    await client.getsNothing()
    stage.main.subscription().settling[0]!.give()
    expect((await client.gets('RECEIPT', { 'receipt-id': 'a' })).headers).not.toHaveProperty('bridge-stale')
  })

  test.each(['9-9', '1-4', '1-0', '', 'x', '1', '2-1', '1-1-1', '__proto__'])(
    'an unknown id (%s): ERROR',
    async (id) => {
      const { stage, client } = await given(version, 'client')
      const named = version === '1.2' ? { id } : { 'message-id': id, subscription: 'sub' }
      client.sends('ACK', { ...named, receipt: 'a' })
      await client.isRefused('unknown-ack', 1008, { 'receipt-id': 'a' })
      expect(stage.main.subscription().settled).toEqual([])
    },
  )

  test('twice is an unknown id', async () => {
    const { client, messages } = await given(version, 'client-individual')
    client.sends('ACK', ackOf(client, messages[0]!))
    client.sends('ACK', { ...ackOf(client, messages[0]!), receipt: 'a' })
    await client.isRefused('unknown-ack', 1008, { 'receipt-id': 'a' })
  })

  test('what a cumulative ACK has covered is unknown too', async () => {
    const { client, messages } = await given(version, 'client')
    client.sends('ACK', ackOf(client, messages[2]!))
    client.sends('ACK', { ...ackOf(client, messages[0]!), receipt: 'a' })
    await client.isRefused('unknown-ack', 1008, { 'receipt-id': 'a' })
  })

  test('a MESSAGE of ack:auto cannot be acknowledged', async () => {
    const stage = openStage()
    const client = await stage.connected(version)
    client.sends('SUBSCRIBE', { id: 'sub', destination: '/queue/a' })
    await stage.settles()
    stage.main.subscription().deliver('1')
    const [message] = await client.getsMessages('1')
    const id = message!.headers['message-id']!
    client.sends('ACK', { id, 'message-id': id, subscription: 'sub', receipt: 'a' })
    await client.isRefused('unknown-ack', 1008, { 'receipt-id': 'a' })
  })

  test('what was out when the connection was lost is stale: RECEIPT says so, never ERROR', async () => {
    const { stage, client, messages } = await given(version, 'client')
    stage.main.subscription().lost()
    for (const [index, command] of ['ACK', version === '1.0' ? 'ACK' : 'NACK'].entries()) {
      client.sends(command, { ...ackOf(client, messages[index]!), receipt: 'a' })
      await client.gets('RECEIPT', { 'receipt-id': 'a', 'bridge-stale': 'true' })
    }
    expect(stage.main.subscription().settled).toEqual([])
  })

  test('what the broker finds stale is said so too', async () => {
    const { stage, client, messages } = await given(version, 'client')
    stage.main.subscription().settle([2], 'accepted')
    client.sends('ACK', { ...ackOf(client, messages[1]!), receipt: 'a' })
    await client.gets('RECEIPT', { 'receipt-id': 'a', 'bridge-stale': 'true' })
  })
})

describe('two subscriptions of one connection', () => {
  const both = async () => {
    const stage = openStage()
    const client = await stage.connected()
    for (const id of ['a', 'b']) client.sends('SUBSCRIBE', { id, destination: `/queue/${id}`, ack: 'client' })
    await stage.settles()
    const [a, b] = [stage.main.subscription(0), stage.main.subscription(1)]
    a.deliver('a1')
    b.deliver('b1')
    a.deliver('a2')
    b.deliver('b2')
    return { stage, client, a, b, messages: await client.getsMessages('a1', 'b1', 'a2', 'b2') }
  }

  test('ack:client is cumulative for each alone', async () => {
    const { stage, client, a, b, messages } = await both()
    client.sends('ACK', ackOf(client, messages[3]!))
    await stage.settles()
    expect([a.settled, b.settled]).toEqual([[], ['accepted 1,2']])
    client.sends('ACK', ackOf(client, messages[2]!))
    await stage.settles()
    expect(a.settled).toEqual(['accepted 1,2'])
  })

  test('one that is lost makes nothing stale in the other', async () => {
    const { client, a, messages } = await both()
    a.lost()
    client.sends('ACK', { ...ackOf(client, messages[2]!), receipt: '1' })
    client.sends('ACK', { ...ackOf(client, messages[3]!), receipt: '2' })
    await client.gets('RECEIPT', { 'receipt-id': '1', 'bridge-stale': 'true' })
    expect((await client.gets('RECEIPT', { 'receipt-id': '2' })).headers).not.toHaveProperty('bridge-stale')
  })

  test('no two messages have the same id', async () => {
    const { messages } = await both()
    expect(new Set(messages.map(({ headers }) => headers['message-id'])).size).toBe(4)
  })
})

test('STOMP 1.1: the subscription must be that of the message', async () => {
  const { client, messages } = await given('1.1', 'client')
  client.sends('ACK', { 'message-id': messages[0]!.headers['message-id']!, subscription: 'other', receipt: 'a' })
  await client.isRefused('unknown-ack', 1008, { 'receipt-id': 'a' })
})

test("an id is valid in its session only: another session's number is its own", async () => {
  const { stage, messages } = await given('1.2', 'client')
  const stranger = await stage.connected()
  stranger.sends('ACK', { id: messages[0]!.headers.ack!, receipt: 'a' })
  await stranger.isRefused('unknown-ack', 1008)
  expect(stage.main.subscription().settled).toEqual([])
})

test('errors: keep holds for an unknown id of a subscription that is known', async () => {
  const { client, messages } = await given('1.2', 'client', { destination: '/keep/a' })
  client.sends('ACK', ackOf(client, messages[2]!))
  client.sends('ACK', { ...ackOf(client, messages[2]!), receipt: 'a' })
  await client.getsError('unknown-ack', { 'receipt-id': 'a' })
  await client.getsNothing()
  expect(client.wire.closing).toBeUndefined()
})

test('tags go on counting after a loss: new messages are acknowledged as new', async () => {
  const { stage, client, messages } = await given('1.2', 'client')
  const subscription = stage.main.subscription()
  subscription.lost()
  subscription.resumed(false)
  subscription.deliver('1', { redelivered: true })
  const [again] = await client.getsMessages('1')
  expect(again!.headers).toMatchObject({ redelivered: 'true' })
  expect(messages.map(({ headers }) => headers.ack)).not.toContain(again!.headers.ack)
  client.sends('ACK', { ...ackOf(client, again!), receipt: 'a' })
  await client.getsReceipts('a')
  expect(subscription.settled).toEqual(['accepted 4'])
})

describe('NACK', () => {
  test.each([
    ['requeue', {}, 'released'],
    ['reject', {}, 'rejected'],
    ['requeue', { requeue: 'false' }, 'rejected'],
    ['reject', { requeue: 'true' }, 'released'],
  ] as const)('on a route with nack: %s and headers %o is %s', async (nack, headers, outcome) => {
    const options = { policies: { '/queue/{name+}': { nack } } }
    const { stage, client, messages } = await given('1.2', 'client-individual', { options })
    client.sends('NACK', { ...ackOf(client, messages[1]!), ...headers, receipt: 'n' })
    await client.getsReceipts('n')
    expect(stage.main.subscription().settled).toEqual([`${outcome} 2`])
  })

  test('is cumulative with ack:client, as ACK is', async () => {
    const { stage, client, messages } = await given('1.1', 'client')
    client.sends('NACK', { ...ackOf(client, messages[1]!), receipt: 'n' })
    await client.getsReceipts('n')
    expect(stage.main.subscription().settled).toEqual(['released 1,2'])
  })

  test('a requeue header that is neither true nor false: ERROR, and the message is still out', async () => {
    const { stage, client, messages } = await given('1.2', 'client', { destination: '/keep/a' })
    client.sends('NACK', { ...ackOf(client, messages[0]!), requeue: '1', receipt: 'n' })
    await client.getsError('bad-message', { 'receipt-id': 'n' })
    expect(stage.main.subscription().unsettled).toEqual([1, 2, 3])
  })

  test('STOMP 1.0 has none', async () => {
    const { client, messages } = await given('1.0', 'client')
    client.sends('NACK', { ...ackOf(client, messages[0]!), receipt: 'n' })
    await client.isRefused('unknown-command', 1002, { 'receipt-id': 'n' })
  })
})

describe('ack:auto', () => {
  test('is settled when the kernel has the MESSAGE, in one call per turn', async () => {
    const stage = openStage()
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: 'sub', destination: '/queue/a', receipt: 's' })
    await client.getsReceipts('s')
    client.wire.stall()
    for (const body of ['1', '2', '3']) stage.main.subscription().deliver(body)
    await stage.settles()
    expect(stage.main.subscription().settled).toEqual([])
    client.wire.drainTo(client.wire.written - 1)
    await stage.settles()
    expect(stage.main.subscription().settled).toEqual(['accepted 1,2'])
    client.wire.drains()
    await client.getsMessages('1', '2', '3')
    expect(stage.main.subscription().settled).toEqual(['accepted 1,2', 'accepted 3'])
  })

  test('what the kernel never took goes back when the client is gone', async () => {
    const stage = openStage()
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: 'sub', destination: '/queue/a', receipt: 's' })
    await client.getsReceipts('s')
    client.wire.stall()
    stage.main.subscription().deliver('1')
    await stage.settles()
    client.vanishes()
    await stage.settles()
    expect(stage.main.log).toContain('end queue:a with 1')
  })
})

describe('no credit left', () => {
  const starving = async () => {
    const stage = openStage()
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: 'sub', destination: '/queue/a', ack: 'client-individual', 'prefetch-count': '2' })
    await stage.settles()
    stage.main.subscription().deliver('1')
    stage.main.subscription().deliver('2')
    return { stage, client, messages: await client.getsMessages('1', '2') }
  }

  test('for a minute: one warning that names the subscription', async () => {
    const { stage } = await starving()
    await stage.passes(59_999)
    expect(stage.told).toEqual(['connected 1.2'])
    await stage.passes(1)
    await stage.passes(600_000)
    expect(stage.told).toEqual(['connected 1.2', 'starved sub /queue/a'])
  })

  test('an ACK in time, and there is none', async () => {
    const { stage, client, messages } = await starving()
    await stage.passes(59_000)
    client.sends('ACK', ackOf(client, messages[0]!))
    await stage.passes(60_000)
    expect(stage.told).toEqual(['connected 1.2'])
  })

  test.each(['lost', 'unsubscribed', 'gone'])('%s in time, and there is none', async (how) => {
    const { stage, client } = await starving()
    if (how === 'lost') stage.main.subscription().lost()
    if (how === 'unsubscribed') client.sends('UNSUBSCRIBE', { id: 'sub' })
    if (how === 'gone') client.vanishes()
    await stage.passes(60_000)
    expect(stage.told).not.toContain('starved sub /queue/a')
  })
})
