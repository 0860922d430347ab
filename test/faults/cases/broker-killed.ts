/** RabbitMQ is killed under load, twice: no browser notices more than a pause, and what a topic has missed it is told. */
import { afterEach, describe, expect, test } from 'vitest'
import { startTestBridge, type TestBridge } from '../../support/bridge.ts'
import { until } from '../../support/until.ts'
import { Client, type Heard } from '../driver.ts'
import { Ledger } from '../ledger.ts'
import { depth, fresh, inFrontOf, LONG_MS, type Place } from '../place.ts'

const CLIENTS = 20
const QUEUES = 4
/** SENDs of one client that wait for their RECEIPT. */
const WINDOW = 5
/** Receipts before the first kill, between the kills, after the second. */
const PHASE = 1_500
/** Further SENDs of one client when a kill is near, so that much is under way in every place where it could get lost. */
const BURST = 100
/** Milliseconds for the last messages to arrive. */
const SETTLE_MS = 30_000

export function brokerKilled(place: Place): void {
  describe('RabbitMQ is killed and restarted twice', () => {
    afterEach(() => place().start())

    test('20 clients lose nothing that has a RECEIPT, and stay connected', { timeout: LONG_MS }, async () => {
      const rabbit = place()
      await using bridge = await startTestBridge(inFrontOf(rabbit.url, { route: 'holdMs: 60000' }))
      const queues = Array.from({ length: QUEUES }, () => fresh('ledger'))
      const ledger = new Ledger()
      const workers = await Promise.all(
        Array.from({ length: CLIENTS }, (_, number) => worker(bridge, ledger, queues[number % QUEUES]!, number)),
      )
      for (let phase = 1; phase <= 3; phase++) {
        if (phase > 1) {
          const before = ledger.receipted
          for (const { burst } of workers) burst()
          await until('the burst has reached the broker', () => ledger.receipted >= before + CLIENTS)
          await rabbit.kill()
          await rabbit.start()
        }
        await until(`phase ${phase}`, () => ledger.receipted >= phase * PHASE || gone(workers) > 0, LONG_MS)
        expect(gone(workers)).toBe(0)
      }
      await Promise.all(workers.map(({ finish }) => finish()))
      await until('all is consumed', () => ledger.outstanding.length === 0, SETTLE_MS).catch(() => ledger.check())
      ledger.check()
      expect(workers.flatMap(({ client }) => client.errors)).toEqual([])
      expect(gone(workers)).toBe(0)
      for (const { client } of workers) await client[Symbol.asyncDispose]()
      for (const queue of queues) {
        // What was resent may have come twice; nothing is left that a client could not have.
        await until(`${queue} is settled`, async () => (await depth(rabbit, queue)).unacked === 0)
      }
    })

    test('topic subscribers go on, and every gap is told', { timeout: LONG_MS }, async () => {
      const rabbit = place()
      await using bridge = await startTestBridge(inFrontOf(rabbit.url, { route: 'holdMs: 60000' }))
      const topic = `/topic/${fresh('ticks')}`
      const subscribers = await Promise.all(
        Array.from({ length: CLIENTS }, async (_, number) => {
          const client = await Client.connect(bridge.url)
          // Shared with the others, or a queue of its own.
          await client.do('SUBSCRIBE', { id: 's', destination: topic, ack: number % 2 === 0 ? 'auto' : 'client' })
          return client
        }),
      )
      await using clock = await Client.connect(bridge.url)
      let tick = 0
      const told = (): boolean => subscribers.every((each) => gaps(each) >= kills)
      let kills = 0
      for (let phase = 1; phase <= 3; phase++) {
        const enough = tick + 50
        while (tick < enough || !told()) await clock.do('SEND', { destination: topic }, String(++tick))
        if (phase === 3) break
        const pending = Array.from({ length: 20 }, () => clock.do('SEND', { destination: topic }, String(++tick)))
        await rabbit.kill()
        await rabbit.start()
        await Promise.all(pending)
        kills++
      }
      for (const subscriber of subscribers) {
        await subscriber.until('the last tick', () => subscriber.messages.at(-1)?.body.toString() === String(tick))
        expect(untold(subscriber.messages)).toEqual([])
        expect(gaps(subscriber)).toBe(kills)
        expect(subscriber.errors).toEqual([])
        await subscriber[Symbol.asyncDispose]()
      }
    })
  })
}

interface Worker {
  readonly client: Client
  /** Sends at once what it need not wait for. */
  burst(): void
  /** Sends no more; resolves when everything has its RECEIPT. */
  finish(): Promise<void>
}

/** Sends into its queue, at most WINDOW unconfirmed, and consumes from it. */
async function worker(bridge: TestBridge, ledger: Ledger, queue: string, number: number): Promise<Worker> {
  const client = await Client.connect(bridge.url)
  const destination = `/queue/${queue}`
  client.onMessage = (message) => {
    ledger.consumes(message)
    client.ack(message)
  }
  const ack = number % 2 === 0 ? 'client' : 'client-individual'
  await client.do('SUBSCRIBE', { id: 's', destination, ack, 'prefetch-count': '50' })
  let goesOn = true
  let count = 0
  const send = async (): Promise<void> => {
    const body = `${number}-${++count}`
    ledger.sends(body)
    await client.do('SEND', { destination }, body)
    ledger.hasReceipt(body)
  }
  const lane = async (): Promise<void> => {
    while (goesOn) await send()
  }
  const sent: Promise<void>[] = []
  const start = (length: number, task: () => Promise<void>): void => {
    const started = Array.from({ length }, task)
    // Looked at in `finish`; a connection that ends earlier is no crash of the test.
    for (const each of started) each.catch(() => {})
    sent.push(...started)
  }
  start(WINDOW, lane)
  return {
    client,
    burst: () => start(BURST, send),
    finish: async () => {
      goesOn = false
      await Promise.all(sent)
    },
  }
}

function gone(workers: readonly Worker[]): number {
  return workers.filter(({ client }) => client.closed !== undefined).length
}

function gaps({ messages }: Client): number {
  return messages.filter(({ headers }) => headers['bridge-gap'] === 'true').length
}

/** Ticks that are missing although no gap was told, and ticks that come late or twice without being marked as such. */
function untold(messages: readonly Heard[]): string[] {
  const faults: string[] = []
  let last: number | undefined
  for (const { headers, body } of messages) {
    const tick = Number(body)
    if (last !== undefined && tick > last + 1 && headers['bridge-gap'] !== 'true') faults.push(`${last} … ${tick}`)
    if (last !== undefined && tick <= last && headers['bridge-resent'] !== 'true') faults.push(`${tick} after ${last}`)
    last = Math.max(last ?? 0, tick)
  }
  return faults
}
