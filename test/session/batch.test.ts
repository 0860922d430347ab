/** `batch` of a route: deliveries to those who share wait for each other, and nothing else waits for them. */
import { expect, test } from 'vitest'
import { crowd, joins, openStage } from './stage.ts'

const DELAY_MS = 20
const BYTES = 500
const BATCH = { policies: { '/topic/{name+}': { batch: { delayMs: DELAY_MS, bytes: BYTES } } } }

async function audience(size = 1) {
  const stage = openStage(BATCH)
  const clients = await crowd(stage, size)
  const subscription = stage.main.subscription()
  return { stage, clients, subscription, client: clients[0]! }
}

test('they go out together, when the first has waited long enough', async () => {
  const { stage, clients, subscription } = await audience(3)
  subscription.deliver('1')
  await stage.passes(DELAY_MS - 1)
  subscription.deliver('2')
  for (const client of clients) await client.getsNothing()
  const packs = stage.framing.packs
  await stage.passes(1)
  for (const client of clients) await client.getsMessages('1', '2')
  expect(stage.framing.packs).toBe(packs + 2)
  subscription.deliver('3')
  await stage.passes(DELAY_MS - 1)
  await clients[0]!.getsNothing()
  await stage.passes(1)
  await clients[0]!.getsMessages('3')
})

test('or when they are enough', async () => {
  const { stage, client, subscription } = await audience()
  subscription.deliver('1')
  await client.getsNothing()
  const large = 'x'.repeat(BYTES)
  subscription.deliver(large)
  subscription.deliver('3')
  await client.getsMessages('1', large, '3')
  expect(stage.clock.pending).toBe(0)
})

test('whatever else is written to a socket comes after them, and they come once', async () => {
  const { stage, clients, subscription } = await audience(2)
  const [one, two] = clients
  subscription.deliver('1')
  one!.sends('BEGIN', { transaction: 't', receipt: 'b' })
  await one!.getsMessages('1')
  await one!.getsReceipts('b')
  subscription.deliver('2')
  await two!.getsNothing()
  await stage.passes(DELAY_MS)
  await one!.getsMessages('2')
  await two!.getsMessages('1', '2')
})

test('another subscription of the same client does not hold back that of others', async () => {
  const { stage, clients, subscription } = await audience(2)
  const [one, two] = clients
  await joins(one!, { id: 'b', destination: '/keep-topic/b' })
  subscription.deliver('1')
  stage.main.subscription().deliver('lively')
  subscription.deliver('2')
  await one!.getsMessages('1', 'lively')
  await two!.getsNothing()
  await stage.passes(DELAY_MS)
  await one!.getsMessages('2')
  await two!.getsMessages('1', '2')
})

test('who comes meanwhile gets nothing of before, who goes gets all of it', async () => {
  const { stage, clients, subscription } = await audience(2)
  const [one, two] = clients
  subscription.deliver('1')
  const late = await joins(await stage.connected())
  one!.sends('UNSUBSCRIBE', { id: 'sub-0', receipt: 'u' })
  await one!.getsMessages('1')
  await one!.getsReceipts('u')
  subscription.deliver('2')
  await stage.passes(DELAY_MS)
  await two!.getsMessages('1', '2')
  await late.getsMessages('2')
  await one!.getsNothing()
})

test('a gap is told behind what was before it', async () => {
  const { stage, client, subscription } = await audience()
  subscription.deliver('1')
  subscription.lost()
  subscription.resumed(true)
  subscription.deliver('2')
  await stage.passes(DELAY_MS)
  expect((await client.gets('MESSAGE', {}, '1')).headers).not.toHaveProperty('bridge-gap')
  await client.gets('MESSAGE', { 'bridge-gap': 'true' }, '2')
})

test('nobody is left: nothing waits any more', async () => {
  const { stage, client, subscription } = await audience()
  subscription.deliver('1')
  client.vanishes()
  await stage.settles()
  // Only the upstream subscription, for who may come back.
  expect(stage.clock.pending).toBe(1)
})
