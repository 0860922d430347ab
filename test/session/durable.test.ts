/** A durable subscription: whose it is, and who may not have one. */
import { describe, expect, test } from 'vitest'
import { FakeBroker } from '../support/broker.ts'
import { passthrough } from './authenticators.ts'
import { openStage } from './stage.ts'

describe('a durable subscription', () => {
  const durable = { id: 's1', destination: '/topic/a', durable: 'true', receipt: 'r' }
  const ANN = { login: 'ann', passcode: 'secret' }

  const name = async (connect: Record<string, string>, headers: Record<string, string> = durable) => {
    const stage = openStage({ authenticator: passthrough })
    const client = await stage.connected('1.2', { ...ANN, ...connect })
    client.sends('SUBSCRIBE', headers)
    await client.getsReceipts('r')
    return stage.main.subscription().options.durable
  }

  test('is named by user, client-id and subscription id', async () => {
    const first = await name({ 'client-id': 'tab1' })
    expect(first).toBeTypeOf('string')
    expect(await name({ 'client-id': 'tab1' })).toBe(first)
    expect(await name({ 'client-id': 'tab2' })).not.toBe(first)
    expect(await name({ 'client-id': 'tab1', login: 'bob' })).not.toBe(first)
    expect(await name({ 'client-id': 'tab1' }, { ...durable, id: 's2' })).not.toBe(first)
  })

  test('no two identities are spelt alike', async () => {
    const one = await name({ login: 'a', 'client-id': '","b' })
    expect(await name({ login: 'a","', 'client-id': 'b' })).not.toBe(one)
  })

  test('persistent:true is another word for it', async () => {
    const { durable: _, ...rest } = durable
    expect(await name({ 'client-id': 'tab1' }, { ...rest, persistent: 'true' })).toBeTypeOf('string')
  })

  test('is not shared, and each delivery is settled', async () => {
    const stage = openStage({ authenticator: passthrough })
    const client = await stage.connected('1.2', { ...ANN, 'client-id': 'tab1' })
    client.sends('SUBSCRIBE', durable)
    await client.getsReceipts('r')
    expect(stage.fanout.size).toBe(0)
    expect(stage.main.subscription().options.settle).toBe('each')
  })

  test('without client-id: ERROR', async () => {
    const client = await openStage({ authenticator: passthrough }).connected('1.2', ANN)
    client.sends('SUBSCRIBE', durable)
    await client.isRefused('client-id-required', 1008, { 'receipt-id': 'r' })
  })

  test('anonymous: ERROR', async () => {
    const client = await openStage().connected('1.2', { 'client-id': 'tab1' })
    client.sends('SUBSCRIBE', durable)
    await client.isRefused('client-id-required', 1008, { 'receipt-id': 'r' })
  })

  test('a broker that is passed the credentials needs no client-id', async () => {
    const main = new FakeBroker('main', { credentials: 'client' })
    const stage = openStage({ brokers: [main], authenticator: passthrough })
    const client = await stage.connected('1.2', ANN)
    client.sends('SUBSCRIBE', durable)
    await client.getsReceipts('r')
    expect(main.subscription().options.durable).toBeTypeOf('string')
  })

  test('… but a name: whom only a token knows would share his queue with all others', async () => {
    const main = new FakeBroker('main', { credentials: 'client' })
    const client = await openStage({ brokers: [main] }).connected('1.2', { ...ANN, 'client-id': 'tab1' })
    client.sends('SUBSCRIBE', durable)
    await client.isRefused('client-id-required', 1008, { 'receipt-id': 'r' })
  })

  test('a queue is durable anyway: the header is no identity', async () => {
    expect(await name({}, { ...durable, destination: '/queue/a' })).toBeUndefined()
  })

  test('the newer session wins, the older one is told', async () => {
    const stage = openStage({ authenticator: passthrough })
    const client = await stage.connected('1.2', { ...ANN, 'client-id': 'tab1' })
    client.sends('SUBSCRIBE', durable)
    await client.getsReceipts('r')
    stage.main.subscription().end('taken-over')
    await client.isRefused('taken-over', 4409, { subscription: 's1' })
  })
})
