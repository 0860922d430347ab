/** What metrics say of real brokers: their state, what a cut connection costs, and how long confirms take. */
import { describe, expect, test } from 'vitest'
import { Scrape } from '../../ops/metrics.scene.ts'
import { startTestBridge, type TestBridge } from '../../support/bridge.ts'
import { TcpProxy } from '../../support/proxy.ts'
import { until } from '../../support/until.ts'
import { Client } from '../driver.ts'
import { inFrontOfMqtt, type Shore } from '../mqtt-place.ts'
import { fresh, inFrontOf, LONG_MS, type Place } from '../place.ts'

async function scrape(bridge: TestBridge): Promise<Scrape> {
  return new Scrape(await (await fetch(`${bridge.ops}/metrics`)).text())
}

const HOLD = { route: 'holdMs: 60000' }

export function metrics(place: Place, shore: Shore): void {
  describe('metrics of a broker behind a cut', () => {
    test.each([
      ['rabbit', 'RabbitMQ', () => place().ports.amqp, rabbitmq],
      ['plant', 'Mosquitto', () => shore().port, (port: number) => inFrontOfMqtt(port, HOLD)],
    ])(
      '%s (%s): states, held publishes, reconnects, fan-out',
      { timeout: LONG_MS },
      async (broker, _, port, config) => {
        await using proxy = await TcpProxy.to(port())
        await using bridge = await startTestBridge(config(proxy.port))
        const topic = `/topic/${fresh('cut')}`
        const clients = await Promise.all([1, 2, 3].map(() => Client.connect(bridge.url)))
        const [sender] = clients
        for (const client of clients) await client.do('SUBSCRIBE', { id: 's', destination: topic })
        for (let count = 0; count < 10; count++) await sender!.do('SEND', { destination: topic }, 'before')
        for (const client of clients) await client.message(10)
        const before = await scrape(bridge)
        expect(before.by('state', 'broker_state', { broker })).toEqual({ up: 1 })
        expect(before.of('broker_deliveries_total', { broker })).toBe(10)
        expect(before.of('frames_total', { direction: 'out', command: 'MESSAGE' })).toBe(30)
        expect(before.of('upstream_shared_subscriptions', { broker })).toBe(1)
        expect(before.of('publish_confirm_seconds_count', { broker })).toBe(10)
        expect(before.of('publish_confirm_seconds_sum', { broker })).toBeGreaterThan(0)
        proxy.down()
        await until(
          'the broker is away',
          async () => (await scrape(bridge)).of('broker_state', { broker, state: 'down' }) === 1,
        )
        const held = [1, 2, 3].map(() => sender!.do('SEND', { destination: topic }, 'held'))
        await until('held', async () => (await scrape(bridge)).of('publishes_held', { broker }) === 3)
        proxy.up()
        await Promise.all(held)
        await until(
          'the broker is back',
          async () => (await scrape(bridge)).of('broker_state', { broker, state: 'up' }) === 1,
        )
        const after = await scrape(bridge)
        expect(after.of('publishes_held', { broker })).toBe(0)
        expect(after.of('broker_reconnects_total', { broker })).toBe(1)
        expect(after.of('publish_confirm_seconds_count', { broker })).toBe(13)
        await until('the subscription is back', async () => {
          return (await scrape(bridge)).of('broker_subscriptions_resumed_total', { broker }) > 0
        })
        for (const client of clients) client.vanish()
      },
    )
  })

  function rabbitmq(port: number): string {
    const url = new URL(place().url)
    url.port = String(port)
    return inFrontOf(url.href, HOLD)
  }
}
