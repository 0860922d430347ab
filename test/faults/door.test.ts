/**
 * Strangers at the door: they hold sockets open, trickle, flood, forge and inflate. In front of a bridge that is a process of its own, with a
 * client beside them that notices nothing. The flood comes from 127.0.0.2, which is this machine too.
 */
import { once } from 'node:events'
import { type ClientRequest, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { deflateRawSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { until } from '../support/until.ts'
import { bodies, Client } from './driver.ts'
import { fresh } from './place.ts'
import { type BridgeProcess, spawnBridge } from './process.ts'

const MIB = 1024 * 1024
const FLOODER = '127.0.0.2'
const HANDSHAKE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
}

/** On the memory broker, with these sections beside it. */
async function bridgeWith(rest = '', env: Record<string, string> = {}): Promise<BridgeProcess> {
  const memory = 'brokers: { local: { adapter: memory } }\nroutes: [{ preset: memory, broker: local }]'
  return await spawnBridge(`${memory}\n${rest}`, env)
}

const portOf = ({ url }: BridgeProcess): number => Number(new URL(url).port)

/** A bare socket; what it hears is kept. */
async function stranger(bridge: BridgeProcess, from = FLOODER): Promise<{ socket: Socket; heard(): Buffer }> {
  const socket = connect({ port: portOf(bridge), host: '127.0.0.1', localAddress: from })
  onTestFinished(() => void socket.destroy())
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.on('error', () => {})
  await once(socket, 'connect')
  return { socket, heard: () => Buffer.concat(chunks) }
}

/** Asks for an upgrade; the status of the answer. Who has come in stays until the test ends. */
async function knock(bridge: BridgeProcess, headers: Record<string, string> = {}): Promise<number> {
  const asked: ClientRequest = request(bridge.url.replace('ws:', 'http:'), {
    headers: { ...HANDSHAKE, ...headers },
    localAddress: FLOODER,
    agent: false,
  })
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  asked.once('error', reject)
  asked.once('response', (response) => {
    response.resume()
    resolve(response.statusCode!)
  })
  asked.once('upgrade', (response, socket) => {
    onTestFinished(() => void socket.destroy())
    socket.on('error', () => {})
    resolve(response.statusCode!)
  })
  asked.end()
  return await promise
}

/** A client does its work, each message confirmed and received in order, while `trouble` happens. */
async function neighbour(bridge: BridgeProcess, trouble: () => Promise<void>): Promise<void> {
  await using client = await Client.connect(bridge.url)
  const queue = `/queue/${fresh('neighbour')}`
  await client.do('SUBSCRIBE', { id: 's', destination: queue, ack: 'auto' })
  let isOver = false
  const troubled = trouble().finally(() => {
    isOver = true
  })
  let sent = 0
  for (; !isOver || sent < 100; sent++) await client.do('SEND', { destination: queue }, `m${sent}`)
  await troubled
  await client.message(sent)
  expect(bodies(client.messages)).toEqual(Array.from({ length: sent }, (_, at) => `m${at}`))
  expect(client.errors).toEqual([])
}

/** Ten clients, one after the other, each of whom is let in. */
async function newcomers(bridge: BridgeProcess): Promise<void> {
  for (let count = 0; count < 10; count++) {
    await using client = await Client.connect(bridge.url)
    await client.do('SEND', { destination: '/topic/a' }, 'I am in')
  }
}

interface LogLine {
  readonly msg: string
  readonly reason?: string
  readonly remote?: string
  readonly times?: number
}

const linesOf = (bridge: BridgeProcess): LogLine[] =>
  bridge
    .log()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))

