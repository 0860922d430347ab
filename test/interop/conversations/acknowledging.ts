/** ACK and NACK, in each mode. What a client leaves behind shows what was acknowledged. */
import { expect } from 'vitest'
import type { Client } from '../client.ts'
import { bodies, type Conversation, type Scene } from '../scene.ts'

/** A queue with these messages in it. */
async function filled(scene: Scene, client: Client, ...texts: string[]): Promise<string> {
  const queue = scene.queue()
  for (const text of texts) await scene.sends(client, queue, text)
  return queue
}

/** NACK came with 1.1. */
const hasNack: Conversation['needs'] = ({ version }) => version !== '1.0'

export const acknowledging: readonly Conversation[] = [
  {
    name: 'ack:client acknowledges all up to the message, on its own subscription alone',
    async hold(scene) {
      const client = await scene.client()
      const [left, right] = [await filled(scene, client, 'l1', 'l2', 'l3'), await filled(scene, client, 'r1', 'r2')]
      const first = await scene.subscribes(client, left, { ack: 'client' })
      const second = await scene.subscribes(client, right, { ack: 'client' })
      const [, l2] = await first.messages.take(3)
      const [r1] = await second.messages.take(2)
      await scene.acks(client, l2!)
      // RabbitMQ's own plugin has acknowledged this one too by now, and ends the connection.
      await scene.acks(client, r1!)
      await client.disconnect()
      expect(bodies(await scene.leftIn(left))).toEqual(['l3'])
      expect(bodies(await scene.leftIn(right))).toEqual(['r2'])
    },
  },
  {
    name: 'ack:client-individual acknowledges the message alone',
    async hold(scene) {
      const client = await scene.client()
      const queue = await filled(scene, client, 'one', 'two', 'three')
      const { messages } = await scene.subscribes(client, queue, { ack: 'client-individual' })
      const [one, two] = await messages.take(3)
      expect(one!.headers.redelivered).not.toBe('true')
      await scene.acks(client, two!)
      await client.disconnect()
      const left = await scene.leftIn(queue)
      expect(bodies(left)).toEqual(['one', 'three'])
      expect(left.map(({ headers }) => headers.redelivered)).toEqual(['true', 'true'])
    },
  },
  {
    name: 'prefetch-count holds the next message back until one is acknowledged',
    async hold(scene) {
      const client = await scene.client()
      const queue = await filled(scene, client, 'one', 'two', 'three')
      const { messages } = client.subscribe(queue, { ack: 'client-individual', 'prefetch-count': '1' })
      const one = await messages.next()
      await scene.sends(client, scene.topic(), 'time enough')
      expect(bodies(messages.unread)).toEqual([])
      await scene.acks(client, one)
      const two = await messages.next()
      await scene.acks(client, two)
      expect(bodies([one, two, await messages.next()])).toEqual(['one', 'two', 'three'])
    },
  },
  {
    name: 'a message given back with NACK comes again, marked redelivered',
    needs: hasNack,
    async hold(scene) {
      const client = await scene.client()
      const queue = await filled(scene, client, 'again')
      const { messages } = await scene.subscribes(client, queue, { ack: 'client-individual' })
      await scene.nacks(client, await messages.next())
      const again = await messages.next()
      expect(again.body).toBe('again')
      expect(again.headers.redelivered).toBe('true')
      await scene.acks(client, again)
      await client.disconnect()
      expect(await scene.leftIn(queue)).toEqual([])
    },
  },
  {
    name: 'a message refused with NACK and requeue:false does not come again',
    needs: hasNack,
    async hold(scene) {
      const client = await scene.client()
      const queue = await filled(scene, client, 'never again', 'next')
      const { messages } = await scene.subscribes(client, queue, { ack: 'client-individual' })
      const [bad, good] = await messages.take(2)
      await scene.nacks(client, bad!, { requeue: 'false' })
      await scene.acks(client, good!)
      await client.disconnect()
      expect(await scene.leftIn(queue)).toEqual([])
    },
  },
]
