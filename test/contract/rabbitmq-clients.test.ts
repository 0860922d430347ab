/** `credentials: client`: each client's login, passcode and virtual host are passed on, pooled, and judged by RabbitMQ alone. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import type { Link } from '../../src/broker/broker.ts'
import { type Rabbit, startRabbit } from '../support/rabbitmq.ts'
import { RecordingSink, text } from '../support/sink.ts'
import { until } from '../support/until.ts'
import { RabbitStage } from './rabbitmq.stage.ts'
import { message, Scene } from './scene.ts'

let rabbit: Rabbit
let stage: RabbitStage
let scene: Scene

/** Lower than usual: all headers of a message travel in one frame. */
const FRAME_MAX = 8_192

beforeAll(async () => {
  rabbit = await startRabbit({ config: [`frame_max = ${FRAME_MAX}`] })
  await rabbit.addUser('ann', 'ann secret')
  await rabbit.addUser('bob', 'bob secret', ['^$', '^bob.*', '^bob.*'])
  await rabbit.ctl('add_vhost', 'tenant')
  await rabbit.ctl('set_permissions', '-p', 'tenant', 'ann', '.*', '.*', '.*')
}, 120_000)
afterAll(() => rabbit[Symbol.asyncDispose]())

beforeEach(async () => {
  stage = await RabbitStage.open(rabbit, { account: '' })
  scene = new Scene(stage)
})
afterEach(() => scene[Symbol.asyncDispose]())

function login(name: string, passcode = `${name} secret`, host?: string): Promise<Link> {
  const credentials = { login: name, passcode, host }
  return stage.broker.link({ name, session: 's', credentials }, new RecordingSink(), new AbortController().signal)
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'fine',
    (error) => error.code,
  )

/** Connections that the broker has of us; the administrator's own is not counted. */
async function connections(): Promise<number> {
  return stage.proxy.connections
}

it('is up when RabbitMQ can be reached, without any account', () => {
  expect([stage.broker.credentials, stage.broker.health.state]).toEqual(['client', 'up'])
})

it('links of one user share a connection, which goes with the last of them', async () => {
  const [first, second] = [await login('ann'), await login('ann')]
  expect(first.identity).toBe(second.identity)
  expect(await connections()).toBe(1)
  const fork = first.fork()
  await first[Symbol.asyncDispose]()
  await second[Symbol.asyncDispose]()
  const topic = await stage.topic()
  await scene.consumer(topic, {}, fork)
  expect(await connections()).toBe(1)
  await fork[Symbol.asyncDispose]()
  await until('no connection left', async () => (await connections()) === 0)
})

it('the right passcode first, a wrong one second: refused, and a third time right: fine', async () => {
  const good = await login('ann')
  expect(await codeOf(login('ann', 'guessed'))).toBe('login-refused')
  expect(await codeOf(login('ann', ''))).toBe('login-refused')
  const again = await login('ann')
  expect(again.identity).toBe(good.identity)
  await Promise.all([good, again].map((link) => link[Symbol.asyncDispose]()))
})

it('a refused key is not asked again for a while', async () => {
  expect(await codeOf(login('ann', 'guessed'))).toBe('login-refused')
  stage.proxy.down()
  // The broker could not be asked: the answer is remembered.
  expect(await codeOf(login('ann', 'guessed'))).toBe('login-refused')
  expect(await codeOf(login('ann', 'guessed again'))).toBe('broker-unavailable')
})

it('no login, an unknown user, a virtual host that is missing or closed to him: all the same answer', async () => {
  const anonymous = { name: undefined, session: 's', credentials: undefined }
  const refusals = [
    stage.broker.link(anonymous, new RecordingSink(), new AbortController().signal),
    login('nobody'),
    login('ann', 'ann secret', 'no such host'),
    login('bob', 'bob secret', 'tenant'),
  ]
  const errors = await Promise.all(refusals.map((refusal) => refusal.catch((error) => error)))
  expect(errors.map((error) => error.code)).toEqual(Array(4).fill('login-refused'))
  expect(new Set(errors.map((error) => error.message)).size).toBe(1)
})

it('virtual hosts are apart', async () => {
  const [here, there] = [await login('ann'), await login('ann', 'ann secret', 'tenant')]
  expect(here.identity).not.toBe(there.identity)
  const topic = await stage.topic()
  const [left, right] = [await scene.consumer(topic, {}, here), await scene.consumer(topic, {}, there)]
  await scene.publishOn(there, topic, 'there')
  await scene.publishOn(here, topic, 'here')
  expect([text(await left.next()), text(await right.next())]).toEqual(['here', 'there'])
  await Promise.all([here, there].map((link) => link[Symbol.asyncDispose]()))
})