describe('strangers at the door', () => {
  test('5,000 half-open sockets: who works goes on, who comes gets in, the bridge does not grow', async () => {
    await using bridge = await bridgeWith('limits: { handshakes: 1000 }')
    await using early = await Client.connect(bridge.url)
    const before = await bridge.rss()
    await neighbour(bridge, async () => {
      for (let count = 0; count < 5_000; count++) {
        const { socket } = await stranger(bridge)
        if (count % 2 === 0) socket.write('GET /ws HTTP/1.1\r\nHost: localhost\r\nX-Never: ')
      }
    })
    await newcomers(bridge)
    await early.do('SEND', { destination: '/queue/a' }, 'still here')
    expect((await bridge.rss()) - before).toBeLessThan(150 * MIB)
    // Each of them counted, few of them a line.
    const dropped = () => linesOf(bridge).filter(({ reason }) => reason === 'handshakes')
    await until('all are told', () => dropped().reduce((sum, { times = 0 }) => sum + times, 0) >= 3_900)
    expect(dropped().length).toBeLessThan(200)
  })

  test('3,000 honest clients at once all come in', async () => {
    await using bridge = await bridgeWith('limits: { connectionsPerIp: 0 }')
    const statuses = await Promise.all(Array.from({ length: 3_000 }, () => knock(bridge)))
    expect(statuses.filter((status) => status !== 101)).toEqual([])
  })

  test('a handshake in single bytes is cut', async () => {
    await using bridge = await bridgeWith('limits: { handshakeTimeout: 500ms }')
    const { socket, heard } = await stranger(bridge)
    const head = `GET /ws HTTP/1.1\r\nHost: localhost\r\nX-Slow: ${'x'.repeat(10_000)}`
    let at = 0
    const trickle = setInterval(() => socket.write(head[at++ % head.length]!), 10)
    onTestFinished(() => clearInterval(trickle))
    await neighbour(bridge, async () => void (await once(socket, 'close')))
    clearInterval(trickle)
    expect(heard().toString()).toMatch(/^HTTP\/1\.1 408 /)
    await until('it is told', () => linesOf(bridge).some(({ reason }) => reason === 'handshakeTimeout'))
  })

  test('a flood of connections from one address: others come in and work', async () => {
    const limits = 'limits: { connections: 100, connectRate: 100, connectBurst: 100, connectionsPerIp: 20 }'
    await using bridge = await bridgeWith(limits)
    const statuses = new Map<number, number>()
    await neighbour(bridge, async () => {
      const lane = async (): Promise<void> => {
        for (let count = 0; count < 200; count++) {
          const status = await knock(bridge)
          statuses.set(status, (statuses.get(status) ?? 0) + 1)
        }
      }
      await Promise.all(Array.from({ length: 10 }, lane))
      await newcomers(bridge)
    })
    expect([statuses.get(101), statuses.get(429)]).toEqual([20, 1_980])
    const told = linesOf(bridge).filter(({ reason }) => reason === 'connectionsPerIp')
    expect(told.every(({ remote }) => remote === FLOODER)).toBe(true)
    expect(told.length).toBeLessThan(100)
  })

  test('a forged X-Forwarded-For: it is who it is', async () => {
    await using bridge = await bridgeWith('limits: { connectionsPerIp: 2 }')
    const statuses: number[] = []
    for (let count = 0; count < 5; count++) {
      const forged = `203.0.113.${count}`
      const headers = { 'X-Forwarded-For': forged, Forwarded: `for=${forged}`, 'X-Real-IP': forged }
      statuses.push(await knock(bridge, headers))
    }
    expect(statuses).toEqual([101, 101, 429, 429, 429])
    expect(bridge.log()).not.toContain('203.0.113')
  })

  test('a bomb: 256 MiB in 256 KiB are not inflated', async () => {
    await using bridge = await bridgeWith('listen: { websocket: { compression: true } }')
    const bomb = deflateRawSync(Buffer.alloc(256 * MIB))
    const { socket, heard } = await stranger(bridge)
    const lines = Object.entries({ ...HANDSHAKE, 'Sec-WebSocket-Extensions': 'permessage-deflate' })
    const headers = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    socket.write(`GET /ws HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`)
    await until('the answer to the upgrade', () => heard().includes('\r\n\r\n'))
    expect(heard().toString()).toMatch(/permessage-deflate/)
    const answer = heard().length
    const before = await bridge.rss()
    // RFC 6455 §5.2: FIN, RSV1, binary; a length of 64 bits; a mask of zeros
    const frame = Buffer.alloc(14)
    frame[0] = 0xc2
    frame[1] = 0xff
    frame.writeBigUInt64BE(BigInt(bomb.length), 2)
    await neighbour(bridge, async () => {
      socket.write(frame)
      socket.write(bomb)
      await once(socket, 'close')
    })
    expect([heard()[answer], heard().readUInt16BE(answer + 2)]).toEqual([0x88, 1009])
    expect((await bridge.rss()) - before).toBeLessThan(100 * MIB)
  })

  /** Bytes, since no client library would send them. */
  const HOSTILE: readonly (readonly [what: string, head: string])[] = [
    ['ESC in an Origin', 'Origin: https://evil.test\u001b[2J\u001b]0;title\u0007\r\nHost: localhost'],
    ['C1 in an Origin', 'Origin: https://evil.test\u009b2J\u0090\r\nHost: localhost'],
    ['a log line in an Origin', 'Origin: https://evil.test","level":"fatal","msg":"forged\r\nHost: localhost'],
    ['CR in an Origin', 'Origin: https://evil.test\r{"level":"fatal","msg":"forged"}\r\nHost: localhost'],
    ['LF in an Origin', 'Origin: https://evil.test\n{"level":"fatal","msg":"forged"}\r\nHost: localhost'],
    ['C1 in a Host', 'Host: evil.test\u009b2J'],
    ['ESC in a Host', 'Host: evil.test\u001b[2J'],
    ['a log line in a Host', 'Host: evil.test","level":"fatal","msg":"forged'],
    ['a token in an Origin', 'Origin: https://evil.test/?access_token=hush-hush\r\nHost: localhost'],
  ]

  test('what they write into headers stays harmless in the log', async () => {
    await using bridge = await bridgeWith()
    for (const [what, head] of HOSTILE) {
      const { socket, heard } = await stranger(bridge)
      const lines = Object.entries(HANDSHAKE).map(([name, value]) => `${name}: ${value}\r\n`)
      socket.write(Buffer.from(`GET /ws?token=hush-hush HTTP/1.1\r\n${head}\r\n${lines.join('')}\r\n`, 'latin1'))
      await once(socket, 'close')
      expect(heard().toString(), what).toMatch(/^HTTP\/1\.1 40[03] /)
    }
    const told = () => linesOf(bridge).reduce((sum, { times = 0 }) => sum + times, 0)
    await until('all are told', () => told() === HOSTILE.length)
    // Each line is one record, and none of them is theirs.
    for (const line of linesOf(bridge)) expect(line.msg).not.toBe('forged')
    expect(bridge.log()).not.toContain('hush')
    expect(bridge.log().replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
  })
})
