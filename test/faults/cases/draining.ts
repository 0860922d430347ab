/** The bridge is asked to stop: it takes nobody new, lets everybody finish, sends all away, and exits with 0. Asked twice, it goes at once. */
import { once } from 'node:events'
import { request } from 'node:http'
import { describe, expect, test } from 'vitest'
import { TcpProxy } from '../../support/proxy.ts'
import { until } from '../../support/until.ts'
import { Client } from '../driver.ts'
import { Ledger } from '../ledger.ts'
import { depth, fresh, inFrontOf, LONG_MS, type Place } from '../place.ts'
import { type BridgeProcess, spawnBridge } from '../process.ts'

const PATIENT = { STOMP_BRIDGE_DRAIN_GRACE: '60s', STOMP_BRIDGE_DRAIN_SPREAD: '200ms' }

export function draining(place: Place): void {
  describe('the bridge is asked to stop', () => {
    test('what is under way is settled, then all are sent away with 1001', { timeout: LONG_MS }, async () => {
      const rabbit = place()
      await using bridge = await spawnBridge(inFrontOf(rabbit.url), PATIENT)
      const queue = fresh('drained')
      await using holder = await Client.connect(bridge.url)
      await holder.do('SUBSCRIBE', { id: 's', destination: `/queue/${queue}`, ack: 'client-individual' })
      await holder.do('SEND', { destination: `/queue/${queue}` }, 'under way')
      const unacked = await holder.message(1)
      await using idle = await Client.connect(bridge.url)
      bridge.signal('SIGTERM')
      await until('it is not ready', async () => (await bridge.readiness()) === 503)
      expect(await newcomer(bridge)).toEqual([503, expect.stringMatching(/^[0-9]+$/)])
      // Nothing more is given, what was sent is still confirmed, what was given may be acknowledged.
      const ledger = new Ledger()
      for (let at = 0; at < 100; at++) {
        ledger.sends(`late ${at}`)
        await holder.do('SEND', { destination: `/queue/${queue}` }, `late ${at}`)
        ledger.hasReceipt(`late ${at}`)
      }
      expect(holder.messages.length).toBe(1)
      // Who has nothing under way does not wait for those who have.
      expect((await idle.gone()).code).toBe(1001)
      expect(holder.closed).toBeUndefined()
      await holder.acks(unacked)
      for (const each of [holder, idle]) {
        expect((await each.gone()).code).toBe(1001)
        expect(each.errors).toEqual([])
      }
      expect(await bridge.ended()).toEqual({ code: 0, signal: null })
      expect(await depth(rabbit, queue)).toEqual({ ready: 100, unacked: 0 })
    })

    test('under load: nothing that has a RECEIPT is lost', { timeout: LONG_MS }, async () => {
      const rabbit = place()
      const yaml = inFrontOf(rabbit.url)
      const destination = `/queue/${fresh('load')}`
      const ledger = new Ledger()
      {
        await using bridge = await spawnBridge(yaml, { ...PATIENT, STOMP_BRIDGE_DRAIN_GRACE: '1s' })
        const clients = await Promise.all(Array.from({ length: 10 }, () => Client.connect(bridge.url)))
        for (const [number, client] of clients.entries()) load(client, destination, ledger, number)
        await until('enough is under way', () => ledger.receipted >= 500)
        bridge.signal('SIGTERM')
        const ends = await Promise.all(clients.map((client) => client.gone()))
        expect(new Set(ends.map(({ code }) => code))).toEqual(new Set([1001]))
        expect(await bridge.ended()).toEqual({ code: 0, signal: null })
      }
      await using bridge = await spawnBridge(yaml)
      await using heir = await Client.connect(bridge.url)
      heir.onMessage = (message) => {
        ledger.consumes(message)
        heir.ack(message)
      }
      await heir.do('SUBSCRIBE', { id: 's', destination, ack: 'client' })
      await heir.until('all that has a receipt', () => ledger.outstanding.length === 0)
      ledger.check()
    })

    test('while the broker is frozen: no longer than its times', { timeout: LONG_MS }, async () => {
      const rabbit = place()
      await using proxy = await TcpProxy.to(rabbit.ports.amqp)
      const url = rabbit.url.replace(String(rabbit.ports.amqp), String(proxy.port))
      const times = { STOMP_BRIDGE_DRAIN_GRACE: '1s', STOMP_BRIDGE_DRAIN_SPREAD: '500ms' }
      await using bridge = await spawnBridge(inFrontOf(url), times)
      const queue = fresh('frozen')
      const clients = await Promise.all(Array.from({ length: 5 }, () => Client.connect(bridge.url)))
      await clients[0]!.do('SUBSCRIBE', { id: 's', destination: `/queue/${queue}`, ack: 'client' })
      await clients[0]!.do('SEND', { destination: `/queue/${queue}` }, 'under way')
      await clients[0]!.message(1)
      proxy.mute()
      for (const client of clients) client.send('SEND', { destination: `/queue/${queue}`, receipt: 'never' }, 'held')
      bridge.signal('SIGTERM')
      for (const client of clients) expect((await client.gone()).code).toBe(1001)
      await until('it has exited', () => bridge.exit !== undefined, 15_000)
      expect(bridge.exit).toEqual({ code: 0, signal: null })
      expect(bridge.log()).toContain('"unsettled":5')
      proxy.sever()
      await until('what was not acknowledged is back', async () => (await depth(rabbit, queue)).unacked === 0)
    })

    test('asked again it exits at once, and what was under way goes back', { timeout: LONG_MS }, async () => {
      const rabbit = place()
      await using bridge = await spawnBridge(inFrontOf(rabbit.url), PATIENT)
      const queue = fresh('hurried')
      await using holder = await Client.connect(bridge.url)
      await holder.do('SUBSCRIBE', { id: 's', destination: `/queue/${queue}`, ack: 'client' })
      await holder.do('SEND', { destination: `/queue/${queue}` }, 'under way')
      await holder.message(1)
      bridge.signal('SIGTERM')
      await until('it is not ready', async () => (await bridge.readiness()) === 503)
      bridge.signal('SIGTERM')
      expect(await bridge.ended()).toEqual({ code: 128 + 15, signal: null })
      await until('it is back', async () => (await depth(rabbit, queue)).ready === 1)
    })
  })
}

/** Sends and consumes, closed loop, until its connection ends. */
function load(client: Client, destination: string, ledger: Ledger, number: number): void {
  client.onMessage = (message) => {
    ledger.consumes(message)
    client.ack(message)
  }
  client.send('SUBSCRIBE', { id: 's', destination, ack: 'client-individual' })
  void (async () => {
    for (let at = 0; client.closed === undefined; at++) {
      const body = `${number}-${at}`
      ledger.sends(body)
      try {
        await client.do('SEND', { destination }, body)
        ledger.hasReceipt(body)
      } catch {
        return
      }
    }
  })()
}

/** What a client that comes now is answered: the status, and when to come again. */
async function newcomer({ url }: BridgeProcess): Promise<[number, string | undefined]> {
  const asked = request(url.replace('ws:', 'http:'), {
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': Buffer.from('sixteen octets!!').toString('base64'),
    },
    agent: false,
  }).end()
  const [response] = await once(asked, 'response')
  asked.destroy()
  return [response.statusCode, response.headers['retry-after']]
}
