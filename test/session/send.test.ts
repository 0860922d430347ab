/** SEND: what the broker is asked, and when the RECEIPT comes. */
import { describe, expect, test } from 'vitest'
import { FakeBroker } from '../support/broker.ts'
import { openStage, VERSIONS } from './stage.ts'

describe.each(VERSIONS)('STOMP %s', (version) => {
  test('the RECEIPT comes when the broker has confirmed, and not before', async () => {
    const stage = openStage()
    stage.main.holds('publish')
    const client = await stage.connected(version)
    client.sends('SEND', { destination: '/queue/a', receipt: 'r:1' }, 'hello')
    await client.getsNothing()
    expect(stage.main.log).toEqual(['link', 'publish hello to queue:a'])
    stage.main.publish.give()
    await client.gets('RECEIPT', { 'receipt-id': 'r:1' })
  })

  test('without receipt nothing is answered', async () => {
    const stage = openStage()
    const client = await stage.connected(version)
    client.sends('SEND', { destination: '/queue/a' }, 'hello')
    await client.getsNothing()
    expect(stage.main.publish.options).toMatchObject({ receipt: false })
  })

  test('a refusal is an ERROR with the receipt-id, and the close comes after it', async () => {
    const stage = openStage()
    stage.main.holds('publish')
    const client = await stage.connected(version)
    client.sends('SEND', { destination: '/queue/a', receipt: 'r' }, 'x')
    await stage.settles()
    stage.main.publish.refuse('refused', 'the queue is full')
    const error = await client.isRefused('refused', 1013, { 'receipt-id': 'r' })
    expect(error.body).toBe('the queue is full\n')
  })

  test('any octets are a body', async () => {
    const stage = openStage()
    const client = await stage.connected(version)
    const body = Buffer.from([0, 255, 10, 0, 195, 40])
    client.sends('SEND', { destination: '/queue/a', receipt: 'r' }, body)
    client.sends('SEND', { destination: '/queue/a', receipt: 's' }, '')
    await client.getsReceipts('r', 's')
    expect(stage.main.publishes.map(({ message }) => message.body)).toEqual([body, Buffer.alloc(0)])
  })
})

test('what a route says of holding and resending is told to the broker', async () => {
  const routes = [{ destination: '/q/{name}', broker: 'main', queue: '{name}', holdMs: 5, resend: false }]
  const stage = openStage({ routes })
  const client = await stage.connected()
  client.sends('SEND', { destination: '/q/a', receipt: 'r' }, 'x')
  await client.getsReceipts('r')
  expect(stage.main.publish.options).toMatchObject({ receipt: true, holdMs: 5, resend: false })
})

test('confirms may come in any order: receipts follow them', async () => {
  const stage = openStage()
  stage.main.holds('publish')
  const client = await stage.connected()
  for (const receipt of ['1', '2', '3']) client.sends('SEND', { destination: '/queue/a', receipt }, receipt)
  await stage.settles()
  expect(stage.main.published).toEqual(['1', '2', '3'])
  for (const index of [2, 0, 1]) {
    stage.main.publishes[index]!.give()
    await client.getsReceipts(String(index + 1))
  }
})

describe('destinations', () => {
  test('without route: ERROR', async () => {
    const client = await openStage().connected()
    client.sends('SEND', { destination: '/nowhere', receipt: 'r' }, 'x')
    await client.isRefused('no-route', 1008, { 'receipt-id': 'r' })
  })

  test('that the broker cannot have: ERROR', async () => {
    const stage = openStage()
    const client = await stage.connected()
    client.sends('SEND', { destination: '/queue/a!', receipt: 'r' }, 'x')
    await client.isRefused('bad-destination', 1008, { 'receipt-id': 'r' })
    expect(stage.main.published).toEqual([])
  })

  test('that are closed: ERROR, and the body names the word that would open them', async () => {
    const stage = openStage({ policies: { '/queue/{name+}': { send: 'closed', closedBy: 'queue' } } })
    const client = await stage.connected()
    client.sends('SEND', { destination: '/queue/a', receipt: 'r' }, 'x')
    const error = await client.isRefused('forbidden', 4403, { 'receipt-id': 'r' })
    expect(error.body).toContain('queue')
  })

  test('a control character in one does not reach the ERROR as it is', async () => {
    const client = await openStage().connected()
    client.sends('SEND', { destination: '/no\nwhere\u0001' }, 'x')
    const error = await client.isRefused('no-route', 1008)
    expect(error.body).not.toMatch(/\u0001|no\nwhere/)
  })
})

