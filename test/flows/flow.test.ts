/** What the bridge itself has to say: through the routes of the moment, in order, and with nobody's name but that of who has caused it. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { memoryBroker } from '../../src/adapters/memory/index.ts'
import { silentBrokerObserver } from '../../src/broker/observer.ts'
import { Flows } from '../../src/flows/flow.ts'
import { buildRoutes, type RouteEntry } from '../../src/routing/build.ts'
import { Inner, userRoute } from '../../src/routing/inner.ts'
import { Router } from '../../src/routing/router.ts'
import { message } from '../contract/scene.ts'
import { FakeClock } from '../support/clock.ts'
import { RecordingSink, texts } from '../support/sink.ts'

const NOBODY = { user: undefined, session: undefined }
const LISTEN = {
  credit: Number.POSITIVE_INFINITY,
  creditBytes: Number.POSITIVE_INFINITY,
  settle: 'presettled',
  durable: undefined,
  arguments: Object.create(null),
} as const

function broker(name: string) {
  const made = memoryBroker(name, {}, { observer: silentBrokerObserver, clock: new FakeClock() })
  onTestFinished(() => made[Symbol.asyncDispose]())
  return made
}

function snapshot(local: ReturnType<typeof broker>, route: RouteEntry = {}) {
  const brokers = new Map([['local', local]])
  const entry = { destination: '/topic/{name}', broker: 'local', topic: '{name}', ...route }
  const permit = { send: ['nobody'], subscribe: ['anyone'] }
  const policy = { errors: 'close', onGap: 'mark', identity: 'backend', holdMs: 0, absent: 'error', permit } as const
  const inner = new Inner({ user: userRoute(local, policy), sessions: undefined })
  return { router: new Router(buildRoutes([entry], brokers)), inner, brokers }
}

/** A flow over these routes, and what is told to /topic/a of the broker. */
async function scene(route: RouteEntry = {}) {
  const local = broker('local')
  const sights = { snapshot: snapshot(local, route), reply: () => true }
  const flow = new Flows('bridge-1')
  flow.over(sights)
  onTestFinished(() => flow[Symbol.asyncDispose]())
  return { local, sights, flow, heard: await listen(local) }
}

async function listen(local: ReturnType<typeof broker>): Promise<RecordingSink> {
  const sink = new RecordingSink()
  const link = await local.link({ name: undefined, session: 's', credentials: undefined }, sink, AbortSignal.any([]))
  const target = local.route({ topic: '{name}' }, ['name']).target(Object.assign(Object.create(null), { name: 'a' }))
  await link.subscribe(target, LISTEN, sink).live
  return sink
}

describe('a message', () => {
  test('comes in the order of the calls, the first ones while the link is dialled', async () => {
    const { flow, heard } = await scene()
    const bodies = Array.from({ length: 5 }, (_, at) => String(at))
    await Promise.all(bodies.map((body) => flow.publish('/topic/a', message(body), NOBODY)))
    expect(texts(heard.all)).toEqual(bodies)
  })

  test('says who has caused it, and nobody else can say so', async () => {
    const { flow, heard } = await scene()
    const forged = message('x', ['stomp-user', 'admin', 'kind', 'a', 'stomp-session', 'forged'])
    await flow.publish('/topic/a', forged, { user: 'ann', session: 's-1' })
    await flow.publish('/topic/a', forged, NOBODY)
    expect(heard.all.map(({ message: { headers } }) => headers)).toEqual([
      ['kind', 'a', 'stomp-session', 's-1', 'stomp-user', 'ann'],
      ['kind', 'a'],
    ])
  })

  test('does not say so where the route keeps it to itself', async () => {
    const { flow, heard } = await scene({ identity: 'off' })
    await flow.publish('/topic/a', message('x'), { user: 'ann', session: 's-1' })
    expect(heard.all[0]!.message.headers).toEqual([])
  })

  test.each([
    ['/nowhere', 'no-route'],
    ['/bridge/token', 'no-route'],
    ['/topic/bridge.sessions', 'no-route'],
    ['/topic/*', 'bad-destination'],
    ['/user/ann', 'bad-destination'],
    ['/user/ann/queue/x', 'user-absent'],
  ])('to %s is refused: %s', async (destination, code) => {
    const { flow } = await scene()
    await expect(flow.publish(destination, message('x'), NOBODY)).rejects.toMatchObject({ code })
  })

  test('goes where the routes of the moment lead', async () => {
    const { flow, sights } = await scene()
    await flow.publish('/topic/a', message('x'), NOBODY)
    const next = broker('local')
    const heard = await listen(next)
    sights.snapshot = snapshot(next)
    await flow.publish('/topic/a', message('y'), NOBODY)
    expect(texts(heard.all)).toEqual(['y'])
    expect(next.holdings.links).toBe(2)
    await flow[Symbol.asyncDispose]()
    expect(next.holdings.links).toBe(1)
  })

  test('is not taken before the bridge runs, nor when it has gone', async () => {
    await expect(new Flows('b').publish('/topic/a', message('x'), NOBODY)).rejects.toMatchObject({ code: 'closed' })
    const { flow } = await scene()
    await flow[Symbol.asyncDispose]()
    await expect(flow.publish('/topic/a', message('x'), NOBODY)).rejects.toMatchObject({ code: 'closed' })
  })

  test('back to who has asked needs one who has', async () => {
    const { flow } = await scene()
    expect(flow.reply('/user/queue/x', message('x'), NOBODY)).toBe(false)
    expect(flow.reply('/user/queue/x', message('x'), { user: 'ann', session: 's-1' })).toBe(true)
  })
})
