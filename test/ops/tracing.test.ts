/** Spans of SENDs and deliveries: names, kinds, attributes, parents, what they cost those who are not traced, and what clients cannot do with them. */
import { trace } from '@opentelemetry/api'
import { AlwaysOffSampler, AlwaysOnSampler } from '@opentelemetry/sdk-trace-base'
import { describe, expect, test } from 'vitest'
import { createSpans, tracingFault } from '../../src/ops/tracing.ts'
import { ackOf, crowd, joins, openStage } from '../session/stage.ts'
import { openTracedStage, PARENT, registerSdk, TRACE, TRACEPARENT } from './tracing.stage.ts'

const REMOTE = `${TRACE}/${PARENT}`
const UNSAMPLED = `00-${TRACE}-${PARENT}-00`

describe('a SEND', () => {
  test('is a span from its arrival to the confirm, in the trace that its frame names', async () => {
    const { stage, spans } = await openTracedStage()
    stage.main.holds('publish')
    const client = await stage.connected()
    const ids = { 'correlation-id': 'c-7', 'amqp-message-id': 'm-7' }
    const context = { traceparent: TRACEPARENT, tracestate: 'vendor=a,other=b', baggage: 'user=ann%20b' }
    client.sends('SEND', { destination: '/queue/orders.eu', receipt: 'r', ...ids, ...context }, 'hello')
    await client.getsNothing()
    expect(spans()).toEqual([])
    stage.main.publish.give()
    await client.getsReceipts('r')
    const [span, ...more] = spans()
    expect(more).toEqual([])
    expect(span).toEqual({
      name: 'send /queue/{name+}',
      // Its context is not the message's own: that is the sender's.
      kind: 'CLIENT',
      trace: TRACE,
      span: expect.stringMatching(/^[0-9a-f]{16}$/),
      parent: REMOTE,
      links: [REMOTE],
      failed: undefined,
      attributes: {
        'messaging.system': 'rabbitmq',
        'messaging.operation.name': 'send',
        'messaging.operation.type': 'send',
        'messaging.destination.template': '/queue/{name+}',
        'messaging.destination.name': '/queue/orders.eu',
        'messaging.message.id': 'm-7',
        'messaging.message.conversation_id': 'c-7',
        'messaging.message.body.size': 5,
        'messaging.client.id': 'wire-1',
        'server.address': 'rabbit.example',
        'server.port': 5672,
      },
    })
    expect(stage.main.publish.headers).toMatchObject(context)
  })

  test('without a context of its own begins a trace, and takes it along', async () => {
    const { stage, spans } = await openTracedStage()
    const client = await stage.connected()
    client.sends('SEND', { destination: '/queue/a' }, 'x')
    await client.getsNothing()
    const [span] = spans()
    expect(span).toMatchObject({ kind: 'PRODUCER', parent: undefined, links: [] })
    expect(stage.main.publish.headers.traceparent).toBe(`00-${span!.trace}-${span!.span}-01`)
  })

  test('to a destination without variables is named by it', async () => {
    const routes = [{ destination: '/audit', broker: 'main', queue: 'audit' }]
    const { stage, spans } = await openTracedStage({ routes })
    const client = await stage.connected()
    client.sends('SEND', { destination: '/audit' }, 'x')
    await client.getsNothing()
    const [span] = spans()
    expect(span!.name).toBe('send /audit')
    expect(span!.attributes).not.toHaveProperty('messaging.destination.template')
    expect(span!.attributes).toMatchObject({ 'messaging.destination.name': '/audit' })
  })

  test('that is refused is a failed span, and the log names its trace', async () => {
    const { stage, spans } = await openTracedStage({ policies: { '/temp/{name}': { send: 'closed', errors: 'keep' } } })
    stage.main.holds('publish')
    const client = await stage.connected()
    client.sends('SEND', { destination: '/temp/a', traceparent: TRACEPARENT }, 'x')
    await client.getsError('forbidden')
    client.sends('SEND', { destination: '/keep/a', traceparent: TRACEPARENT }, 'x')
    await stage.settles()
    stage.main.publish.refuse('refused', 'the queue is full')
    await client.getsError('refused')
    client.sends('SEND', { destination: '/nowhere', traceparent: TRACEPARENT }, 'x')
    await client.isRefused('no-route', 1008)
    expect(spans().map(({ name, parent, failed }) => ({ name, parent, code: failed?.replace(/:.*/, '') }))).toEqual([
      { name: 'send /temp/{name}', parent: REMOTE, code: 'forbidden' },
      { name: 'send /keep/{name}', parent: REMOTE, code: 'refused' },
      { name: 'send', parent: REMOTE, code: 'no-route' },
    ])
    const codes = ['forbidden', 'refused', 'no-route']
    expect(stage.told.filter((each) => each.startsWith('failed'))).toEqual(
      codes.map((code) => `failed ${code} in trace ${TRACE}`),
    )
  })

  test('in a transaction ends with the confirm that its COMMIT brings; what is aborted has never been', async () => {
    const { stage, spans } = await openTracedStage()
    stage.main.holds('publish')
    const client = await stage.connected()
    client.sends('BEGIN', { transaction: 'no' })
    client.sends('SEND', { destination: '/queue/no', transaction: 'no' }, 'never')
    client.sends('ABORT', { transaction: 'no' })
    client.sends('BEGIN', { transaction: 't' })
    for (const body of ['one', 'two']) client.sends('SEND', { destination: `/queue/${body}`, transaction: 't' }, body)
    client.sends('COMMIT', { transaction: 't', receipt: 'c' })
    await client.getsNothing()
    expect(spans()).toEqual([])
    stage.main.publishes[0]!.give()
    stage.main.publishes[1]!.refuse('refused', 'the queue is full')
    await client.isRefused('transaction-failed', 1008)
    expect(spans().map((span) => [span.attributes['messaging.destination.name'], span.failed])).toEqual([
      ['/queue/one', undefined],
      ['/queue/two', 'refused: the queue is full'],
    ])
  })

  test('in a COMMIT that is refused as a whole has failed with it', async () => {
    const { stage, spans } = await openTracedStage()
    stage.main.holds('link')
    const client = await stage.connected()
    client.sends('BEGIN', { transaction: 't' })
    client.sends('SEND', { destination: '/queue/a', transaction: 't' }, 'x')
    client.sends('COMMIT', { transaction: 't', receipt: 'c' })
    await stage.settles()
    stage.main.linking[0]!.refuse('broker-unavailable')
    await client.getsError('broker-unavailable')
    expect(spans().map(({ failed }) => failed)).toEqual(['broker-unavailable: broker-unavailable'])
  })
})

