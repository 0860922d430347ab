/**
 * Users and events of sessions on a RabbitMQ that two bridges share: nothing is gossiped between them, and nothing is left behind when browsers go but
 * the one exchange.
 */
import { randomUUID } from 'node:crypto'
import { type ConsumeMessage, connect } from 'amqplib'
import { describe, expect, test } from 'vitest'
import { startTestBridge, type TestBridge } from '../../support/bridge.ts'
import type { Rabbit } from '../../support/rabbitmq.ts'
import { until } from '../../support/until.ts'
import { bodies, Client } from '../driver.ts'
import { bearer, jwt } from '../login.ts'
import { directly, inFrontOf, LONG_MS, type Place } from '../place.ts'
import { spawnBridge } from '../process.ts'

const USER = 'user: { broker: rabbit, permit: { send: authenticated }, absent: error, errors: keep }'
const EVENTS = 'events: { broker: rabbit, alive: 1s }'

function written(rabbit: Rabbit, rest = ''): string {
  return inFrontOf(rabbit.url, {
    rest: [USER, `auth: { chain: [${jwt()}, { authenticator: anonymous }] }`, rest].join('\n'),
  })
}

/** Two bridges of one configuration, and clients of either. */
class Pair implements AsyncDisposable {
  readonly bridges: readonly [TestBridge, TestBridge]
  readonly #clients: Client[] = []

  constructor(bridges: readonly [TestBridge, TestBridge]) {
    this.bridges = bridges
  }

  static async start(rabbit: Rabbit, rest = ''): Promise<Pair> {
    const yaml = written(rabbit, rest)
    return new Pair([await startTestBridge(yaml), await startTestBridge(yaml)])
  }

  /** @param name undefined: anonymous */
  async client(at: 0 | 1, name?: string): Promise<Client> {
    const made = await Client.connect(this.bridges[at].url, name === undefined ? {} : await bearer(name))
    this.#clients.push(made)
    return made
  }

  /** … that has subscribed. */
  async listener(at: 0 | 1, name?: string, destination = '/user/queue/x'): Promise<Client> {
    const made = await this.client(at, name)
    await made.do('SUBSCRIBE', { id: 'own', destination })
    return made
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of this.#clients) await each[Symbol.asyncDispose]()
    for (const each of this.bridges) await each[Symbol.asyncDispose]()
  }
}

/** Keys that are bound to the bridge's exchange. */
async function bound(rabbit: Rabbit): Promise<string[]> {
  const printed = await rabbit.eval(
    '[binary_to_list(element(3, B)) || B <- rabbit_binding:list_for_source(rabbit_misc:r(<<"/">>, exchange, <<"stomp-bridge">>))].',
  )
  return [...printed.matchAll(/"([^"]*)"/g)].map((found) => found[1]!)
}

async function codeOf(asked: Promise<{ headers: Readonly<Record<string, string>> }>): Promise<string | undefined> {
  return (await asked).headers['bridge-code']
}

