/** Two bridges in front of one broker are one system: nothing is kept in one that the other needs, not even when it is killed. */
import { describe, expect, test } from 'vitest'
import { until } from '../../support/until.ts'
import { bodies, Client, type Heard } from '../driver.ts'
import { inFrontOfMqtt, type Shore } from '../mqtt-place.ts'
import { depth, fresh, inFrontOf, LONG_MS, type Place } from '../place.ts'
import { type BridgeProcess, spawnBridge } from '../process.ts'

/** Of each sender. */
const MESSAGES = 200
/** Unacknowledged messages of one consumer. */
const CREDIT = 20

export function twoBridges(place: Place, shore: Shore): void {
  describe('two bridges on one RabbitMQ', () => {
    const start = (): Promise<Pair> => Pair.start(inFrontOf(place().url))

    test('a topic reaches the browsers of both', { timeout: LONG_MS }, async () => {
      await using pair = await start()
      await topicReachesBoth(pair)
    })

    test('a queue is shared: every message comes once, to one of them', { timeout: LONG_MS }, async () => {
      await using pair = await start()
      const queue = fresh('shared')
      const destination = `/queue/${queue}`
      const heard: { bridge: number; message: Heard }[] = []
      for (const [bridge, url] of [...pair.urls, ...pair.urls].entries()) {
        const consumer = await pair.client(url)
        consumer.onMessage = (message) => {
          heard.push({ bridge: bridge % 2, message })
          consumer.ack(message)
        }
        const subscription = { id: 's', destination, 'prefetch-count': String(CREDIT) }
        await consumer.do('SUBSCRIBE', { ...subscription, ack: 'client-individual' })
      }
      const sent = await pair.sends(destination)
      await until('everything is acknowledged', async () => {
        const { ready, unacked } = await depth(place(), queue)
        return ready + unacked === 0 && heard.length >= sent.length
      })
      expect(bodies(heard.map(({ message }) => message)).toSorted()).toEqual(sent.toSorted())
      expect(heard.filter(({ message }) => message.headers.redelivered === 'true')).toEqual([])
      expect(new Set(heard.map(({ bridge }) => bridge))).toEqual(new Set([0, 1]))
    })

    test('one is killed: what its clients had not acknowledged comes to the other', { timeout: LONG_MS }, async () => {
      await using pair = await start()
      const queue = fresh('moved')
      const destination = `/queue/${queue}`
      const topic = `/topic/${fresh('both')}`
      const [url, otherUrl] = pair.urls
      const subscription = { id: 's', destination, ack: 'client-individual', 'prefetch-count': String(CREDIT) }

      // One acknowledges every other message until its credit is used up, the other one all.
      const acked: string[] = []
      const held: string[] = []
      const doomed = await pair.client(url)
      doomed.onMessage = (message) => {
        if (held.length > acked.length) {
          acked.push(message.body.toString())
          doomed.ack(message)
        } else held.push(message.body.toString())
      }
      const heir = await pair.client(otherUrl)
      const inherited: Heard[] = []
      const own: string[] = []
      let isKilled = false
      heir.onMessage = (message) => {
        if (message.headers.destination === topic) return
        if (isKilled) inherited.push(message)
        else own.push(message.body.toString())
        heir.ack(message)
      }
      await doomed.do('SUBSCRIBE', subscription)
      await heir.do('SUBSCRIBE', subscription)
      await heir.do('SUBSCRIBE', { id: 't', destination: topic })
      const sent = await pair.sends(destination)
      await until('the rest is acknowledged', async () => {
        const { ready, unacked } = await depth(place(), queue)
        return ready === 0 && unacked === CREDIT && held.length === CREDIT
      })
      expect([...acked, ...held, ...own].toSorted()).toEqual(sent.toSorted())

      isKilled = true
      await pair.kills(0)
      await doomed.gone()
      await heir.until('what the other held', () => inherited.length >= CREDIT)
      await until('the queue is empty', async () => {
        const { ready, unacked } = await depth(place(), queue)
        return ready + unacked === 0
      })
      expect(bodies(inherited).toSorted()).toEqual(held.toSorted())
      expect(inherited.filter(({ headers }) => headers.redelivered !== 'true')).toEqual([])

      // Its clients come back to the other one, and find everything as it was.
      const returned = await pair.client(otherUrl)
      await returned.do('SUBSCRIBE', { id: 't', destination: topic })
      await returned.do('SEND', { destination: topic }, 'again')
      expect((await returned.message()).body.toString()).toBe('again')
      expect((await returned.message()).headers).not.toHaveProperty('bridge-gap')
    })
  })

  describe('two bridges on one Mosquitto', () => {
    const start = (): Promise<Pair> => Pair.start(inFrontOfMqtt(shore().port))

    test('a topic reaches the browsers of both', { timeout: LONG_MS }, async () => {
      await using pair = await start()
      await topicReachesBoth(pair)
    })

    test('one is killed: the browsers of the other miss nothing', { timeout: LONG_MS }, async () => {
      await using pair = await start()
      const destination = `/topic/${fresh('plant')}`
      const [lost, kept] = [await pair.client(pair.urls[0]), await pair.client(pair.urls[1])]
      for (const client of [lost, kept]) await client.do('SUBSCRIBE', { id: 's', destination })
      const readings = Array.from({ length: MESSAGES }, (_, at) => String(at))
      for (const reading of readings) {
        if (reading === String(MESSAGES / 2)) await pair.kills(0)
        await kept.do('SEND', { destination }, reading)
      }
      await lost.gone()
      await kept.message(MESSAGES)
      expect(bodies(kept.messages)).toEqual(readings)
      expect(kept.messages.filter(({ headers }) => headers['bridge-gap'] !== undefined)).toEqual([])
      expect(bodies(lost.messages)).toEqual(readings.slice(0, lost.messages.length))
    })
  })
}

