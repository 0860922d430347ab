/** BEGIN, COMMIT and ABORT: grouped, in order, never acked but unpublished; and what is said when it fails. */
import { describe, expect, test } from 'vitest'
import { ackOf, LIMITS, openStage, type StageOptions, VERSIONS, working } from './stage.ts'

describe.each(VERSIONS)('STOMP %s', (version) => {
  test('BEGIN, ABORT and COMMIT have their receipts', async () => {
    const client = await openStage().connected(version)
    client.sends('BEGIN', { transaction: 't', receipt: 'b' })
    client.sends('ABORT', { transaction: 't', receipt: 'a' })
    client.sends('BEGIN', { transaction: 't', receipt: 'b2' })
    client.sends('COMMIT', { transaction: 't', receipt: 'c' })
    await client.getsReceipts('b', 'a', 'b2', 'c')
  })

  test('COMMIT publishes in order; when all are confirmed it settles; receipts inside come before its own', async () => {
    const { stage, client, ids } = await working({}, version)
    stage.main.holds('publish', 'settle')
    client.sends('BEGIN', { transaction: 't' })
    client.sends('ACK', { ...ids[0], transaction: 't', receipt: '1' })
    client.sends('SEND', { destination: '/queue/b', transaction: 't', receipt: '2' }, 'x')
    client.sends('SEND', { destination: '/queue/c', transaction: 't', receipt: '3' }, 'y')
    await client.getsNothing()
    expect(stage.main.log).toEqual([])
    client.sends('COMMIT', { transaction: 't', receipt: 'c' })
    await client.getsNothing()
    expect(stage.main.log).toEqual(['publish x to queue:b', 'publish y to queue:c'])
    stage.main.publishes[1]!.give()
    await client.getsReceipts('3')
    expect(stage.main.log).toHaveLength(2)
    stage.main.publishes[0]!.give()
    await client.getsReceipts('2')
    expect(stage.main.log).toEqual(['publish x to queue:b', 'publish y to queue:c', 'accepted 1 of queue:a'])
    await client.getsNothing()
    stage.main.subscription().settling[0]!.give()
    await client.getsReceipts('1', 'c')
  })

  test('ABORT: nothing of it happens, and an ACK in it is still to be given', async () => {
    const { stage, client, ids } = await working({}, version)
    client.sends('BEGIN', { transaction: 't' })
    client.sends('ACK', { ...ids[0], transaction: 't' })
    client.sends('SEND', { destination: '/queue/b', transaction: 't' }, 'x')
    client.sends('ABORT', { transaction: 't', receipt: 'a' })
    await client.getsReceipts('a')
    expect(stage.main.log).toEqual([])
    client.sends('ACK', { ...ids[0], receipt: 'again' })
    await client.getsReceipts('again')
  })

  test.each(['COMMIT', 'ABORT'])('%s of a transaction that is not open: ERROR', async (command) => {
    const client = await openStage().connected(version)
    client.sends(command, { transaction: 't', receipt: 'r' })
    await client.isRefused('unknown-transaction', 1008, { 'receipt-id': 'r' })
  })
})

test('a NACK in it is settled as it says', async () => {
  const { stage, client, ids } = await working()
  client.sends('BEGIN', { transaction: 't' })
  client.sends('NACK', { ...ids[1], transaction: 't', requeue: 'false' })
  client.sends('ACK', { ...ids[0], transaction: 't' })
  client.sends('COMMIT', { transaction: 't', receipt: 'c' })
  await client.getsReceipts('c')
  expect(stage.main.log).toEqual(['rejected 2 of queue:a', 'accepted 1 of queue:a'])
})

