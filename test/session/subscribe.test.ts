/** SUBSCRIBE: when it is live, what is held until then, and what it asks of the broker. */
import { describe, expect, test } from 'vitest'
import { FakeBroker } from '../support/broker.ts'
import { LIMITS, openStage, VERSIONS } from './stage.ts'

describe.each(VERSIONS)('STOMP %s', (version) => {
  test('the RECEIPT comes when the broker has agreed', async () => {
    const stage = openStage()
    stage.main.holds('subscribe')
    const client = await stage.connected(version)
    client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', receipt: 'r' })
    await client.getsNothing()
    stage.main.subscription().consent.give()
    await client.getsReceipts('r')
  })

  test('what is delivered before that is held until the RECEIPT is written', async () => {
    const stage = openStage()
    stage.main.holds('subscribe')
    const client = await stage.connected(version)
    client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', receipt: 'r' })
    await stage.settles()
    stage.main.subscription().deliver('early')
    await client.getsNothing()
    stage.main.subscription().consent.give()
    stage.main.subscription().deliver('in between')
    await client.getsReceipts('r')
    stage.main.subscription().deliver('late')
    await client.getsMessages('early', 'in between', 'late')
  })

  test('a SEND behind it waits, and so is seen', async () => {
    const stage = openStage()
    stage.main.holds('subscribe')
    const client = await stage.connected(version)
    client.sends('SUBSCRIBE', { id: '1', destination: '/topic/a', receipt: 'r' })
    client.sends('SEND', { destination: '/topic/a', receipt: 's' }, 'mine')
    await client.getsNothing()
    expect(stage.main.published).toEqual([])
    stage.main.subscription().consent.give()
    await client.getsReceipts('r', 's')
    expect(stage.main.log.slice(1)).toEqual(['subscribe topic:a', 'publish mine to topic:a'])
  })

  test('a refusal is an ERROR that names receipt and subscription', async () => {
    const stage = openStage()
    stage.main.holds('subscribe')
    const client = await stage.connected(version)
    client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', receipt: 'r' })
    await stage.settles()
    stage.main.subscription().consent.refuse('not-found')
    await client.isRefused('not-found', 1008, { 'receipt-id': 'r', subscription: '1' })
  })
})

test('STOMP 1.0 needs no id: then MESSAGE has no subscription, and UNSUBSCRIBE goes by destination', async () => {
  const stage = openStage()
  const client = await stage.connected('1.0')
  client.sends('SUBSCRIBE', { destination: '/queue/a' })
  await stage.settles()
  stage.main.subscription().deliver('1')
  expect((await client.gets('MESSAGE', { destination: '/queue/a' })).headers).not.toHaveProperty('subscription')
  client.sends('SUBSCRIBE', { destination: '/queue/b', receipt: 'b' })
  await client.getsReceipts('b')
  client.sends('UNSUBSCRIBE', { destination: '/queue/a', receipt: 'u' })
  await client.getsReceipts('u')
  expect(stage.main.log).toContain('end queue:a')
  expect(stage.main.log).not.toContain('end queue:b')
})

test.each(['1.1', '1.2'] as const)('STOMP %s needs one', async (version) => {
  const client = await openStage().connected(version)
  client.sends('SUBSCRIBE', { destination: '/queue/a', receipt: 'r' })
  await client.isRefused('missing-header', 1002, { 'receipt-id': 'r' })
})

describe('a failed SUBSCRIBE leaves no subscription', () => {
  const open = async () => {
    const stage = openStage()
    stage.main.holds('subscribe')
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: '1', destination: '/keep/a', receipt: 'r' })
    await stage.settles()
    return { stage, client, subscription: stage.main.subscription() }
  }

  test('with errors: keep its id is free again', async () => {
    const { stage, client, subscription } = await open()
    subscription.deliver('early')
    subscription.consent.refuse('forbidden')
    await client.getsError('forbidden', { subscription: '1' })
    expect(subscription.disposed).toBe(true)
    stage.main.answers('subscribe')
    client.sends('SUBSCRIBE', { id: '1', destination: '/keep/b', receipt: 's' })
    await client.getsReceipts('s')
  })

  test('a broker that never agrees is given holdMs', async () => {
    const { stage, client, subscription } = await open()
    await stage.passes(29_999)
    await client.getsNothing()
    await stage.passes(1)
    await client.getsError('broker-unavailable', { 'receipt-id': 'r', subscription: '1' })
    expect(subscription.disposed).toBe(true)
    subscription.consent.give()
    await client.getsNothing()
  })

  test('the end that comes before the consent is told once', async () => {
    const { client, subscription } = await open()
    subscription.end('cancelled')
    subscription.consent.refuse('cancelled')
    await client.getsError('cancelled', { 'receipt-id': 'r', subscription: '1' })
    await client.getsNothing()
  })

  test('the end that comes between consent and RECEIPT is told after it', async () => {
    const { client, subscription } = await open()
    subscription.consent.give()
    subscription.end('cancelled')
    await client.getsReceipts('r')
    await client.getsError('cancelled', { subscription: '1' })
  })
})