export function users(place: Place): void {
  describe('users on two bridges', () => {
    test('a user on both: each session gets a message once, whoever sends it', { timeout: LONG_MS }, async () => {
      await using pair = await Pair.start(place())
      const name = `ann.*#%/${randomUUID()}`
      const sessions = [await pair.listener(0, name), await pair.listener(0, name), await pair.listener(1, name)]
      const others = [await pair.listener(1, 'ann'), await pair.listener(1)]
      const destination = `/user/${name.replaceAll('%', '%25').replaceAll('/', '%2F')}/queue/x`
      for (const at of [0, 1] as const) {
        const sender = await pair.client(at, 'bob')
        for (let number = 0; number < 20; number++) await sender.do('SEND', { destination }, `${at}-${number}`)
      }
      const sent = [0, 1].flatMap((at) => Array.from({ length: 20 }, (_, number) => `${at}-${number}`))
      for (const each of sessions) {
        await each.message(sent.length)
        expect(bodies(each.messages)).toEqual(sent)
        expect(new Set(each.messages.map(({ headers }) => headers.destination))).toEqual(new Set(['/user/queue/x']))
      }
      expect(others.map(({ messages }) => messages.length)).toEqual([0, 0])
    })

    test('a backend publishes to the exchange, to a name and to an anonymous session', {
      timeout: LONG_MS,
    }, async () => {
      await using pair = await Pair.start(place())
      const [ann, nobody] = [await pair.listener(0, 'ann@example.com'), await pair.listener(1)]
      const session = nobody.connected!.headers.session!
      await directly(place(), async (channel) => {
        const properties = { contentType: 'application/json', headers: { kind: 'note' } }
        channel.publish('stomp-bridge', 'user.ann@example%2Ecom.queue.x', Buffer.from('{}'), properties)
        channel.publish('stomp-bridge', `user.${session}.queue.x`, Buffer.from('you'))
        channel.publish('stomp-bridge', 'user.#', Buffer.from('everybody'))
      })
      const { headers, body } = await ann.message()
      expect(headers).toMatchObject({ destination: '/user/queue/x', 'content-type': 'application/json', kind: 'note' })
      expect(body.toString()).toBe('{}')
      expect((await nobody.message()).body.toString()).toBe('you')
      for (const each of [ann, nobody]) {
        await each.do('UNSUBSCRIBE', { id: 'own' })
        expect(each.messages).toHaveLength(1)
      }
    })

    test('nobody there, on no bridge; or on the other one', { timeout: LONG_MS }, async () => {
      await using pair = await Pair.start(place())
      const bob = await pair.client(0, 'bob')
      const name = randomUUID()
      const send = () => codeOf(bob.ask('SEND', { destination: `/user/${name}/queue/x` }, 'x'))
      expect(await send()).toBe('user-absent')
      const ann = await pair.listener(1, name)
      expect(await send()).toBeUndefined()
      ann.vanish()
      await until('he has gone', async () => (await send()) === 'user-absent')
    })

    test('one queue a bridge, a binding a user; and nothing when they have gone', { timeout: LONG_MS }, async () => {
      const own = async () => (await place().queues()).filter((name) => name.startsWith('amq.gen-'))
      await until('those of other tests have gone', async () => (await own()).length === 0)
      const tag = randomUUID()
      {
        await using pair = await Pair.start(place())
        const joined = Array.from({ length: 40 }, async (_, number) => {
          const at = (number % 2) as 0 | 1
          return await pair.listener(at, `${tag}-${number % 20}`, `/user/queue/${number % 4}`)
        })
        const listeners = await Promise.all(joined)
        expect(await own()).toHaveLength(2)
        expect((await bound(place())).filter((key) => key.includes(tag))).toHaveLength(20)
        for (const each of listeners) each.vanish()
        await until('no binding is left', async () => !(await bound(place())).some((key) => key.includes(tag)))
        await until('no queue is left', async () => (await own()).length === 0)
      }
      expect(await bound(place())).toEqual([])
    })

    test('the connection is lost: bound again, with a gap', { timeout: LONG_MS }, async () => {
      await using pair = await Pair.start(place())
      const name = randomUUID()
      const [ann, bob] = [await pair.listener(0, name), await pair.client(1, 'bob')]
      await place().eval('[rabbit_networking:close_connection(P, "test") || P <- rabbit_networking:connections()].')
      const send = () => codeOf(bob.ask('SEND', { destination: `/user/${name}/queue/x` }, 'again'))
      await until('he is there again', async () => (await send()) === undefined)
      const { headers, body } = await ann.message()
      expect([headers['bridge-gap'], body.toString()]).toEqual(['true', 'again'])
    })
  })

  describe('events of two bridges', () => {
    interface Event {
      readonly bridge: string
      readonly seq: number
      readonly event: string
      readonly session?: string
      readonly sessions?: number
    }

    test('reach a consumer of the broker; a killed bridge falls silent', { timeout: LONG_MS }, async () => {
      await using scene = new AsyncDisposableStack()
      const connection = scene.adopt(await connect(place().url), (each) => each.close())
      const channel = await connection.createChannel()
      await channel.assertExchange('stomp-bridge', 'topic', { durable: true })
      const { queue } = await channel.assertQueue('', { exclusive: true })
      await channel.bindQueue(queue, 'stomp-bridge', 'sessions')
      // What a backend keeps: the sessions of each bridge, and when it was last heard of.
      const present = new Map<string, { readonly sessions: Set<string>; seq: number; alive: number }>()
      const holes: Event[] = []
      await channel.consume(queue, (message) => note(message!), { noAck: true })
      function note({ content }: ConsumeMessage): void {
        const told = JSON.parse(content.toString()) as Event
        const bridge = present.get(told.bridge) ?? { sessions: new Set<string>(), seq: 0, alive: 0 }
        if (told.seq !== bridge.seq + 1) holes.push(told)
        bridge.seq = told.seq
        if (told.event === 'connect') bridge.sessions.add(told.session!)
        if (told.event === 'disconnect') bridge.sessions.delete(told.session!)
        if (told.event === 'alive') bridge.alive = told.sessions!
        if (told.event === 'stop') present.delete(told.bridge)
        else present.set(told.bridge, bridge)
      }

      const yaml = written(place(), EVENTS)
      const killed = scene.use(await spawnBridge(yaml))
      const kept = scene.use(await startTestBridge(yaml))
      const lost = scene.use(await Client.connect(killed.url))
      const stays = scene.use(await Client.connect(kept.url))
      const holder = (client: Client) =>
        [...present.values()].find(({ sessions }) => sessions.has(client.connected!.headers.session!))
      await until('both are known, and alive says so', () => holder(lost)?.alive === 1 && holder(stays)?.alive === 1)
      await killed[Symbol.asyncDispose]()
      await lost.gone()
      const ghost = holder(lost)!
      const { seq } = holder(stays)!
      await until('the other one lives on', () => holder(stays)!.seq > seq + 2)
      // All that says so is its silence.
      expect(holder(lost)).toBe(ghost)
      expect(present.size).toBe(2)
      stays.vanish()
      await kept[Symbol.asyncDispose]()
      await until('whoever stops in order says so', () => present.size === 1)
      expect(holes).toEqual([])
    })
  })
}
