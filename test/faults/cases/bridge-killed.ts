/** The bridge itself is killed with -9 under load: what had a RECEIPT is in the broker, and what was not acknowledged comes again. */
import { describe, test } from 'vitest'
import { until } from '../../support/until.ts'
import { Client } from '../driver.ts'
import { Ledger } from '../ledger.ts'
import { depth, fresh, inFrontOf, LONG_MS, type Place } from '../place.ts'
import { spawnBridge } from '../process.ts'

const CLIENTS = 10
/** SENDs of one client that wait for their RECEIPT. */
const WINDOW = 10
/** Receipts before each kill. */
const PHASE = 1_000
const KILLS = 2

export function bridgeKilled(place: Place): void {
  describe('the bridge is killed', () => {
    test('nothing that has a RECEIPT is lost, and duplicates are marked', { timeout: LONG_MS }, async () => {
      const rabbit = place()
      const yaml = inFrontOf(rabbit.url)
      const queue = fresh('killed')
      const ledger = new Ledger()
      for (let life = 1; life <= KILLS; life++) {
        await using bridge = await spawnBridge(yaml)
        const clients = await Promise.all(
          Array.from({ length: CLIENTS }, (_, number) => worker(bridge.url, ledger, queue, `${life}-${number}`)),
        )
        await until('enough is under way', () => ledger.receipted >= life * PHASE, LONG_MS)
        bridge.signal('SIGKILL')
        await bridge.ended()
        await Promise.all(clients.map((client) => client.gone()))
      }
      await using bridge = await spawnBridge(yaml)
      await using heir = await Client.connect(bridge.url)
      heir.onMessage = (message) => {
        ledger.consumes(message)
        heir.ack(message)
      }
      await heir.do('SUBSCRIBE', { id: 's', destination: `/queue/${queue}`, ack: 'client' })
      await heir.until('all that has a receipt', () => ledger.outstanding.length === 0)
      await until('the queue is empty', async () => {
        const { ready, unacked } = await depth(rabbit, queue)
        return ready + unacked === 0
      })
      ledger.check()
    })
  })
}

/** Sends until its connection ends; consumes, and leaves every tenth message unacknowledged for a while. */
async function worker(url: string, ledger: Ledger, queue: string, name: string): Promise<Client> {
  const client = await Client.connect(url)
  const destination = `/queue/${queue}`
  let count = 0
  client.onMessage = (message) => {
    ledger.consumes(message)
    if (++count % 10 > 0) client.ack(message)
  }
  await client.do('SUBSCRIBE', { id: 's', destination, ack: 'client-individual', 'prefetch-count': '100' })
  for (let lane = 0; lane < WINDOW; lane++) {
    void (async () => {
      for (let at = 0; client.closed === undefined; at++) {
        const body = `${name}-${lane}-${at}`
        ledger.sends(body)
        try {
          await client.do('SEND', { destination }, body)
          ledger.hasReceipt(body)
        } catch {
          // It may have arrived, or not: it has no receipt.
          return
        }
      }
    })()
  }
  return client
}