it('RabbitMQ’s own permissions apply', async () => {
  const [ann, bob] = [await login('ann'), await login('bob')]
  const queue = await stage.queue()
  expect(await codeOf(scene.publishOn(ann, queue, 'x'))).toBe('fine')
  expect(await codeOf(scene.publishOn(bob, queue, 'x'))).toBe('forbidden')
  expect(await codeOf(scene.subscribe(queue, {}, bob).subscription.live)).toBe('forbidden')
  expect(await codeOf(scene.subscribe(await stage.topic(), {}, bob).subscription.live)).toBe('forbidden')
  const missing = stage.spot({ queue: '{name}', declare: 'missing' }, { name: stage.name('made') })
  expect(await codeOf(scene.subscribe(missing, {}, bob).subscription.live)).toBe('forbidden')
  expect(await codeOf(scene.publishOn(ann, queue, 'x'))).toBe('fine')
  await Promise.all([ann, bob].map((link) => link[Symbol.asyncDispose]()))
})

it('while the broker is away nobody logs in; who is in comes back', async () => {
  const ann = await login('ann')
  const topic = await stage.topic()
  const worker = await scene.consumer(topic, {}, ann)
  stage.proxy.down()
  await worker.event('lost')
  expect(await codeOf(login('bob'))).toBe('broker-unavailable')
  expect(stage.broker.health.state).toBe('down')
  stage.proxy.up()
  await worker.event('resumed')
  await until('health up', () => stage.broker.health.state === 'up')
  await scene.publishOn(ann, topic, 'm1', { holdMs: 10_000 })
  expect(text(await worker.next())).toBe('m1')
  await ann[Symbol.asyncDispose]()
})

it('a login that is refused when the connection comes back ends the subscriptions, and what they hold', async () => {
  await rabbit.addUser('eve', 'eve secret')
  const eve = await login('eve')
  const [topic, queue] = [await stage.topic(), await stage.queue()]
  const worker = await scene.consumer(topic, {}, eve)
  stage.proxy.down()
  await worker.event('lost')
  const held = codeOf(scene.publishOn(eve, queue, 'x', { holdMs: 60_000 }))
  await rabbit.ctl('change_password', 'eve', 'another secret')
  stage.proxy.up()
  await worker.event('end login-refused')
  expect(await held).toBe('login-refused')
  expect(await codeOf(scene.publishOn(eve, queue, 'x'))).toBe('login-refused')
  await eve[Symbol.asyncDispose]()
  await until('no connection left', async () => (await connections()) === 0)
  expect(await codeOf(login('eve', 'another secret'))).toBe('fine')
})

it('with nobody logged in it is found out by itself whether the broker is there', async () => {
  const ann = await login('ann')
  stage.proxy.down()
  await until('health down', () => stage.broker.health.state === 'down')
  await ann[Symbol.asyncDispose]()
  expect(stage.broker.health.state).toBe('down')
  stage.proxy.up()
  await until('health up', () => stage.broker.health.state === 'up')
})

it('headers that do not fit into the agreed frame are refused', async () => {
  const ann = await login('ann')
  const queue = await stage.queue()
  await scene.publishOn(ann, queue, 'the connection is there')
  const headers = ['a', 'x'.repeat(FRAME_MAX - 1)]
  expect(await codeOf(scene.publishOn(ann, queue, message('x', headers)))).toBe('bad-message')
  const small = {
    contentType: 't'.repeat(255),
    correlationId: 'c'.repeat(255),
    type: 'y'.repeat(255),
    appId: 'a'.repeat(255),
  }
  await scene.publishOn(ann, queue, message('x', ['a', 'x'.repeat(FRAME_MAX - 2_700)], small))
  expect(stage.broker.health.state).toBe('up')
  await ann[Symbol.asyncDispose]()
})

it('a login that was given up leaves no connection', async () => {
  const given = new AbortController()
  const credentials = { login: 'ann', passcode: 'ann secret', host: undefined }
  const link = stage.broker.link({ name: 'ann', session: 's', credentials }, new RecordingSink(), given.signal)
  given.abort()
  expect(await codeOf(link)).toBe('closed')
  await until('no connection left', async () => (await connections()) === 0)
})
