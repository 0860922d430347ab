/**
 * Tokens that are renewed or expire while messages flow: who renews notices nothing, who does not is sent away, and no message is lost or
 * comes twice unmarked.
 */
import { describe, expect, test } from 'vitest'
import { startTestBridge, type TestBridge } from '../../support/bridge.ts'
import { until } from '../../support/until.ts'
import { bodies, Client, type Heard } from '../driver.ts'
import { bearer, jwt, tokenFor } from '../login.ts'
import { fresh, inFrontOf, type Place } from '../place.ts'

/** Milliseconds that a token of these tests lives. */
const LIFE_MS = 1_200
/** Renewed so often while it lives. */
const TIMES = 3

const numbers = (count: number): string[] => Array.from({ length: count }, (_, at) => `m${at}`)
const sorted = (messages: readonly Heard[]): string[] =>
  bodies(messages).sort((one, other) => Number(one.slice(1)) - Number(other.slice(1)))

/** SENDs m0, m1, m2 … to all the destinations, each confirmed, until it holds; how many. */
async function flow(client: Client, destinations: readonly string[], isOver: () => boolean): Promise<number> {
  let count = 0
  for (; !isOver(); count++) {
    await Promise.all(destinations.map((destination) => client.do('SEND', { destination }, `m${count}`)))
  }
  return count
}

/** Renews the token of `user` before it expires, until `untilMs`. */
async function staysIn(client: Client, user: string, untilMs: number): Promise<void> {
  while (Date.now() < untilMs) {
    const old = Date.now() + LIFE_MS / TIMES
    await client.do('SEND', { destination: '/bridge/token' }, await tokenFor(user, { lifeMs: LIFE_MS }))
    await until('the token gets old', () => Date.now() >= old)
  }
}

