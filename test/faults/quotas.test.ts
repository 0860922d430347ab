/** How much a user may take, over real sockets: what is over a rate waits and is not lost, and costs nobody else anything. */
import { describe, expect, test } from 'vitest'
import { MEMORY, startTestBridge, type TestBridge } from '../support/bridge.ts'
import { bodies, Client, type Heard } from './driver.ts'
import { answerTo, bearer, jwt } from './login.ts'
import { fresh } from './place.ts'

const AUTH = `auth: { chain: [${jwt()}] }`
const BROKERS = 'brokers: { local: { adapter: memory } }'

/** With one route for everything below /queue. */
function bridgeWith({ route = '', rest = '' }: { route?: string; rest?: string }): Promise<TestBridge> {
  const options = ['destination: "/queue/{name}"', 'broker: local', 'queue: "{name}"', 'errors: keep', route]
  return startTestBridge([BROKERS, `routes: [{ ${options.filter(Boolean).join(', ')} }]`, AUTH, rest].join('\n'))
}

const login = async (bridge: TestBridge, user: string): Promise<Client> =>
  await Client.connect(bridge.url, await bearer(user))

const numbers = (name: string, count: number): string[] => Array.from({ length: count }, (_, at) => `${name}${at}`)

/** All at once, each with a receipt. */
async function sends(client: Client, destination: string, count: number, name = 'm'): Promise<void> {
  await Promise.all(numbers(name, count).map((body) => client.do('SEND', { destination }, body)))
}

/** RECEIPT, or the code of the ERROR. */
const answerOf = ({ command, headers }: Heard): string => (command === 'RECEIPT' ? command : headers['bridge-code']!)

describe('over the rate of SENDs', () => {
  test.each([
    [
      'a user waits: all is confirmed and in order, and another user notices nothing',
      { rest: 'limits: { sendRate: 100 }' },
    ],
    ['a user waits for the bytes of his messages', { rest: 'limits: { sendBytesRate: 400B }' }],
  ])('%s', async (_, setting) => {
    await using bridge = await bridgeWith(setting)
    await using ann = await login(bridge, 'ann')
    await using twin = await login(bridge, 'ann')
    await using bob = await login(bridge, 'bob')
    const [anns, bobs] = [`/queue/${fresh('ann')}`, `/queue/${fresh('bob')}`]
    for (const [client, destination] of [
      [ann, anns],
      [bob, bobs],
    ] as const) {
      await client.do('SUBSCRIBE', { id: 's', destination, ack: 'auto' })
    }
    // Two seconds' worth may come at once; of 400, half come after that, from whichever of ann's sessions.
    const annsSends = Promise.all([sends(ann, anns, 200, 'a'), sends(twin, anns, 200, 't')])
    await sends(bob, bobs, 100)
    expect(ann.receipts.size + twin.receipts.size).toBeLessThan(400)
    await annsSends
    await ann.message(400)
    await bob.message(100)
    const heard = bodies(ann.messages)
    for (const name of ['a', 't']) expect(heard.filter((body) => body.startsWith(name))).toEqual(numbers(name, 200))
    expect(bodies(bob.messages)).toEqual(numbers('m', 100))
    expect([...ann.errors, ...twin.errors, ...bob.errors]).toEqual([])
  })

  test('all users of a route wait together; another route goes on', async () => {
    await using bridge = await startTestBridge(
      [
        BROKERS,
        'routes:',
        '- { destination: "/slow/{name}", broker: local, queue: "slow.{name}", sendRate: 50 }',
        '- { destination: "/fast/{name}", broker: local, queue: "fast.{name}" }',
        AUTH,
      ].join('\n'),
    )
    await using ann = await login(bridge, 'ann')
    await using bob = await login(bridge, 'bob')
    await using cid = await login(bridge, 'cid')
    const slow = [sends(ann, '/slow/a', 100), sends(bob, '/slow/b', 100)]
    await sends(cid, '/fast/a', 200)
    expect(ann.receipts.size + bob.receipts.size).toBeLessThan(200)
    await Promise.all(slow)
    expect([...ann.errors, ...bob.errors]).toEqual([])
  })
})

describe('connections of one user', () => {
  test('one too many is refused; when one ends, another may come; other users come as they like', async () => {
    await using bridge = await bridgeWith({ rest: 'limits: { connectionsPerUser: 2 }' })
    await using first = await login(bridge, 'ann')
    await using second = await login(bridge, 'ann')
    expect(await answerTo(login(bridge, 'ann'))).toBe('too-many-connections')
    expect(await answerTo(login(bridge, 'bob'))).toBe('connected')
    await second.do('DISCONNECT')
    await second.gone()
    expect(await answerTo(login(bridge, 'ann'))).toBe('connected')
    await first.do('SEND', { destination: '/queue/a' }, 'still here')
    expect(bridge.log()).toMatch(/"user":"ann","code":"too-many-connections"/)
  })
})

