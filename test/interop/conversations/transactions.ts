/** BEGIN, COMMIT, ABORT. */
import { expect } from 'vitest'
import { bodies, type Conversation } from '../scene.ts'

export const transactions: readonly Conversation[] = [
  {
    name: 'what is sent in a transaction comes with COMMIT, together and in order',
    async hold(scene) {
      const client = await scene.client()
      const queue = scene.queue()
      const { messages } = await scene.subscribes(client, queue)
      client.begin('t1')
      client.send(queue, 'in it, one', { transaction: 't1', receipt: 'in-it' })
      client.send(queue, 'in it, two', { transaction: 't1' })
      await scene.sends(client, queue, 'outside')
      const outside = await messages.next()
      client.commit('t1')
      await client.ears.receipt('in-it')
      const inside = await messages.take(2)
      expect(bodies([outside, ...inside])).toEqual(['outside', 'in it, one', 'in it, two'])
      expect(inside[0]!.headers).not.toHaveProperty('transaction')
    },
  },
  {
    name: 'what is sent in a transaction is gone with ABORT',
    async hold(scene) {
      const client = await scene.client()
      const queue = scene.queue()
      const { messages } = await scene.subscribes(client, queue)
      client.begin('t1')
      client.send(queue, 'never', { transaction: 't1' })
      client.abort('t1')
      await scene.sends(client, queue, 'after it')
      expect((await messages.next()).body).toBe('after it')
      expect(messages.all).toHaveLength(1)
    },
  },
  {
    name: 'what is acknowledged in a transaction is acknowledged with COMMIT, and not with ABORT',
    async hold(scene) {
      const client = await scene.client()
      const queue = scene.queue()
      for (const text of ['one', 'two', 'three']) await scene.sends(client, queue, text)
      const { messages } = await scene.subscribes(client, queue, { ack: 'client-individual' })
      const [one, two, three] = await messages.take(3)
      client.begin('aborted')
      one!.ack({ transaction: 'aborted' })
      client.abort('aborted')
      client.begin('committed')
      two!.ack({ transaction: 'committed' })
      client.send(queue, 'instead of two', { transaction: 'committed', receipt: 'committed' })
      client.commit('committed')
      await client.ears.receipt('committed')
      await scene.acks(client, three!)
      await client.disconnect()
      expect(bodies(await scene.leftIn(queue))).toEqual(['one', 'instead of two'])
    },
  },
]