describe('errors: keep', () => {
  test('a refused SEND leaves the connection, and others go on', async () => {
    const stage = openStage()
    stage.main.holds('publish')
    const client = await stage.connected()
    client.sends('SEND', { destination: '/keep/a', receipt: '1' }, 'bad')
    client.sends('SEND', { destination: '/keep/a', receipt: '2' }, 'good')
    await stage.settles()
    stage.main.publishes[0]!.refuse('not-found')
    await client.getsError('not-found', { 'receipt-id': '1' })
    stage.main.publishes[1]!.give()
    await client.getsReceipts('2')
    expect(client.wire.closing).toBeUndefined()
    expect(stage.told).toEqual(['connected 1.2', 'failed not-found'])
  })

  test('a bad property too', async () => {
    const client = await openStage().connected()
    client.sends('SEND', { destination: '/keep/a', receipt: '1', priority: '256' }, 'bad')
    await client.getsError('bad-message', { 'receipt-id': '1' })
    client.sends('SEND', { destination: '/keep/a', receipt: '2', priority: '255' }, 'good')
    await client.getsReceipts('2')
  })

  test('an error that is not of one operation closes all the same', async () => {
    const stage = openStage()
    stage.main.holds('publish')
    const client = await stage.connected()
    client.sends('SEND', { destination: '/keep/a', receipt: '1' }, 'x')
    await stage.settles()
    stage.main.publish.refuse('closed')
    await client.isRefused('closed', 1001, { 'receipt-id': '1' })
  })
})

describe('arguments', () => {
  const open = (allow?: readonly string[]) => {
    const main = new FakeBroker('main', { arguments: ['x-delay', 'auto-delete', 'durable'] })
    const routes = [{ destination: '/q/{name}', broker: 'main', queue: '{name}', ...(allow && { allow }) }]
    return openStage({ brokers: [main], routes })
  }

  test('that the route allows go to the adapter and are no headers', async () => {
    const stage = open(['x-delay'])
    const client = await stage.connected()
    client.sends('SEND', ['destination', '/q/a', 'x-delay', '5', 'x-delay', '6', 'x-own', 'y', 'receipt', 'r'], 'x')
    await client.getsReceipts('r')
    const { options, headers } = stage.main.publish
    expect(options.arguments).toEqual({ 'x-delay': '5' })
    expect(headers).toMatchObject({ 'x-own': 'y' })
    expect(headers).not.toHaveProperty('x-delay')
  })

  test('that it does not allow are refused', async () => {
    const client = await open().connected()
    client.sends('SEND', { destination: '/q/a', 'x-delay': '5', receipt: 'r' }, 'x')
    await client.isRefused('forbidden', 4403, { 'receipt-id': 'r' })
  })

  test('durable:false asks a queue for less, durable:true says what holds anyway', async () => {
    const stage = open(['durable'])
    const client = await stage.connected()
    client.sends('SEND', { destination: '/q/a', durable: 'true' }, 'x')
    client.sends('SEND', { destination: '/q/a', durable: 'false' }, 'y')
    await client.getsNothing()
    expect(stage.main.publishes.map(({ options }) => ({ ...options.arguments }))).toEqual([{}, { durable: 'false' }])
  })
})
