/**
 * Headers that cost the whole connection when they reach Mosquitto: MQTT 5 §1.5.4 forbids some characters in texts and discourages others, and
 * the library would send the same packet again for ever. All browsers share that connection, so none of these may leave the bridge:
 * while one client fires them all, its neighbour's SENDs get their receipts, and the broker never sees the connection die.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Client } from '../faults/driver.ts'
import { MqttPlace, printed } from './mqtt.place.ts'

const SENDS = 5_000
/** Unconfirmed ones of the neighbour at a time. */
const WINDOW = 100
const HOSTILE = { destination: '/hostile' }

type Case = readonly [what: string, headers: Readonly<Record<string, string>>, answer: string]

const FORBIDDEN: Readonly<Record<string, string>> = {
  LF: '\n',
  CR: '\r',
  TAB: '\t',
  'U+0001': '\u0001',
  NUL: '\u0000',
  'U+001F': '\u001f',
  DEL: '\u007f',
  'U+0085': '\u0085',
  'U+FFFE, a non-character': '\ufffe',
  'U+1FFFF, another one': '\u{1ffff}',
}
const LONGEST = 'x'.repeat(65_535)

const CASES: readonly Case[] = [
  ...Object.entries(FORBIDDEN).flatMap(([name, character]): Case[] => [
    [`${name} in a value`, { k: `a${character}b` }, 'bad-message'],
    [`${name} in a name`, { [`a${character}b`]: 'v' }, 'bad-message'],
    [`${name} in content-type`, { 'content-type': `text/plain${character}` }, 'bad-message'],
    [`${name} in type`, { type: character }, 'bad-message'],
    [`${name} in app-id`, { 'app-id': character }, 'bad-message'],
    [`${name} in amqp-message-id`, { 'amqp-message-id': character }, 'bad-message'],
    [`${name} in content-encoding`, { 'content-encoding': character }, 'bad-message'],
    [`${name} in reply-to`, { 'reply-to': `/topic/a${character}` }, 'bad-destination'],
    [`${name} in destination`, { destination: `/hostile${character}` }, 'bad-destination'],
    // Correlation data are octets.
    [`${name} in correlation-id`, { 'correlation-id': `a${character}b` }, 'RECEIPT'],
  ]),
  ['a value of 65,535 bytes', { k: LONGEST }, 'RECEIPT'],
  ['a value of 65,536 bytes', { k: `${LONGEST}x` }, 'bad-message'],
  ['a value of 65,536 bytes in fewer characters', { k: 'é'.repeat(32_768) }, 'bad-message'],
  ['a name of 65,536 bytes', { [`${LONGEST}x`]: 'v' }, 'bad-message'],
  ['a content-type of 65,536 bytes', { 'content-type': `${LONGEST}x` }, 'bad-message'],
  ['a correlation-id of 65,536 bytes', { 'correlation-id': `${LONGEST}x` }, 'bad-message'],
  ['a destination of 65,536 bytes', { destination: `/${LONGEST}x` }, 'bad-destination'],
  ['expiration that is no number', { expiration: 'abc' }, 'bad-message'],
  ['expiration longer than MQTT can say', { expiration: '999999999999999' }, 'RECEIPT'],
  ['priority that is no number', { priority: 'high' }, 'bad-message'],
  ['persistent that is no boolean', { persistent: 'maybe' }, 'bad-message'],
  ['retain where nobody may', { retain: 'true' }, 'forbidden'],
  ['__proto__', { ['__proto__']: 'x' }, 'bad-message'],
  ['constructor, an ordinary name', { constructor: 'x', hasOwnProperty: 'y' }, 'RECEIPT'],
  ['a name that is only a space', { ' ': 'x' }, 'RECEIPT'],
  ['nothing for a value', { k: '' }, 'RECEIPT'],
]

let place: MqttPlace

beforeAll(async () => {
  place = await MqttPlace.open({ broker: 'status: bridge/status', rest: 'limits: { headerBytes: 256KiB }' })
})

afterAll(() => place?.[Symbol.asyncDispose]())

test('while one client fires everything that costs a connection, a neighbour’s 5,000 SENDs get their receipts', async () => {
  // The last will: "offline" would tell of a connection that the broker has dropped.
  const watch = await place.listens('bridge/status')
  await using hostile = await Client.connect(place.bridge.url)
  await using neighbour = await Client.connect(place.bridge.url)
  let done = false
  const sending = flood(neighbour).finally(() => {
    done = true
  })
  await Promise.all([sending, fire(hostile, () => done)])
  expect(neighbour.receipts.size).toBe(SENDS)
  expect(neighbour.errors).toEqual([])
  expect(hostile.closed).toBeUndefined()
  await place.publishes('bridge/status', 'end of the test')
  expect((await printed(watch, 2)).map(({ payload }) => payload)).toEqual(['online', 'end of the test'])
})

test('a lone surrogate is no UTF-8: it ends its sender’s own connection, and nobody else’s', async () => {
  await using neighbour = await Client.connect(place.bridge.url)
  for (const surrogate of [
    [0xed, 0xa0, 0x80],
    [0xed, 0xbf, 0xbf],
  ]) {
    await using hostile = await Client.connect(place.bridge.url)
    const frame = [Buffer.from('SEND\ndestination:/hostile\nk:'), Buffer.from(surrogate), Buffer.from('\n\n\0')]
    hostile.write(Buffer.concat(frame))
    expect((await hostile.gone()).code).toBe(1002)
    expect(hostile.errors.map(({ headers }) => headers['bridge-code'])).toEqual(['bad-header'])
    await neighbour.do('SEND', HOSTILE, 'still here')
  }
})

test.each([
  ['SUBSCRIBE', 'a control character', { destination: '/a/\u0001' }, 'bad-destination'],
  ['SUBSCRIBE', 'NUL', { destination: '/a/\u0000' }, 'bad-destination'],
  ['SUBSCRIBE', '65,536 bytes', { destination: `/${LONGEST}x` }, 'bad-destination'],
  ['SUBSCRIBE', 'an argument that is none of ours', { destination: '/a', 'x-queue-type': 'stream' }, 'unsupported'],
] as const)('%s with %s is refused', async (command, _, headers, code) => {
  await using hostile = await Client.connect(place.bridge.url)
  const answer = await hostile.ask(command, { id: 'h', ...headers })
  expect(answer.headers['bridge-code']).toBe(code)
  await hostile.do('SEND', HOSTILE, 'still here')
})

/** All of them at least once, and on until the other is done. */
async function fire(client: Client, isDone: () => boolean): Promise<void> {
  do {
    for (const [what, headers, answer] of CASES) {
      const { command, headers: heard } = await client.ask('SEND', { ...HOSTILE, ...headers }, what)
      expect([what, command === 'RECEIPT' ? command : heard['bridge-code']]).toEqual([what, answer])
    }
  } while (!isDone())
}

/** Keeps the window full until all have their receipts. */
async function flood(client: Client): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < SENDS) await client.do('SEND', { destination: '/neighbour' }, `m${next++}`)
  }
  await Promise.all(Array.from({ length: WINDOW }, lane))
}