describe('who is not sampled', () => {
  test('leaves no span, and its message as it was', async () => {
    const { stage, spans } = await openTracedStage({}, new AlwaysOnSampler())
    const client = await joins(await stage.connected())
    client.sends('SEND', { destination: '/queue/a', traceparent: UNSAMPLED }, 'x')
    stage.main.subscription().deliver('y', { headers: ['traceparent', UNSAMPLED] })
    expect((await client.gets('MESSAGE')).headers.traceparent).toBe(UNSAMPLED)
    expect(stage.main.publish.headers.traceparent).toBe(UNSAMPLED)
    expect(spans()).toEqual([])
  })

  test('at the root, is not given a context either', async () => {
    const { stage, spans } = await openTracedStage({}, new AlwaysOffSampler())
    const client = await stage.connected()
    client.sends('SEND', { destination: '/queue/a' }, 'x')
    await client.getsNothing()
    expect(stage.main.publish.headers).not.toHaveProperty('traceparent')
    expect(spans()).toEqual([])
  })
})

describe('a delivery', () => {
  test('that many share is one span, told how many they are, which ends when all of them have it', async () => {
    const { stage, spans } = await openTracedStage()
    const members = await crowd(stage, 3)
    // Another version and another id: other bytes, the same delivery.
    members.push(await joins(await stage.connected('1.1'), { id: 'mine' }))
    const headers = ['traceparent', TRACEPARENT, 'tracestate', 'vendor=a', 'baggage', 'k=v']
    const properties = { correlationId: 'c', messageId: 'm' }
    stage.main.subscription().deliver('news', { headers, properties })
    expect(spans()).toEqual([])
    for (const member of members) {
      const message = await member.gets('MESSAGE', {}, 'news')
      expect(message.headers).toMatchObject({ traceparent: TRACEPARENT, tracestate: 'vendor=a', baggage: 'k=v' })
    }
    expect(spans()).toEqual([
      expect.objectContaining({
        name: 'deliver /topic/{name+}',
        kind: 'CONSUMER',
        parent: REMOTE,
        links: [REMOTE],
        failed: undefined,
        attributes: {
          'messaging.system': 'rabbitmq',
          'messaging.operation.name': 'deliver',
          'messaging.operation.type': 'process',
          'messaging.destination.template': '/topic/{name+}',
          'messaging.destination.name': '/topic/a',
          'messaging.message.id': 'm',
          'messaging.message.conversation_id': 'c',
          'messaging.message.body.size': 4,
          'stomp_bridge.receivers': 4,
          'server.address': 'rabbit.example',
          'server.port': 5672,
        },
      }),
    ])
  })

  test('without a context is a root, and none is written into it', async () => {
    const { stage, spans } = await openTracedStage()
    const client = await joins(await stage.connected())
    stage.main.subscription().deliver('x')
    expect((await client.gets('MESSAGE')).headers).not.toHaveProperty('traceparent')
    expect(spans()).toMatchObject([{ parent: undefined, links: [] }])
  })

  test('of a wildcard names what it came from, and its span does not', async () => {
    const { stage, spans } = await openTracedStage()
    const client = await joins(await stage.connected(), { destination: '/topic/orders.*' })
    stage.main.subscription().deliver('x', { target: 'topic:orders.eu' })
    await client.getsMessages('x')
    const [span] = spans()
    expect([span!.name, span!.attributes['messaging.destination.name']]).toEqual([
      'deliver /topic/{name+}',
      '/topic/orders.eu',
    ])
  })

  test('that nobody hears any more is none', async () => {
    const { stage, spans } = await openTracedStage()
    const client = await joins(await stage.connected())
    client.sends('UNSUBSCRIBE', { id: 'sub-0', receipt: 'u' })
    await client.getsReceipts('u')
    stage.main.subscription().deliver('lingers')
    await client.getsNothing()
    expect(spans()).toEqual([])
  })

  test('of a batch ends with the batch', async () => {
    const batch = { delayMs: 50, bytes: 1e6 }
    const { stage, spans } = await openTracedStage({ policies: { '/topic/{name+}': { batch } } })
    const client = await joins(await stage.connected())
    for (const body of ['one', 'two']) stage.main.subscription().deliver(body)
    await client.getsNothing()
    expect(spans()).toEqual([])
    await stage.passes(50)
    await client.getsMessages('one', 'two')
    expect(spans()).toHaveLength(2)
  })

  test.each(['auto', 'client-individual'])(
    'of its own subscription, ack:%s, ends when the broker is told',
    async (ack) => {
      const { stage, spans } = await openTracedStage()
      const client = await stage.connected()
      client.sends('SUBSCRIBE', { id: 's', destination: '/queue/a', ack, receipt: 's' })
      await client.getsReceipts('s')
      stage.main.subscription().deliver('x', { headers: ['traceparent', TRACEPARENT], redelivered: true })
      expect(spans()).toEqual([])
      const message = await client.gets('MESSAGE')
      if (ack !== 'auto') {
        expect(spans()).toEqual([])
        client.sends('ACK', { ...ackOf(client, message), receipt: 'a' })
        await client.getsReceipts('a')
      }
      const [span] = spans()
      expect(span).toMatchObject({
        name: 'deliver /queue/{name+}',
        kind: 'CONSUMER',
        parent: REMOTE,
        failed: undefined,
      })
      expect(span!.attributes).toMatchObject({
        'stomp_bridge.outcome': 'accepted',
        'stomp_bridge.receivers': 1,
        'stomp_bridge.redelivered': true,
      })
    },
  )

  test('tells what became of it: refused, given back, or unknown because the connection is gone', async () => {
    const { stage, spans } = await openTracedStage()
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: 's', destination: '/queue/a', ack: 'client-individual', receipt: 's' })
    await client.getsReceipts('s')
    const subscription = stage.main.subscription()
    const outcomes = () => spans().map(({ attributes, failed }) => attributes['stomp_bridge.outcome'] ?? failed)
    for (const body of ['nacked', 'stale', 'left']) {
      subscription.deliver(body)
      const message = await client.gets('MESSAGE')
      if (body === 'nacked') client.sends('NACK', { ...ackOf(client, message), requeue: 'false' })
      else if (body === 'stale') subscription.lost()
      else client.vanishes()
      await stage.settles()
    }
    expect(outcomes()).toEqual([
      'rejected',
      'broker-unavailable: the connection was lost: the message comes again',
      'released',
    ])
  })

  test('of a subscription that the broker ends has failed with its reason', async () => {
    const { stage, spans } = await openTracedStage()
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: 's', destination: '/queue/a', ack: 'client', receipt: 's' })
    await client.getsReceipts('s')
    stage.main.subscription().deliver('x')
    await client.gets('MESSAGE')
    stage.main.subscription().end('cancelled')
    await client.isRefused('cancelled', 1008)
    expect(spans().map(({ failed }) => failed?.replace(/:.*/, ''))).toEqual(['cancelled'])
  })

  test('of an answer that no SUBSCRIBE asked for is one to a temporary destination', async () => {
    const { stage, spans } = await openTracedStage()
    const client = await stage.connected()
    client.sends('SEND', { destination: '/queue/jobs', 'reply-to': '/temp/mine', receipt: 'r' }, '?')
    await client.getsReceipts('r')
    spans()
    stage.main.session.reply('temp:mine', '!', { headers: ['traceparent', TRACEPARENT] })
    await client.gets('MESSAGE', {}, '!')
    const [span] = spans()
    expect(span).toMatchObject({ name: 'deliver', kind: 'CONSUMER', parent: REMOTE })
    expect(span!.attributes).toMatchObject({
      'messaging.destination.temporary': true,
      'messaging.destination.name': '/temp/mine',
    })
  })
})

