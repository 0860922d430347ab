/** RabbitMQ is away for longer than a route holds: who waits is told, what was refused is never done, and the connection outlives it. */
import { afterEach, describe, expect, test } from 'vitest'
import { startTestBridge, type TestBridge } from '../../support/bridge.ts'
import { until } from '../../support/until.ts'
import { bodies, Client, type Heard } from '../driver.ts'
import { fresh, inFrontOf, LONG_MS, type Place } from '../place.ts'

const HOLD = { broker: 'heartbeat: 1s', route: 'holdMs: 500' }

export function brokerAway(place: Place): void {
  describe('RabbitMQ is away for longer than holdMs', () => {
    afterEach(() => place().start())

    test('stopped: held SENDs and SUBSCRIBEs are refused, and never done', { timeout: LONG_MS }, async () => {
      const rabbit = place()
      await using bridge = await startTestBridge(inFrontOf(rabbit.url, HOLD))
      await using client = await Client.connect(bridge.url)
      const queue = `/queue/${fresh('away')}`
      await client.do('SUBSCRIBE', { id: 'standing', destination: queue, ack: 'auto' })
      await client.do('SEND', { destination: queue }, 'before')
      await client.message(1)
      await rabbit.stop()
      await health(bridge, 'down')
      const sent = await Promise.all(
        Array.from({ length: 50 }, (_, at) => client.ask('SEND', { destination: queue }, `held ${at}`)),
      )
      expect(verdicts(sent)).toEqual(['broker-unavailable'])
      const subscribed = await client.ask('SUBSCRIBE', { id: 'late', destination: queue, ack: 'auto' })
      expect(subscribed.headers).toMatchObject({ 'bridge-code': 'broker-unavailable', subscription: 'late' })

      await rabbit.start()
      await health(bridge, 'up')
      await client.do('SEND', { destination: queue }, 'after')
      await client.message(2)
      expect(bodies(client.messages)).toEqual(['before', 'after'])
      // The refused SUBSCRIBE has left nothing behind: its id is free.
      await client.do('SUBSCRIBE', { id: 'late', destination: queue, ack: 'auto' })
      expect(client.closed).toBeUndefined()
    })

    test('stopped for less: held SENDs are published, in order, once', { timeout: LONG_MS }, async () => {
      const rabbit = place()
      await using bridge = await startTestBridge(inFrontOf(rabbit.url, { route: 'holdMs: 60000' }))
      await using client = await Client.connect(bridge.url)
      const queue = `/queue/${fresh('held')}`
      await client.do('SEND', { destination: queue }, '0')
      await rabbit.stop()
      await health(bridge, 'down')
      const held = Array.from({ length: 50 }, (_, at) => client.do('SEND', { destination: queue }, `${at + 1}`))
      const subscribed = client.do('SUBSCRIBE', { id: 's', destination: queue, ack: 'auto' })
      await rabbit.start()
      await Promise.all([...held, subscribed])
      await client.message(51)
      expect(bodies(client.messages)).toEqual(Array.from({ length: 51 }, (_, at) => `${at}`))
    })

    test('frozen: the heart-beat notices, and nothing that was refused comes later', { timeout: LONG_MS }, async () => {
      const rabbit = place()
      await using bridge = await startTestBridge(inFrontOf(rabbit.url, HOLD))
      await using client = await Client.connect(bridge.url)
      const queue = `/queue/${fresh('frozen')}`
      await client.do('SUBSCRIBE', { id: 's', destination: queue, ack: 'client-individual' })
      await client.do('SEND', { destination: queue }, 'before')
      const before = await client.message(1)
      const pid = Number(await rabbit.eval('list_to_integer(os:getpid()).'))
      process.kill(pid, 'SIGSTOP')
      let unconfirmed: Heard
      try {
        // Written to a socket that nobody reads: when the connection is given up, nobody knows.
        unconfirmed = await client.ask('SEND', { destination: queue }, 'unknown')
        expect(unconfirmed.headers['bridge-code']).toBe('outcome-unknown')
        await health(bridge, 'down')
        const refused = await client.ask('SEND', { destination: queue }, 'refused')
        expect(refused.headers['bridge-code']).toBe('broker-unavailable')
        // Its connection is gone: the message comes again.
        expect((await client.acks(before)).headers['bridge-stale']).toBe('true')
      } finally {
        process.kill(pid, 'SIGCONT')
      }
      await health(bridge, 'up')
      await client.do('SEND', { destination: queue }, 'after')
      await client.until('the last message', () => bodies(client.messages).includes('after'))
      const came = bodies(client.messages).filter((body) => body !== 'unknown')
      expect(came).toEqual(['before', 'before', 'after'])
      expect(client.messages[1]!.headers.redelivered).toBe('true')
    })

    test('with the clients’ own logins: CONNECT is refused while it is away', { timeout: LONG_MS }, async () => {
      const rabbit = place()
      await using bridge = await startTestBridge(inFrontOf(rabbit.bareUrl, HOLD))
      await rabbit.stop()
      await using client = await Client.open(bridge.url)
      client.send('CONNECT', { 'accept-version': '1.2', host: '/', login: 'guest', passcode: 'guest' })
      expect((await client.gone()).code).toBe(1013)
      expect(client.errors[0]!.headers['bridge-code']).toBe('broker-unavailable')
      await rabbit.start()
      await using later = await Client.connect(bridge.url, { login: 'guest', passcode: 'guest' })
      await later.do('SEND', { destination: `/queue/${fresh('later')}` })
    })
  })
}

export async function health(bridge: TestBridge, state: string): Promise<void> {
  const tells = async (): Promise<string> => await (await fetch(`${bridge.ops}/readyz?verbose`)).text()
  await until(`the broker is ${state}`, async () => (await tells()).includes(`rabbit: ${state} `), 60_000)
}

/** What the ERRORs say, each once. */
function verdicts(answers: readonly Heard[]): (string | undefined)[] {
  return [...new Set(answers.map(({ headers }) => headers['bridge-code']))]
}