test('a dry run counts and tells, and lets everything through', async () => {
  const limits = ['dryRun: true', 'connectionsPerIp: 1', 'connectionsPerUser: 1', 'sendRate: 1', 'sendPatience: 0s']
  await using bridge = await bridgeWith({ rest: `limits: { ${limits.join(', ')} }` })
  await using ann = await login(bridge, 'ann')
  await using twin = await login(bridge, 'ann')
  await Promise.all([sends(ann, '/queue/a', 500), sends(twin, '/queue/a', 500)])
  expect([...ann.errors, ...twin.errors]).toEqual([])
  expect(bridge.log()).toMatch(/"reason":"connectionsPerIp".*dry run/)
})

describe('what a route takes', () => {
  const payload = 'maxBytes: 10B, contentTypes: [application/json, "text/*"]'

  test.each([
    ['enough', { 'content-type': 'application/json' }, '0123456789', 'RECEIPT'],
    ['a byte too much', { 'content-type': 'application/json' }, '0123456789a', 'bad-payload'],
    ['bytes count, not characters', { 'content-type': 'text/plain' }, 'äöüäöü', 'bad-payload'],
    ['parameters, in capitals', { 'content-type': 'Text/HTML; charset=utf-8' }, 'x', 'RECEIPT'],
    ['another type', { 'content-type': 'image/svg+xml' }, 'x', 'bad-payload'],
    ['a type that only begins so', { 'content-type': 'application/json-patch' }, 'x', 'bad-payload'],
    [
      'two of them, of which the first counts',
      ['content-type', 'image/png', 'content-type', 'text/plain'],
      'x',
      'bad-payload',
    ],
    ['no type', {}, 'x', 'bad-payload'],
  ])('%s', async (_, headers, body, answer) => {
    await using bridge = await bridgeWith({ route: payload })
    await using ann = await login(bridge, 'ann')
    const destination = `/queue/${fresh('payload')}`
    const list = Array.isArray(headers) ? headers : Object.entries(headers).flat()
    await ann.do('SUBSCRIBE', { id: 's', destination, ack: 'auto' })
    const heard = await ann.ask('SEND', ['destination', destination, ...list], body)
    expect(answerOf(heard)).toBe(answer)
    if (answer === 'bad-payload') {
      expect(heard.body.toString()).toContain(destination.slice(0, 20))
      expect(bridge.log()).toMatch(/"user":"ann","code":"bad-payload","route":"\/queue\/{name}"/)
    }
    // errors: keep. What was refused is nowhere, and what follows is taken.
    await ann.do('SEND', { destination, 'content-type': 'text/plain' }, 'next')
    await ann.message(answer === 'RECEIPT' ? 2 : 1)
    expect(bodies(ann.messages)).toEqual(answer === 'RECEIPT' ? [body, 'next'] : ['next'])
  })
})

describe('a route with origins of its own', () => {
  const [ADMIN, SHOP] = ['https://admin.example.com', 'https://eu.shop.example.com']
  const connect = async (bridge: TestBridge, origin?: string): Promise<Client> =>
    await Client.connect(bridge.url, await bearer('ann'), '1.2', origin === undefined ? {} : { Origin: origin })

  test.each([
    [ADMIN, ['RECEIPT', 'RECEIPT', 'RECEIPT']],
    [SHOP, ['forbidden', 'forbidden', 'RECEIPT']],
    [undefined, ['RECEIPT', 'RECEIPT', 'RECEIPT']],
  ])('a page of %s', async (origin, answers) => {
    await using bridge = await startTestBridge(
      [
        BROKERS,
        'routes:',
        `- { destination: "/admin/{name}", broker: local, queue: "admin.{name}", errors: keep, origins: ["${ADMIN}"] }`,
        '- { destination: "/shop/{name}", broker: local, queue: "shop.{name}" }',
        AUTH,
        `listen: { origins: ["${ADMIN}", "https://*.shop.example.com"] }`,
      ].join('\n'),
    )
    await using client = await connect(bridge, origin)
    const heard = [
      await client.ask('SEND', { destination: '/admin/a' }, 'x'),
      await client.ask('SUBSCRIBE', { id: 's', destination: '/admin/a' }),
      await client.ask('SEND', { destination: '/shop/a' }, 'x'),
    ]
    expect(heard.map(answerOf)).toEqual(answers)
    await expect(connect(bridge, 'https://shop.example.com.evil.test')).rejects.toThrow('403')
  })
})

test('the zero-configuration start has none of these bounds', async () => {
  await using bridge = await startTestBridge(MEMORY)
  await using client = await Client.connect(bridge.url)
  await sends(client, '/queue/a', 2_000)
  expect(client.errors).toEqual([])
})
