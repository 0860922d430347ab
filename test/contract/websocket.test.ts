/** The WebSocket transport: the contract, and what only WebSocket has. */
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { deflated, plain } from '../../src/transports/framings.ts'
import { websocket } from '../../src/transports/websocket.ts'
import { Notes } from './transport.harness.ts'
import { transportContract } from './transport.suite.ts'
import { closing, conversation, harness, listener, MIB, options, raw, serve, upgrade } from './websocket.scene.ts'

transportContract('websocket', () => harness({}))
transportContract('websocket with permessage-deflate', () => harness({ compression: true }))

describe('framing', () => {
  test('a frame that is UTF-8 goes as text, any other as binary, with the shortest header', () => {
    expect(plain.pack(Buffer.from('ü\0'))).toEqual(Buffer.from([0x81, 3, 0xc3, 0xbc, 0]))
    expect(plain.pack(Buffer.from([0xff]))).toEqual(Buffer.from([0x82, 1, 0xff]))
    expect([...plain.pack(Buffer.alloc(125)).subarray(0, 2)]).toEqual([0x81, 125])
    expect([...plain.pack(Buffer.alloc(126)).subarray(0, 4)]).toEqual([0x81, 126, 0, 126])
    expect([...plain.pack(Buffer.alloc(65_535)).subarray(0, 4)]).toEqual([0x81, 126, 0xff, 0xff])
    expect([...plain.pack(Buffer.alloc(65_536)).subarray(0, 10)]).toEqual([0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0])
  })

  const SIZES = [0, 1, 90, 100, 126, 700, 65_400, 65_536, 200_000]
  const TAILS = [...SIZES.map((size) => Buffer.alloc(size, 'grüße ')), Buffer.from([0xff]), Buffer.from('end')]

  test.each(
    [plain, deflated].flatMap((framing) =>
      ['', 'MESSAGE\nsubscription:ü\n'].flatMap((head) =>
        [1, 1000].map((readers) => [framing, head, readers] as const),
      ),
    ),
  )('frames with a common end are joined as if each were packed', (framing, text, readers) => {
    const head = Buffer.from(text)
    for (const [from, to] of [0, 3, 6, TAILS.length - 1].flatMap((from) => [
      [from, from + 1] as const,
      [from, TAILS.length] as const,
    ])) {
      const tails = TAILS.slice(0, to)
      const joined = framing.join(
        head,
        tails.map((bytes) => framing.tail(bytes)),
        from,
        readers,
      )
      const packed = tails.slice(from).map((tail) => framing.pack(Buffer.concat([head, tail])))
      expect(Buffer.concat(joined).equals(Buffer.concat(packed))).toBe(true)
    }
  })

  test.each([plain, deflated])('whoever looks on reads the frames of them again ($name)', (framing) => {
    const read = framing.reader()
    const head = Buffer.from('MESSAGE\n')
    const tails = TAILS.map((bytes) => framing.tail(bytes))
    const frames = TAILS.map((tail) => Buffer.concat([head, tail]))
    for (const readers of [1, 1000]) expect(framing.join(head, tails, 0, readers).flatMap(read)).toEqual(frames)
    expect(frames.map((frame) => framing.pack(frame)).flatMap(read)).toEqual(frames)
  })

  test('and from pieces of any size', () => {
    const read = plain.reader()
    const frames = [Buffer.alloc(0), Buffer.from('a'), Buffer.alloc(300, 'b'), Buffer.alloc(70_000, 'c')]
    const octets = Buffer.concat(frames.map((frame) => plain.pack(frame)))
    const pieces = Array.from({ length: Math.ceil(octets.length / 7) }, (_, index) =>
      octets.subarray(index * 7, index * 7 + 7),
    )
    expect(pieces.flatMap(read)).toEqual(frames)
  })

  test('they are one buffer, but for a large end that one subscriber alone would copy', () => {
    const join = (size: number, readers: number) => {
      const tails = [plain.tail(Buffer.alloc(size)), plain.tail(Buffer.alloc(size))]
      return { tails, joined: plain.join(Buffer.from('head'), tails, 0, readers) }
    }
    expect(join(100, 1).joined).toHaveLength(1)
    expect(join(100_000, 1000).joined).toHaveLength(1)
    const { tails, joined } = join(100_000, 1)
    expect([joined[1], joined[3]]).toEqual(tails.map(({ bytes }) => bytes))
    expect(joined[1]).toBe(tails[0]!.bytes)
  })

  test('the peer sees one message per frame, text or binary, also when deflated', async () => {
    for (const compression of [false, true]) {
      const { wire, client } = await conversation({ compression })
      expect(wire.framing).toBe(compression ? deflated : plain)
      const seen: [boolean, number][] = []
      client.on('message', (data: Buffer, binary) => seen.push([binary, data.length]))
      for (const frame of [Buffer.alloc(5000, 'text'), Buffer.alloc(5000, 0xff), Buffer.from('\n')]) {
        wire.write(wire.framing.pack(frame))
      }
      wire.flush()
      const all = [
        [false, 5000],
        [true, 5000],
        [false, 1],
      ]
      await expect.poll(() => seen).toEqual(all)
    }
  })

  test('a client that offers no permessage-deflate gets plain frames', async () => {
    const { wire } = await conversation({ compression: true }, { perMessageDeflate: false })
    expect(wire.framing).toBe(plain)
  })
})