describe('a hostile traceparent', () => {
  const zeros = '0'.repeat(32)
  test.each([
    { what: 'empty', traceparent: '' },
    { what: 'garbage', traceparent: 'garbage' },
    { what: 'of a megabyte', traceparent: 'x'.repeat(900_000) },
    { what: 'in upper case', traceparent: TRACEPARENT.toUpperCase() },
    { what: 'of version ff', traceparent: `ff${TRACEPARENT.slice(2)}` },
    { what: 'without a trace', traceparent: `00-${zeros}-${PARENT}-01` },
    { what: 'without a parent', traceparent: `00-${TRACE}-${'0'.repeat(16)}-01` },
    { what: 'of version 00 that goes on', traceparent: `${TRACEPARENT}-more` },
    { what: 'of a later version that goes on in its own way', traceparent: `01${TRACEPARENT.slice(2)}.more` },
    { what: 'with a line feed', traceparent: `${TRACEPARENT}\n` },
    { what: 'with a space before it', traceparent: ` ${TRACEPARENT}` },
    { what: 'with a digit of another script', traceparent: `00-${TRACE}-${PARENT}-0\u0661` },
  ])('$what: the SEND begins a trace of its own, and it is passed on as it is', async ({ traceparent }) => {
    const { stage, spans } = await openTracedStage({ limits: { headerBytes: 2_000_000, frameBytes: 2_000_000 } })
    const client = await joins(await stage.connected())
    const headers = { destination: '/queue/a', traceparent, tracestate: '=,=,'.repeat(100), receipt: 'r' }
    client.sends('SEND', headers, 'x')
    await client.getsReceipts('r')
    expect(stage.main.publish.headers.traceparent === traceparent).toBe(true)
    stage.main.subscription().deliver('y', { headers: ['traceparent', traceparent] })
    expect((await client.gets('MESSAGE')).headers.traceparent === traceparent).toBe(true)
    expect(spans().map(({ parent, links }) => ({ parent, links }))).toEqual([
      { parent: undefined, links: [] },
      { parent: undefined, links: [] },
    ])
  })

  test('of a later version is read as far as it is known', async () => {
    const { stage, spans } = await openTracedStage()
    const client = await stage.connected()
    client.sends('SEND', { destination: '/queue/a', traceparent: `7f${TRACEPARENT.slice(2)}-more` }, 'x')
    await client.getsNothing()
    expect(spans()).toMatchObject([{ parent: REMOTE }])
  })

  test('comes with texts that fill no exporter, and forges no line of the log', async () => {
    const { stage, spans } = await openTracedStage({ limits: { headerBytes: 100_000, frameBytes: 200_000 } })
    const client = await stage.connected()
    const long = 'x'.repeat(50_000)
    client.sends(
      'SEND',
      { destination: `/queue/${long.slice(0, 600)}`, 'correlation-id': long, 'amqp-message-id': long },
      '',
    )
    client.sends('SEND', { destination: '/nowhere', traceparent: `00-${TRACE}-${PARENT}-01\n{"forged":1}` }, '')
    await client.isRefused('no-route', 1008)
    const texts = spans().flatMap(({ attributes }) => Object.values(attributes).map((value) => String(value).length))
    expect(Math.max(...texts)).toBe(255)
    expect(stage.told.find((each) => each.startsWith('failed'))).toMatch(/^failed no-route in trace [0-9a-f]{32}$/)
  })
})