/** Browsers on both bridges, exact and wildcard, and senders on both: each hears each sender's messages once and in order. */
async function topicReachesBoth(pair: Pair): Promise<void> {
  const name = fresh('news')
  const destination = `/topic/${name}.a`
  const listeners: Client[] = []
  for (const url of [...pair.urls, ...pair.urls]) {
    for (const [id, each] of [destination, `/topic/${name}.*`].entries()) {
      const listener = await pair.client(url)
      await listener.do('SUBSCRIBE', { id: String(id), destination: each })
      listeners.push(listener)
    }
  }
  const sent = await pair.sends(destination)
  for (const listener of listeners) {
    await listener.message(sent.length)
    for (const sender of ['0', '1']) {
      const by = (body: string): boolean => body.startsWith(`${sender}-`)
      expect(bodies(listener.messages).filter(by)).toEqual(sent.filter(by))
    }
    expect(listener.messages).toHaveLength(sent.length)
    for (const { headers } of listener.messages) expect(headers.destination).toBe(destination)
  }
}

/** Two processes with equal configurations, and clients of either; all of them leave together. */
class Pair implements AsyncDisposable {
  readonly urls: readonly [string, string]
  readonly #bridges: readonly BridgeProcess[]
  readonly #parts: AsyncDisposableStack

  static async start(yaml: string): Promise<Pair> {
    await using parts = new AsyncDisposableStack()
    const bridges: BridgeProcess[] = []
    for (let count = 0; count < 2; count++) bridges.push(parts.use(await spawnBridge(yaml)))
    return new Pair(bridges, parts.move())
  }

  private constructor(bridges: readonly BridgeProcess[], parts: AsyncDisposableStack) {
    this.urls = [bridges[0]!.url, bridges[1]!.url]
    this.#bridges = bridges
    this.#parts = parts
  }

  async client(url: string): Promise<Client> {
    return this.#parts.use(await Client.connect(url))
  }

  /** A sender at each bridge, both at once, with a RECEIPT for every message. @returns `0-0`, `0-1` … and `1-0`, `1-1` … */
  async sends(destination: string): Promise<string[]> {
    const each = this.urls.map(async (url, sender) => {
      await using client = await Client.connect(url)
      const texts = Array.from({ length: MESSAGES }, (_, at) => `${sender}-${at}`)
      await Promise.all(texts.map((text) => client.do('SEND', { destination }, text)))
      return texts
    })
    return (await Promise.all(each)).flat()
  }

  /** kill -9. */
  async kills(bridge: number): Promise<void> {
    this.#bridges[bridge]!.signal('SIGKILL')
    await this.#bridges[bridge]!.ended()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync()
  }
}
