/** CONNECT, heart-beats, ERROR, DISCONNECT. */
import { expect } from 'vitest'
import type { Conversation } from '../scene.ts'

const BEATS = 2

export const connecting: readonly Conversation[] = [
  {
    name: 'CONNECTED has the version that the client asked for',
    async hold(scene) {
      const client = await scene.client()
      expect(client.ears.session).toMatchObject({
        version: scene.dialect.version,
        server: expect.stringMatching(/^stomp-bridge\/\d/),
        session: expect.stringMatching(/.{8}/),
      })
    },
  },
  {
    name: 'heart-beats are agreed, and the idle connection lives on them',
    needs: ({ version }) => version !== '1.0',
    async hold(scene) {
      const client = await scene.client({ heartBeat: 500 })
      expect(client.ears.session['heart-beat']).toMatch(/^[1-9]\d*,[1-9]\d*$/)
      await client.ears.heartBeats.take(BEATS)
      await scene.sends(client, scene.topic(), 'still here')
    },
  },
  {
    name: 'a SEND that no route takes is an ERROR with its receipt-id',
    async hold(scene) {
      const client = await scene.client()
      client.send('/nowhere/at-all', 'lost', { receipt: 'r-lost' })
      const { headers, body } = await client.ears.errors.next()
      expect(headers).toMatchObject({ 'receipt-id': 'r-lost', 'bridge-code': 'no-route' })
      expect(headers.message).toMatch(/\w/)
      expect(body).toMatch(/\w/)
    },
  },
  {
    name: 'what was sent before DISCONNECT has arrived',
    async hold(scene) {
      const client = await scene.client()
      const queue = scene.queue()
      const texts = Array.from({ length: 50 }, (_, index) => `before ${index}`)
      for (const text of texts) client.send(queue, text)
      await client.disconnect()
      const witness = await scene.witness()
      const { messages } = await scene.subscribes(witness, queue)
      expect((await messages.take(texts.length)).map(({ body }) => body)).toEqual(texts)
    },
  },
  {
    name: 'DISCONNECT is answered with its RECEIPT before the connection is closed',
    needs: ({ leaves }) => leaves === 'confirmed',
    async hold(scene) {
      const client = await scene.client()
      await client.disconnect()
      expect(client.ears.left).toBe(true)
    },
  },
]
