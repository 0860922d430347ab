/**
 * What clients write where it could become something else: a header of its own, a line of the log, an order to a terminal, a property of all
 * objects. Seen by a backend on AMQP, by browsers of each version, and in the log.
 */
import type { ConsumeMessage } from 'amqplib'
import { describe, expect, test } from 'vitest'
import { startTestBridge, type TestBridge } from '../../support/bridge.ts'
import { until } from '../../support/until.ts'
import { Client } from '../driver.ts'
import { answerTo, bearer, jwt } from '../login.ts'
import { directly, fresh, inFrontOf, type Place } from '../place.ts'

const CLEAR = '\u001b[2J\u001b]0;title\u0007'
const C1 = '\u009b2J\u0090\u007f'
const LINE = '"}\r\n{"level":"fatal","msg":"forged"}\n'

/** Own headers, which a backend gets as they are: AMQP counts octets, and no character of a value means anything. */
const HOSTILE: Readonly<Record<string, string>> = {
  'a\r\nstomp-user': 'eve',
  'b:c\nstomp-session': 'forged',
  terminal: CLEAR + C1,
  line: LINE,
  frame: 'x\n\nbody\0\nSEND\ndestination:/queue/other\n\n\0',
  constructor: 'eve',
  prototype: 'eve',
  'constructor.prototype.polluted': 'yes',
  toString: 'eve',
  hasOwnProperty: 'eve',
}

/** The bridge's own, in whatever spelling: a backend believes them. */
const FORGED: Readonly<Record<string, string>> = {
  'stomp-user': 'eve',
  'Stomp-User': 'eve',
  'STOMP-SESSION': 'forged',
  'bridge-id': 'forged',
  'Bridge-Resent': 'true',
  'user-id': 'eve',
}

const PROPERTIES: Readonly<Record<string, string>> = {
  'content-type': `text/plain\r\nstomp-user: eve`,
  'correlation-id': CLEAR,
  type: LINE,
  'app-id': C1,
  'amqp-message-id': 'a\nb',
}