describe('subprotocol', () => {
  test.each([
    [['v10.stomp', 'v12.stomp', 'v11.stomp'], 'v12.stomp'],
    [['v10.stomp', 'v11.stomp'], 'v11.stomp'],
    [['mqtt', 'v10.stomp'], 'v10.stomp'],
    [[], ''],
  ])('offered %j, agreed %j', async (offered, agreed) => {
    const { wire, client } = await conversation({}, {}, offered)
    expect(wire.handshake.subprotocol).toBe(agreed)
    expect(client.protocol).toBe(agreed)
  })

  test('none that is known: none is returned', async () => {
    const { address } = await serve()
    const response = await upgrade(address, { 'Sec-WebSocket-Protocol': 'mqtt, v13.stomp' })
    expect(response.status).toBe(101)
    expect(response.headers['sec-websocket-protocol']).toBeUndefined()
  })
})

describe('handshake', () => {
  test('tells what the client said', async () => {
    const { wire } = await conversation({}, { headers: { 'X-Tenant': 'blue' }, origin: 'http://localhost:3000' })
    expect(wire.handshake).toMatchObject({
      origin: 'http://localhost:3000',
      url: '/ws?token=t',
      remote: '127.0.0.1',
      headers: { 'x-tenant': 'blue' },
    })
  })

  test('once admitted, url and headers are let go; the rest stays', async () => {
    const { wire } = await conversation({}, { headers: { Cookie: 'secret' }, origin: 'http://localhost:3000' })
    wire.admitted(true)
    expect(wire.handshake).toMatchObject({ origin: 'http://localhost:3000', url: '', remote: '127.0.0.1', headers: {} })
    expect(wire.handshake.headers).not.toHaveProperty('cookie')
  })

  test('a request that is no proper WebSocket handshake is refused by its fault', async () => {
    const { address } = await serve()
    expect((await upgrade(address, { 'Sec-WebSocket-Version': '7' })).status).toBe(400)
    expect((await upgrade(address, { 'Sec-WebSocket-Key': 'short' })).status).toBe(400)
    expect((await upgrade(address, { Upgrade: 'h2c' })).status).toBe(400)
  })

  test('an accept that throws costs its own client only', async () => {
    const failures: unknown[] = []
    const boom = new Error('boom')
    const mount = websocket(options, () => {
      throw boom
    })
    const { address } = await listener({}, { '/ws': mount, '/ok': websocket(options, () => new Notes()) }, failures)
    const client = new WebSocket(`${address}/ws`)
    await closing(client)
    expect(failures).toEqual([boom])
    expect((await upgrade(address, {}, '/ok')).status).toBe(101)
  })
})

describe('bad input', () => {
  test('a message over the limit closes 1009, one at the limit does not', async () => {
    const { notes, client } = await conversation({ maxMessageBytes: 1000 })
    client.send(Buffer.alloc(1000))
    await expect.poll(() => notes.bytes.length).toBe(1000)
    client.send(Buffer.alloc(1001))
    expect((await closing(client)).code).toBe(1009)
    expect(notes.closings.map(({ code }) => code)).toEqual([1009])
  })

  test('a deflated message counts inflated', async () => {
    const { notes, client } = await conversation({ maxMessageBytes: 10_000, compression: true })
    client.send(Buffer.alloc(10 * MIB))
    expect((await closing(client)).code).toBe(1009)
    expect(notes.chunks).toEqual([])
  })

  test.each([
    ['an unmasked frame', [0x81, 0x01, 0x61], 1002],
    ['a reserved opcode', [0x83, 0x80, 0, 0, 0, 0], 1002],
    ['a reserved bit', [0xc1, 0x80, 0, 0, 0, 0], 1002],
    ['text that is not UTF-8', [0x81, 0x81, 0, 0, 0, 0, 0xff], 1007],
  ])('%s closes the connection once and hurts nobody', async (_, octets, code) => {
    const { address, notes, sessions } = await serve()
    const socket = await raw(address)
    socket.write(Buffer.from(octets))
    await expect.poll(() => notes[0]?.closings.map((closing) => closing.code)).toEqual([code])
    socket.destroy()
    const client = new WebSocket(`${address}/ws`)
    await once(client, 'open')
    client.send('still here')
    await expect.poll(() => notes[1]?.bytes.toString()).toBe('still here')
    expect(sessions).toHaveLength(2)
    client.terminate()
    expect(notes[0]?.closings).toHaveLength(1)
  })

  test('frames cut anywhere are put together; several in one packet come apart', async () => {
    const { address, notes } = await serve()
    const socket = await raw(address)
    const message = Buffer.from([0x81, 0x83, 0, 0, 0, 0, 0x61, 0x62, 0x63])
    for (const octet of message) {
      socket.write(Buffer.from([octet]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    socket.write(Buffer.concat([message, message]))
    await expect.poll(() => notes[0]?.chunks.map(String)).toEqual(['abc', 'abc', 'abc'])
    socket.destroy()
  })
})

describe('life', () => {
  test('answers the pings of a client', async () => {
    const { client } = await conversation()
    client.ping('are you there')
    const [payload] = await once(client, 'pong')
    expect(String(payload)).toBe('are you there')
  })

  test('a peer that leaves tells its own code and reason', async () => {
    const { notes, client } = await conversation()
    client.close(4001, 'bye')
    await expect.poll(() => notes.closings).toEqual([{ code: 4001, reason: 'bye' }])
  })
})