test('the log names the trace of a refused SEND where nothing is traced, too', async () => {
  const stage = openStage()
  const client = await stage.connected()
  client.sends('SEND', { destination: '/nowhere', traceparent: UNSAMPLED }, '')
  await client.isRefused('no-route', 1008)
  expect(stage.told).toContain(`failed no-route in trace ${TRACE}`)
})

describe('tracing.enabled', () => {
  const missing = async () => undefined

  test('auto is on where an SDK is registered, and only there', async () => {
    expect(await createSpans({ enabled: 'auto' }, '1.2.3', () => {})).toBeUndefined()
    registerSdk()
    expect(await createSpans({ enabled: 'auto' }, '1.2.3', () => {})).toBeDefined()
    expect(await createSpans({ enabled: 'auto' }, '1.2.3', () => {}, missing)).toBeUndefined()
    expect(await tracingFault({ enabled: 'auto' }, missing)).toBeUndefined()
  })

  test('true without the package is a fault that says what to install; without an SDK a warning', async () => {
    expect(await tracingFault({ enabled: 'true' }, missing)).toContain('npm install @opentelemetry/api')
    expect(await tracingFault({ enabled: 'true' })).toBeUndefined()
    const warnings: string[] = []
    expect(await createSpans({ enabled: 'true' }, '1.2.3', (text) => warnings.push(text))).toBeUndefined()
    expect(warnings).toHaveLength(1)
  })

  test('false asks for nothing', async () => {
    registerSdk()
    const refuses = () => Promise.reject(new Error('it was looked for'))
    expect(await tracingFault({ enabled: 'false' }, refuses)).toBeUndefined()
    expect(await createSpans({ enabled: 'false' }, '1.2.3', () => {}, refuses)).toBeUndefined()
  })

  test('names the bridge and its version as the instrumentation', async () => {
    const exporter = registerSdk()
    const spans = await createSpans({ enabled: 'true' }, '1.2.3', () => {})
    const sending = { destination: '/x', place: undefined, bytes: 0, client: 'w' }
    spans!.send({ ...sending, correlationId: undefined, messageId: undefined, parent: undefined })!.end()
    expect(exporter.getFinishedSpans()[0]!.instrumentationScope).toMatchObject({
      name: 'stomp-bridge',
      version: '1.2.3',
    })
    expect(trace.getActiveSpan()).toBeUndefined()
  })
})