test('an ACK in it that a cumulative one of it has covered is done', async () => {
  const stage = openStage()
  const client = await stage.connected()
  client.sends('SUBSCRIBE', { id: 'sub', destination: '/queue/a', ack: 'client' })
  await stage.settles()
  for (const body of ['m1', 'm2']) stage.main.subscription().deliver(body)
  const [one, two] = await client.getsMessages('m1', 'm2')
  client.sends('BEGIN', { transaction: 't' })
  client.sends('ACK', { ...ackOf(client, two!), transaction: 't', receipt: '1' })
  client.sends('ACK', { ...ackOf(client, one!), transaction: 't', receipt: '2' })
  client.sends('COMMIT', { transaction: 't', receipt: 'c' })
  await client.getsReceipts('1', '2', 'c')
  expect(stage.main.subscription().settled).toEqual(['accepted 1,2'])
})

test('many may be open at once, each with its own frames', async () => {
  const { stage, client } = await working()
  for (const transaction of ['t', 'u']) client.sends('BEGIN', { transaction })
  for (const body of ['t1', 'u1', 't2']) client.sends('SEND', { destination: '/queue/b', transaction: body[0]! }, body)
  client.sends('COMMIT', { transaction: 'u', receipt: 'u' })
  client.sends('COMMIT', { transaction: 't', receipt: 't' })
  await client.getsReceipts('u', 't')
  expect(stage.main.published).toEqual(['u1', 't1', 't2'])
})

test('what is sent in a transaction is made to survive, whether its frame asked for a receipt or not', async () => {
  const { stage, client } = await working()
  client.sends('BEGIN', { transaction: 't' })
  client.sends('SEND', { destination: '/queue/b', transaction: 't' }, 'x')
  client.sends('COMMIT', { transaction: 't', receipt: 'c' })
  await client.getsReceipts('c')
  expect(stage.main.publish.options.receipt).toBe(true)
})

test('an id that is open already: ERROR', async () => {
  const client = await openStage().connected()
  client.sends('BEGIN', { transaction: 't' })
  client.sends('BEGIN', { transaction: 't', receipt: 'r' })
  await client.isRefused('duplicate-transaction', 1008, { 'receipt-id': 'r' })
})

test.each(['SEND', 'ACK'])('%s in a transaction that was never begun: ERROR', async (command) => {
  const { client, ids } = await working()
  const named = command === 'SEND' ? { destination: '/queue/b' } : ids[0]
  client.sends(command, { ...named, transaction: 't', receipt: 'r' })
  await client.isRefused('unknown-transaction', 1008, { 'receipt-id': 'r' })
})

test('a SEND in it is checked when it comes, not at COMMIT', async () => {
  const { client } = await working()
  client.sends('BEGIN', { transaction: 't' })
  client.sends('SEND', { destination: '/queue/b', transaction: 't', priority: 'x', receipt: 'r' }, 'x')
  await client.isRefused('bad-message', 1008, { 'receipt-id': 'r' })
})

test('later frames to that broker wait for the COMMIT, those to others do not', async () => {
  const { stage, client } = await working()
  stage.main.holds('publish')
  client.sends('BEGIN', { transaction: 't' })
  client.sends('SEND', { destination: '/queue/b', transaction: 't' }, 'inside')
  client.sends('COMMIT', { transaction: 't', receipt: 'c' })
  client.sends('SEND', { destination: '/queue/b', receipt: 'later' }, 'later')
  client.sends('SEND', { destination: '/other/b', receipt: 'other' }, 'other')
  await client.getsReceipts('other')
  expect(stage.main.published).toEqual(['inside'])
  stage.main.publish.give()
  await client.getsReceipts('c')
  stage.main.publish.give()
  await client.getsReceipts('later')
})

test('a COMMIT waits for what came before it', async () => {
  const { stage, client } = await working()
  stage.main.holds('subscribe')
  client.sends('SUBSCRIBE', { id: '2', destination: '/queue/b', receipt: 's' })
  client.sends('BEGIN', { transaction: 't' })
  client.sends('SEND', { destination: '/queue/b', transaction: 't' }, 'x')
  client.sends('COMMIT', { transaction: 't', receipt: 'c' })
  await client.getsNothing()
  expect(stage.main.published).toEqual([])
  stage.main.subscription().consent.give()
  await client.getsReceipts('s', 'c')
})

