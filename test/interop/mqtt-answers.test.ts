/** Requests and answers across the bridge: `reply-to` and `correlation-id` are MQTT's response topic and correlation data. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { connectAsync, type IPublishPacket, type MqttClient } from 'mqtt'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MqttPlace, refusedSend } from './mqtt.place.ts'

const run = promisify(execFile)
let place: MqttPlace

beforeAll(async () => {
  place = await MqttPlace.open({
    routes: ['destination: "/devices/{path+}", topic: "site/devices/{path+}"'],
    rest: 'limits: { headerBytes: 256KiB }',
  })
})

afterAll(() => place?.[Symbol.asyncDispose]())

/** A device that answers every request with its square, wherever it is told to. */
async function calculator(topic: string): Promise<MqttClient> {
  const device = await connectAsync(place.mosquitto.url, { protocolVersion: 5, reconnectPeriod: 0 })
  device.on('message', (_topic: string, body: Buffer, { properties = {} }: IPublishPacket) => {
    const { responseTopic, correlationData } = properties
    const square = String(Number(body) ** 2)
    device.publish(responseTopic!, square, {
      qos: 1,
      properties: { contentType: 'text/plain', ...(correlationData && { correlationData }) },
    })
  })
  await device.subscribeAsync(topic, { qos: 1 })
  return device
}

test('a browser asks, a device answers', async () => {
  await using scene = place.scene()
  const device = await calculator('site/devices/square')
  const browser = await scene.client()
  const { messages } = await scene.subscribes(browser, '/topic/answers.b1')
  const asked = ['3', '4', '5']
  for (const [index, number] of asked.entries()) {
    const request = { 'reply-to': '/topic/answers.b1', 'correlation-id': `c-${index}` }
    await scene.sends(browser, '/devices/square', number, request)
  }
  const answers = await messages.take(asked.length)
  expect(answers.map(({ body, headers }) => [headers['correlation-id'], body])).toEqual([
    ['c-0', '9'],
    ['c-1', '16'],
    ['c-2', '25'],
  ])
  await device.endAsync()
})

test('a device asks with mosquitto_rr, a browser answers', async () => {
  await using scene = place.scene()
  const browser = await scene.client()
  const { messages } = await scene.subscribes(browser, '/queue/greetings')
  const asked = run('mosquitto_rr', [
    ...['-h', '127.0.0.1', '-p', String(place.mosquitto.port), '-V', '5', '-q', '1', '-W', '10'],
    ...[
      '-t',
      'greetings',
      '-e',
      'site/devices/7/answers',
      '-m',
      'who is there?',
      '-D',
      'publish',
      'correlation-data',
      'c-7',
    ],
    ...['-F', '%D %p'],
  ])
  const request = await messages.next()
  expect(request.body).toBe('who is there?')
  // Its own name in this configuration, not the topic's.
  expect(request.headers['reply-to']).toBe('/devices/7/answers')
  await scene.sends(browser, request.headers['reply-to']!, 'it is me', {
    'correlation-id': request.headers['correlation-id']!,
  })
  expect((await asked).stdout.trim()).toBe('c-7 it is me')
})

test('browsers ask one another', async () => {
  await using scene = place.scene()
  const [asking, answering] = [await scene.client(), await scene.client()]
  const answers = await scene.subscribes(asking, '/topic/answers.b2')
  const requests = await scene.subscribes(answering, '/topic/questions')
  await scene.sends(asking, '/topic/questions', '6 × 7', { 'reply-to': '/topic/answers.b2', 'correlation-id': 'c' })
  const { headers } = await requests.messages.next()
  await scene.sends(answering, headers['reply-to']!, '42', { 'correlation-id': headers['correlation-id']! })
  expect(await answers.messages.next()).toMatchObject({ body: '42', headers: { 'correlation-id': 'c' } })
})

test.each([
  ['many topics', '/topic/answers.*', 'bad-destination'],
  ['the broker’s own topics', '/$SYS/answers', 'bad-destination'],
  ['no destination', 'answers', 'forbidden'],
  ['a topic longer than MQTT’s', `/answers/${'x'.repeat(65_536)}`, 'bad-destination'],
])('a reply-to that is %s is refused', async (_, replyTo, code) => {
  await using scene = place.scene()
  const browser = await scene.client()
  expect(await refusedSend(scene, browser, '/topic/questions', { 'reply-to': replyTo })).toBe(code)
})

test('a response topic that is not for clients brings no answer there', async () => {
  await using scene = place.scene()
  const browser = await scene.client()
  const { messages } = await scene.subscribes(browser, '/topic/hostile.questions')
  for (const topic of ['$SYS/answers', 'stomp-bridge/answers', 'plain/answers'])
    await place.publishes('hostile/questions', topic, '-D', 'publish', 'response-topic', topic)
  const seen = await messages.take(3)
  const shown = seen.map(({ body, headers }) => [body, headers['reply-to']])
  expect(shown.at(-1)).toEqual(['plain/answers', '/topic/plain/answers'])
  // Shown or not, what is answered there is refused.
  for (const [, replyTo] of shown.slice(0, 2))
    if (replyTo !== undefined) expect(await refusedSend(scene, browser, replyTo)).toBe('bad-destination')
})
