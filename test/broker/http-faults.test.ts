/** Handlers that are slow, crash, talk nonsense or never stop, and a backend that is away: each is bounded, told clearly, and harms nobody else. */
import { createServer, type Server, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Reach } from '../../src/adapters/http/reach.ts'
import type { SubscribeOptions } from '../../src/broker/broker.ts'
import { FakeClock } from '../support/clock.ts'
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

type Options = Record<string, unknown>

async function scene(
  handle?: Handle,
  options: Options = {},
): Promise<{ readonly handlers: Handlers; readonly place: Stage; readonly clock: FakeClock }> {
  const clock = new FakeClock()
  const handlers = await Handlers.listen(handle)
  const place = await stage(handlers.url, options, clock)
  onTestFinished(() => leave(handlers, place))
  return { handlers, place, clock }
}

/** The server first: a broker waits a little for what is under way. */
async function leave(handlers: AsyncDisposable, place: AsyncDisposable): Promise<void> {
  await handlers[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
}

/** A server that speaks no HTTP but what the test writes. */
async function raw(
  talk: (socket: Socket) => void,
): Promise<{ readonly port: number; readonly sockets: Set<Socket> } & AsyncDisposable> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    socket.once('data', () => talk(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as { port: number }).port,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function rawScene(talk: (socket: Socket) => void, options: Options = {}) {
  const server = await raw(talk)
  const place = await stage(`http://127.0.0.1:${server.port}`, options)
  onTestFinished(() => leave(server, place))
  return { server, place }
}

const sends = async (place: Stage, path = 'a', options: Options = {}): Promise<string> =>
  codeOf((await place.link()).publish(place.target(path, options), message('x'), OPTIONS))

const ONCE: SubscribeOptions = {
  credit: 1,
  creditBytes: 1,
  settle: 'presettled',
  durable: undefined,
  arguments: Object.create(null),
}

describe('a handler that', () => {
  test('is slow costs its own sender an error after the timeout, and nobody else anything', async () => {
    const slow: Handle = ({ url }, response) => void (url === '/slow' || response.end('quick'))
    const { handlers, place, clock } = await scene(slow, { timeout: 1_000, keepAlive: 10 })
    const late = sends(place, 'slow')
    await waitingFor(handlers, 1)
    expect(await sends(place, 'quick')).toBe('none')
    clock.advance(999)
    expect(await sends(place, 'quick')).toBe('none')
    clock.advance(1)
    expect(await late).toBe('outcome-unknown')
    expect(place.flow.said).toEqual(['/topic/quick quick', '/topic/quick quick'])
    // Its connection is not used again.
    await waitingFor(handlers, 0)
    expect(place.broker.health.state).toBe('up')
    expect(clock.pending).toBe(0)
  })

  test('sends its answer drop by drop has no more time than others', async () => {
    const { handlers, place, clock } = await scene((_, response) => response.write('drop'), { timeout: 1_000 })
    const late = sends(place)
    await waitingFor(handlers, 1)
    clock.advance(1_000)
    expect(await late).toBe('outcome-unknown')
  })

  test('crashes leaves what it has done unknown, and the message is not sent again', async () => {
    const { handlers, place } = await scene((_request, _response, { socket }) => socket.destroy())
    expect(await sends(place)).toBe('outcome-unknown')
    expect(handlers.asked.length).toBe(1)
    handlers.handle = (_, response) => response.end('back')
    expect(await sends(place)).toBe('none')
  })

  test('crashes in the middle of its answer is not believed', async () => {
    const half: Handle = (_, response, { socket }) => {
      response.writeHead(200, { 'content-length': '10' }).write('half')
      setImmediate(() => socket.destroy())
    }
    const { place } = await scene(half)
    expect(await sends(place)).toBe('outcome-unknown')
    expect(place.flow.published).toEqual([])
  })

  test.each([
    ['garbage', '\0\xff\xfe garbage\r\n\r\n'],
    ['a head without end', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}`],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'],
    ['chunks that are none', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'],
    ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'],
    ['nothing at all', ''],
  ])('answers %s', async (_, bytes) => {
    const { server, place } = await rawScene((socket) => socket.end(Buffer.from(bytes, 'latin1')))
    expect(await sends(place)).toBe('outcome-unknown')
    await until('the connection is closed', () => server.sockets.size === 0)
    expect(place.flow.published).toEqual([])
  })

  test('answers as HTTP/1.0 does, until it hangs up', async () => {
    const { place } = await rawScene((socket) => socket.end('HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\nold'))
    expect(await sends(place)).toBe('none')
    expect(place.flow.said).toEqual(['/topic/a old'])
  })

  test('has a gigabyte to say is cut at the bound, its connection closed; others are served meanwhile', async () => {
    let written = 0
    const GIGABYTE = 2 ** 30
    const chunk = Buffer.alloc(65_536, 'x')
    const flood: Handle = ({ url }, response) => {
      if (url !== '/flood') return response.end('short')
      response.writeHead(200)
      const more = (): void => {
        while (written < GIGABYTE && !response.destroyed) {
          written += chunk.length
          if (!response.write(chunk)) return void response.once('drain', more)
        }
        response.end()
      }
      more()
    }
    const { handlers, place } = await scene(flood, { maxAnswer: 1_000_000 })
    const before = process.memoryUsage().arrayBuffers
    const flooded = sends(place, 'flood')
    expect(await sends(place, 'other')).toBe('none')
    expect(await flooded).toBe('limit')
    await waitingFor(handlers, 0)
    expect(written).toBeLessThan(GIGABYTE / 8)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 2 ** 20)
    expect(place.flow.said).toEqual(['/topic/other short'])
  })

  test('announces more than it may say is not read at all', async () => {
    const { place } = await rawScene((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n'), {
      maxAnswer: 1_000,
    })
    expect(await sends(place)).toBe('limit')
  })

  test.each([1_000, 1_001])('has an answer of %i bytes, of 1,000', async (length) => {
    const { place } = await scene((_, response) => response.write('x'.repeat(length - 1)) && response.end('y'), {
      maxAnswer: 1_000,
    })
    expect(await sends(place)).toBe(length === 1_000 ? 'none' : 'limit')
  })

  test('answers before it has read, and never reads, holds nothing up', async () => {
    const { server, place } = await rawScene((socket) => {
      socket.pause()
      socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n')
    })
    const link = await place.link()
    expect(await codeOf(link.publish(place.target('a'), message('x'.repeat(20_000_000)), OPTIONS))).toBe('bad-message')
    for (const socket of server.sockets) socket.resume()
    await until('the connection is closed', () => server.sockets.size === 0)
  })
})

describe('a handler that asks for patience', () => {
  const busy =
    (times: number, headers: Record<string, string>): Handle =>
    (_, response) =>
      times-- > 0 ? response.writeHead(503, headers).end() : response.end('now')

  test('gets the message again when it says, in its place in the order', async () => {
    const { handlers, place, clock } = await scene(busy(2, { 'retry-after': '2' }))
    const link = await place.link()
    const sending = [
      link.publish(place.target('a'), message('1'), OPTIONS),
      link.publish(place.target('a'), message('2'), OPTIONS),
    ]
    for (const count of [1, 2]) {
      await until(`request ${count}, answered`, () => handlers.asked.length === count && place.broker.held === 2)
      clock.advance(1_999)
      expect(handlers.asked.length).toBe(count)
      clock.advance(1)
    }
    await Promise.all(sending)
    expect(handlers.bodies).toEqual(['1', '1', '1', '2'])
    expect(place.flow.said).toEqual(['/topic/a now', '/topic/a now'])
  })

  test.each<[string, Options, Record<string, string>]>([
    ['it does not say when', {}, {}],
    ['it may not', { retries: 0 }, { 'retry-after': '1' }],
    ['the sender has no patience for that', {}, { 'retry-after': '6' }],
    ['what it says is no time', {}, { 'retry-after': 'soon' }],
  ])('gets it no more where %s', async (_, options, headers) => {
    const { handlers, place } = await scene(busy(1, headers))
    expect(await sends(place, 'a', options)).toBe('refused')
    expect(handlers.asked.length).toBe(1)
  })

  test('gets it as often as the route says, and by a date too', async () => {
    const { handlers, place, clock } = await scene()
    const date = new Date(clock.now() + 1_000).toUTCString()
    handlers.handle = busy(9, { 'Retry-After': date })
    const sending = sends(place, 'a', { retries: 1 })
    await until('the pause', () => handlers.asked.length === 1 && place.broker.held === 1)
    clock.advance(1_000)
    expect(await sending).toBe('refused')
    expect(handlers.asked.length).toBe(2)
  })

  test('is not waited for by who has gone', async () => {
    const { handlers, place, clock } = await scene(busy(1, { 'retry-after': '1' }))
    const link = await place.link()
    const sending = codeOf(link.publish(place.target('a'), message(), OPTIONS))
    await until('the pause', () => handlers.asked.length === 1 && place.broker.held === 1)
    await link[Symbol.asyncDispose]()
    expect(await sending).toBe('closed')
    expect(clock.pending).toBe(0)
  })

  test('nor by who went while it was asked', async () => {
    const open: (() => void)[] = []
    const handle: Handle = (_, response) => void open.push(() => response.writeHead(503, { 'retry-after': '1' }).end())
    const { place } = await scene(handle)
    const link = await place.link()
    const sending = codeOf(link.publish(place.target('a'), message(), OPTIONS))
    await until('the request', () => open.length === 1)
    await link[Symbol.asyncDispose]()
    open[0]!()
    expect(await sending).toBe('refused')
    expect(place.broker.holdings).toEqual({ links: 0, requests: 0 })
  })
})

describe('a backend with too much to do', () => {
  test('is asked no more than so much at a time; the others wait, and have an end', async () => {
    const { handlers, place, clock } = await scene(() => {}, { concurrency: 2, timeout: 60_000 })
    const sending = Array.from({ length: 5 }, () => sends(place))
    await waitingFor(handlers, 2)
    await until('three that wait', () => place.broker.held === 3)
    expect(handlers.mostWaiting).toBe(2)
    clock.advance(OPTIONS.holdMs)
    expect((await Promise.all(sending.slice(2))).sort()).toEqual(['limit', 'limit', 'limit'])
    expect(place.broker.health.state).toBe('up')
    expect(handlers.asked.length).toBe(2)
  })

  test('serves who waits in his turn', async () => {
    const open: (() => void)[] = []
    const { handlers, place } = await scene((_, response) => void open.push(() => response.end()), { concurrency: 1 })
    const links = await Promise.all(Array.from({ length: 4 }, () => place.link()))
    const sending = links.map((link, index) => link.publish(place.target('a'), message(`${index}`), OPTIONS))
    for (let count = 1; count <= 4; count++) {
      await until('one request', () => open.length === count)
      open[count - 1]!()
    }
    await Promise.all(sending)
    expect(handlers.bodies).toEqual(['0', '1', '2', '3'])
    expect(handlers.mostWaiting).toBe(1)
  })

  test.each<[Options, number]>([
    [{ heldMessages: 2 }, 1],
    [{ heldBytes: 25 }, 10],
  ])('is given no more to hold than %j', async (options, bytes) => {
    const { handlers, place } = await scene(() => {}, options)
    const link = await place.link()
    const body = 'x'.repeat(bytes)
    const held = [1, 2].map(() => codeOf(link.publish(place.target('a'), message(body), OPTIONS)))
    expect(await codeOf(link.publish(place.target('a'), message(body), OPTIONS))).toBe('limit')
    await waitingFor(handlers, 1)
    await handlers[Symbol.asyncDispose]()
    expect(await held[0]).toBe('outcome-unknown')
    await place[Symbol.asyncDispose]()
    expect(await held[1]).toBe('closed')
    expect(place.broker.holdings).toEqual({ links: 0, requests: 0 })
  })
})

describe('a backend that is away', () => {
  test('is waited for from the moment on at which a message came, not from when it is its turn', async () => {
    const { handlers, place, clock } = await scene()
    await handlers[Symbol.asyncDispose]()
    const link = await place.link()
    const sending = ['1', '2', '3'].map((body) => codeOf(link.publish(place.target('a'), message(body), OPTIONS)))
    await until('it is away', () => place.broker.health.state === 'down')
    clock.advance(OPTIONS.holdMs)
    expect(await Promise.all(sending)).toEqual(Array(3).fill('broker-unavailable'))
  })

  test('is waited for: what was not sent is, when it is back, in order', async () => {
    const { handlers, place, clock } = await scene(undefined, { reconnectMin: 100, reconnectMax: 300 })
    const port = handlers.port
    await handlers[Symbol.asyncDispose]()
    const link = await place.link()
    const sending = ['1', '2', '3'].map((body) => link.publish(place.target('a'), message(body), OPTIONS))
    await until('it is known to be away', () => place.broker.health.state === 'down')
    expect(place.broker.health.reason).toContain('ECONNREFUSED')
    expect(place.broker.held).toBe(3)
    const back = await Handlers.listen(undefined, port)
    onTestFinished(() => back[Symbol.asyncDispose]())
    clock.advance(100)
    await Promise.all(sending)
    expect(back.bodies).toEqual(['1', '2', '3'])
    expect(place.heard).toEqual(['up', 'down', 'up'])
    expect(place.broker.health).toMatchObject({ state: 'up', reason: undefined })
  })

  test('is waited for no longer than the sender wants; what was refused is never sent', async () => {
    const { handlers, place, clock } = await scene(undefined, { reconnectMin: 60_000, reconnectMax: 60_000 })
    await handlers[Symbol.asyncDispose]()
    const link = await place.link()
    const sending = codeOf(link.publish(place.target('a'), message('1'), OPTIONS))
    await until('it is known to be away', () => place.broker.health.state === 'down')
    expect(await codeOf((await place.link()).publish(place.target('a'), message('2'), { ...OPTIONS, holdMs: 0 }))).toBe(
      'broker-unavailable',
    )
    clock.advance(OPTIONS.holdMs)
    expect(await sending).toBe('broker-unavailable')
    expect(place.broker.held).toBe(0)
  })

  test('at the start is down, and a SUBSCRIBE waits for it', async () => {
    const gone = await Handlers.listen()
    const { url, port } = gone
    await gone[Symbol.asyncDispose]()
    const clock = new FakeClock()
    const place = await stage(url, { reconnectMin: 100, reconnectMax: 200 }, clock)
    expect(place.broker.health.state).toBe('down')
    const sink = new RecordingSink()
    const subscription = (await place.link()).subscribe(place.target('a'), ONCE, sink)
    const back = await Handlers.listen((_, response) => response.end('back'), port)
    onTestFinished(() => leave(back, place))
    await until('it is found again', () => {
      clock.advance(50)
      return place.broker.health.state === 'up'
    })
    await subscription.live
    expect((await sink.next()).message.body.toString()).toBe('back')
    expect(place.heard).toEqual(['down', 'up'])
  })

  test('is dialled again with longer and longer pauses, until it is there', async () => {
    const clock = new FakeClock()
    const heard: string[] = []
    let [knocks, isThere] = [0, false]
    const reach = new Reach({
      settings: { reconnectMinMs: 100, reconnectMaxMs: 300 },
      clock,
      knock: () => (++knocks && isThere ? Promise.resolve() : Promise.reject(new Error('nobody'))),
      changed: ({ state, reason }, cause, again) => void heard.push([state, reason, cause?.message, again].join(' ')),
    })
    await reach.start()
    for (const pause of [100, 200, 300, 300]) {
      await until('the pause', () => clock.pending === 1)
      const before = knocks
      clock.advance(pause - 1)
      expect(knocks).toBe(before)
      clock.advance(1)
      expect(knocks).toBe(before + 1)
    }
    isThere = true
    await until('the pause', () => clock.pending === 1)
    clock.advance(300)
    await until('it is up', () => reach.health.state === 'up')
    reach.failed(new Error('gone'))
    reach.failed(new Error('gone'))
    clock.advance(100)
    await until('it is up again', () => reach.health.state === 'up')
    reach.close()
    reach.failed(new Error('late'))
    expect(heard).toEqual([
      'down nobody nobody false',
      'up   false',
      'down gone gone true',
      'up   true',
      'down closed by the bridge  true',
    ])
    expect(clock.pending).toBe(0)
  })

  test('that nobody can connect to in time is away', async () => {
    // TLS never comes: the server says nothing.
    const server = await raw(() => {})
    const place = await stage(`https://127.0.0.1:${server.port}`, { connectTimeout: 50 })
    onTestFinished(() => leave(server, place))
    expect(place.broker.health).toMatchObject({ state: 'down', reason: 'no connection within 50 ms' })
    await until('the connection is closed', () => server.sockets.size === 0)
  })
})

describe('the end', () => {
  test('of a link: what is under way is finished and answered, what waits is not sent', async () => {
    const open: (() => void)[] = []
    const { handlers, place } = await scene((_, response) => void open.push(() => response.end('done')))
    const link = await place.link()
    const sending = ['1', '2'].map((body) => codeOf(link.publish(place.target('a'), message(body), OPTIONS)))
    await waitingFor(handlers, 1)
    await link[Symbol.asyncDispose]()
    await link[Symbol.asyncDispose]()
    expect(await sending[1]).toBe('closed')
    open[0]!()
    expect(await sending[0]).toBe('none')
    expect(place.flow.said).toEqual(['/topic/a done'])
    expect(await codeOf(link.publish(place.target('a'), message(), OPTIONS))).toBe('closed')
    expect(await codeOf(link.subscribe(place.target('a'), ONCE, new RecordingSink()).live)).toBe('closed')
    expect(handlers.bodies).toEqual(['1'])
    expect(place.broker.holdings).toEqual({ links: 0, requests: 0 })
  })

  test('of a broker: requests have a little time for their answers, then none; subscriptions hear of it', async () => {
    const open: (() => void)[] = []
    const { handlers, place, clock } = await scene(({ url }, response) => {
      if (url === '/init') response.end('state')
      else open.push(() => response.end('done'))
    })
    const [ann, bob] = [await place.link(), await place.link({ ...ANN, name: 'bob' })]
    const sink = new RecordingSink()
    await ann.subscribe(place.target('init'), ONCE, sink).live
    const answered = codeOf(ann.publish(place.target('a'), message('1'), OPTIONS))
    await waitingFor(handlers, 1)
    const hanging = codeOf(bob.publish(place.target('b'), message('2'), OPTIONS))
    await waitingFor(handlers, 2)
    const ending = place.broker[Symbol.asyncDispose]()
    expect(sink.events).toEqual(['end closed'])
    open[0]!()
    expect(await answered).toBe('none')
    clock.advance(2_000)
    await ending
    expect(await hanging).toBe('outcome-unknown')
    await expect(place.link()).rejects.toMatchObject({ code: 'closed' })
    expect(place.broker.health).toMatchObject({ state: 'down' })
    expect(clock.pending).toBe(0)
    await until('no connection is left', () => handlers.open === 0)
  })

  test('of an idle connection comes before the backend ends it', async () => {
    const { handlers, place } = await scene(undefined, { keepAlive: 20 })
    expect(await sends(place)).toBe('none')
    await until('no connection is left', () => handlers.open === 0)
    expect(await sends(place)).toBe('none')
    expect(handlers.asked.length).toBe(2)
  })
})

test('a GET over a connection that the backend has just closed is asked again; a POST never is', async () => {
  let requests = 0
  const { place } = await rawScene((socket) => {
    const say = (): boolean => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
    requests++
    say()
    // Whatever comes next over the same connection finds it closed.
    socket.once('data', () => {
      requests++
      socket.resetAndDestroy()
    })
  })
  const link = await place.link()
  const sink = new RecordingSink()
  await link.publish(place.target('a'), message(), OPTIONS)
  await link.subscribe(place.target('a'), ONCE, sink).live
  expect(requests).toBe(3)
  expect(await codeOf(link.publish(place.target('a'), message(), OPTIONS))).toBe('outcome-unknown')
  expect(requests).toBe(4)
})
