/** Request and reply: where answers may go, how they arrive, and who may answer. */
import { describe, expect, test } from 'vitest'
import { FakeBroker } from '../support/broker.ts'
import { openStage, type StageOptions } from './stage.ts'

/** As the rabbitmq preset has them: temp-queues only in `reply-to`, reply-queues only for answers. */
const REPLIES: StageOptions = {
  routes: [{ destination: '/reply/{name}', broker: 'main', queue: 'reply.{name}', errors: 'keep' }],
  policies: {
    '/temp/{name}': { send: 'closed', subscribe: 'closed' },
    '/reply/{name}': { send: 'delivered', subscribe: 'closed' },
    '/keep/{name}': { subscribe: 'closed' },
  },
}

const ask = async (replyTo: string, options: StageOptions = REPLIES, destination = '/queue/jobs') => {
  const stage = openStage(options)
  const client = await stage.connected()
  client.sends('SEND', { destination, 'reply-to': replyTo, receipt: 'r' }, 'question')
  return { stage, client }
}

describe('reply-to of a SEND', () => {
  test('a temp-queue becomes a target of the broker', async () => {
    const { stage, client } = await ask('/temp/answers')
    await client.getsReceipts('r')
    expect(stage.main.publish.message.properties.replyTo).toBe('temp:answers')
    expect(stage.main.publish.message.headers).not.toContain('reply-to')
  })

  test('a queue that the client may subscribe to, too', async () => {
    const { stage, client } = await ask('/queue/answers')
    await client.getsReceipts('r')
    expect(stage.main.publish.message.properties.replyTo).toBe('queue:answers')
  })

  test('a topic has no address in brokers: it travels as the header it was', async () => {
    const { stage, client } = await ask('/topic/answers')
    await client.getsReceipts('r')
    expect(stage.main.publish.message.properties.replyTo).toBeUndefined()
    expect(stage.main.publish.headers['reply-to']).toBe('/topic/answers')
  })

  test('of repeated ones the first counts', async () => {
    const stage = openStage(REPLIES)
    const client = await stage.connected()
    const twice = ['reply-to', '/queue/answers', 'reply-to', '/nowhere']
    client.sends('SEND', ['destination', '/queue/jobs', 'receipt', 'r', ...twice], 'x')
    await client.getsReceipts('r')
    expect(stage.main.publish.message.properties.replyTo).toBe('queue:answers')
  })

  test.each([
    ['what the client may not subscribe to', '/keep/a', 'forbidden', 4403],
    ['no destination', 'amq.rabbitmq.reply-to', 'forbidden', 4403],
    ['what the broker cannot have', '/queue/a!', 'bad-destination', 1008],
    ['another broker', '/other/a', 'unsupported', 1008],
  ])('%s: ERROR', async (_, replyTo, code, close) => {
    const { stage, client } = await ask(replyTo)
    await client.isRefused(code, close, { 'receipt-id': 'r' })
    expect(stage.main.published).toEqual([])
  })

  test('a temp-queue that the operator has not opened: ERROR', async () => {
    const policies = { '/temp/{name}': { send: 'closed', subscribe: 'closed', closedBy: 'temp-queue' } } as const
    const { client } = await ask('/temp/answers', { policies })
    await client.isRefused('forbidden', 4403, { 'receipt-id': 'r' })
  })

  test('SEND and SUBSCRIBE to a temp-queue are forbidden', async () => {
    for (const command of ['SEND', 'SUBSCRIBE']) {
      const client = await openStage(REPLIES).connected()
      client.sends(command, { id: '1', destination: '/temp/answers', receipt: 'r' })
      await client.isRefused('forbidden', 4403, { 'receipt-id': 'r' })
    }
  })
})

