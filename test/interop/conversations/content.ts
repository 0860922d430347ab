/** Bodies and headers come as they were sent, as far as the client can write and read them. */
import { expect } from 'vitest'
import type { Dialect } from '../client.ts'
import type { Conversation } from '../scene.ts'

/** Every octet there is: no UTF-8, and a NUL that ends no body. */
const octets = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet))

/** Header values with what STOMP has to escape. stompjs 7 reads a `\n` where `\\n` was written: no letter n, r or c behind the backslash. */
const special: Readonly<Record<string, string>> = {
  'x-colon': 'a:b::c',
  'x-accent': 'é ü ñ',
  'x-emoji': '😀 🎉',
  'x-backslash': 'C:\\Users\\a',
  'x-newline': 'two\nlines',
}

/** What a client that escapes nothing can write all the same. */
function writes({ escapes, version }: Dialect, name: string): boolean {
  if (escapes || name === 'x-accent' || name === 'x-emoji') return true
  // STOMP 1.1 and 1.2: a backslash begins an escape; 1.0 has none, and cannot express a line feed at all.
  return name === 'x-colon' || (name === 'x-backslash' && version === '1.0')
}

/** What a client sees: without unescaping, what stands on the wire. */
function reads({ escapes, version }: Dialect, value: string): string {
  if (escapes) return value
  if (version === '1.0') return value.replaceAll('\n', ' ')
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll(':', '\\c')
}

export const content: readonly Conversation[] = [
  {
    name: 'special characters in header values: written by this client, read by another',
    async hold(scene) {
      const client = await scene.client()
      const other = await scene.witness()
      const topic = scene.topic()
      const { messages } = await scene.subscribes(other, topic)
      const mine = Object.fromEntries(Object.entries(special).filter(([name]) => writes(scene.dialect, name)))
      await scene.sends(client, topic, 'see above', mine)
      expect((await messages.next()).headers).toMatchObject(mine)
    },
  },
  {
    name: 'special characters in header values: written by another, read by this client',
    async hold(scene) {
      const client = await scene.client()
      const other = await scene.witness()
      const topic = scene.topic()
      const { messages } = await scene.subscribes(client, topic)
      await scene.sends(other, topic, 'see above', special)
      const seen = Object.fromEntries(
        Object.entries(special).map(([name, value]) => [name, reads(scene.dialect, value)]),
      )
      expect((await messages.next()).headers).toMatchObject(seen)
    },
  },
  {
    name: 'properties of a message arrive: content-type, correlation-id, type, app-id, priority',
    async hold(scene) {
      const client = await scene.client()
      const topic = scene.topic()
      const { messages } = await scene.subscribes(client, topic)
      const properties = {
        'content-type': 'application/json',
        'correlation-id': 'c-1',
        type: 'order',
        'app-id': 'shop',
        priority: '4',
      }
      await scene.sends(client, topic, '{}', properties)
      expect((await messages.next()).headers).toMatchObject(properties)
    },
  },
  {
    name: 'a text body arrives: every script, line ends, nothing at all',
    async hold(scene) {
      const client = await scene.client()
      const topic = scene.topic()
      const { messages } = await scene.subscribes(client, topic)
      const texts = ['Grüße, 世界, 😀', 'one\ntwo\r\nthree', 'a:b\\c', '']
      for (const text of texts) await scene.sends(client, topic, text)
      expect((await messages.take(texts.length)).map(({ body }) => body)).toEqual(texts)
    },
  },
  {
    name: 'a body of 200 KB arrives, which some clients cut into many WebSocket messages',
    async hold(scene) {
      const client = await scene.client()
      const topic = scene.topic()
      const { messages } = await scene.subscribes(client, topic)
      const text = 'é'.repeat(100_000)
      await scene.sends(client, topic, text)
      expect((await messages.next()).body === text).toBe(true)
    },
  },
  {
    name: 'a binary body arrives octet for octet',
    needs: (dialect) => dialect.octets,
    async hold(scene) {
      const client = await scene.client()
      const topic = scene.topic()
      const { messages } = await scene.subscribes(client, topic)
      await scene.sends(client, topic, octets, { 'content-type': 'application/octet-stream' })
      await scene.sends(client, topic, 'and a text behind it')
      expect((await messages.next()).bytes).toEqual(octets)
      expect((await messages.next()).body).toBe('and a text behind it')
    },
  },
]
