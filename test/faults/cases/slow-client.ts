/** A client that stops reading: it costs the bridge a bounded amount of memory, and the others nothing. */
import { describe, expect, test } from 'vitest'
import { until } from '../../support/until.ts'
import { bodies, Client } from '../driver.ts'
import { depth, fresh, inFrontOf, LONG_MS, type Place } from '../place.ts'
import { spawnBridge } from '../process.ts'

const MIB = 1024 * 1024
const BODY = 64 * 1024
/** 188 MiB, far more than what sockets, limits and SLACK take together. */
const COUNT = 3_000
/** SENDs that wait for their receipts at a time. */
const WINDOW = 32
const OUTBOUND = 2 * MIB
/** What Node and V8 may keep beyond our limits: garbage not yet collected, of bodies that went through. */
const SLACK = 96 * MIB

export function slowClient(place: Place): void {
  describe('a client that stops reading', () => {
    test('on a shared topic: it is sent away, the others get everything', { timeout: LONG_MS }, async () => {
      await slowOnTopic((rest) => inFrontOf(place().url, { rest }))
    })

    test('on a queue: credit holds it back, and what it has returns when it goes', { timeout: LONG_MS }, async () => {
      const rabbit = place()
      await using bridge = await spawnBridge(inFrontOf(rabbit.url))
      const queue = fresh('shared')
      const destination = `/queue/${queue}`
      const credit = 20
      await using sender = await Client.connect(bridge.url)
      await flood(sender, destination, COUNT)
      await using slow = await Client.connect(bridge.url)
      slow.stopReading()
      const subscription = { id: 's', destination, 'prefetch-count': String(credit) }
      slow.send('SUBSCRIBE', { ...subscription, ack: 'client-individual' })
      await until('its credit is used up', async () => (await depth(rabbit, queue)).unacked === credit)

      const before = await bridge.rss()
      const grown = peak(bridge, before)
      await using fast = await Client.connect(bridge.url)
      const redelivered: boolean[] = []
      const seen = new Set<number>()
      fast.onMessage = (message) => {
        seen.add(message.body.readUInt32BE())
        redelivered.push(message.headers.redelivered === 'true')
        fast.ack(message)
      }
      await fast.do('SUBSCRIBE', { ...subscription, ack: 'client' })
      await fast.until('all others', () => seen.size === COUNT - credit)
      expect(redelivered).not.toContain(true)
      expect(await grown()).toBeLessThan(2 * credit * BODY + SLACK)
      // Nobody is disconnected for being slow on a queue of its own pace.
      expect(bridge.log()).not.toContain('slow-consumer')

      slow.vanish()
      await fast.until('what it had', () => seen.size === COUNT)
      expect(redelivered.filter(Boolean).length).toBe(credit)
    })

    test('with ack:auto on a queue: only what the kernel took is settled', { timeout: LONG_MS }, async () => {
      const rabbit = place()
      await using bridge = await spawnBridge(inFrontOf(rabbit.url, { route: 'prefetch: 20' }))
      const queue = fresh('auto')
      const destination = `/queue/${queue}`
      await using sender = await Client.connect(bridge.url)
      await flood(sender, destination, COUNT)
      await using slow = await Client.connect(bridge.url)
      await slow.do('SUBSCRIBE', { id: 's', destination: `${destination}-2`, ack: 'auto' })
      slow.stopReading()
      slow.send('SUBSCRIBE', { id: 't', destination, ack: 'auto' })
      let ready = COUNT
      await until('nothing moves any more', async () => {
        const former = ready
        const now = await depth(rabbit, queue)
        ready = now.ready
        return ready === former && now.unacked === 20
      })
      expect(ready).toBeGreaterThan(COUNT / 2)
      slow.vanish()
      await until('the rest is back', async () => (await depth(rabbit, queue)).unacked === 0)
      expect((await depth(rabbit, queue)).ready).toBe(ready + 20)
      expect(bodies(slow.messages)).toEqual([])
    })
  })
}

/**
 * A client that stops reading a shared topic is sent away, and the other one gets everything.
 * @param yaml a configuration with this section beside brokers and routes
 */
export async function slowOnTopic(yaml: (rest: string) => string): Promise<void> {
  const limits = `limits: { outboundBytes: ${OUTBOUND} }`
  await using bridge = await spawnBridge(yaml(limits))
  const topic = `/topic/${fresh('busy')}`
  await using slow = await Client.connect(bridge.url)
  await using fast = await Client.connect(bridge.url)
  const seen: number[] = []
  fast.onMessage = ({ body }) => seen.push(body.readUInt32BE())
  for (const each of [slow, fast]) await each.do('SUBSCRIBE', { id: 's', destination: topic, ack: 'auto' })
  await using sender = await Client.connect(bridge.url)
  await flood(sender, topic, 50)
  await fast.until('the first 50', () => seen.length === 50)

  slow.stopReading()
  const before = await bridge.rss()
  const grown = peak(bridge, before)
  await flood(sender, topic, COUNT)
  await fast.until('everything', () => seen.length === 50 + COUNT)
  expect(seen.slice(50)).toEqual(Array.from({ length: COUNT }, (_, at) => at))
  expect(await grown()).toBeLessThan(OUTBOUND + SLACK)
  await until('it was sent away', () => bridge.log().includes('slow-consumer'))
  slow.readAgain()
  await slow.gone()
  expect(slow.messages.length).toBeLessThan(50 + COUNT)
  expect(fast.errors).toEqual([])
}

/** Numbered bodies of 64 KiB, each with its receipt. */
async function flood(client: Client, destination: string, count: number): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) {
      const body = Buffer.alloc(BODY)
      body.writeUInt32BE(next++)
      await client.do('SEND', { destination }, body)
    }
  }
  await Promise.all(Array.from({ length: WINDOW }, lane))
}

/** Looks at the memory of a bridge until asked for the most that it has grown. */
function peak(bridge: { rss(): Promise<number> }, before: number): () => Promise<number> {
  let most = 0
  const look = async (): Promise<void> => {
    most = Math.max(most, (await bridge.rss()) - before)
  }
  const timer = setInterval(() => void look(), 50)
  return async () => {
    clearInterval(timer)
    await look()
    return most
  }
}
