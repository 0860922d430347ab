/** `credentials: client`, how many users there may be, and whether RabbitMQ still knows those who are in. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import type { Link } from '../../src/broker/broker.ts'
import { type Rabbit, startRabbit } from '../support/rabbitmq.ts'
import { RecordingSink, text } from '../support/sink.ts'
import { until } from '../support/until.ts'
import { RabbitStage } from './rabbitmq.stage.ts'
import { Scene } from './scene.ts'

const SHORT = { recheck: 100, maxUsers: 2 }

let rabbit: Rabbit
let stage: RabbitStage
let scene: Scene

beforeAll(async () => {
  rabbit = await startRabbit()
  for (const name of ['ann', 'bob', 'cid']) await rabbit.addUser(name, `${name} secret`)
}, 120_000)
afterAll(() => rabbit[Symbol.asyncDispose]())

beforeEach(async () => {
  stage = await RabbitStage.open(rabbit, { account: '', broker: SHORT })
  scene = new Scene(stage)
})
afterEach(() => scene[Symbol.asyncDispose]())

function login(name: string, replies = new RecordingSink()): Promise<Link> {
  const credentials = { login: name, passcode: `${name} secret`, host: undefined }
  return stage.broker.link({ name, session: 's', credentials }, replies, new AbortController().signal)
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'fine',
    (error) => error.code,
  )

/** So many logins more have been made, and those of them that were tries have gone again. */
async function tried(times: number, standing: number): Promise<void> {
  const before = stage.proxy.accepted
  await until(`${times} tries`, () => stage.proxy.accepted >= before + times)
  await until('each was closed', () => stage.proxy.connections <= standing)
}

it('a user counts once, however many links he has, and no more when the last has gone', async () => {
  expect(stage.broker.users).toBe(0)
  const links = [await login('ann'), await login('ann'), await login('bob')]
  expect(stage.broker.users).toBe(2)
  await Promise.all(links.map((link) => link[Symbol.asyncDispose]()))
  await until('nobody', () => stage.broker.users === 0)
})

it('one user more than maxUsers is refused and not dialled; a refused login takes no place', async () => {
  const [ann, wrong] = [await login('ann'), await codeOf(login('nobody'))]
  const bob = await login('bob')
  expect(wrong).toBe('login-refused')
  const again = await login('ann')
  stage.proxy.down()
  expect(await codeOf(login('cid'))).toBe('limit')
  stage.proxy.up()
  await bob[Symbol.asyncDispose]()
  await until('room', () => stage.broker.users === 1)
  const cid = await login('cid')
  await Promise.all([ann, again, cid].map((link) => link[Symbol.asyncDispose]()))
})

it('while RabbitMQ knows him nothing happens to a user, and every try leaves again', async () => {
  const replies = new RecordingSink()
  const ann = await login('ann', replies)
  const topic = await stage.topic()
  const worker = await scene.consumer(topic, {}, ann)
  await tried(3, 1)
  await scene.publishOn(ann, topic, 'still here')
  expect([text(await worker.next()), worker.events, replies.events]).toEqual(['still here', [], []])
  await ann[Symbol.asyncDispose]()
  await until('no connection left', () => stage.proxy.connections === 0)
})

it('a try that RabbitMQ lets in, but not any further, changes nothing: his connections are used up', async () => {
  await rabbit.ctl('set_user_limits', 'ann', '{"max-connections": 1}')
  try {
    const ann = await login('ann')
    const worker = await scene.consumer(await stage.topic(), {}, ann)
    await tried(3, 1)
    expect([worker.events, stage.broker.health.state]).toEqual([[], 'up'])
    await ann[Symbol.asyncDispose]()
  } finally {
    await rabbit.ctl('clear_user_limits', 'ann', 'all')
  }
})

it('a broker that is away changes nothing', async () => {
  const ann = await login('ann')
  const worker = await scene.consumer(await stage.topic(), {}, ann)
  await tried(1, 1)
  stage.proxy.down()
  await worker.event('lost')
  stage.proxy.up()
  await worker.event('resumed')
  await tried(1, 1)
  expect(worker.events).toEqual(['lost', 'resumed with gap'])
  await ann[Symbol.asyncDispose]()
})

it('a passcode that RabbitMQ takes no more: every link is told, what it holds is refused, the next login too; the neighbour lives on', async () => {
  await rabbit.addUser('eve', 'eve secret')
  const [idle, replies] = [new RecordingSink(), new RecordingSink()]
  const [eve, other, bob] = [await login('eve', replies), await login('eve', idle), await login('bob')]
  const topic = await stage.topic()
  const [worker, neighbour] = [await scene.consumer(topic, {}, eve), await scene.consumer(topic, {}, bob)]
  // A user that is deleted RabbitMQ would throw out by itself.
  await rabbit.ctl('change_password', 'eve', 'another secret')
  await Promise.all([worker, idle, replies].map((sink) => sink.event('end login-refused')))
  expect(await codeOf(scene.publishOn(other, topic, 'x'))).toBe('login-refused')
  expect(await codeOf(login('eve'))).toBe('login-refused')
  expect(stage.broker.users).toBe(1)
  await scene.publishOn(bob, topic, 'goes on')
  expect([text(await neighbour.next()), neighbour.events]).toEqual(['goes on', []])
  expect([worker, idle, replies].map((sink) => sink.events)).toEqual(Array(3).fill(['end login-refused']))
  await Promise.all([eve, other, bob].map((link) => link[Symbol.asyncDispose]()))
  await until('no connection left', () => stage.proxy.connections === 0)
})
