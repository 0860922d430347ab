/** A process that is told to read its configuration again, in front of real brokers that come, go and change. */
import { describe, expect, test } from 'vitest'
import { until } from '../../support/until.ts'
import { Client } from '../driver.ts'
import { plant, type Shore } from '../mqtt-place.ts'
import { depth, fresh, LONG_MS, type Place } from '../place.ts'
import { spawnBridge } from '../process.ts'

/** Files are not watched: what happens here happens at SIGHUP. */
const ENV = { STOMP_BRIDGE_RELOAD_WATCH: 'false', STOMP_BRIDGE_DRAIN_SPREAD: '200ms' }

const RABBIT_ROUTE = '{ preset: rabbitmq, broker: rabbit, errors: keep }'
const PLANT_ROUTE = '{ destination: "/plant/{topic+}", broker: plant, topic: "{topic+}", errors: keep }'

function file(brokers: readonly string[], routes: readonly string[]): string {
  return `brokers: { ${brokers.join(', ')} }\nroutes: [${routes.join(', ')}]\n`
}

export function reload(place: Place, shore: Shore): void {
  const rabbit = (url: string): string => `rabbit: { adapter: rabbitmq, url: "${url}", reconnectMax: 500ms }`
  const mosquitto = (): string => plant(`mqtt://127.0.0.1:${shore().port}`, '', 'reload')

  describe('SIGHUP', () => {
    test('brings a broker and takes it away; what is on the other one goes on', { timeout: LONG_MS }, async () => {
      const alone = file([rabbit(place().url)], [RABBIT_ROUTE])
      await using bridge = await spawnBridge(alone, ENV)
      const client = await Client.connect(bridge.url, { 'client-id': 'c', login: 'ann', passcode: 'x' })
      const work = `/queue/${fresh('work')}`
      await client.do('SUBSCRIBE', { id: 'w', destination: work, ack: 'client-individual' })
      await client.do('SEND', { destination: work }, 'unacked')
      const unacked = await client.message()

      expect(await bridge.reloads(file([rabbit(place().url), mosquitto()], [PLANT_ROUTE, RABBIT_ROUTE]))).toContain(
        '"changes":["routes +1","brokers +plant"]',
      )
      await client.do('SUBSCRIBE', { id: 'p', destination: '/plant/a/b' })
      await client.do('SEND', { destination: '/plant/a/b' }, 'through Mosquitto')
      expect((await client.message(2)).body.toString()).toBe('through Mosquitto')

      expect(await bridge.reloads(alone)).toContain('"changes":["routes -1","brokers -plant"]')
      await client.until('the ERROR', () => client.errors.length > 0)
      expect(client.errors[0]!.headers).toMatchObject({ 'bridge-code': 'route-gone', subscription: 'p' })
      expect((await client.acks(unacked)).headers['bridge-stale']).toBeUndefined()
      const queue = work.slice('/queue/'.length)
      await until('nothing is left', async () => (await depth(place(), queue)).unacked === 0)
      client.vanish()
    })

    test('moves a broker to another URL: what was sent is confirmed, who listened comes back', {
      timeout: LONG_MS,
    }, async () => {
      const { url } = place()
      await using bridge = await spawnBridge(file([rabbit(url)], [RABBIT_ROUTE]), ENV)
      const queue = `/queue/${fresh('moved')}`
      const [sender, listener] = [await Client.connect(bridge.url), await Client.connect(bridge.url)]
      await listener.do('SUBSCRIBE', { id: 's', destination: queue, ack: 'client' })
      const asked = Array.from({ length: 200 }, (_, n) => sender.do('SEND', { destination: queue }, String(n)))
      expect(await bridge.reloads(file([rabbit(url.replace('127.0.0.1', 'localhost'))], [RABBIT_ROUTE]))).toContain(
        'brokers ~rabbit',
      )
      await Promise.all(asked)
      await listener.until('the ERROR', () => listener.errors.length > 0)
      expect(listener.errors[0]!.headers['bridge-code']).toBe('route-gone')
      const heard = new Set(listener.messages.map(({ body }) => body.toString()))
      await listener.do('SUBSCRIBE', { id: 's', destination: queue, ack: 'client' })
      await sender.do('SEND', { destination: queue }, 'new')
      await listener.until('the rest', () => {
        for (const { body } of listener.messages) heard.add(body.toString())
        return heard.size === 201
      })
      const brokers = await (await fetch(`${bridge.ops}/readyz?verbose`)).text()
      expect(brokers).toContain('rabbit: up ')
      sender.vanish()
      listener.vanish()
    })

    test('with a broker that is not there goes on without it, and stays ready', { timeout: LONG_MS }, async () => {
      await using bridge = await spawnBridge(file([rabbit(place().url)], [RABBIT_ROUTE]), ENV)
      const gone = plant('mqtt://127.0.0.1:9', '', 'gone')
      expect(await bridge.reloads(file([rabbit(place().url), gone], [PLANT_ROUTE, RABBIT_ROUTE]))).toContain(
        '"configuration reloaded"',
      )
      expect(await bridge.readiness()).toBe(200)
      const client = await Client.connect(bridge.url)
      const answer = await client.ask('SEND', { destination: '/plant/a' })
      expect(answer.headers['bridge-code']).toBe('broker-unavailable')
      await client.do('SEND', { destination: `/topic/${fresh('t')}` })
      client.vanish()
    })

    test('with a fault is told where, and nothing happens; SIGTERM still ends it', async () => {
      await using bridge = await spawnBridge(file([rabbit(place().url)], [RABBIT_ROUTE]), ENV)
      expect(await bridge.reloads(file([rabbit(place().url)], ['{ preset: rabbit, broker: rabbit }']))).toMatch(
        /configuration not reloaded: .*bridge\.yaml:2:\d+: routes\[0\]\.preset: /,
      )
      bridge.signal('SIGTERM')
      expect(await bridge.ended()).toEqual({ code: 0, signal: null })
    })
  })
}
