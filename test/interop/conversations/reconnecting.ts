/** The bridge goes away and comes back on the same port: a client that connects again by itself goes on where it was. */
import { expect } from 'vitest'
import { startTestBridge } from '../../support/bridge.ts'
import type { Conversation } from '../scene.ts'

export const reconnecting: readonly Conversation[] = [
  {
    name: 'after a restart of the bridge the client goes on by itself',
    needs: ({ reconnects }) => reconnects,
    async hold(scene) {
      const { yaml } = scene.place
      const topic = scene.topic()
      const before = await startTestBridge(yaml)
      const client = await scene.client({ reconnect: true }, before.url)
      const { messages } = client.subscribe(topic, { receipt: 'subscribed' })
      await client.ears.receipt('subscribed')
      await scene.sends(client, topic, 'before')
      expect((await messages.next()).body).toBe('before')
      await before[Symbol.asyncDispose]()

      await using after = await startTestBridge(yaml, before.port)
      expect(after.url).toBe(before.url)
      await client.ears.receipt('subscribed', 2)
      await scene.sends(client, topic, 'after')
      expect((await messages.next()).body).toBe('after')
      await client.disconnect()
    },
  },
  {
    name: 'a bridge that drains sends its clients to the next one',
    needs: ({ reconnects }) => reconnects,
    async hold(scene) {
      const { yaml } = scene.place
      const before = await startTestBridge(yaml)
      const client = await scene.client({ reconnect: true }, before.url)
      await before.bridge.drain('test')
      await before[Symbol.asyncDispose]()

      await using _after = await startTestBridge(yaml, before.port)
      await client.ears.connected.find('the second connection', () => true, 2)
      await scene.sends(client, scene.topic(), 'at home again')
      // Many pages give up on an ERROR; this was none.
      expect(client.ears.errors.all).toEqual([])
      await client.disconnect()
    },
  },
]
