/** DISCONNECT waits for everything; a connection that breaks waits for nothing, and still loses nothing that was sent. */
import { describe, expect, test } from 'vitest'
import { FakeBroker } from '../support/broker.ts'
import { passthrough } from './authenticators.ts'
import { ackOf, openStage, VERSIONS } from './stage.ts'

describe.each(VERSIONS)('STOMP %s', (version) => {
  test('DISCONNECT: its RECEIPT, then the close', async () => {
    const stage = openStage()
    const client = await stage.connected(version)
    client.sends('DISCONNECT', { receipt: 'd' })
    await client.getsReceipts('d')
    await client.isClosed(1000)
    expect(stage.told).toEqual([`connected ${version}`, 'closed 1000'])
  })

  test('it waits until every earlier frame is settled one way or the other', async () => {
    const stage = openStage()
    const client = await stage.connected(version)
    client.sends('SUBSCRIBE', { id: '1', destination: '/queue/in', ack: 'client', receipt: 's' })
    await client.getsReceipts('s')
    stage.main.subscription().deliver('m')
    const [message] = await client.getsMessages('m')
    stage.main.holds('publish', 'settle', 'stop')
    client.sends('SEND', { destination: '/queue/a', receipt: '1' }, 'x')
    client.sends('SEND', { destination: '/other/a', receipt: '2' }, 'y')
    client.sends('ACK', { ...ackOf(client, message!), receipt: '3' })
    client.sends('UNSUBSCRIBE', { id: '1', receipt: '4' })
    client.sends('DISCONNECT', { receipt: 'd' })
    await client.getsReceipts('2')
    stage.main.subscription().stopping[0]!.give()
    await client.getsReceipts('4')
    stage.main.subscription().settling[0]!.give()
    await client.getsReceipts('3')
    await client.getsNothing()
    stage.main.publish.give()
    await client.getsReceipts('1', 'd')
    await client.isClosed(1000)
  })
})

test('it waits for SUBSCRIBE and COMMIT too', async () => {
  const stage = openStage()
  stage.main.holds('subscribe')
  const client = await stage.connected()
  client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', receipt: 's' })
  client.sends('BEGIN', { transaction: 't' })
  client.sends('SEND', { destination: '/queue/a', transaction: 't' }, 'x')
  client.sends('COMMIT', { transaction: 't', receipt: 'c' })
  client.sends('DISCONNECT', { receipt: 'd' })
  await client.getsNothing()
  stage.main.subscription().consent.give()
  await client.getsReceipts('s', 'c', 'd')
  await client.isClosed(1000)
})

test('what an earlier frame comes to may be an ERROR: then that is the end', async () => {
  const stage = openStage()
  stage.main.holds('publish')
  const client = await stage.connected()
  client.sends('SEND', { destination: '/queue/a', receipt: '1' }, 'x')
  client.sends('DISCONNECT', { receipt: 'd' })
  await stage.settles()
  stage.main.publish.refuse('refused')
  await client.isRefused('refused', 1013, { 'receipt-id': '1' })
})

test('with errors: keep the RECEIPT of DISCONNECT follows the ERROR', async () => {
  const stage = openStage()
  stage.main.holds('publish')
  const client = await stage.connected()
  client.sends('SEND', { destination: '/keep/a', receipt: '1' }, 'x')
  client.sends('DISCONNECT', { receipt: 'd' })
  await stage.settles()
  stage.main.publish.refuse('not-found')
  await client.getsError('not-found', { 'receipt-id': '1' })
  await client.getsReceipts('d')
  await client.isClosed(1000)
})

test('what a client says after DISCONNECT is not heard', async () => {
  const stage = openStage()
  const client = await stage.connected()
  client.sends('DISCONNECT', { receipt: 'd' })
  client.sends('SEND', { destination: '/queue/a', receipt: '1' }, 'x')
  await client.getsReceipts('d')
  await client.isClosed(1000)
  expect(stage.main.published).toEqual([])
})

test('a SEND without receipt is waited for as well', async () => {
  const stage = openStage()
  stage.main.holds('publish')
  const client = await stage.connected()
  client.sends('SEND', { destination: '/queue/a' }, 'x')
  client.sends('DISCONNECT', { receipt: 'd' })
  await client.getsNothing()
  stage.main.publish.give()
  await client.getsReceipts('d')
})

test('unacknowledged messages go back, and links are closed', async () => {
  const stage = openStage()
  const client = await stage.connected()
  client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', ack: 'client' })
  await stage.settles()
  stage.main.subscription().deliver('m')
  await client.getsMessages('m')
  client.sends('DISCONNECT')
  await client.isClosed(1000)
  expect(stage.main.log.slice(-2)).toEqual(['end queue:a with 1', 'close link'])
})

test('an ack:auto message that is on its way when the bridge closes is not given to somebody else', async () => {
  const stage = openStage()
  const client = await stage.connected()
  client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', receipt: 's' })
  await client.getsReceipts('s')
  client.wire.stall()
  stage.main.subscription().deliver('m')
  client.sends('DISCONNECT', { receipt: 'd' })
  await stage.settles()
  expect(client.wire.closing?.code).toBe(1000)
  stage.main.subscription().deliver('for somebody else')
  client.wire.drains()
  await client.getsMessages('m')
  await client.getsReceipts('d')
  await client.isClosed(1000)
  expect(stage.main.log.slice(-5)).toEqual([
    'stop queue:a',
    'released 2 of queue:a',
    'accepted 1 of queue:a',
    'end queue:a',
    'close link',
  ])
})

