/** Mosquitto is away: what MQTT routes hold and what they refuse, what comes back by itself, and what a subscriber is told that it may have missed. */
import { afterEach, describe, expect, test } from 'vitest'
import { startTestBridge } from '../../support/bridge.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { bodies, Client, type Heard } from '../driver.ts'
import { health, inFrontOfMqtt, type Shore } from '../mqtt-place.ts'
import { fresh } from '../place.ts'

const COUNT = 20
/** A command held too long is dangerous: MQTT routes hold nothing unless told to. */
const DEFAULT = ''

export function mqttAway(shore: Shore): void {
  describe('Mosquitto is away', () => {
    afterEach(async () => {
      shore().thaw()
      await shore().start()
    })

    test.each([
      ['by default: SEND and SUBSCRIBE are refused at once', DEFAULT],
      ['for longer than holdMs: SEND and SUBSCRIBE are refused', 'holdMs: 500ms'],
    ])('%s, and never done; standing subscriptions come back', async (_, route) => {
      const mosquitto = shore()
      await using bridge = await startTestBridge(inFrontOfMqtt(mosquitto.port, { route }))
      await using client = await Client.connect(bridge.url)
      const destination = `/topic/${fresh('away')}`
      await client.do('SUBSCRIBE', { id: 'auto', destination, ack: 'auto' })
      await client.do('SUBSCRIBE', { id: 'acked', destination, ack: 'client-individual' })
      await client.do('SEND', { destination }, 'before')
      await client.message(2)
      await mosquitto.stop()
      await health(bridge, 'down')

      const sent = await Promise.all(
        Array.from({ length: COUNT }, (_, at) => client.ask('SEND', { destination }, `refused ${at}`)),
      )
      expect(codes(sent)).toEqual(Array(COUNT).fill('broker-unavailable'))
      for (const ack of ['auto', 'client']) {
        const answer = await client.ask('SUBSCRIBE', { id: 'late', destination: `${destination}.late`, ack })
        expect(answer.headers).toMatchObject({ 'bridge-code': 'broker-unavailable', subscription: 'late' })
      }

      await mosquitto.start()
      await health(bridge, 'up')
      await client.do('SEND', { destination }, 'after')
      await client.until('both have it', () => of(client, 'auto').length >= 2 && of(client, 'acked').length >= 3)
      // Nobody keeps anything for the one; of the other the broker has kept the session, and what was not acknowledged.
      expect(of(client, 'auto').map(told)).toEqual([['before'], ['after', 'gap']])
      expect(of(client, 'acked').map(told)).toEqual([['before'], ['before', 'redelivered'], ['after']])
      // The refused SUBSCRIBE has left nothing behind.
      await client.do('SUBSCRIBE', { id: 'late', destination: `${destination}.late`, ack: 'client' })
      await client.do('SEND', { destination: `${destination}.late` }, 'late')
      await client.until('one message', () => of(client, 'late').length === 1)
      expect(client.closed).toBeUndefined()
    })

    test('for less than holdMs: held SENDs are published, in order, once; QoS 0 is not held', async () => {
      const mosquitto = shore()
      await using bridge = await startTestBridge(inFrontOfMqtt(mosquitto.port, { route: 'holdMs: 60s' }))
      await using client = await Client.connect(bridge.url)
      const destination = `/topic/${fresh('held')}`
      await client.do('SUBSCRIBE', { id: 's', destination, ack: 'auto' })
      await client.do('SEND', { destination }, '0')
      await mosquitto.stop()
      await health(bridge, 'down')
      const held = Array.from({ length: COUNT }, (_, at) => client.do('SEND', { destination }, `${at + 1}`))
      // No receipt, not persistent: at most once.
      client.send('SEND', { destination }, 'fleeting')
      await client.until('its refusal', () => client.errors.length > 0)
      expect(client.errors.map(({ headers }) => headers)).toMatchObject([{ 'bridge-code': 'broker-unavailable' }])
      expect(client.errors[0]!.headers['receipt-id']).toBeUndefined()
      const late = client.do('SUBSCRIBE', { id: 'late', destination, ack: 'client' })
      expect(client.receipts.size).toBe(2)

      await mosquitto.start()
      await Promise.all([...held, late])
      await client.do('SEND', { destination }, 'last')
      await client.until('the last one', () => bodies(of(client, 's')).includes('last'))
      expect(bodies(of(client, 's'))).toEqual([...Array.from({ length: COUNT + 1 }, (_, at) => `${at}`), 'last'])
      expect(of(client, 's').filter(({ headers }) => headers['bridge-gap'] === 'true').length).toBe(1)
      await client.until('the late one', () => bodies(of(client, 'late')).includes('last'))
    })

    test('and has forgotten everything: a subscription that acknowledges is told of the gap too', async () => {
      await using mosquitto = await startMosquitto({ config: ['persistence false'] })
      await using bridge = await startTestBridge(inFrontOfMqtt(mosquitto.port))
      await using client = await Client.connect(bridge.url)
      const destination = `/topic/${fresh('forgotten')}`
      await client.do('SUBSCRIBE', { id: 's', destination, ack: 'client-individual' })
      await client.do('SEND', { destination }, '1')
      const first = await client.message(1)
      await mosquitto.kill()
      await health(bridge, 'down')
      expect((await client.acks(first)).headers['bridge-stale']).toBe('true')
      await mosquitto.start()
      // It has a connection of its own, back when the broker has agreed to it again.
      for (let at = 0; client.messages.length < 2; at++) {
        await client.ask('SEND', { destination }, `after ${at}`)
      }
      expect(client.messages[1]!.headers['bridge-gap']).toBe('true')
      expect(client.messages[1]!.headers.redelivered).toBeUndefined()
    })

    test('frozen: the keepalive notices, and nothing that was refused comes later', async () => {
      const mosquitto = shore()
      const setting = { broker: 'keepalive: 1s', route: 'holdMs: 500ms' }
      await using bridge = await startTestBridge(inFrontOfMqtt(mosquitto.port, setting))
      await using client = await Client.connect(bridge.url)
      const destination = `/topic/${fresh('frozen')}`
      await client.do('SUBSCRIBE', { id: 's', destination, ack: 'client-individual' })
      await client.do('SEND', { destination }, 'before')
      await client.message(1)
      mosquitto.freeze()
      // Written to a socket that nobody reads: when the connection is given up, nobody knows.
      const unconfirmed = await client.ask('SEND', { destination }, 'unknown')
      expect(codes([unconfirmed])).toEqual(['outcome-unknown'])
      await health(bridge, 'down')
      const refused = await client.ask('SEND', { destination }, 'refused')
      expect(codes([refused])).toEqual(['broker-unavailable'])
      mosquitto.thaw()
      await health(bridge, 'up')
      await client.do('SEND', { destination }, 'after')
      await client.until('the last message', () => bodies(client.messages).includes('after'))
      const came = client.messages.filter(({ body }) => body.toString() !== 'unknown')
      expect(came.map(told)).toEqual([['before'], ['before', 'redelivered'], ['after']])
      expect(client.closed).toBeUndefined()
    })
  })
}

/** Messages of one subscription. */
function of(client: Client, subscription: string): Heard[] {
  return client.messages.filter(({ headers }) => headers.subscription === subscription)
}

/** The body, and how it is marked. */
function told({ headers, body }: Heard): string[] {
  const marks = [headers.redelivered === 'true' ? 'redelivered' : '', headers['bridge-gap'] === 'true' ? 'gap' : '']
  return [body.toString(), ...marks.filter(Boolean)]
}

function codes(answers: readonly Heard[]): (string | undefined)[] {
  return answers.map(({ headers }) => headers['bridge-code'])
}
