/** What RabbitMQ refuses or takes back reaches the client that it concerns, under the right name; and what `ack` means on the real thing. */
import { describe, expect, test } from 'vitest'
import { startTestBridge } from '../../support/bridge.ts'
import { until } from '../../support/until.ts'
import { bodies, Client } from '../driver.ts'
import { depth, directly, fresh, inFrontOf, type Place } from '../place.ts'

export function refusals(place: Place): void {
  describe('acks and refusals', () => {
    test('ack:client is cumulative for each of two subscriptions alone', async () => {
      const rabbit = place()
      await using bridge = await startTestBridge(inFrontOf(rabbit.url))
      await using client = await Client.connect(bridge.url)
      const [left, right] = [fresh('left'), fresh('right')]
      for (const queue of [left, right]) {
        await client.do('SUBSCRIBE', { id: queue, destination: `/queue/${queue}`, ack: 'client' })
      }
      for (let at = 0; at < 5; at++) {
        for (const queue of [left, right]) await client.do('SEND', { destination: `/queue/${queue}` }, `m${at}`)
      }
      await client.message(10)
      const of = (queue: string) => client.messages.filter(({ headers }) => headers.subscription === queue)
      await client.acks(of(left)[3]!)
      await until('four are settled', async () => (await depth(rabbit, left)).unacked === 1)
      expect(await depth(rabbit, right)).toEqual({ ready: 0, unacked: 5 })
      await client.acks(of(right)[0]!)
      await until('one is settled', async () => (await depth(rabbit, right)).unacked === 4)
      expect(await depth(rabbit, left)).toEqual({ ready: 0, unacked: 1 })
    })

    test('a client that acknowledges nothing gets its whole credit', async () => {
      const rabbit = place()
      await using bridge = await startTestBridge(inFrontOf(rabbit.url))
      await using client = await Client.connect(bridge.url)
      const destination = `/queue/${fresh('waiting')}`
      const count = 300
      for (let at = 0; at < count; at++) client.send('SEND', { destination }, `m${at}`)
      await client.do('SEND', { destination }, 'last')
      // They wait when the consumer comes: its first ones may be here before the broker's answer to it is.
      await client.do('SUBSCRIBE', { id: 's', destination, ack: 'client-individual' })
      await client.message(count + 1)
      expect(bodies(client.messages)).toEqual([...Array.from({ length: count }, (_, at) => `m${at}`), 'last'])
    })

    test.each([
      [40, 'classic'],
      [100, 'classic'],
      [100, 'stream'],
    ])('a credit of %d on a %s queue is given whole, whatever the first prefetch was', async (credit, type) => {
      const rabbit = place()
      await using bridge = await startTestBridge(inFrontOf(rabbit.url, { route: 'allow: all' }))
      await using client = await Client.connect(bridge.url)
      const queue = fresh('credit')
      await directly(rabbit, (channel) =>
        channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': type } }),
      )
      const destination = `/queue/${queue}`
      const count = 2 * credit
      for (let at = 0; at < count; at++) await client.do('SEND', { destination }, `m${at}`)
      const from: Record<string, string> = type === 'stream' ? { 'x-stream-offset': 'first' } : {}
      await client.do('SUBSCRIBE', { id: 's', destination, ack: 'client', 'prefetch-count': String(credit), ...from })
      // One ACK for all of them: a client may wait until it has as many as it asked for.
      await client.acks(await client.message(credit))
      await client.message(count)
      expect(bodies(client.messages)).toEqual(Array.from({ length: count }, (_, at) => `m${at}`))
    })

    test('a reject-publish queue that is full: ERROR refused, with the receipt-id', async () => {
      const rabbit = place()
      const queue = fresh('full')
      await directly(rabbit, (channel) =>
        channel.assertQueue(queue, {
          durable: true,
          arguments: { 'x-max-length': 2, 'x-overflow': 'reject-publish' },
        }),
      )
      await using bridge = await startTestBridge(inFrontOf(rabbit.url))
      await using client = await Client.connect(bridge.url)
      const answers = []
      for (let at = 0; at < 4; at++) answers.push(await client.ask('SEND', { destination: `/queue/${queue}` }, 'x'))
      // `ask` goes by the receipt-id.
      expect(answers.map(({ command, headers }) => headers['bridge-code'] ?? command)).toEqual([
        'RECEIPT',
        'RECEIPT',
        'refused',
        'refused',
      ])
      expect(await depth(rabbit, queue)).toEqual({ ready: 2, unacked: 0 })
    })

    test('errors: close, as STOMP says: a refused SEND ends the connection', async () => {
      const { url } = place()
      await using bridge = await startTestBridge(inFrontOf(url).replace('errors: keep', 'errors: close'))
      await using client = await Client.connect(bridge.url)
      const heard = await client.ask('SEND', { destination: `/queue/${fresh('x')}`, expiration: 'abc' })
      expect(heard.headers['bridge-code']).toBe('bad-message')
      expect((await client.gone()).code).toBe(1008)
    })

    test('a consumer that the server cancels: ERROR naming the subscription', async () => {
      const rabbit = place()
      await using bridge = await startTestBridge(inFrontOf(rabbit.url))
      await using client = await Client.connect(bridge.url)
      const [doomed, other] = [fresh('doomed'), fresh('other')]
      for (const queue of [doomed, other]) {
        await client.do('SUBSCRIBE', { id: queue, destination: `/queue/${queue}`, ack: 'client' })
      }
      await client.do('SEND', { destination: `/queue/${doomed}` }, 'given')
      const given = await client.message(1)
      await directly(rabbit, (channel) => channel.deleteQueue(doomed))
      await client.until('the ERROR', () => client.errors.length > 0)
      expect(client.errors[0]!.headers).toMatchObject({ 'bridge-code': 'cancelled', subscription: doomed })
      expect((await client.acks(given)).headers['bridge-stale']).toBe('true')
      await client.do('SEND', { destination: `/queue/${other}` }, 'goes on')
      expect((await client.message(2)).body.toString()).toBe('goes on')
      // Its id is free.
      await client.do('SUBSCRIBE', { id: doomed, destination: `/queue/${doomed}`, ack: 'client' })
    })

    test('an AMQP message that is not UTF-8 comes in a binary WebSocket message', async () => {
      const rabbit = place()
      await using bridge = await startTestBridge(inFrontOf(rabbit.url))
      await using client = await Client.connect(bridge.url)
      const queue = fresh('octets')
      await client.do('SUBSCRIBE', { id: 's', destination: `/queue/${queue}`, ack: 'auto' })
      await client.do('SUBSCRIBE', { id: 't', destination: `/topic/${queue}`, ack: 'auto' })
      const octets = Buffer.from([0xff, 0x00, 0xfe, 0x0a, 0x80])
      await directly(rabbit, async (channel) => {
        channel.sendToQueue(queue, octets, { headers: { bytes: octets } })
        channel.publish('amq.topic', queue, octets)
      })
      await client.message(2)
      expect(client.messages.map(({ body, binary }) => [body.equals(octets), binary])).toEqual([
        [true, true],
        [true, true],
      ])
      await client.do('SEND', { destination: `/queue/${queue}` }, 'still here')
      expect((await client.message(3)).binary).toBe(false)
    })
  })
}