describe('holdMs: 0 is for a broker that is away', () => {
  const open = async (state: 'up' | 'down') => {
    const routes = [{ destination: '/q/{name}', broker: 'main', queue: '{name}', holdMs: 0 }]
    const stage = openStage({ routes })
    stage.main.health = { state, since: 0, reason: undefined }
    stage.main.holds('subscribe')
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: '1', destination: '/q/a', receipt: 'r' })
    await stage.settles()
    await stage.passes(5)
    return { stage, client }
  }

  test('one that is there may take its time to answer', async () => {
    const { stage, client } = await open('up')
    stage.main.subscription().consent.give()
    await client.getsReceipts('r')
  })

  test('one that is away is not waited for', async () => {
    const { client } = await open('down')
    await client.isRefused('broker-unavailable', 1013, { 'receipt-id': 'r' })
  })
})

describe('what it asks of the broker', () => {
  const optionsOf = async (headers: Record<string, string>, options = {}) => {
    const stage = openStage(options)
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', receipt: 'r', ...headers })
    await client.getsReceipts('r')
    return stage.main.subscription().options
  }

  test.each([
    ['auto', '/queue/a', 'each', LIMITS.prefetchAuto],
    ['client', '/queue/a', 'each', LIMITS.prefetchClient],
    ['client-individual', '/queue/a', 'each', LIMITS.prefetchClient],
    ['auto', '/topic/a', 'presettled', LIMITS.prefetchAuto],
    ['client', '/topic/a', 'each', LIMITS.prefetchClient],
  ])('ack:%s on %s is settled %s, with credit %i', async (ack, destination, settle, credit) => {
    expect(await optionsOf({ ack, destination })).toEqual({
      credit,
      creditBytes: LIMITS.prefetchBytes,
      settle,
      durable: undefined,
      arguments: Object.create(null),
    })
  })

  test('no ack header is ack:auto', async () => {
    expect(await optionsOf({})).toMatchObject({ settle: 'each', credit: LIMITS.prefetchAuto })
  })

  test.each([
    ['5', 5],
    ['1', 1],
    ['0', LIMITS.prefetchClient],
    [String(LIMITS.prefetchClient + 1), LIMITS.prefetchClient],
  ])('prefetch-count:%s is a credit of %i', async (count, credit) => {
    expect(await optionsOf({ ack: 'client', 'prefetch-count': count })).toMatchObject({ credit })
  })

  test("a route's prefetch is the most that can be asked for", async () => {
    const options = { policies: { '/queue/{name+}': { prefetch: 20 } } }
    expect(await optionsOf({ ack: 'client' }, options)).toMatchObject({ credit: 20 })
    expect(await optionsOf({ 'prefetch-count': '7' }, options)).toMatchObject({ credit: 7 })
    expect(await optionsOf({ 'prefetch-count': '21' }, options)).toMatchObject({ credit: 20 })
  })
})

describe('refused without asking the broker', () => {
  const open = () => {
    const main = new FakeBroker('main', { arguments: ['x-max-length', 'x-queue-name'] })
    const routes = [{ destination: '/shut/{name}', broker: 'main', queue: '{name}', allow: ['x-max-length'] }]
    return openStage({ brokers: [main], routes, policies: { '/temp/{name}': { subscribe: 'closed' } } })
  }

  test.each([
    ['an ack mode that is none', { ack: 'sometimes' }, 'bad-value', 1002],
    ['a prefetch-count that is none', { 'prefetch-count': '-1' }, 'bad-value', 1002],
    ['a selector', { selector: 'a > 1' }, 'unsupported', 1008],
    ['an x- header nobody knows', { 'x-max-lenght': '5' }, 'unsupported', 1008],
    ['an x- header the route does not allow', { 'x-queue-name': 'q' }, 'forbidden', 4403],
    ['a closed route', { destination: '/temp/a' }, 'forbidden', 4403],
    ['a name the broker cannot have', { destination: '/queue/a!' }, 'bad-destination', 1008],
    ['no route', { destination: '/nowhere' }, 'no-route', 1008],
  ])('%s', async (_, headers, code, close) => {
    const stage = open()
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', receipt: 'r', ...headers })
    await client.isRefused(code, close, { 'receipt-id': 'r' })
    expect(stage.main.log).toEqual([])
  })

  test('but what it allows goes to the adapter', async () => {
    const stage = open()
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: '1', destination: '/shut/a', 'x-max-length': '5', receipt: 'r', own: 'x' })
    await client.getsReceipts('r')
    expect(stage.main.subscription().options.arguments).toEqual({ 'x-max-length': '5' })
  })

  test('an id that is in use', async () => {
    const client = await open().connected()
    client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', receipt: 'r' })
    client.sends('SUBSCRIBE', { id: '1', destination: '/queue/b', receipt: 's' })
    await client.isRefused('duplicate-subscription', 1008, { 'receipt-id': 's', subscription: '1' })
  })

  test('ack:client where the broker takes nothing back', async () => {
    const stage = openStage({ brokers: [new FakeBroker('main', { traits: { settles: false } })] })
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: '1', destination: '/queue/a', ack: 'client', receipt: 'r' })
    await client.isRefused('unsupported', 1008, { 'receipt-id': 'r' })
  })
})
