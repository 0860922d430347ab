/** Members of one audience: how they leave, and what a loss tells each of them. */
import { describe, expect, test } from 'vitest'
import { crowd, joins, LINGER_MS, openStage } from './stage.ts'

describe('leaving', () => {
  test('UNSUBSCRIBE: nothing follows for this one, everything for the others', async () => {
    const stage = openStage()
    const [one, two] = await crowd(stage, 2)
    stage.main.subscription().deliver('1')
    one!.sends('UNSUBSCRIBE', { id: 'sub-0', receipt: 'u' })
    stage.main.subscription().deliver('2')
    await one!.getsMessages('1')
    await one!.getsReceipts('u')
    await two!.getsMessages('1', '2')
  })

  test('nobody encodes for those who have left', async () => {
    const stage = openStage()
    const [one] = await crowd(stage, 1)
    const other = await joins(await stage.connected('1.1'))
    other.sends('UNSUBSCRIBE', { id: 'sub-0', receipt: 'u' })
    await other.getsReceipts('u')
    const packs = stage.framing.packs
    stage.main.subscription().deliver('1')
    await one!.getsMessages('1')
    expect(stage.framing.packs).toBe(packs + 1)
  })

  test('own frames and MESSAGEs keep the order in which they happened', async () => {
    const stage = openStage()
    const [one, two] = await crowd(stage, 2)
    stage.main.subscription().deliver('1')
    one!.sends('BEGIN', { transaction: 't', receipt: 'b' })
    stage.main.subscription().deliver('2')
    await one!.getsMessages('1')
    await one!.getsReceipts('b')
    await one!.getsMessages('2')
    await two!.getsMessages('1', '2')
  })

  test('the upstream subscription lingers, so that who comes back finds it', async () => {
    const stage = openStage()
    const [one] = await crowd(stage, 1)
    one!.vanishes()
    await stage.passes(LINGER_MS - 1)
    await crowd(stage, 1)
    await stage.passes(10 * LINGER_MS)
    expect(stage.main.subscriptions).toHaveLength(1)
    expect(stage.main.subscription().disposed).toBe(false)
  })

  test('then it ends, and with the last of its identity the link', async () => {
    const stage = openStage()
    const [one, two] = await crowd(stage, 2)
    await joins(two!, { id: 'b', destination: '/topic/b' })
    two!.sends('UNSUBSCRIBE', { id: 'sub-0' })
    one!.vanishes()
    await stage.settles()
    await stage.passes(LINGER_MS)
    expect(stage.main.log.slice(-1)).toEqual(['end topic:a'])
    two!.sends('UNSUBSCRIBE', { id: 'b' })
    await stage.settles()
    await stage.passes(LINGER_MS)
    expect(stage.main.log.slice(-2)).toEqual(['end topic:b', 'close link'])
    expect(stage.fanout.size).toBe(0)
  })

  test('who leaves before it is live leaves nothing', async () => {
    const stage = openStage()
    stage.main.holds('subscribe')
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: 'sub-0', destination: '/topic/a' })
    await stage.settles()
    client.vanishes()
    await stage.settles()
    stage.main.subscription().consent.give()
    await stage.settles()
    await stage.passes(LINGER_MS)
    expect(stage.main.open).toBe(0)
  })

  test('a session that ends does not end the subscription of the others', async () => {
    const stage = openStage()
    const [first, second] = await crowd(stage, 2)
    first!.sends('DISCONNECT')
    await first!.isClosed(1000)
    await stage.passes(10 * LINGER_MS)
    stage.main.subscription().deliver('1')
    await second!.getsMessages('1')
  })
})

describe('loss', () => {
  test('a gap is told to each member once, and not to who joins after', async () => {
    const stage = openStage()
    const members = [...(await crowd(stage, 2)), await joins(await stage.connected('1.1'))]
    const subscription = stage.main.subscription()
    subscription.lost()
    subscription.resumed(true)
    const late = await joins(await stage.connected())
    subscription.deliver('1')
    subscription.deliver('2')
    for (const member of members) {
      await member.gets('MESSAGE', { 'bridge-gap': 'true' }, '1')
      expect((await member.gets('MESSAGE', {}, '2')).headers).not.toHaveProperty('bridge-gap')
    }
    expect((await late.gets('MESSAGE', {}, '1')).headers).not.toHaveProperty('bridge-gap')
  })

  test('the end is told to all, each by the policy of its route', async () => {
    const routes = [{ destination: '/shout/{name}', broker: 'main', topic: 'keep.{name}' }]
    const stage = openStage({ routes })
    const keeps = await joins(await stage.connected(), { destination: '/keep-topic/a' })
    const closes = await joins(await stage.connected(), { destination: '/shout/a' })
    expect(stage.main.subscriptions).toHaveLength(1)
    stage.main.subscription().end('cancelled')
    await keeps.getsError('cancelled', { subscription: 'sub-0' })
    await closes.isRefused('cancelled', 1008, { subscription: 'sub-0' })
    await joins(keeps, { destination: '/keep-topic/a' })
    expect(stage.main.subscriptions).toHaveLength(2)
    stage.main.subscription().deliver('1')
    await keeps.getsMessages('1')
  })
})

test('disposed with members: the upstream subscriptions end', async () => {
  const stage = openStage()
  await crowd(stage, 2)
  await stage.fanout[Symbol.asyncDispose]()
  await stage.fanout[Symbol.asyncDispose]()
  expect(stage.main.subscription().disposed).toBe(true)
  expect(stage.fanout.size).toBe(0)
})
