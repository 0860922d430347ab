/** AMQP over TLS, to a real RabbitMQ: whom the adapter trusts, and what the operator is told when it does not. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rabbitmqBroker } from '../../src/adapters/rabbitmq/index.ts'
import type { Health } from '../../src/broker/broker.ts'
import { systemClock } from '../../src/broker/clock.ts'
import { silentBrokerObserver } from '../../src/broker/observer.ts'
import { bodies, Client } from '../faults/driver.ts'
import { startTestBridge } from '../support/bridge.ts'
import { type Authority, type Issued, makeAuthority, yamlOf } from '../support/certificates.ts'
import { type Rabbit, startRabbit } from '../support/rabbitmq.ts'

let authority: Authority
let stranger: Authority
let own: Issued
let rabbit: Rabbit

beforeAll(async () => {
  authority = makeAuthority()
  stranger = makeAuthority()
  own = authority.issue('bridge')
  const tls = { ...authority.issue('rabbit', 'IP:127.0.0.1,DNS:rabbit.test'), asksClients: true }
  rabbit = await startRabbit({ tls })
})

afterAll(async () => {
  await rabbit?.[Symbol.asyncDispose]()
  authority[Symbol.dispose]()
  stranger[Symbol.dispose]()
})

/** How a broker with these options is after its first attempt to connect. */
async function healthWith(options: object, url = rabbit.secureUrl): Promise<Health> {
  const deps = { observer: silentBrokerObserver, clock: systemClock }
  await using broker = rabbitmqBroker('rabbit', { url, ...options }, deps)
  await broker.start(new AbortController().signal)
  return broker.health
}

const withoutAccount = (): string => rabbit.secureUrl.replace('guest:guest@', '')

test('messages go both ways, and are confirmed', async () => {
  await using bridge = await startTestBridge(`
brokers: { rabbit: { adapter: rabbitmq, url: "${rabbit.secureUrl}", ${yamlOf(own)} } }
routes: [{ preset: rabbitmq, broker: rabbit }]
`)
  await using client = await Client.connect(bridge.url)
  await client.do('SUBSCRIBE', { id: 's', destination: '/queue/over-tls', ack: 'client' })
  await client.do('SEND', { destination: '/queue/over-tls' }, 'hello')
  await client.acks(await client.message())
  expect(bodies(client.messages)).toEqual(['hello'])
})

describe('whom it trusts', () => {
  test('the authority it is given', async () => {
    expect(await healthWith(own)).toMatchObject({ state: 'up' })
  })

  test('a name that the certificate bears', async () => {
    expect(await healthWith({ ...own, serverName: 'rabbit.test' })).toMatchObject({ state: 'up' })
  })

  test.each<[what: string, options: () => object, reason: RegExp]>([
    ['those that Node trusts, when none is given', () => ({}), /certificate is not trusted/],
    ['no other authority', () => ({ ...own, ca: stranger.ca }), /certificate is not trusted/],
    ['no certificate for another name', () => ({ ...own, serverName: 'other.test' }), /not trusted.*other\.test/],
  ])('%s', async (_, options, reason) => {
    const health = await healthWith(options())
    expect(health).toMatchObject({ state: 'down', reason: expect.stringMatching(reason) })
    expect(health.reason).not.toContain('guest')
  })

  test('whatever the environment of the process says', async () => {
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    try {
      expect(await healthWith({ ...own, ca: stranger.ca })).toMatchObject({ state: 'down' })
      expect(await healthWith({ ...own, ca: stranger.ca }, withoutAccount())).toMatchObject({ state: 'down' })
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    }
  })
})

test('RabbitMQ asks for a certificate too', async () => {
  expect(await healthWith({ ca: own.ca })).toMatchObject({ state: 'down' })
  expect(await healthWith({ ...stranger.issue('mallory'), ca: own.ca })).toMatchObject({ state: 'down' })
})

test('with the clients’ own logins it is looked at over TLS too', async () => {
  expect(await healthWith(own, withoutAccount())).toMatchObject({ state: 'up' })
  const health = await healthWith({ ...own, ca: stranger.ca }, withoutAccount())
  expect(health).toMatchObject({ state: 'down', reason: expect.stringMatching(/certificate is not trusted/) })
})
