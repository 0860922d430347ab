/** `/queue/x` is one share of `$share/stomp-bridge/x`: among all browsers of all bridges, and any device that joins the group. */
import { connectAsync, type IPublishPacket } from 'mqtt'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestBridge } from '../support/bridge.ts'
import { until } from '../support/until.ts'
import { MqttPlace, printed, refusedSend } from './mqtt.place.ts'
import { bodies } from './scene.ts'

const JOBS = 60
const jobs = Array.from({ length: JOBS }, (_, index) => `job ${index}`)

let place: MqttPlace

beforeAll(async () => {
  const group = 'group: workers'
  place = await MqttPlace.open({
    routes: [
      `destination: "/redo/{name}", topic: "redo/{name}", ${group}`,
      `destination: "/drop/{name}", topic: "drop/{name}", ${group}, nack: reject`,
      `destination: "/bury/{name}", topic: "bury/{name}", ${group}, nack: "dead/{name}"`,
      'destination: "/commands/{device}", topic: "commands/{device}", mandatory: true',
    ],
  })
})

afterAll(() => place?.[Symbol.asyncDispose]())

describe('shared among all', () => {
  test('two bridges split the messages, and nobody gets one twice', async () => {
    await using other = await startTestBridge(place.yaml)
    await using scene = place.scene()
    const here = await scene.subscribes(await scene.client(), '/queue/jobs')
    const also = await scene.subscribes(await scene.client(), '/queue/jobs')
    const there = await scene.subscribes(await scene.client({}, other.url), '/queue/jobs')
    await place.mosquitto.pub(['-t', 'jobs', '-q', '1', '-l'], Buffer.from(`${jobs.join('\n')}\n`))
    const all = [here, also, there].map(({ messages }) => messages)
    await until('all jobs', () => all.reduce((sum, { all: got }) => sum + got.length, 0) >= JOBS)
    const done = all.flatMap(({ all: got }) => bodies(got))
    expect(done.toSorted()).toEqual(jobs.toSorted())
    for (const { all: got } of all) expect(got.length).toBeGreaterThan(0)
  })

  test('a device that joins the group takes its share', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    const { messages } = await scene.subscribes(browser, '/queue/chores')
    const device = await place.listens('$share/stomp-bridge/chores')
    for (const job of jobs) await scene.sends(browser, '/queue/chores', job)
    await until('all chores', () => messages.all.length + device.lines.length >= JOBS)
    const theirs = (await printed(device, device.lines.length)).map(({ payload }) => payload)
    expect([...bodies(messages.all), ...theirs].toSorted()).toEqual(jobs.toSorted())
    expect(theirs.length).toBeGreaterThan(0)
    expect(messages.all.length).toBeGreaterThan(0)
  })

  test('one who acknowledges gets the next when it has', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    const headers = { ack: 'client-individual', 'prefetch-count': '1' }
    const { messages } = await scene.subscribes(browser, '/queue/one-by-one', headers)
    for (const job of ['a', 'b', 'c']) await place.publishes('one-by-one', job, '-q', '1')
    for (const job of ['a', 'b', 'c']) {
      const message = await messages.next()
      expect(message.body).toBe(job)
      expect(messages.unread).toEqual([])
      await scene.acks(browser, message)
    }
  })
})

describe('NACK is what the route says', () => {
  test('redeliver: the same subscriber gets it again, marked', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    const { messages } = await scene.subscribes(browser, '/redo/print', { ack: 'client-individual' })
    await place.publishes('redo/print', 'page 1', '-q', '1')
    const first = await messages.next()
    expect(first.headers).not.toHaveProperty('redelivered')
    await scene.nacks(browser, first)
    const again = await messages.next()
    expect(again).toMatchObject({ body: 'page 1', headers: { redelivered: 'true' } })
    await scene.acks(browser, again)
  })

  test('reject: it is gone', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    const { messages } = await scene.subscribes(browser, '/drop/print', { ack: 'client-individual' })
    await place.publishes('drop/print', 'page 1', '-q', '1')
    await scene.nacks(browser, await messages.next())
    await place.publishes('drop/print', 'page 2', '-q', '1')
    const next = await messages.next()
    expect(next.body).toBe('page 2')
    await scene.acks(browser, next)
    expect(bodies(messages.all)).toEqual(['page 1', 'page 2'])
  })

  test('a topic: a device that listens there gets it, with all it said about itself', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    const undertaker = await place.listens('dead/#')
    const { messages } = await scene.subscribes(browser, '/bury/print', { ack: 'client-individual' })
    const words = ['content-type', 'text/plain', 'correlation-data', 'c-1', 'user-property', 'pages']
    const said = [words.slice(0, 2), words.slice(2, 4), [words[4]!, words[5]!, '3']]
    await place.publishes('bury/print', 'page 1', '-q', '1', ...said.flatMap((each) => ['-D', 'publish', ...each]))
    await scene.nacks(browser, await messages.next())
    expect(await printed(undertaker, 1)).toMatchObject([
      {
        topic: 'dead/print',
        payload: 'page 1',
        qos: 1,
        properties: { 'content-type': 'text/plain', 'correlation-data': 'c-1', 'user-properties': { pages: '3' } },
      },
    ])
    await place.publishes('bury/print', 'page 2', '-q', '1')
    expect((await messages.next()).body).toBe('page 2')
  })
})

describe('mandatory', () => {
  test('a command that nobody hears is not-found, and one that a device hears has its RECEIPT', async () => {
    await using scene = place.scene()
    const browser = await scene.client()
    expect(await refusedSend(scene, browser, '/commands/lamp')).toBe('not-found')
    const device = await connectAsync(place.mosquitto.url, { protocolVersion: 5, reconnectPeriod: 0 })
    const heard: string[] = []
    device.on('message', (_topic: string, body: Buffer, { qos }: IPublishPacket) => heard.push(`${body} at ${qos}`))
    await device.subscribeAsync('commands/+', { qos: 1 })
    await scene.sends(browser, '/commands/lamp', 'on')
    await until('the command', () => heard.length > 0)
    expect(heard).toEqual(['on at 1'])
    await device.endAsync()
    expect(await refusedSend(scene, browser, '/commands/lamp')).toBe('not-found')
  })

  test('elsewhere a topic that nobody listens to is no fault', async () => {
    await using scene = place.scene()
    await scene.sends(await scene.client(), '/topic/nobody.listens', 'all the same')
  })
})
