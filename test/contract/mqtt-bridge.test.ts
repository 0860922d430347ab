/** A whole bridge in front of a real Mosquitto: browsers on one side, `mosquitto_pub` and `mosquitto_sub` as devices on the other. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { bodies, Client } from '../faults/driver.ts'
import { startTestBridge, type TestBridge } from '../support/bridge.ts'
import { makeAuthority, yamlOf } from '../support/certificates.ts'
import { type Mosquitto, startMosquitto } from '../support/mosquitto.ts'
import { until } from '../support/until.ts'

let mosquitto: Mosquitto
let bridge: TestBridge
const pages: Client[] = []

const yaml = (url: string): string => `
brokers:
  plant: { adapter: mqtt, url: "${url}", reconnectMin: 20ms, reconnectMax: 200ms }
routes:
  - { destination: "/retained/{path+}", broker: plant, topic: "retained/{path+}", retain: true }
  - { destination: "/buried/{name}", broker: plant, topic: "buried/{name}", nack: "dead/{name}", errors: keep }
  - { destination: "/auto/{name}", broker: plant, topic: "auto/{name}", ack: refuse, errors: keep }
  - { preset: mqtt, broker: plant, errors: keep }
`

beforeAll(async () => {
  mosquitto = await startMosquitto()
})
afterAll(() => mosquitto[Symbol.asyncDispose]())
beforeEach(async () => {
  bridge = await startTestBridge(yaml(mosquitto.url))
})
afterEach(async () => {
  for (const page of pages.splice(0)) await page[Symbol.asyncDispose]()
  await bridge[Symbol.asyncDispose]()
})

async function page(version?: '1.0' | '1.1' | '1.2'): Promise<Client> {
  const client = await Client.connect(bridge.url, {}, version)
  pages.push(client)
  return client
}

async function subscribed(destination: string, headers: Record<string, string> = {}): Promise<Client> {
  const client = await page()
  await client.do('SUBSCRIBE', { id: 's', destination, ...headers })
  return client
}

describe('a page', () => {
  test('hears devices, by the destination it would write itself', async () => {
    const dots = await subscribed('/topic/plant.*.temp')
    const slashes = await subscribed('/plant/7/temp')
    const said = ['-D', 'publish', 'content-type', 'text/plain', '-D', 'publish', 'user-property', 'unit', 'C']
    await mosquitto.pub(['-t', 'plant/7/temp', '-q', '1', '-m', '21.5', ...said])
    expect(await dots.message()).toMatchObject({
      headers: { destination: '/topic/plant.7.temp', 'content-type': 'text/plain', unit: 'C' },
      body: Buffer.from('21.5'),
    })
    expect((await slashes.message()).headers).toMatchObject({ destination: '/plant/7/temp', subscription: 's' })
  })

  test('hears binary data as it is', async () => {
    const client = await subscribed('/camera')
    const picture = Buffer.from([0xff, 0xd8, 0x00, 0x0a, 0xff])
    await mosquitto.pub(['-t', 'camera', '-s'], picture)
    const heard = await client.message()
    expect([heard.body.equals(picture), heard.binary]).toEqual([true, true])
  })

  test('commands a device, and the RECEIPT is its PUBACK', async () => {
    await using device = await mosquitto.sub(['-t', 'valve/+', '-q', '1', '-F', '%t %q %p'])
    const client = await page()
    await client.do('SEND', { destination: '/valve/3' }, 'open')
    expect(await device.heard(1)).toEqual(['valve/3 1 open'])
  })

  test('answers a device where it asked to be answered', async () => {
    const client = await subscribed('/topic/ask')
    await using device = await mosquitto.sub(['-t', 'device/7/answers', '-F', '%D %p'])
    const said = ['-D', 'publish', 'response-topic', 'device/7/answers', '-D', 'publish', 'correlation-data', 'c7']
    await mosquitto.pub(['-t', 'ask', '-m', '?', ...said])
    const { headers } = await client.message()
    const destination = headers['reply-to']!
    await client.do('SEND', { destination, 'correlation-id': headers['correlation-id']! }, 'yes')
    expect(await device.heard(1)).toEqual(['c7 yes'])
  })

  test('asks a device and is answered', async () => {
    const client = await subscribed('/topic/answers.mine')
    await using device = await mosquitto.sub(['-t', 'ask/them', '-F', '%R'])
    await client.do('SEND', { destination: '/ask/them', 'reply-to': '/topic/answers.mine' }, '?')
    const [answerTopic] = await device.heard(1)
    expect(answerTopic).toBe('answers/mine')
    await mosquitto.pub(['-t', answerTopic!, '-m', 'yes'])
    expect(bodies([await client.message()])).toEqual(['yes'])
  })
})

describe('what is retained', () => {
  test('reaches every page once, after its RECEIPT, however late it comes', async () => {
    const writer = await page()
    await writer.do('SEND', { destination: '/retained/a', retain: 'true' }, 'first')
    const early = await subscribed('/retained/#')
    expect(await early.message()).toMatchObject({ headers: { retain: 'true', destination: '/retained/a' } })
    await writer.do('SEND', { destination: '/retained/b', retain: 'true' }, 'second')
    expect(bodies([await early.message(2)])).toEqual(['second'])
    const late = await subscribed('/retained/#')
    await late.message(2)
    expect(bodies(late.messages).sort()).toEqual(['first', 'second'])
    expect(new Set(late.messages.map(({ headers }) => headers['message-id'])).size).toBe(2)
    await writer.do('SEND', { destination: '/retained/b' }, 'live')
    for (const each of [early, late]) expect(bodies([await each.message(3)])).toEqual(['live'])
    expect([early.messages.length, late.messages.length]).toEqual([3, 3])
  })
})

describe('acknowledging', () => {
  test('behind an older message: the RECEIPT comes at once and says bridge-deferred', async () => {
    const client = await subscribed('/topic/acks', { ack: 'client-individual' })
    for (const body of ['m1', 'm2', 'm3']) await mosquitto.pub(['-t', 'acks', '-q', '1', '-m', body])
    await client.message(3)
    const [m1, m2, m3] = client.messages
    expect((await client.acks(m2!)).headers['bridge-deferred']).toBe('true')
    expect((await client.acks(m1!)).headers).not.toHaveProperty('bridge-deferred')
    expect((await client.acks(m3!)).headers).not.toHaveProperty('bridge-deferred')
  })

  test('in a transaction, likewise', async () => {
    const client = await subscribed('/topic/acks', { ack: 'client-individual' })
    for (const body of ['m1', 'm2']) await mosquitto.pub(['-t', 'acks', '-q', '1', '-m', body])
    const second = await client.message(2)
    client.send('BEGIN', { transaction: 't' })
    const acked = client.ask('ACK', { transaction: 't', id: second.headers.ack! })
    await client.do('COMMIT', { transaction: 't' })
    expect((await acked).headers['bridge-deferred']).toBe('true')
  })

  test('after the connection was lost: bridge-stale, and the message comes again, marked', async () => {
    const client = await subscribed('/topic/stale', { ack: 'client' })
    await mosquitto.pub(['-t', 'stale', '-q', '1', '-m', 'm1'])
    const first = await client.message()
    await mosquitto.stop()
    await mosquitto.start()
    const again = await client.message(2)
    expect([bodies([again]), again.headers.redelivered]).toEqual([['m1'], 'true'])
    expect((await client.acks(first)).headers['bridge-stale']).toBe('true')
    expect((await client.acks(again)).headers).not.toHaveProperty('bridge-stale')
  })

  test('NACK gives it again to the same page, or to the dead letters where the route has some', async () => {
    const client = await subscribed('/topic/nacked', { ack: 'client-individual' })
    await mosquitto.pub(['-t', 'nacked', '-q', '1', '-m', 'm1'])
    client.ack(await client.message(), 'NACK')
    expect((await client.message(2)).headers.redelivered).toBe('true')
    const other = await subscribed('/buried/x', { ack: 'client' })
    await using undertaker = await mosquitto.sub(['-t', 'dead/x', '-F', '%p'])
    await mosquitto.pub(['-t', 'buried/x', '-q', '1', '-m', 'poison'])
    other.ack(await other.message(), 'NACK')
    expect(await undertaker.heard(1)).toEqual(['poison'])
  })

  test('where the route refuses it: unsupported, and auto still works', async () => {
    const client = await page()
    const refused = await client.ask('SUBSCRIBE', { id: 's', destination: '/auto/x', ack: 'client' })
    expect(refused.headers['bridge-code']).toBe('unsupported')
    await client.do('SUBSCRIBE', { id: 's', destination: '/auto/x' })
  })
})

describe('a broker that is away', () => {
  test('sends no page away: subscriptions come back with bridge-gap, and commands are refused meanwhile', async () => {
    const client = await subscribed('/topic/live')
    await mosquitto.kill()
    await until('health down', async () =>
      (await (await fetch(`${bridge.ops}/readyz?verbose`)).text()).includes('down'),
    )
    const refused = await client.ask('SEND', { destination: '/valve/3' }, 'open')
    expect(refused.headers['bridge-code']).toBe('broker-unavailable')
    await mosquitto.start()
    await until('readings', async () => {
      await mosquitto.pub(['-t', 'live', '-m', 'x'])
      return client.messages.length > 0
    })
    expect(client.messages[0]!.headers['bridge-gap']).toBe('true')
    expect(client.closed).toBeUndefined()
    await client.do('SEND', { destination: '/valve/3' }, 'open')
  })
})

describe('over TLS', () => {
  test('with client certificates a page hears what it sends; without one the broker is away', async () => {
    using authority = makeAuthority()
    const own = authority.issue('client')
    await using safe = await startMosquitto({ tls: { ...authority.issue('server'), asksClients: true } })
    const text = (tls: object): string => `
brokers: { plant: { adapter: mqtt, url: "${safe.url}", ${yamlOf(tls)} } }
routes: [{ preset: mqtt, broker: plant, errors: keep }]
`
    await using good = await startTestBridge(text(own))
    await using bare = await startTestBridge(text({ ca: own.ca }))
    await using insider = await Client.connect(good.url)
    await insider.do('SUBSCRIBE', { id: 's', destination: '/topic/safe' })
    await insider.do('SEND', { destination: '/topic/safe' }, 'hello')
    expect(bodies([await insider.message()])).toEqual(['hello'])
    await using outsider = await Client.connect(bare.url)
    const refused = await outsider.ask('SEND', { destination: '/topic/safe' }, 'hello')
    expect(refused.headers['bridge-code']).toBe('broker-unavailable')
  })

  test('a broker that nobody vouches for is not trusted, and the operator is told why', async () => {
    using authority = makeAuthority()
    using stranger = makeAuthority()
    const tls = { ...authority.issue('server', 'DNS:plant.test'), asksClients: false }
    await using safe = await startMosquitto({ tls })
    const reasonWith = async (options: object): Promise<string> => {
      await using bridge = await startTestBridge(`
brokers: { plant: { adapter: mqtt, url: "${safe.url}", ${yamlOf(options)} } }
routes: [{ preset: mqtt, broker: plant }]
`)
      return await (await fetch(`${bridge.ops}/readyz?verbose`)).text()
    }
    expect(await reasonWith({ ca: stranger.ca })).toMatch(/plant: down.*certificate is not trusted/)
    expect(await reasonWith({ keepalive: '30s' })).toMatch(/plant: down.*certificate is not trusted/)
    expect(await reasonWith({ ca: authority.ca })).toMatch(/plant: down.*certificate is not trusted.*127\.0\.0\.1/)
    expect(await reasonWith({ ca: authority.ca, serverName: 'plant.test' })).toMatch(/plant: up/)
  })
})
