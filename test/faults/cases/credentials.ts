/** With a URL that names no account each client logs in as itself: RabbitMQ decides, and a refusal tells nothing. */
import { beforeAll, describe, expect, test } from 'vitest'
import { startTestBridge } from '../../support/bridge.ts'
import { until } from '../../support/until.ts'
import { Client, Refused } from '../driver.ts'
import { fresh, inFrontOf, type Place } from '../place.ts'

const ALICE = { login: 'alice', passcode: 'right-and-secret' }
/** To publish to a queue is to write to the default exchange. */
const MINE = '^(mine-.*|amq\\.default)$'
const WRONG = { login: 'alice', passcode: 'wrong-and-secret' }

export function credentials(place: Place): void {
  describe('the clients’ own logins', () => {
    beforeAll(async () => {
      await place().addUser(ALICE.login, ALICE.passcode, [MINE, MINE, MINE])
    })

    test.each([
      ['a wrong password', WRONG],
      ['an unknown user', { login: 'mallory', passcode: 'x-and-secret' }],
      ['an empty password', { login: 'alice', passcode: '' }],
      ['a virtual host that is not there', { ...ALICE, host: 'nowhere' }],
    ])('%s: ERROR without detail, and close', async (_, headers) => {
      await using bridge = await startTestBridge(inFrontOf(place().bareUrl))
      await using client = await Client.open(bridge.url)
      client.send('CONNECT', { 'accept-version': '1.2', host: '/', ...headers })
      expect((await client.gone()).code).toBe(4401)
      expect(client.errors.map((error) => error.headers['bridge-code'])).toEqual(['login-refused'])
      // Not whether the user exists, nor what RabbitMQ said, nor where it is.
      expect(tells(client)).not.toMatch(/ACCESS|403|password|alice|mallory|vhost|nowhere|127\.0\.0\.1|secret/i)
      expect(bridge.log()).not.toContain('-and-secret')
    })

    test('no login at all: ERROR login-required', async () => {
      await using bridge = await startTestBridge(inFrontOf(place().bareUrl))
      await using client = await Client.open(bridge.url)
      client.send('CONNECT', { 'accept-version': '1.2', host: '/' })
      expect((await client.gone()).code).toBe(4401)
      expect(client.errors[0]!.headers['bridge-code']).toBe('login-required')
    })

    test('the right password first, a wrong one second: refused', async () => {
      await using bridge = await startTestBridge(inFrontOf(place().bareUrl))
      await using alice = await Client.connect(bridge.url, ALICE)
      await expect(Client.connect(bridge.url, WRONG)).rejects.toBeInstanceOf(Refused)
      // A refusal of the wrong one is no refusal of the right one.
      await using again = await Client.connect(bridge.url, ALICE)
      const destination = `/queue/${fresh('mine')}`
      await again.do('SEND', { destination }, 'hello')
      await alice.do('SUBSCRIBE', { id: 's', destination, ack: 'auto' })
      expect((await alice.message(1)).body.toString()).toBe('hello')
      expect(alice.errors).toEqual([])
    })

    test('RabbitMQ’s permissions apply, and cost nobody else anything', async () => {
      await using bridge = await startTestBridge(inFrontOf(place().bareUrl))
      await using alice = await Client.connect(bridge.url, ALICE)
      await using other = await Client.connect(bridge.url, ALICE)
      const denied = `/queue/${fresh('theirs')}`
      expect((await alice.ask('SEND', { destination: denied })).headers['bridge-code']).toBe('forbidden')
      const subscribed = await alice.ask('SUBSCRIBE', { id: 's', destination: denied, ack: 'auto' })
      expect(subscribed.headers).toMatchObject({ 'bridge-code': 'forbidden', subscription: 's' })
      await other.do('SEND', { destination: `/queue/${fresh('mine')}` }, 'goes on')
      expect(tells(alice)).not.toMatch(/ACCESS|403|127\.0\.0\.1/)
    })

    test('its connections go with its last session', async () => {
      const rabbit = place()
      await using bridge = await startTestBridge(inFrontOf(rabbit.bareUrl))
      const { connections } = await rabbit.census()
      {
        await using one = await Client.connect(bridge.url, ALICE)
        await using two = await Client.connect(bridge.url, ALICE)
        for (const each of [one, two]) await each.do('SEND', { destination: `/queue/${fresh('mine')}` })
        expect((await rabbit.census()).connections).toBeGreaterThan(connections)
      }
      await until('they are gone', async () => (await rabbit.census()).connections <= connections, 30_000)
    })
  })
}

/** All that its ERRORs say. */
function tells({ errors }: Client): string {
  return JSON.stringify(errors.map(({ headers, body }) => [headers, body.toString()]))
}