export function tokens(place: Place): void {
  const start = (rest = `auth: { chain: [${jwt()}] }`): Promise<TestBridge> =>
    startTestBridge(inFrontOf(place().url, { rest }))

  describe('while messages flow, a token', () => {
    test('is renewed again and again by sender and receiver: none lost, none twice', async () => {
      await using bridge = await start()
      await using sender = await Client.connect(bridge.url, await bearer('sue', { lifeMs: LIFE_MS }))
      await using receiver = await Client.connect(bridge.url, await bearer('rob', { lifeMs: LIFE_MS }))
      const firstEnds = Date.now() + LIFE_MS
      const [queue, topic] = [`/queue/${fresh('renewed')}`, `/topic/${fresh('renewed')}`]
      await receiver.do('SUBSCRIBE', { id: 'q', destination: queue, ack: 'auto' })
      await receiver.do('SUBSCRIBE', { id: 't', destination: topic, ack: 'auto' })
      // A token's life longer than the first tokens live: each has been renewed by then, or its session is gone.
      const over = firstEnds + LIFE_MS
      const renewing = Promise.all([staysIn(sender, 'sue', over), staysIn(receiver, 'rob', over)])
      const [count] = await Promise.all([flow(sender, [queue, topic], () => Date.now() > over), renewing])
      await receiver.message(2 * count)
      for (const id of ['q', 't']) {
        const heard = receiver.messages.filter(({ headers }) => headers.subscription === id)
        expect(bodies(heard)).toEqual(numbers(count))
        expect(heard.some(({ headers }) => 'redelivered' in headers || 'bridge-gap' in headers)).toBe(false)
      }
      expect([...sender.errors, ...receiver.errors]).toEqual([])
    })

    test('expires: ERROR and 4498; what was not acknowledged comes to somebody else, marked, and none is lost', async () => {
      await using bridge = await start()
      await using sender = await Client.connect(bridge.url, await bearer('sue'))
      const queue = `/queue/${fresh('expired')}`
      await using expiring = await Client.connect(bridge.url, await bearer('rob', { lifeMs: LIFE_MS }))
      const ack = { ack: 'client-individual', 'prefetch-count': '20' }
      await expiring.do('SUBSCRIBE', { id: 'q', destination: queue, ...ack })
      const flowing = flow(sender, [queue], () => expiring.closed !== undefined)
      for (let at = 1; at <= 10; at++) await expiring.acks(await expiring.message(at))
      expect(await expiring.gone()).toMatchObject({ code: 4498 })
      expect(expiring.errors.map(({ headers }) => headers['bridge-code'])).toEqual(['token-expired'])
      const count = await flowing

      const [done, given] = [expiring.messages.slice(0, 10), expiring.messages.slice(10)]
      expect(given.length).toBeGreaterThan(0)
      await using other = await Client.connect(bridge.url, await bearer('eve'))
      await other.do('SUBSCRIBE', { id: 'q', destination: queue, ack: 'auto' })
      await other.message(count - done.length)
      expect(sorted([...done, ...other.messages])).toEqual(numbers(count))
      const again = other.messages.filter(({ headers }) => headers.redelivered === 'true')
      expect(bodies(again)).toEqual(expect.arrayContaining(bodies(given)))
      expect(lines(bridge)).toContainEqual(expect.objectContaining({ code: 'token-expired', user: 'rob' }))
    })
  })

  describe('a new token', () => {
    test.each([
      ['of another user', async () => await tokenFor('eve'), 'login-refused', 4401],
      [
        'that is forged',
        async () => await tokenFor('rob', { key: 'a key that nobody but the forger has' }),
        'login-refused',
        4401,
      ],
      ['that has expired', async () => await tokenFor('rob', { lifeMs: -1_000 }), 'token-expired', 4498],
      ['that is none', async () => 'rubbish', 'login-refused', 4401],
      ['that is empty', async () => '', 'login-refused', 4401],
    ])('%s is refused, and the session ends', async (_, make, code, close) => {
      await using bridge = await start()
      await using client = await Client.connect(bridge.url, await bearer('rob'))
      const answer = await client.ask('SEND', { destination: '/bridge/token' }, await make())
      expect([answer.command, answer.headers['bridge-code']]).toEqual(['ERROR', code])
      expect(await client.gone()).toMatchObject({ code: close })
    })

    test('with fewer rights ends the subscriptions that it does not cover, and no others', async () => {
      const route = (topic: string, permit: string): string =>
        `- { destination: "/topic/${topic}.{key}", broker: rabbit, exchange: amq.topic, routingKey: "${topic}.{key}", errors: keep, permit: ${permit} }`
      await using bridge = await startTestBridge(
        [
          `brokers: { rabbit: { adapter: rabbitmq, url: "${place().url}" } }`,
          'routes:',
          route('news', '"role:editor"'),
          route('chat', 'authenticated'),
          `auth: { chain: [${jwt()}] }`,
        ].join('\n'),
      )
      await using sender = await Client.connect(bridge.url, await bearer('sue', { roles: ['editor'] }))
      await using reader = await Client.connect(bridge.url, await bearer('rob', { roles: ['editor', 'dev'] }))
      const [news, chat] = [`/topic/news.${fresh('a')}`, `/topic/chat.${fresh('a')}`]
      await reader.do('SUBSCRIBE', { id: 'news', destination: news, ack: 'auto' })
      await reader.do('SUBSCRIBE', { id: 'any-news', destination: '/topic/news.*', ack: 'client' })
      await reader.do('SUBSCRIBE', { id: 'chat', destination: chat, ack: 'auto' })
      let isOver = false
      const flowing = flow(sender, [news, chat], () => isOver)
      await reader.message(30)
      await reader.do('SEND', { destination: '/bridge/token' }, await tokenFor('rob', { roles: ['dev'] }))
      const ended = reader.errors.map(({ headers }) => [headers['bridge-code'], headers.subscription])
      expect(ended.sort()).toEqual([
        ['forbidden', 'any-news'],
        ['forbidden', 'news'],
      ])
      const before = reader.messages.length
      await reader.message(before + 30)
      isOver = true
      const count = await flowing
      const heard = (id: string): string[] =>
        bodies(reader.messages.filter(({ headers }) => headers.subscription === id))
      await reader.until('all of the chat', () => heard('chat').length >= count)
      expect(heard('chat')).toEqual(numbers(count))
      const after = new Set(reader.messages.slice(before).map(({ headers }) => headers.subscription))
      expect([...after]).toEqual(['chat'])

      const refused = [
        await reader.ask('SEND', { destination: news }, 'no more'),
        await reader.ask('SUBSCRIBE', { id: 'news', destination: news, ack: 'auto' }),
      ]
      expect(refused.map(({ headers }) => headers['bridge-code'])).toEqual(['forbidden', 'forbidden'])
      await reader.do('SEND', { destination: chat }, 'still here')
      const told = { code: 'forbidden', user: 'rob', route: '/topic/news.{key}', remote: '127.0.0.1' }
      expect(lines(bridge).filter(({ msg }) => msg === 'refused')).toEqual(
        Array.from({ length: 4 }, () => expect.objectContaining(told)),
      )
    })
  })
}

function lines(bridge: TestBridge): Record<string, unknown>[] {
  return bridge
    .log()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}
