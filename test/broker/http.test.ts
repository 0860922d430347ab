/** A conversation with handlers: what they are asked, and what becomes of what they say. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { brokerSettings } from '../../src/adapters/http/fields.ts'
import type { SubscribeOptions } from '../../src/broker/broker.ts'
import { BrokerError } from '../../src/broker/errors.ts'
import { type Authority, makeAuthority } from '../support/certificates.ts'
import {
  ANN,
  codeOf,
  type Handle,
  Handlers,
  message,
  OPTIONS,
  type Stage,
  stage,
  waitingFor,
} from '../support/handlers.ts'
import { RecordingSink } from '../support/sink.ts'
import { until } from '../support/until.ts'

async function scene(
  handle?: Handle,
  options: Record<string, unknown> = {},
): Promise<{ readonly handlers: Handlers; readonly place: Stage }> {
  const handlers = await Handlers.listen(handle)
  const place = await stage(`${handlers.url}/api`, options)
  onTestFinished(async () => {
    await handlers[Symbol.asyncDispose]()
    await place[Symbol.asyncDispose]()
  })
  return { handlers, place }
}

const saying =
  (body: string, headers: Record<string, string> = {}, status = 200): Handle =>
  (_, response) =>
    response.writeHead(status, headers).end(body)

const ONCE: SubscribeOptions = {
  credit: 10,
  creditBytes: 1_000,
  settle: 'presettled',
  durable: undefined,
  arguments: Object.create(null),
}

describe('a SEND', () => {
  test('is a POST with the body as it is, and nothing of the client but what is listed', async () => {
    const { handlers, place } = await scene(undefined, { token: 'secret-7' })
    const link = await place.link()
    const headers = ['stomp-session', 'session-1', 'stomp-user', 'ann', 'x-room', '7', 'Cookie', 'a=b', 'Host', 'evil']
    headers.push('authorization-x', 'Basic', 'transfer-encoding', 'chunked', 'connection', 'upgrade', 'x-room', '8')
    const sent = message('{"a":1}\0', headers, { contentType: 'application/json', correlationId: 'c1', priority: 4 })
    await link.publish(place.target('chat/1'), sent, OPTIONS)
    const [asked] = handlers.asked
    expect(asked).toMatchObject({ method: 'POST', url: '/api/chat/1', body: '{"a":1}\0' })
    expect(asked!.headers).toEqual({
      host: `127.0.0.1:${handlers.port}`,
      connection: 'keep-alive',
      'user-agent': 'stomp-bridge',
      'accept-encoding': 'identity',
      authorization: 'Bearer secret-7',
      'content-length': '8',
      'content-type': 'application/json',
      'stomp-destination': '/app/chat/1',
      'stomp-session': 'session-1',
      'stomp-user': 'ann',
      'stomp-header-x-room': '7',
      'stomp-header-cookie': 'a=b',
      'stomp-header-host': 'evil',
      'stomp-header-authorization-x': 'Basic',
      'stomp-header-transfer-encoding': 'chunked',
      'stomp-header-connection': 'upgrade',
      'stomp-header-correlation-id': 'c1',
      'stomp-header-priority': '4',
    })
  })

  test('has names and values that HTTP cannot carry percent-encoded', async () => {
    const { handlers, place } = await scene()
    const link = await place.link({ ...ANN, name: 'José' })
    const headers = [
      'stomp-user',
      'José',
      'my name',
      'ä\r\nx: y',
      'ü',
      '50%',
      'tab',
      'a\tb',
      'Edge',
      ' x ',
      '__proto__',
      'p',
    ]
    await link.publish(place.target('räume/ä b'), message('', headers), OPTIONS)
    expect(handlers.asked[0]!.headers).toMatchObject({
      'stomp-destination': '/app/r%C3%A4ume/%C3%A4%20b',
      'stomp-user': 'Jos%C3%A9',
      'stomp-header-my%20name': '%C3%A4%0D%0Ax:%20y',
      'stomp-header-%c3%bc': '50%25',
      'stomp-header-tab': 'a%09b',
      'stomp-header-edge': '%20x%20',
      'stomp-header-__proto__': 'p',
    })
    expect(handlers.asked[0]!.headers.x).toBeUndefined()
  })

  test('passes its trace context on as HTTP knows it, and nothing that only looks so', async () => {
    const { handlers, place } = await scene()
    const link = await place.link()
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    await link.publish(place.target('a'), message('', ['traceparent', traceparent, 'tracestate', 'a=1']), OPTIONS)
    await link.publish(place.target('a'), message('', ['traceparent', 'x', 'baggage', 'a=1']), OPTIONS)
    expect(handlers.asked[0]!.headers).toMatchObject({ traceparent, tracestate: 'a=1' })
    expect(handlers.asked[1]!.headers).toMatchObject({ 'stomp-header-traceparent': 'x', 'stomp-header-baggage': 'a=1' })
    expect(handlers.asked[1]!.headers.traceparent).toBeUndefined()
  })

  test('with a head that no server takes is refused, as is reply-to; nothing is asked', async () => {
    const { handlers, place } = await scene()
    const link = await place.link()
    const large = message('', ['x', 'y'.repeat(20_000)])
    expect(await codeOf(link.publish(place.target('a'), large, OPTIONS))).toBe('bad-message')
    const asking = message('', [], { replyTo: place.target('b') })
    expect(await codeOf(link.publish(place.target('a'), asking, OPTIONS))).toBe('unsupported')
    const args = Object.assign(Object.create(null), { 'x-a': '1' })
    expect(await codeOf(link.publish(place.target('a'), message(), { ...OPTIONS, arguments: args }))).toBe(
      'unsupported',
    )
    expect(handlers.asked).toEqual([])
  })

  test('uses one connection again and again, and takes no proxy from the environment', async () => {
    process.env.HTTP_PROXY = process.env.http_proxy = 'http://127.0.0.1:1'
    onTestFinished(() => {
      delete process.env.HTTP_PROXY
      delete process.env.http_proxy
    })
    const { handlers, place } = await scene()
    const link = await place.link()
    const before = handlers.connections
    for (let count = 0; count < 5; count++) await link.publish(place.target('a'), message(`${count}`), OPTIONS)
    expect(handlers.bodies).toEqual(['0', '1', '2', '3', '4'])
    expect(handlers.connections - before).toBe(1)
  })

  test('goes over TLS to whom the authority knows, and to nobody else', async () => {
    const issued = authority.issue('backend')
    const handlers = await Handlers.listen(saying('yes'), 0, issued)
    const url = `https://127.0.0.1:${handlers.port}`
    const trusting = await stage(url, { ca: authority.ca })
    const strict = await stage(url)
    onTestFinished(async () => {
      await handlers[Symbol.asyncDispose]()
      await trusting[Symbol.asyncDispose]()
      await strict[Symbol.asyncDispose]()
    })
    await (await trusting.link()).publish(trusting.target('a'), message('over TLS'), OPTIONS)
    expect(handlers.bodies).toEqual(['over TLS'])
    expect(trusting.flow.said).toEqual(['/topic/a yes'])
    expect(strict.broker.health).toMatchObject({ state: 'down', reason: expect.stringContaining('not trusted') })
    const hasty = (await strict.link()).publish(strict.target('a'), message(), { ...OPTIONS, holdMs: 0 })
    expect(await codeOf(hasty)).toBe('broker-unavailable')
    expect(handlers.bodies).toEqual(['over TLS'])
  })
})

let authority: Authority
beforeAll(() => {
  authority = makeAuthority()
})
afterAll(() => authority[Symbol.dispose]())

describe('an answer', () => {
  test('is published to where the route says, by whom it was caused, with the headers that the handler gave', async () => {
    const headers = {
      'content-type': 'application/json',
      'stomp-header-x-room': 'r%C3%A4ume',
      'stomp-header-my%20name': '50% off',
      'stomp-header-priority': '3',
      'stomp-header-message-id': 'no',
      'stomp-header-stomp-user': 'no',
      'stomp-header-bridge-gap': 'no',
      'stomp-header-subscription': 'no',
      'set-cookie': 'no',
    }
    const { place } = await scene(saying('{"ok":true}', headers))
    const sent = message('x', ['traceparent', 't1', 'secret', 's'], { correlationId: 'c1' })
    await (await place.link()).publish(place.target('chat/1'), sent, OPTIONS)
    const [flowed] = place.flow.published
    expect(flowed).toMatchObject({ destination: '/topic/chat/1', body: '{"ok":true}' })
    expect(flowed!.from).toEqual({ user: 'ann', session: 'session-1' })
    expect(flowed!.headers).toEqual(['x-room', 'räume', 'my name', '50% off', 'traceparent', 't1'])
    expect(flowed!.properties).toMatchObject({ contentType: 'application/json', correlationId: 'c1', priority: 3 })
  })

  test.each([
    ['204', saying('', {}, 204)],
    ['an empty body', saying('', { 'stomp-destination': '/topic/elsewhere' })],
  ])('without a body says nothing: %s', async (_, handle) => {
    const { place } = await scene(handle)
    await (await place.link()).publish(place.target('a'), message(), OPTIONS)
    expect(place.flow.published).toEqual([])
  })

  test('goes to every destination of a list, and the SEND is settled when all have confirmed', async () => {
    const { place } = await scene(saying('hi'))
    const confirms = new Map<string, () => void>()
    place.flow.confirm = (destination) => new Promise((resolve) => confirms.set(destination, resolve))
    const target = place.target('a', { reply: ['/topic/x', '/queue/{path}', 'sender', 'user'] })
    let settled = false
    const sending = (await place.link()).publish(target, message(), OPTIONS).then(() => {
      settled = true
    })
    await until('three publishes', () => confirms.size === 3)
    expect(place.flow.said).toEqual(['/topic/x hi', '/queue/a hi', '/user/ann/queue/a hi'])
    expect(place.flow.replied).toMatchObject([
      { destination: '/user/queue/a', body: 'hi', from: { session: 'session-1' } },
    ])
    confirms.get('/topic/x')!()
    confirms.get('/queue/a')!()
    await Promise.resolve()
    expect(settled).toBe(false)
    confirms.get('/user/ann/queue/a')!()
    await sending
  })

  test('to the user goes to a nameless session by its id', async () => {
    const { place } = await scene(saying('hi'))
    const link = await place.link({ ...ANN, name: undefined, session: 's/2' })
    await link.publish(place.target('a', { reply: 'user' }), message(), OPTIONS)
    expect(place.flow.said).toEqual(['/user/s%2F2/queue/a hi'])
  })

  test('that cannot be published is an error of the SEND, with its own reason', async () => {
    const { place } = await scene(saying('hi'))
    place.flow.confirm = () => Promise.reject(new BrokerError('no-route', 'there is none'))
    expect(await codeOf((await place.link()).publish(place.target('a'), message(), OPTIONS))).toBe('no-route')
  })

  test('may choose among allowed destinations, and no others', async () => {
    const { handlers, place } = await scene()
    const target = place.target('a', { replyTo: ['/topic/chat/{room}', '/user/{name}/queue/x', '/user/queue/{x}'] })
    const link = await place.link()
    const choose = (destination: string): Promise<string> => {
      handlers.handle = saying('hi', { 'stomp-destination': destination })
      return codeOf(link.publish(target, message(), OPTIONS))
    }
    expect(await choose('/topic/chat/r%C3%A4ume')).toBe('none')
    expect(await choose('/user/bob/queue/x')).toBe('none')
    expect(await choose('/user/queue/x')).toBe('none')
    expect(place.flow.said).toEqual(['/topic/chat/räume hi', '/user/bob/queue/x hi'])
    expect(place.flow.replied).toMatchObject([{ destination: '/user/queue/x' }])
    for (const destination of ['/topic/other', '/topic/chat/', '/topic/bridge.sessions', '/bridge/token', '']) {
      expect(await choose(destination), destination).toBe('refused')
    }
    expect(place.flow.published.length).toBe(2)
  })

  test.each([
    [400, 'bad-message'],
    [401, 'refused'],
    [403, 'forbidden'],
    [404, 'not-found'],
    [409, 'precondition-failed'],
    [413, 'bad-message'],
    [418, 'refused'],
    [429, 'limit'],
    [500, 'refused'],
    [503, 'refused'],
    [302, 'refused'],
  ])('%i is %s, and nothing of its body is told', async (status, code) => {
    const { handlers, place } = await scene((_, response) => {
      response.writeHead(status, { 'content-type': 'text/plain', location: 'http://127.0.0.1:1/' }).end('inner secret')
    })
    const failed = (await place.link()).publish(place.target('a'), message(), OPTIONS)
    const error = await failed.then(
      () => undefined,
      (reason: BrokerError) => reason,
    )
    expect(error).toMatchObject({ code, message: expect.stringContaining(String(status)) })
    expect(error!.message).not.toContain('secret')
    expect(handlers.asked.length).toBe(1)
    expect(place.flow.published).toEqual([])
  })

  test('with errorBody: pass, a short plain text is told', async () => {
    const { handlers, place } = await scene()
    const target = place.target('a', { errorBody: 'pass' })
    const link = await place.link()
    const told = async (body: string, type: string): Promise<string> => {
      handlers.handle = saying(body, { 'content-type': type }, 422)
      return link.publish(target, message(), OPTIONS).then(
        () => '',
        (error: Error) => error.message,
      )
    }
    expect(await told('the room\nis full', 'text/plain; charset=utf-8')).toBe(
      'the handler has answered 422: the room is full',
    )
    expect(await told(`${'x'.repeat(300)}`, 'text/plain')).toHaveLength('the handler has answered 422: '.length + 200)
    expect(await told('<b>stack</b>', 'text/html')).toBe('the handler has answered 422')
  })

  test('with onError: user, what fails is told to the sender alone, and the operator', async () => {
    const { place } = await scene(saying('', {}, 403))
    const target = place.target('a', { onError: 'user' })
    const link = await place.link()
    await link.publish(target, message('', [], { correlationId: 'c1' }), OPTIONS)
    const [told] = place.flow.replied
    expect(told).toMatchObject({ destination: '/user/queue/errors', properties: { correlationId: 'c1' } })
    expect(JSON.parse(told!.body)).toEqual({
      code: 'forbidden',
      message: 'the handler has answered 403',
      destination: '/app/a',
    })
    expect(place.heard).toContain('/api/a: the handler has answered 403')
    // Nobody listens there: then it is an ERROR, and not lost.
    place.flow.isThere = false
    expect(await codeOf(link.publish(target, message(), OPTIONS))).toBe('forbidden')
  })
})

describe('order', () => {
  test('a client has one request under way, until its answer is published; another client has his own', async () => {
    const { handlers, place } = await scene(saying('hi'))
    const confirms: (() => void)[] = []
    place.flow.confirm = () => new Promise((resolve) => confirms.push(resolve))
    const [ann, bob] = [await place.link(), await place.link({ ...ANN, name: 'bob' })]
    const target = place.target('a')
    const sending = ['1', '2', '3'].map((body) => ann.publish(target, message(body), OPTIONS))
    await until('the first answer', () => confirms.length === 1)
    const other = bob.publish(target, message('b'), OPTIONS)
    await until('the answer to the other', () => confirms.length === 2)
    expect(handlers.bodies).toEqual(['1', 'b'])
    for (let done = 0; done < 4; done++) {
      await until('a confirm to give', () => confirms.length > 0)
      confirms.shift()!()
    }
    await Promise.all([...sending, other])
    expect(handlers.bodies).toEqual(['1', 'b', '2', '3'])
  })

  test('with ordered: false several are under way, and not all that there may be', async () => {
    const { handlers, place } = await scene(() => {})
    const target = place.target('a', { ordered: false })
    const link = await place.link()
    const sending = Array.from({ length: 20 }, (_, index) => codeOf(link.publish(target, message(`${index}`), OPTIONS)))
    await waitingFor(handlers, 16)
    expect(place.broker.held).toBe(4)
    expect(handlers.mostWaiting).toBe(16)
    await handlers[Symbol.asyncDispose]()
    await place.broker[Symbol.asyncDispose]()
    expect(new Set(await Promise.all(sending))).toEqual(new Set(['outcome-unknown', 'closed']))
  })
})

describe('a SUBSCRIBE', () => {
  test('is one GET, whose answer is delivered once, before it is live', async () => {
    const { handlers, place } = await scene(saying('state', { 'content-type': 'text/plain', 'stomp-header-v': '1' }))
    const link = await place.link()
    const sink = new RecordingSink()
    const target = place.target('init')
    const subscription = link.subscribe(target, ONCE, sink)
    await subscription.live
    expect(handlers.asked).toMatchObject([
      { method: 'GET', url: '/api/init', headers: { 'stomp-destination': '/app/init', 'stomp-user': 'ann' } },
    ])
    expect(handlers.asked[0]!.headers['content-length']).toBeUndefined()
    const delivery = await sink.next()
    expect(delivery).toMatchObject({ tag: 1, redelivered: false, target, message: { headers: ['v', '1'] } })
    expect(delivery.message.body.toString()).toBe('state')
    expect(place.broker.traits()).toMatchObject({ distribution: 'once', settles: false })
    expect(link.shareKey(target, ONCE)).toBeUndefined()
    await subscription.stop()
    await subscription[Symbol.asyncDispose]()
    expect(sink.events).toEqual([])
    expect(place.flow.published).toEqual([])
  })

  test('tells nobody who asks, where the route says identity: off', async () => {
    const { handlers, place } = await scene()
    const sink = new RecordingSink()
    await (await place.link()).subscribe(place.target('a', { identity: 'off' }), ONCE, sink).live
    expect(handlers.asked[0]!.headers).not.toHaveProperty('stomp-user')
    expect(handlers.asked[0]!.headers).not.toHaveProperty('stomp-session')
    expect(place.route({ identity: 'off' }).policy).toEqual({ identity: 'off' })
  })

  test('without anything to say is live and silent; one that is refused is none', async () => {
    const { handlers, place } = await scene()
    const link = await place.link()
    const sink = new RecordingSink()
    await link.subscribe(place.target('a'), ONCE, sink).live
    handlers.handle = saying('', {}, 404)
    expect(await codeOf(link.subscribe(place.target('b'), ONCE, sink).live)).toBe('not-found')
    expect(sink.all).toEqual([])
    await link[Symbol.asyncDispose]()
    expect(place.broker.holdings).toEqual({ links: 0, requests: 0 })
  })

  test('with onError: user, is live and silent when it is refused, and its sender is told elsewhere', async () => {
    const { place } = await scene(saying('', {}, 404))
    const target = place.target('a', { onError: 'user' })
    const link = await place.link()
    const sink = new RecordingSink()
    await link.subscribe(target, ONCE, sink).live
    expect(sink.all).toEqual([])
    const [told] = place.flow.replied
    expect(told).toMatchObject({ destination: '/user/queue/errors' })
    expect(JSON.parse(told!.body)).toMatchObject({ code: 'not-found', destination: '/app/a' })
    // Nobody listens there: then it is an ERROR, and no subscription.
    place.flow.isThere = false
    expect(await codeOf(link.subscribe(target, ONCE, sink).live)).toBe('not-found')
  })

  test('waits for the POST before it, and is given up with its subscription', async () => {
    const { handlers, place } = await scene(() => {})
    const link = await place.link()
    const sending = codeOf(link.publish(place.target('a'), message('post'), OPTIONS))
    const sink = new RecordingSink()
    const subscription = link.subscribe(place.target('a'), ONCE, sink)
    const live = codeOf(subscription.live)
    await waitingFor(handlers, 1)
    handlers.handle = () => {}
    await subscription[Symbol.asyncDispose]()
    await handlers[Symbol.asyncDispose]()
    expect(await sending).toBe('outcome-unknown')
    expect(await live).toBe('closed')
    expect(handlers.asked.map(({ method }) => method)).toEqual(['POST'])
    expect(sink.events).toEqual([])
  })
})

test.each<[Record<string, unknown>, string]>([
  [{}, ''],
  [{ url: 'ftp://host' }, 'url'],
  [{ url: 'http://user:secret@host' }, 'url'],
  [{ url: 'http://host/?a' }, 'url'],
  [{ url: 'http://host/#' }, 'url'],
  [{ url: 'http://host', token: 'a b' }, 'token'],
  [{ url: 'http://host', token: 'a\r\nx: y' }, 'token'],
  [{ url: 'http://host', ca: 'x' }, 'ca'],
  [{ url: 'https://host', ca: 'x' }, 'ca'],
  [{ url: 'https://host', cert: 'x' }, 'cert'],
  [{ url: 'https://host', cert: 'x', key: 'x' }, 'cert'],
  [{ url: 'http://host', concurrency: 0 }, 'concurrency'],
  [{ url: 'http://host', timeout: '1s' }, 'timeout'],
  [{ url: 'http://host', reconnectMin: 100, reconnectMax: 10 }, 'reconnectMax'],
  [{ url: 'http://host', proxy: 'http://x' }, 'proxy'],
])('a broker cannot have %j', (options, field) => {
  const path = field === '' ? [] : [field]
  expect(() => brokerSettings(options)).toThrow(expect.objectContaining({ name: 'FieldError', path }))
})

test('the path of a url may end with a slash or not', () => {
  const base = (url: string): string => brokerSettings({ url }).endpoint.base
  expect([base('http://h'), base('http://h/'), base('http://h/a/'), base('http://h/a')]).toEqual(['', '', '/a', '/a'])
  expect(brokerSettings({ url: 'https://[::1]' }).endpoint).toMatchObject({ hostname: '::1', port: 443, secure: true })
})
