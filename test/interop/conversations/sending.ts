/** SEND, SUBSCRIBE, UNSUBSCRIBE. */
import { expect } from 'vitest'
import { bodies, type Conversation } from '../scene.ts'

const BURST = 500
const burst = Array.from({ length: BURST }, (_, index) => `number ${index}`)

export const sending: readonly Conversation[] = [
  {
    name: 'a topic brings what is sent to whoever has subscribed',
    async hold(scene) {
      const client = await scene.client()
      const other = await scene.witness()
      const topic = scene.topic()
      const mine = await scene.subscribes(client, topic)
      const theirs = await scene.subscribes(other, topic)
      await scene.sends(client, topic, 'hello')
      for (const { messages } of [mine, theirs]) {
        const { headers, body } = await messages.next()
        expect(body).toBe('hello')
        expect(headers).toMatchObject({ destination: topic, subscription: expect.stringMatching(/./) })
        expect(headers['message-id']).toMatch(/./)
        // A sender's own affairs reach nobody.
        expect(headers).not.toHaveProperty('receipt')
      }
    },
  },
  {
    name: 'a SUBSCRIBE sent before a SEND sees that SEND',
    async hold(scene) {
      const client = await scene.client()
      const topic = scene.topic()
      const { messages } = client.subscribe(topic)
      client.send(topic, 'right behind it')
      expect((await messages.next()).body).toBe('right behind it')
    },
  },
  {
    name: 'a queue keeps what is sent until somebody subscribes, and gives it once',
    async hold(scene) {
      const client = await scene.client()
      const queue = scene.queue()
      await scene.sends(client, queue, 'one')
      await scene.sends(client, queue, 'two')
      const { messages } = await scene.subscribes(client, queue)
      expect(bodies(await messages.take(2))).toEqual(['one', 'two'])
      await client.disconnect()
      expect(await scene.leftIn(queue)).toEqual([])
    },
  },
  {
    name: 'after UNSUBSCRIBE the messages go to the others',
    async hold(scene) {
      const client = await scene.client()
      const other = await scene.witness()
      const queue = scene.queue()
      const first = await scene.subscribes(client, queue)
      await scene.sends(client, queue, 'mine')
      expect((await first.messages.next()).body).toBe('mine')
      first.unsubscribe()
      await scene.sends(client, scene.topic(), 'so that UNSUBSCRIBE was read')
      const second = await scene.subscribes(other, queue)
      for (const text of ['a', 'b', 'c']) await scene.sends(client, queue, text)
      expect(bodies(await second.messages.take(3))).toEqual(['a', 'b', 'c'])
      expect(bodies(first.messages.unread)).toEqual([])
      expect(client.ears.strays.all).toEqual([])
    },
  },
  {
    name: 'a wildcard takes one word for *, any number for #, and says where each message was sent',
    async hold(scene) {
      const client = await scene.client()
      const root = scene.topic()
      const one = await scene.subscribes(client, `${root}.*.price`)
      const any = await scene.subscribes(client, `${root}.#`)
      for (const key of ['acme.price', 'acme.volume', 'acme.daily.price', 'widget.price']) {
        await scene.sends(client, `${root}.${key}`, key)
      }
      const prices = await one.messages.take(2)
      expect(prices.map(({ headers }) => headers.destination)).toEqual([`${root}.acme.price`, `${root}.widget.price`])
      expect(bodies(await any.messages.take(4))).toEqual([
        'acme.price',
        'acme.volume',
        'acme.daily.price',
        'widget.price',
      ])
      expect(bodies(one.messages.unread)).toEqual([])
    },
  },
  {
    name: `${BURST} messages sent to a topic in one go arrive whole and in order`,
    async hold(scene) {
      const client = await scene.client()
      const other = await scene.witness()
      const topic = scene.topic()
      const { messages } = await scene.subscribes(client, topic)
      for (const text of burst) other.send(topic, text)
      expect(bodies(await messages.take(BURST))).toEqual(burst)
    },
  },
  {
    name: `${BURST} messages that wait in a queue arrive in one go, whole and in order`,
    async hold(scene) {
      const client = await scene.client()
      const queue = scene.queue()
      for (const text of burst.slice(1)) client.send(queue, text)
      await scene.sends(client, queue, 'the last')
      const { messages } = client.subscribe(queue, { ack: 'client' })
      const all = await messages.take(BURST)
      expect(bodies(all)).toEqual([...burst.slice(1), 'the last'])
      await scene.acks(client, all.at(-1)!)
      await client.disconnect()
      expect(await scene.leftIn(queue)).toEqual([])
    },
  },
]
