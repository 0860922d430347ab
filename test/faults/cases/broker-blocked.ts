/** RabbitMQ is out of memory and reads nothing from who publishes: publishers wait, consumers go on, and nothing is lost. */
import { afterEach, describe, expect, test } from 'vitest'
import { startTestBridge } from '../../support/bridge.ts'
import { until } from '../../support/until.ts'
import { Client } from '../driver.ts'
import { depth, fresh, inFrontOf, LONG_MS, type Place } from '../place.ts'
import { spawnBridge } from '../process.ts'
import { health } from './broker-away.ts'

const MIB = 1024 * 1024
const HOLD = { route: 'holdMs: 120000' }

export function brokerBlocked(place: Place): void {
  describe('RabbitMQ raises its memory alarm', () => {
    afterEach(() => place().alarm(false))

    test('a flood of SENDs is held back in the client, and none is lost', { timeout: LONG_MS }, async () => {
      const rabbit = place()
      await using bridge = await spawnBridge(inFrontOf(rabbit.url, HOLD))
      await using client = await Client.connect(bridge.url)
      const queue = fresh('flood')
      const body = Buffer.alloc(64 * 1024)
      const flood = 3_000
      for (let at = 0; at < 100; at++) await client.do('SEND', { destination: `/queue/${queue}` }, body)
      const before = await bridge.rss()
      await rabbit.alarm(true)
      let receipts = 0
      const answers = Array.from({ length: flood }, async () => {
        const answer = await client.ask('SEND', { destination: `/queue/${queue}` }, body)
        if (answer.command === 'RECEIPT') receipts++
      })
      // The sockets take some MiB; the rest of 188 MiB stays where it came from.
      await until('the client cannot send on', () => client.unsent > 0)
      const stuck = await settled(() => client.unsent)
      expect(stuck).toBeGreaterThan(150 * MIB)
      expect(receipts).toBe(0)
      // pendingBytes is 1 MiB; the rest is what Node keeps for itself.
      expect((await bridge.rss()) - before).toBeLessThan(64 * MIB)
      await rabbit.alarm(false)
      await Promise.all(answers)
      expect(receipts).toBe(flood)
      expect(client.errors).toEqual([])
      expect(await depth(rabbit, queue)).toEqual({ ready: flood + 100, unacked: 0 })
    })

    test('held SENDs do not stop the ACKs that clear the alarm', { timeout: LONG_MS }, async () => {
      const rabbit = place()
      await using bridge = await startTestBridge(inFrontOf(rabbit.url, HOLD))
      await using client = await Client.connect(bridge.url)
      const queue = fresh('acks')
      const destination = `/queue/${queue}`
      const count = 100
      for (let at = 0; at < count; at++) client.send('SEND', { destination }, `m${at}`)
      await client.do('SUBSCRIBE', { id: 's', destination, ack: 'client-individual' })
      await client.message(count)
      expect(await depth(rabbit, queue)).toEqual({ ready: 0, unacked: count })

      await rabbit.alarm(true)
      const held = Array.from({ length: 100 }, () => client.do('SEND', { destination: `/queue/${queue}-2` }, 'held'))
      await health(bridge, 'blocked')
      for (const message of client.messages) await client.acks(message)
      // The broker has them, while it still takes no SEND: this is what clears a real alarm.
      await until('all is acknowledged', async () => (await depth(rabbit, queue)).unacked === 0)
      expect(client.receipts.size).toBe(1 + count)
      await rabbit.alarm(false)
      await Promise.all(held)
      expect(await depth(rabbit, `${queue}-2`)).toEqual({ ready: 100, unacked: 0 })
    })

    test('after holdMs the held SENDs are refused, and never done', { timeout: LONG_MS }, async () => {
      const rabbit = place()
      await using bridge = await startTestBridge(inFrontOf(rabbit.url, { route: 'holdMs: 1000' }))
      await using client = await Client.connect(bridge.url)
      const queue = fresh('refused')
      await client.do('SEND', { destination: `/queue/${queue}` }, 'before')
      await rabbit.alarm(true)
      // The first one makes the broker say that it is blocked: it is on its way, and nobody knows.
      const first = client.ask('SEND', { destination: `/queue/${queue}-2` }, 'first')
      await health(bridge, 'blocked')
      const held = await Promise.all(
        Array.from({ length: 400 }, () => client.ask('SEND', { destination: `/queue/${queue}` }, 'held')),
      )
      expect([...new Set(held.map(({ headers }) => headers['bridge-code']))]).toEqual(['broker-unavailable'])
      await first
      await rabbit.alarm(false)
      await health(bridge, 'up')
      await client.do('SEND', { destination: `/queue/${queue}` }, 'after')
      expect(await depth(rabbit, queue)).toEqual({ ready: 2, unacked: 0 })
    })
  })
}

/** The value once it has been the same for 20 looks. */
async function settled(look: () => number): Promise<number> {
  let last = look()
  let same = 0
  await until('it has settled', () => {
    const now = look()
    same = now === last ? same + 1 : 0
    last = now
    return same >= 20
  })
  return last
}