describe('an answer', () => {
  test('arrives with the temp-queue as its subscription and destination', async () => {
    const { stage, client } = await ask('/temp/answers')
    await client.getsReceipts('r')
    stage.main.session.reply('temp:answers', 'yes', { properties: { correlationId: '7' }, headers: ['k', 'v'] })
    const expected = { subscription: '/temp/answers', destination: '/temp/answers', 'correlation-id': '7', k: 'v' }
    await client.gets('MESSAGE', expected, 'yes')
  })

  test('cannot be acknowledged and cannot forge headers', async () => {
    const { stage, client } = await ask('/temp/answers')
    await client.getsReceipts('r')
    stage.main.session.reply('temp:answers', 'yes', {
      headers: ['subscription', 'sub-0', 'ack', '1-1', 'stomp-user', 'x'],
    })
    const { raw, headers } = await client.gets('MESSAGE', { subscription: '/temp/answers' })
    expect(raw).not.toContain('1-1')
    expect(raw).not.toContain('stomp-user')
    client.sends('ACK', { id: headers['message-id']!, receipt: 'a' })
    await client.isRefused('unknown-ack', 1008)
  })

  test.each(['main', '1', 'm1'])(
    'has an id that is no message of a subscription, whatever its broker (%s) is called',
    async (name) => {
      const routes = [
        { destination: '/t/{name}', broker: name, temp: '{name}' },
        { destination: '/q/{name}', broker: name, queue: '{name}' },
        { destination: '/topic/{name}', broker: name, topic: '{name}' },
      ]
      const stage = openStage({ brokers: [new FakeBroker(name)], routes })
      const client = await stage.connected()
      client.sends('SUBSCRIBE', { id: 'q', destination: '/q/a' })
      client.sends('SUBSCRIBE', { id: 't', destination: '/topic/a' })
      client.sends('SEND', { destination: '/q/a', 'reply-to': '/t/a', receipt: 'r' }, 'x')
      await client.getsReceipts('r')
      for (const subscription of stage.main.subscriptions) subscription.deliver('x')
      stage.main.session.reply('temp:a', 'x')
      const heard = await client.getsMessages('x', 'x', 'x')
      expect(new Set(heard.map(({ headers }) => headers['message-id'])).size).toBe(3)
    },
  )

  test('after the client is gone goes nowhere', async () => {
    const { stage, client } = await ask('/temp/answers')
    await client.getsReceipts('r')
    client.vanishes()
    const written = client.wire.written
    stage.main.session.reply('temp:answers', 'late')
    await stage.settles()
    expect(client.wire.written).toBe(written)
  })
})

describe('who may answer', () => {
  const asked = async (headers: Record<string, string>) => {
    const stage = openStage(REPLIES)
    const worker = await stage.connected()
    worker.sends('SUBSCRIBE', { id: 'w', destination: '/queue/jobs', ...headers })
    await stage.settles()
    stage.main.subscription().deliver('question', { properties: { replyTo: 'queue:reply.7' } })
    const question = await worker.gets('MESSAGE', { 'reply-to': '/reply/7' }, 'question')
    return { stage, worker, question }
  }

  test.each([
    ['a queue', {}],
    ['a shared topic', { destination: '/topic/jobs' }],
  ])('the session that was asked, over %s', async (_, headers) => {
    const { stage, worker, question } = await asked(headers)
    worker.sends('SEND', { destination: question.headers['reply-to']!, receipt: 'a' }, 'answer')
    await worker.getsReceipts('a')
    expect(stage.main.publish.target).toBe('queue:reply.7')
  })

  test('and nobody else, and nowhere else', async () => {
    const { stage, worker } = await asked({})
    const stranger = await stage.connected()
    stranger.sends('SEND', { destination: '/reply/7', receipt: 'a' }, 'forged')
    await stranger.getsError('forbidden', { 'receipt-id': 'a' })
    worker.sends('SEND', { destination: '/reply/8', receipt: 'b' }, 'forged')
    await worker.getsError('forbidden', { 'receipt-id': 'b' })
    worker.sends('SUBSCRIBE', { id: 'x', destination: '/reply/7', receipt: 'c' })
    await worker.getsError('forbidden', { 'receipt-id': 'c' })
    expect(stage.main.published).toEqual([])
  })

  test('an answer that asks back may be answered', async () => {
    const { stage, client } = await ask('/temp/answers')
    await client.getsReceipts('r')
    stage.main.session.reply('temp:answers', 'and you?', { properties: { replyTo: 'queue:reply.9' } })
    const back = await client.gets('MESSAGE', { 'reply-to': '/reply/9' }, 'and you?')
    client.sends('SEND', { destination: back.headers['reply-to']!, receipt: 'a' }, 'fine')
    await client.getsReceipts('a')
  })

  test('what is no target of ours is shown as it was sent, and may not be answered', async () => {
    const stage = openStage(REPLIES)
    const worker = await stage.connected()
    worker.sends('SUBSCRIBE', { id: 'w', destination: '/queue/jobs' })
    await stage.settles()
    stage.main.subscription().deliver('question', { headers: ['reply-to', '/reply/7'] })
    await worker.gets('MESSAGE', { 'reply-to': '/reply/7' })
    worker.sends('SEND', { destination: '/reply/7', receipt: 'a' }, 'forged')
    await worker.getsError('forbidden', { 'receipt-id': 'a' })
  })

  test('the bridge remembers a bounded number of addresses: the oldest is forgotten', async () => {
    const stage = openStage({ ...REPLIES, limits: { outboundBytes: 1e9 } })
    const worker = await stage.connected()
    worker.sends('SUBSCRIBE', { id: 'w', destination: '/topic/jobs' })
    await stage.settles()
    for (let count = 0; count <= 1024; count++) {
      stage.main.subscription().deliver('q', { properties: { replyTo: `queue:reply.${count}` } })
    }
    await worker.getsMessages(...new Array<string>(1025).fill('q'))
    worker.sends('SEND', { destination: '/reply/0', receipt: '0' }, 'x')
    worker.sends('SEND', { destination: '/reply/1', receipt: '1' }, 'x')
    await worker.getsError('forbidden', { 'receipt-id': '0' })
    await worker.getsReceipts('1')
  })
})
