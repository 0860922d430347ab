/** What only a real RabbitMQ can show: other AMQP programs on it, its accounts, its temporary queues, its memory of what was not acknowledged. */
import { type Channel, connect } from 'amqplib'
import { expect } from 'vitest'
import { startTestBridge } from '../../support/bridge.ts'
import type { Rabbit } from '../../support/rabbitmq.ts'
import { presetRabbitmq } from '../places.ts'
import type { Conversation } from '../scene.ts'

/** An AMQP program beside the bridge. */
async function withChannel(rabbit: Rabbit, work: (channel: Channel) => Promise<void> | void): Promise<void> {
  const connection = await connect(rabbit.url)
  try {
    const channel = await connection.createChannel()
    await work(channel)
    await channel.close()
  } finally {
    await connection.close()
  }
}

/** @param rabbit is asked when the tests run */
export function onRabbitmq(rabbit: () => Rabbit): readonly Conversation[] {
  return [...replies(), ...others(rabbit), ...accounts(rabbit), redelivery]
}

function replies(): readonly Conversation[] {
  return [
    {
      name: 'a request to a queue is answered through a temp-queue',
      async hold(scene) {
        const requester = await scene.client()
        const responder = await scene.witness()
        const queue = scene.queue()
        const { messages } = await scene.subscribes(responder, queue)
        await scene.sends(requester, queue, '6 × 7', { 'reply-to': '/temp-queue/answers', 'correlation-id': 'c-1' })
        const request = await messages.next()
        expect(request.body).toBe('6 × 7')
        const { 'reply-to': replyTo, 'correlation-id': correlationId } = request.headers
        expect(replyTo).toMatch(/^\/reply-queue\/./)
        await scene.sends(responder, replyTo!, '42', { 'correlation-id': correlationId! })
        const answer = await requester.ears.strays.next()
        expect(answer.body).toBe('42')
        expect(answer.headers).toMatchObject({ subscription: '/temp-queue/answers', 'correlation-id': 'c-1' })
      },
    },
    {
      name: 'a request of another client is answered by this one',
      async hold(scene) {
        const requester = await scene.witness()
        const responder = await scene.client()
        const queue = scene.queue()
        const { messages } = await scene.subscribes(responder, queue)
        await scene.sends(requester, queue, '6 × 7', { 'reply-to': '/temp-queue/answers' })
        await scene.sends(responder, (await messages.next()).headers['reply-to']!, '42')
        expect((await requester.ears.strays.next()).body).toBe('42')
      },
    },
  ]
}

function others(rabbit: () => Rabbit): readonly Conversation[] {
  return [
    {
      name: 'an AMQP message that is not UTF-8 arrives, and the connection goes on',
      needs: ({ octets }) => octets,
      async hold(scene) {
        const client = await scene.client()
        const topic = scene.topic()
        const { messages } = await scene.subscribes(client, topic)
        const body = Buffer.from([0xff, 0xfe, 0x00, 0x80, 0xc3, 0x28])
        await withChannel(rabbit(), (channel) => {
          channel.publish('amq.topic', topic.slice('/topic/'.length), body)
        })
        expect((await messages.next()).bytes).toEqual(body)
        await scene.sends(client, topic, 'still here')
        expect((await messages.next()).body).toBe('still here')
        expect(client.ears.connected.all).toHaveLength(1)
      },
    },
    {
      name: 'headers of an AMQP message that are no texts arrive as texts',
      async hold(scene) {
        const client = await scene.client()
        const topic = scene.topic()
        const { messages } = await scene.subscribes(client, topic)
        await withChannel(rabbit(), (channel) => {
          const headers = { 'x-count': 7, 'x-flag': true, 'x-ratio': 0.5, destination: 'evil', subscription: 'evil' }
          channel.publish('amq.topic', topic.slice('/topic/'.length), Buffer.from('typed'), { headers })
        })
        const { headers, body } = await messages.next()
        expect(body).toBe('typed')
        expect(headers).toMatchObject({ 'x-count': '7', 'x-flag': 'true', 'x-ratio': '0.5', destination: topic })
      },
    },
    {
      name: 'an AMQP program gets what a client sends, and answers it',
      async hold(scene) {
        const client = await scene.client()
        const queue = scene.queue()
        const name = queue.slice('/queue/'.length)
        await scene.sends(client, queue, 'Grüße', {
          'content-type': 'text/plain',
          'reply-to': '/temp-queue/back',
          'x-own': 'é',
        })
        await withChannel(rabbit(), async (channel) => {
          const got = await channel.get(name, { noAck: true })
          if (got === false) throw new Error(`nothing in ${name}`)
          expect(got.content.toString()).toBe('Grüße')
          expect(got.properties).toMatchObject({ contentType: 'text/plain', headers: { 'x-own': 'é' } })
          channel.sendToQueue(String(got.properties.replyTo), Buffer.from('and back'))
        })
        expect((await client.ears.strays.next()).body).toBe('and back')
      },
    },
  ]
}

function accounts(rabbit: () => Rabbit): readonly Conversation[] {
  return [
    {
      name: 'without an account in the url a client logs in as itself, and a wrong passcode is refused',
      async hold(scene) {
        await using bridge = await startTestBridge(presetRabbitmq(rabbit().bareUrl))
        const client = await scene.client({ headers: { login: 'guest', passcode: 'guest' } }, bridge.url)
        await scene.sends(client, scene.queue(), 'with my own rights')
        const refused = scene.client({ headers: { login: 'guest', passcode: 'wrong' } }, bridge.url)
        await expect(refused).rejects.toMatchObject({ frame: { headers: { 'bridge-code': 'login-refused' } } })
        expect(bridge.log()).not.toContain('wrong')
        await client.disconnect()
      },
    },
  ]
}

const redelivery: Conversation = {
  name: 'what was not acknowledged before a restart of the bridge comes again after it',
  needs: ({ reconnects }) => reconnects,
  async hold(scene) {
    const { yaml } = scene.place
    const queue = scene.queue()
    const before = await startTestBridge(yaml)
    const client = await scene.client({ reconnect: true }, before.url)
    const { messages } = client.subscribe(queue, { ack: 'client-individual' })
    await scene.sends(client, queue, 'acknowledged')
    await scene.sends(client, queue, 'not yet')
    const [one] = await messages.take(2)
    await scene.acks(client, one!)
    await before[Symbol.asyncDispose]()

    await using _after = await startTestBridge(yaml, before.port)
    const again = await messages.next()
    expect(again.body).toBe('not yet')
    expect(again.headers.redelivered).toBe('true')
    await scene.acks(client, again)
    await client.disconnect()
    expect(await scene.leftIn(queue)).toEqual([])
  },
}