export function injection(place: Place): void {
  const start = (): Promise<TestBridge> => {
    // All that a header of SUBSCRIBE could ask for is open: what is refused is refused as what it is.
    const setting = { route: 'allow: all', rest: `auth: { chain: [${jwt()}] }` }
    return startTestBridge(inFrontOf(place().url, setting))
  }

  describe('what clients write into headers', () => {
    test('reaches a backend as it is, and neither name nor session of the sender can be forged', async () => {
      await using bridge = await start()
      await using ann = await Client.connect(bridge.url, await bearer('ann'))
      const queue = fresh('injected')
      await ann.do('SEND', { destination: `/queue/${queue}`, ...FORGED, ...HOSTILE, ...PROPERTIES }, 'x')
      const { properties, content } = await taken(place, queue)
      const { headers = {}, contentType, correlationId, type, appId, messageId, userId } = properties
      expect(headers).toEqual({
        ...HOSTILE,
        'stomp-user': 'ann',
        'stomp-session': ann.connected!.headers.session,
        'bridge-id': expect.not.stringMatching('forged'),
      })
      expect({ contentType, correlationId, type, appId, messageId }).toEqual({
        contentType: PROPERTIES['content-type'],
        correlationId: PROPERTIES['correlation-id'],
        type: PROPERTIES.type,
        appId: PROPERTIES['app-id'],
        messageId: PROPERTIES['amqp-message-id'],
      })
      expect([userId, content.toString()]).toEqual([undefined, 'x'])
    })

    test.each(['1.0', '1.1', '1.2'] as const)('stays in its header for a browser that speaks %s', async (version) => {
      await using bridge = await start()
      await using ann = await Client.connect(bridge.url, await bearer('ann'))
      await using rob = await Client.connect(bridge.url, await bearer('rob'), version)
      const topic = `/topic/${fresh('injected')}`
      await rob.do('SUBSCRIBE', { id: 's', destination: topic, ack: 'auto' })
      await ann.do('SEND', { destination: topic, ...FORGED, ...HOSTILE, ...PROPERTIES }, 'x')
      await ann.do('SEND', { destination: topic }, 'the next one')
      const { headers, body } = await rob.message(1)
      // Names of 1.0 can hold no colon, line feed or carriage return: they are others there, but no more of them.
      const own = ['subscription', 'message-id', 'destination', 'content-length', 'bridge-id']
      expect(Object.keys(headers).filter((name) => !own.includes(name)).length).toBe(
        Object.keys(HOSTILE).length + Object.keys(PROPERTIES).length,
      )
      for (const name of ['stomp-user', 'stomp-session', 'Stomp-User', 'level']) expect(headers[name]).toBeUndefined()
      if (version === '1.2') expect(headers).toMatchObject({ ...HOSTILE, ...PROPERTIES })
      expect(body.toString()).toBe('x')
      expect((await rob.message(2)).body.toString()).toBe('the next one')
      expect(rob.messages.length).toBe(2)
    })

    test('stays harmless in the log, which says each refusal in one line', async () => {
      await using bridge = await start()
      for (const text of [CLEAR, C1, LINE, `a${LINE}b`]) {
        const destinations = [
          `/queue/${text}`,
          `/queue/amq.gen-${text}`,
          `/exchange/${text}/${text}`,
          `/nowhere/${text}`,
        ]
        for (const destination of destinations) {
          await using client = await Client.connect(bridge.url, await bearer('ann'))
          client.send('SEND', { destination, expiration: text })
          client.send('SUBSCRIBE', { id: text, destination, 'x-hostile': text })
          client.send('SUBSCRIBE', { id: text, destination, ack: text })
          client.send('BEGIN', { transaction: text }).send('BEGIN', { transaction: text })
          await client.gone()
        }
        // Names of users are judged by whoever lets them in; what a token says of its key is anybody's.
        for (const user of [text, `ann${text}`]) {
          expect(await answerTo(Client.connect(bridge.url, await bearer(user)))).toBe('login-refused')
        }
        const forged = await bearer('ann', { kid: text, key: 'a key that nobody but the forger has' })
        expect(await answerTo(Client.connect(bridge.url, forged))).toBe('login-refused')
      }
      const leaving = await Client.open(bridge.url)
      leaving.leave(4000, `bye ${CLEAR}${C1}`)
      await until('it is told', () => bridge.log().includes('"code":4000'))
      const lines = bridge.log().split('\n').filter(Boolean)
      for (const line of lines) {
        expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
        const { level, msg } = JSON.parse(line)
        expect([level, msg]).not.toEqual(['fatal', 'forged'])
        expect(msg).not.toBe('internal error')
      }
    })
  })

  test('names that objects of JavaScript have pollute nothing', async () => {
    await using bridge = await start()
    const before = Object.getOwnPropertyNames(Object.prototype)
    const names = ['__proto__', 'constructor', 'prototype', '__defineGetter__', '__proto__.polluted', 'valueOf']
    const extra = Object.fromEntries(names.map((name) => [name, 'polluted']))
    // A computed name, since a plain one would set the prototype of the test's own object.
    expect(Object.hasOwn(extra, '__proto__')).toBe(true)
    await using client = await Client.connect(bridge.url, { ...(await bearer('ann')), ...extra })
    for (const name of names) {
      const destination = `/queue/${name}`
      await client.do('SUBSCRIBE', { id: name, destination, ack: 'client' })
      const answer = await client.ask('SEND', { destination, [name]: 'polluted' }, 'x')
      // PROMISES §1: it would be lost on the way, so it is refused.
      expect([name, answer.headers['bridge-code']]).toEqual([name, name === '__proto__' ? 'bad-message' : undefined])
      await client.do('BEGIN', { transaction: name })
      client.send('SEND', { destination, transaction: name }, 'y')
      await client.do('COMMIT', { transaction: name })
      await client.do('UNSUBSCRIBE', { id: name })
    }
    expect(client.closed).toBeUndefined()
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before)
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })
}

/** The one message of a queue, past the bridge. */
async function taken(place: Place, queue: string): Promise<ConsumeMessage> {
  return await directly(place(), async (channel) => {
    const arrived = Promise.withResolvers<ConsumeMessage>()
    await channel.consume(queue, (message) => message && arrived.resolve(message), { noAck: true })
    return await arrived.promise
  })
}
