/** Many clients, and what they leave behind: nothing. */
import { describe, expect, test } from 'vitest'
import { startTestBridge } from '../../support/bridge.ts'
import { until } from '../../support/until.ts'
import { Client } from '../driver.ts'
import { fresh, inFrontOf, LONG_MS, type Place } from '../place.ts'

const RELOADS = 1_000
/** Pages that are open at a time. */
const PAGES = 20
const SUBSCRIPTIONS = 1_000

export function crowds(place: Place): void {
  describe('crowds', () => {
    test('within 10 s after 1,000 page reloads no queue is left', { timeout: LONG_MS }, async () => {
      const rabbit = place()
      await using bridge = await startTestBridge(inFrontOf(rabbit.url))
      const others = new Set(await rabbit.queues())
      const left = async (): Promise<string[]> => (await rabbit.queues()).filter((queue) => !others.has(queue))
      const topic = fresh('page')
      let next = 0
      const page = async (): Promise<void> => {
        while (next < RELOADS) {
          const number = next++
          const client = await Client.connect(bridge.url)
          const own = client.ask('SUBSCRIBE', { id: 'own', destination: `/topic/${topic}.${number}`, ack: 'client' })
          const shared = client.ask('SUBSCRIBE', { id: 'shared', destination: `/topic/${topic}`, ack: 'auto' })
          // Some leave before they have an answer.
          const answers = Promise.allSettled([own, shared])
          if (number % 4 > 0) await answers
          client.vanish()
          await client.gone()
          await answers
        }
      }
      await Promise.all(Array.from({ length: PAGES }, page))
      await until('no queue is left', async () => (await left()).length === 0, 10_000)
      expect(await rabbit.census()).toMatchObject({ consumers: 0 })
      const printed = await rabbit.ctl('list_queues', 'name')
      expect(printed.split('\n').filter((name) => name.startsWith('amq.gen'))).toEqual([])
    })

    test('1,000 client-ack subscriptions work with channel_max 256', { timeout: LONG_MS }, async () => {
      const rabbit = place()
      await using bridge = await startTestBridge(inFrontOf(rabbit.url))
      const before = await rabbit.census()
      const topic = fresh('many')
      const destinations = Array.from({ length: SUBSCRIPTIONS }, (_, at) => `/topic/${topic}.${at}`)
      {
        await using client = await Client.connect(bridge.url)
        await Promise.all(
          destinations.map((destination) => client.do('SUBSCRIBE', { id: destination, destination, ack: 'client' })),
        )
        const census = await rabbit.census()
        expect(census.consumers - before.consumers).toBe(SUBSCRIPTIONS)
        expect(census.connections).toBeGreaterThan(SUBSCRIPTIONS / 256)
        await Promise.all(destinations.map((destination) => client.do('SEND', { destination }, destination)))
        await client.message(SUBSCRIPTIONS)
        for (const { headers, body } of client.messages) expect(headers.subscription).toBe(body.toString())
        await Promise.all(client.messages.map((message) => client.acks(message)))
        expect(client.errors).toEqual([])
      }
      await until('all consumers are gone', async () => (await rabbit.census()).consumers === before.consumers)
      const queues = await rabbit.queues()
      expect(queues.filter((queue) => queue.startsWith('amq.gen'))).toEqual([])
    })
  })
}