describe('limits', () => {
  const begun = async (options: StageOptions = {}) => {
    const stage = openStage(options)
    const client = await stage.connected()
    client.sends('BEGIN', { transaction: 't' })
    return { stage, client }
  }

  test('open transactions: the last is allowed, one more is not', async () => {
    const { client } = await begun()
    for (let more = 1; more < LIMITS.transactions; more++) client.sends('BEGIN', { transaction: `t${more}` })
    await client.getsNothing()
    client.sends('BEGIN', { transaction: 'one more', receipt: 'r' })
    await client.isRefused('too-many-transactions', 4429, { 'receipt-id': 'r' })
  })

  test('frames, of all of them together', async () => {
    const { client } = await begun()
    client.sends('BEGIN', { transaction: 'u' })
    for (let frame = 0; frame < LIMITS.transactionFrames; frame++)
      client.sends('SEND', { destination: '/queue/b', transaction: frame % 2 === 0 ? 't' : 'u' })
    await client.getsNothing()
    client.sends('SEND', { destination: '/queue/b', transaction: 'u', receipt: 'r' })
    await client.isRefused('transaction-too-large', 4429, { 'receipt-id': 'r' })
  })

  test.each(['body', 'headers'])('bytes of the %s', async (where) => {
    const { client } = await begun()
    const half = 'x'.repeat(LIMITS.transactionBytes / 2)
    const send = (receipt: string) => {
      const extra = where === 'headers' ? { extra: half } : {}
      client.sends(
        'SEND',
        { destination: '/keep/b', transaction: 't', receipt, ...extra },
        where === 'body' ? half : '',
      )
    }
    send('1')
    await client.getsNothing()
    send('2')
    await client.getsError('transaction-too-large', { 'receipt-id': '2' })
  })

  test('COMMIT and ABORT give the room back', async () => {
    const { client } = await begun()
    for (const end of ['COMMIT', 'ABORT', 'COMMIT']) {
      for (let frame = 0; frame < LIMITS.transactionFrames; frame++)
        client.sends('SEND', { destination: '/queue/b', transaction: 't' }, 'x'.repeat(300))
      client.sends(end, { transaction: 't', receipt: 'r' })
      await client.getsReceipts('r')
      client.sends('BEGIN', { transaction: 't' })
    }
  })

  test('what waits in a transaction does not pin the chunk it came in', async () => {
    const { stage, client } = await begun()
    const chunk = Buffer.alloc(60_000, 10)
    Buffer.from('SEND\ndestination:/queue/b\ntransaction:t\n\nx\0').copy(chunk)
    client.writes(chunk)
    client.sends('COMMIT', { transaction: 't', receipt: 'c' })
    await client.getsReceipts('c')
    expect(stage.main.publish.text).toBe('x')
    expect(stage.main.publish.message.body.buffer).not.toBe(chunk.buffer)
  })
})

describe('a client that goes', () => {
  test('with a transaction open: nothing of it happens', async () => {
    const { stage, client, ids } = await working()
    client.sends('BEGIN', { transaction: 't' })
    client.sends('ACK', { ...ids[0], transaction: 't' })
    client.sends('SEND', { destination: '/queue/b', transaction: 't' }, 'x')
    client.vanishes()
    await stage.settles()
    expect(stage.main.log).toEqual(['end queue:a with 1,2', 'close link'])
  })

  test('during COMMIT: published, and not acknowledged', async () => {
    const { stage, client, ids } = await working()
    stage.main.holds('publish')
    client.sends('BEGIN', { transaction: 't' })
    client.sends('ACK', { ...ids[0], transaction: 't' })
    client.sends('SEND', { destination: '/queue/b', transaction: 't' }, 'x')
    client.sends('COMMIT', { transaction: 't' })
    await stage.settles()
    client.vanishes()
    await stage.settles()
    expect(stage.main.log).toEqual(['publish x to queue:b', 'end queue:a with 1,2'])
    stage.main.publish.give()
    await stage.settles()
    expect(stage.main.log.at(-1)).toBe('close link')
  })
})