test('but if the connection breaks before it has left, it goes back', async () => {
  const stage = openStage()
  const client = await stage.connected()
  client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', receipt: 's' })
  await client.getsReceipts('s')
  client.wire.stall()
  stage.main.subscription().deliver('m')
  client.sends('DISCONNECT')
  await stage.settles()
  client.vanishes()
  await stage.settles()
  expect(stage.main.log.slice(-2)).toEqual(['end queue:a with 1', 'close link'])
})

describe('a connection that breaks', () => {
  test('before CONNECT', async () => {
    const stage = openStage()
    stage.client().vanishes()
    await stage.settles()
    expect(stage.clock.pending).toBe(0)
    expect(stage.told).toEqual(['closed 1006'])
  })

  test('while SENDs await their confirms: they are published, and the link stays until they are', async () => {
    const stage = openStage()
    stage.main.holds('publish')
    const client = await stage.connected()
    client.sends('SEND', { destination: '/queue/a', receipt: '1' }, 'x')
    await stage.settles()
    client.vanishes()
    await stage.settles()
    expect(stage.main.log).toEqual(['link', 'publish x to queue:a'])
    stage.main.publish.give()
    await stage.settles()
    expect(stage.main.log.at(-1)).toBe('close link')
  })

  test('while the link is being made: what was sent is still published, what was subscribed is not', async () => {
    const stage = openStage()
    stage.main.holds('link')
    const client = await stage.connected()
    client.sends('SEND', { destination: '/queue/a' }, 'x')
    client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a' })
    client.sends('SEND', { destination: '/queue/a' }, 'y')
    await stage.settles()
    client.vanishes()
    stage.main.linking[0]!.give()
    await stage.settles()
    expect(stage.main.log).toEqual(['link', 'publish x to queue:a', 'publish y to queue:a', 'close link'])
  })

  test('while a SUBSCRIBE waits: it is disposed, and the SEND behind it is published', async () => {
    const stage = openStage()
    stage.main.holds('subscribe')
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a' })
    client.sends('SEND', { destination: '/queue/a' }, 'x')
    await stage.settles()
    stage.main.subscription().deliver('held')
    client.vanishes()
    await stage.settles()
    expect(stage.main.log.slice(1)).toEqual([
      'subscribe queue:a',
      'end queue:a with 1',
      'publish x to queue:a',
      'close link',
    ])
    expect(stage.clock.pending).toBe(0)
  })

  test('while an UNSUBSCRIBE waits', async () => {
    const stage = openStage()
    stage.main.holds('stop')
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', ack: 'client', receipt: 's' })
    await client.getsReceipts('s')
    stage.main.subscription().deliver('m')
    client.sends('UNSUBSCRIBE', { id: '1' })
    await stage.settles()
    client.vanishes()
    await stage.settles()
    stage.main.subscription().stopping[0]!.give()
    await stage.settles()
    expect(stage.main.log).toContain('end queue:a with 1')
    expect(stage.clock.pending).toBe(0)
  })

  test('while DISCONNECT waits', async () => {
    const stage = openStage()
    stage.main.holds('publish')
    const client = await stage.connected()
    client.sends('SEND', { destination: '/queue/a' }, 'x')
    client.sends('DISCONNECT', { receipt: 'd' })
    await stage.settles()
    client.vanishes()
    stage.main.publish.give()
    await stage.settles()
    expect(stage.told.at(-1)).toBe('closed 1006')
    expect(stage.main.log.at(-1)).toBe('close link')
  })

  test('while paused', async () => {
    const stage = openStage({ limits: { pendingFrames: 2 } })
    stage.main.holds('publish')
    const client = await stage.connected()
    for (const body of ['1', '2', '3']) client.sends('SEND', { destination: '/queue/a' }, body)
    await stage.settles()
    expect(client.wire.paused).toBe(true)
    client.vanishes()
    await stage.settles()
    for (const publish of stage.main.publishes) publish.give()
    await stage.settles()
    expect(stage.main.published).toEqual(['1', '2'])
  })

  test('everything at once, in every state: nothing is left behind', async () => {
    const brokers = [
      new FakeBroker('main', { credentials: 'client' }),
      new FakeBroker('other').holds('link', 'publish', 'subscribe', 'settle', 'stop'),
    ]
    const heartbeat = { outgoingMs: 1000, incomingMs: 1000 }
    const stage = openStage({ brokers, heartbeat, authenticator: passthrough, pingMs: 1000 })
    const login = { login: 'ann', passcode: 'x', 'heart-beat': '1000,1000' }
    const client = await stage.connected('1.2', login)
    client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', ack: 'client', 'prefetch-count': '1' })
    client.sends('SUBSCRIBE', { id: '2', destination: '/topic/a' })
    client.sends('SUBSCRIBE', { id: '3', destination: '/other/a' })
    client.sends('SEND', { destination: '/other/a' }, 'x')
    client.sends('BEGIN', { transaction: 't' })
    client.sends('SEND', { destination: '/other/a', transaction: 't' }, 'y')
    await stage.settles()
    stage.main.subscription(0).deliver('m')
    const [message] = await client.getsMessages('m')
    client.sends('ACK', { ...ackOf(client, message!), transaction: 't' })
    client.sends('COMMIT', { transaction: 't' })
    client.sends('UNSUBSCRIBE', { id: '2' })
    client.sends('DISCONNECT')
    await stage.settles()
    client.vanishes()
    await stage.settles()
    expect(stage.clock.pending).toBeLessThanOrEqual(1)
    expect(client.wire.closing).toBeUndefined()
  })
})
