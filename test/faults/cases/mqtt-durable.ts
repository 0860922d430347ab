/**
 * Durable subscriptions of MQTT: the broker keeps them for whoever comes back with the same name. Clients have names where a broker has
 * checked them, so a RabbitMQ that is passed their logins stands beside.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { startTestBridge, type TestBridge } from '../../support/bridge.ts'
import type { Rabbit } from '../../support/rabbitmq.ts'
import { bodies, Client } from '../driver.ts'
import { plant, type Shore } from '../mqtt-place.ts'
import { fresh, type Place } from '../place.ts'

const GUEST = { login: 'guest', passcode: 'guest' }

export function mqttDurable(shore: Shore, place: Place): void {
  describe('a durable subscription', () => {
    const yaml = (clientId: string): string => besideRabbit(place(), shore().url, clientId)

    afterEach(() => shore().start())

    test('is resumed by the same identity, even after the broker was restarted', async () => {
      await using bridge = await startTestBridge(yaml(fresh('bridge')))
      const durable = {
        id: 'd',
        destination: `/sensors/${fresh('durable')}`,
        ack: 'client-individual',
        durable: 'true',
      }
      const { destination } = durable
      await using sender = await connect(bridge, 'sender')
      {
        await using client = await connect(bridge, 'tab')
        await client.do('SUBSCRIBE', durable)
        for (const body of ['acknowledged', 'left']) await sender.do('SEND', { destination }, body)
        await client.acks(await client.message(1))
        await client.message(2)
        await client.do('DISCONNECT')
      }
      await sender.do('SEND', { destination }, 'missed')
      await shore().stop()
      await shore().start()
      await sender.do('SEND', { destination }, 'missed too')

      // Another tab is somebody else.
      await using stranger = await connect(bridge, 'other tab')
      await stranger.do('SUBSCRIBE', durable)
      await using client = await connect(bridge, 'tab')
      await client.do('SUBSCRIBE', durable)
      await sender.do('SEND', { destination }, 'live')
      await client.message(4)
      expect(bodies(client.messages)).toEqual(['left', 'missed', 'missed too', 'live'])
      expect(client.messages.map(({ headers }) => headers.redelivered)).toEqual([
        'true',
        undefined,
        undefined,
        undefined,
      ])
      for (const message of client.messages) await client.acks(message)
      expect((await stranger.message(1)).body.toString()).toBe('live')
    })

    test('ends with UNSUBSCRIBE durable:true', async () => {
      await using bridge = await startTestBridge(yaml(fresh('bridge')))
      const durable = { id: 'd', destination: `/sensors/${fresh('ended')}`, ack: 'client', durable: 'true' }
      const { destination } = durable
      await using client = await connect(bridge, 'tab')
      await client.do('SUBSCRIBE', durable)
      await client.do('UNSUBSCRIBE', { id: 'd', durable: 'true' })
      await client.do('SEND', { destination }, 'to nobody')
      await client.do('SUBSCRIBE', durable)
      await client.do('SEND', { destination }, 'to me')
      expect((await client.message(1)).body.toString()).toBe('to me')
    })

    test.each([
      ['one bridge', 1],
      ['two bridges', 2],
    ])('is taken over by the newer session, on %s', async (_, count) => {
      const clientId = fresh('bridge')
      await using first = await startTestBridge(yaml(clientId))
      await using second = await startTestBridge(yaml(count === 1 ? fresh('bridge') : clientId))
      const durable = { id: 'd', destination: `/sensors/${fresh('taken')}`, ack: 'client-individual', durable: 'true' }
      const { destination } = durable
      await using older = await connect(first, 'tab')
      await older.do('SUBSCRIBE', durable)
      await older.do('SEND', { destination }, 'unacknowledged')
      await older.message(1)
      await using newer = await connect(count === 1 ? first : second, 'tab')
      await newer.do('SUBSCRIBE', durable)
      await older.until('it is told', () => older.errors.length > 0)
      expect(older.errors[0]!.headers).toMatchObject({ 'bridge-code': 'taken-over', subscription: 'd' })
      const again = await newer.message(1)
      expect([again.body.toString(), again.headers.redelivered]).toEqual(['unacknowledged', 'true'])
      await newer.do('SEND', { destination }, 'next')
      await newer.message(2)
      expect(bodies(older.messages)).toEqual(['unacknowledged'])
      // Nobody throws the other one out for ever.
      for (const message of newer.messages) expect((await newer.acks(message)).headers['bridge-stale']).toBeUndefined()
      expect(newer.errors).toEqual([])
    })
  })
}

function besideRabbit(rabbit: Rabbit, url: string, clientId: string): string {
  return [
    `brokers: { ${plant(url, '', clientId)}, rabbit: { adapter: rabbitmq, url: "${rabbit.bareUrl}" } }`,
    'routes:',
    '  - { destination: "/sensors/{path+}", broker: plant, topic: "plant/{path+}", errors: keep, holdMs: 60s }',
    '  - { preset: rabbitmq, broker: rabbit }',
  ].join('\n')
}

function connect(bridge: TestBridge, clientId: string): Promise<Client> {
  return Client.connect(bridge.url, { ...GUEST, 'client-id': clientId })
}
