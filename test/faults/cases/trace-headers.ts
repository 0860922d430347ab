/** `traceparent`, `tracestate` and `baggage` between browsers and AMQP: untouched both ways, in transactions and across a lost connection. */
import type { ConsumeMessage } from 'amqplib'
import { describe, expect, test } from 'vitest'
import { startTestBridge } from '../../support/bridge.ts'
import { TcpProxy } from '../../support/proxy.ts'
import { REPEATED, TRACE_HEADERS } from '../../support/trace-headers.ts'
import { until } from '../../support/until.ts'
import { Client } from '../driver.ts'
import { depth, directly, fresh, inFrontOf, type Place } from '../place.ts'

export function traceHeaders(place: Place): void {
  describe('trace context', () => {
    test('reaches a backend as texts, of repeated headers the first, from a transaction too', async () => {
      await using bridge = await startTestBridge(inFrontOf(place().url))
      await using client = await Client.connect(bridge.url)
      const queue = fresh('traced')
      const destination = ['destination', `/queue/${queue}`]
      await client.do('SEND', [...destination, ...REPEATED], 'plain')
      client.send('BEGIN', { transaction: 't' })
      client.send('SEND', [...destination, 'transaction', 't', ...REPEATED], 'in a transaction')
      await client.do('COMMIT', { transaction: 't' })
      for (const body of ['plain', 'in a transaction']) {
        const { content, properties } = await taken(place, queue)
        expect([content.toString(), properties.headers]).toEqual([body, expect.objectContaining(TRACE_HEADERS)])
      }
    })

    test('of a backend reaches its browsers, by a queue of their own and by one that they share', async () => {
      await using bridge = await startTestBridge(inFrontOf(place().url))
      await using client = await Client.connect(bridge.url)
      const [queue, key] = [fresh('traced'), fresh('traced')]
      await client.do('SUBSCRIBE', { id: 'own', destination: `/queue/${queue}`, ack: 'client' })
      await client.do('SUBSCRIBE', { id: 'shared', destination: `/topic/${key}` })
      await directly(place(), async (channel) => {
        channel.publish('', queue, Buffer.from('own'), { headers: { ...TRACE_HEADERS } })
        channel.publish('amq.topic', key, Buffer.from('shared'), { headers: { ...TRACE_HEADERS } })
      })
      await client.message(2)
      for (const { headers } of client.messages) expect(headers).toMatchObject(TRACE_HEADERS)
    })

    test('is that of the first try when a SEND is published again', async () => {
      const { url } = place()
      await using proxy = await TcpProxy.to(Number(new URL(url).port))
      const through = url.replace(/:\d+(?=\/|$)/, `:${proxy.port}`)
      await using bridge = await startTestBridge(inFrontOf(through, { route: 'holdMs: 60000' }))
      await using client = await Client.connect(bridge.url)
      const queue = fresh('traced')
      const destination = `/queue/${queue}`
      await client.do('SEND', { destination, ...TRACE_HEADERS }, 'confirmed')
      // It arrives, and its confirm does not.
      proxy.mute()
      const unconfirmed = client.do('SEND', { destination, ...TRACE_HEADERS }, 'unconfirmed')
      await until('RabbitMQ has it', async () => (await depth(place(), queue)).ready === 2)
      proxy.down()
      const held = client.do('SEND', { destination, ...TRACE_HEADERS }, 'held')
      proxy.up()
      await Promise.all([unconfirmed, held])
      const seen: string[] = []
      for (const _ of [1, 2, 3, 4]) {
        const { content, properties } = await taken(place, queue)
        expect(properties.headers).toMatchObject(TRACE_HEADERS)
        seen.push(`${content}${properties.headers?.['bridge-resent'] === undefined ? '' : ' again'}`)
      }
      expect(seen).toEqual(['confirmed', 'unconfirmed', 'unconfirmed again', 'held'])
    })
  })
}

/** The next message of a queue, past the bridge. */
async function taken(place: Place, queue: string): Promise<ConsumeMessage> {
  return await directly(place(), async (channel) => {
    const got = await channel.get(queue, { noAck: true })
    if (got === false) throw new Error(`${queue} is empty`)
    return got as unknown as ConsumeMessage
  })
}
