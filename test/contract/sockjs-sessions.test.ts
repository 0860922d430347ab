/** Sessions of SockJS over HTTP: what they live on, what ends them, and how much a client may have under way. Times are a test's own. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { FakeClock } from '../support/clock.ts'
import { ask, begin, options, type Polled, Stream, serve, session } from './sockjs.scene.ts'

const send = (at: string, ...messages: string[]) => ask(`${at}/xhr_send`, { body: JSON.stringify(messages) })
const poll = async (at: string): Promise<string> => (await ask(`${at}/xhr`)).body
/** A poll that waits, and whose session knows of it. */
async function waiting(at: string): Promise<{ answer: Promise<string> }> {
  const answer = poll(at)
  await expect.poll(async () => poll(at)).toBe('c[2010,"Another connection still open"]\n')
  return { answer }
}

describe('heart-beats', () => {
  test.each<[Polled, string, string]>([
    ['xhr_streaming', 'POST', '\n'],
    ['eventsource', 'GET', '\r\n\r\n'],
  ])('%s: an h after 25 s of silence, and no sooner', async (kind, method, end) => {
    const clock = new FakeClock()
    const { url, wires } = await serve({}, {}, clock)
    const stream = await Stream.open(`${url}/0/s/${kind}`, { method })
    if (kind === 'eventsource') await stream.read('\r\n')
    else await stream.read()
    expect(await stream.read(end)).toMatch(/o\s+$/)
    clock.advance(20_000)
    wires[0]!.write(wires[0]!.framing.pack(Buffer.from('x')))
    wires[0]!.flush()
    expect(await stream.read(end)).toMatch(/a\["x"\]\s+$/)
    clock.advance(24_999)
    clock.advance(1)
    expect(await stream.read(end)).toMatch(/h\s+$/)
    clock.advance(25_000)
    expect(await stream.read(end)).toMatch(/h\s+$/)
  })

  test('a poll is answered with it', async () => {
    const clock = new FakeClock()
    const { url } = await serve({}, {}, clock)
    const at = await session(url)
    const { answer } = await waiting(at)
    clock.advance(25_000)
    expect(await answer).toBe('h\n')
  })

  test('on a WebSocket, too, and it counts for nothing', async () => {
    const clock = new FakeClock()
    const { url, wires } = await serve({}, {}, clock)
    const client = new WebSocket(`${url.replace('http', 'ws')}/0/s/websocket`)
    onTestFinished(() => client.terminate())
    const heard: string[] = []
    client.on('message', (data: Buffer) => heard.push(data.toString()))
    await expect.poll(() => heard).toEqual(['o'])
    clock.advance(25_000)
    await expect.poll(() => heard).toEqual(['o', 'h'])
    expect([wires[0]!.written, wires[0]!.sent, wires[0]!.buffered]).toEqual([0, 0, 0])
  })

  test.each(['xhr_streaming', 'websocket'])('%s: none once STOMP has its own', async (kind) => {
    const clock = new FakeClock()
    const { url, wires } = await serve({ disconnectDelayMs: 1e9 }, {}, clock, (wire) => wire.admitted(true))
    if (kind === 'websocket') {
      const client = new WebSocket(`${url.replace('http', 'ws')}/0/s/websocket`)
      onTestFinished(() => client.terminate())
      await once(client, 'open')
    } else await begin(`${url}/0/s/${kind}`)
    await expect.poll(() => wires).toHaveLength(1)
    expect(clock.pending).toBe(0)
  })
})

describe('a client that is gone', () => {
  test('is given up after the delay; a request in time goes on', async () => {
    const clock = new FakeClock()
    const { url, notes, connections } = await serve({ disconnectDelayMs: 5_000 }, {}, clock)
    const at = await session(url)
    clock.advance(4_999)
    const { answer } = await waiting(at)
    clock.advance(10_000)
    expect(notes[0]!.closings).toEqual([])
    notes[0]!.alives = 0
    clock.advance(15_000)
    expect(await answer).toBe('h\n')
    await expect.poll(() => clock.pending).toBeGreaterThan(1)
    clock.advance(5_000)
    expect(notes[0]!.closings).toMatchObject([{ code: 1006 }])
    expect(connections()).toBe(0)
    expect(await poll(at)).toBe('c[1002,"Connection interrupted"]\n')
    expect((await send(at, 'nobody reads it')).status).toBe(204)
    clock.advance(5_000)
    expect((await send(at, 'nobody knows it')).status).toBe(404)
    expect(await poll(at)).toBe('o\n')
  })

  test('a close waits for it, with what was written before, and then does not', async () => {
    const clock = new FakeClock()
    const { url, wires, notes } = await serve({ disconnectDelayMs: 5_000 }, {}, clock)
    for (const comes of [true, false]) {
      const at = await session(url)
      const wire = wires.at(-1)!
      wire.write(wire.framing.pack(Buffer.from('last words')))
      wire.close(1008, 'policy')
      if (comes) expect(await poll(at)).toBe('a["last words"]\n')
      else clock.advance(5_000)
      expect(await poll(at)).toBe('c[1008,"policy"]\n')
      await expect.poll(() => notes.at(-1)!.closings.map(({ code }) => code)).toEqual([comes ? 1008 : 1006])
      expect(await poll(at)).toBe('c[1008,"policy"]\n')
    }
  })

  test('asks again when it is pinged', async () => {
    const { url, wires } = await serve()
    const stream = await Stream.open(`${url}/0/s/xhr_streaming`)
    await stream.read()
    await stream.read()
    wires[0]!.ping()
    expect(await stream.read()).toBe('h\n')
    expect(await stream.read()).toBe('')
  })

  test('leaves nothing behind', async () => {
    const clock = new FakeClock()
    const { url, connections } = await serve({}, {}, clock)
    const streams = await Promise.all([1, 2, 3].map((id) => Stream.open(`${url}/0/${id}/xhr_streaming`)))
    expect(connections()).toBe(3)
    for (const stream of streams) stream.abort()
    await expect.poll(connections).toBe(0)
    clock.advance(options.disconnectDelayMs)
    expect(clock.pending).toBe(0)
  })
})

describe('what a client sends', () => {
  test('is not answered while the session does not read; then it comes in its order', async () => {
    const { url, notes, wires } = await serve({}, {}, undefined, (wire, note) => {
      note.data = (chunk) => {
        note.chunks.push(chunk)
        if (chunk.includes('full')) wire.pause()
      }
    })
    const at = await session(url)
    let answered = 0
    const sent = async (text: string): Promise<void> => {
      expect((await send(at, text)).status).toBe(204)
      answered++
    }
    await sent('one ')
    const all = [sent('full ')]
    await expect.poll(() => notes[0]!.chunks).toHaveLength(2)
    all.push(sent('three '))
    expect((await ask(`${url}/info`, { method: 'GET' })).status).toBe(200)
    expect([answered, notes[0]!.chunks.length]).toEqual([1, 2])
    wires[0]!.resume()
    await Promise.all(all)
    expect(notes[0]!.bytes.toString()).toBe('one full three ')
  })

  test('is no more than so many requests at a time; one that is closed lets them go', async () => {
    const { url, wires, notes } = await serve()
    const at = await session(url)
    wires[0]!.pause()
    const all = Array.from({ length: 12 }, () => send(at, 'x'))
    await expect.poll(async () => (await send(at, 'one more')).status).toBe(503)
    wires[0]!.close(1000, '')
    const statuses = (await Promise.all(all)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 204)).toHaveLength(8)
    expect(statuses.filter((status) => status === 503)).toHaveLength(4)
    expect(notes[0]!.chunks).toEqual([])
  })

  test.each(['close', 'terminate'] as const)(
    'on the way when the session ends (%s): nobody waits for the rest',
    async (how) => {
      const { url, wires, notes } = await serve()
      const at = await session(url)
      const begun = { headers: { 'Content-Length': '1000' }, body: '["never' }
      const all = Array.from({ length: 8 }, () => ask(`${at}/xhr_send`, begun))
      await expect.poll(async () => (await send(at, 'one more')).status).toBe(503)
      notes[0]!.chunks.length = 0
      wires[0]![how](1000, '')
      expect((await Promise.all(all)).map(({ status }) => status)).toEqual(Array(8).fill(204))
      expect(notes[0]!.chunks).toEqual([])
    },
  )

  test('is answered, too, when it makes the session stop reading, and end', async () => {
    const { url, notes } = await serve({}, {}, undefined, (wire, note) => {
      note.data = (chunk) => {
        note.chunks.push(chunk)
        wire.pause()
        wire.close(1008, 'no')
      }
    })
    expect((await send(await session(url), 'x')).status).toBe(204)
    expect(notes[0]!.bytes.toString()).toBe('x')
  })

  test('is no larger than the limit: the answer is 413, the close 1009; at the limit it is taken', async () => {
    const { url, notes, wires } = await serve({ maxMessageBytes: 1_000, maxConnectBytes: 1_000 })
    const at = await session(url)
    const messages = ['x'.repeat(1_000), 'y'.repeat(1_000)]
    expect((await send(at, ...messages)).status).toBe(204)
    expect(notes[0]!.bytes.length).toBe(2_000)
    expect((await send(at, 'x'.repeat(1_001))).status).toBe(413)
    expect(await poll(at)).toBe('c[1009,"the message is too large"]\n')
    await expect.poll(() => notes[0]!.closings.map(({ code }) => code)).toEqual([1009])
    expect(wires).toHaveLength(1)
  })

  test.each([
    ['in one piece', { 'Content-Length': '10000000' }],
    ['in pieces', { 'Transfer-Encoding': 'chunked' }],
  ])('%s: no more of it is read than it may be', async (_, headers) => {
    const { url, notes } = await serve({ maxConnectBytes: 1_000 })
    const at = await session(url)
    const body = 'x'.repeat(10_000_000)
    // The connection is closed with the answer, which a client that goes on sending may not see.
    const status = await ask(`${at}/xhr_send`, { headers, body }).then(
      (answer) => answer.status,
      () => 'reset',
    )
    expect([413, 'reset']).toContain(status)
    expect(await poll(at)).toBe('c[1009,"the message is too large"]\n')
    await expect.poll(() => notes[0]!.closings.map(({ code }) => code)).toEqual([1009])
  })

  test('before it is let in less may be under way', async () => {
    const { url, wires } = await serve({ maxConnectBytes: 1_000 })
    const at = await session(url)
    expect((await send(at, 'x'.repeat(2_900))).status).toBe(204)
    wires[0]!.admitted(true)
    expect((await send(at, 'x'.repeat(10_000))).status).toBe(204)
    const other = await session(url)
    expect((await send(other, 'x'.repeat(10_000))).status).toBe(413)
  })

  test.each([true, false])('nor may one message over a WebSocket be larger until then (let in: %s)', async (isIn) => {
    const { url, notes, wires } = await serve({ maxConnectBytes: 1_000 })
    const client = new WebSocket(`${url.replace('http', 'ws')}/0/s/websocket`)
    onTestFinished(() => client.terminate())
    await once(client, 'open')
    if (isIn) wires[0]!.admitted(true)
    client.send(JSON.stringify(Array(10_000).fill('')))
    client.send('["x"]')
    if (isIn) await expect.poll(() => notes[0]!.bytes.toString()).toBe('x')
    else await expect.poll(() => notes[0]!.closings.map(({ code }) => code)).toEqual([1009])
  })

  test('that breaks off is nothing', async () => {
    const { url, notes, port } = await serve()
    const at = await session(url)
    for (let count = 0; count < 20; count++) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(`POST ${new URL(at).pathname}/xhr_send HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n["ha`)
      await once(socket, 'connect')
      socket.destroy()
    }
    await expect.poll(async () => (await send(at, 'whole')).status).toBe(204)
    expect(notes[0]!.bytes.toString()).toBe('whole')
  })
})

describe('responses', () => {
  test('a stream ends when it is long enough; what is left comes with the next', async () => {
    const { url, wires } = await serve({ streamBytes: 4_096 })
    const at = `${url}/0/s`
    const first = await Stream.open(`${at}/xhr_streaming`)
    await first.read()
    await first.read()
    const wire = wires[0]!
    for (const letter of 'abcdefgh') wire.write(wire.framing.pack(Buffer.from(letter.repeat(1_000))))
    wire.flush()
    const texts = async (stream: Stream): Promise<string> =>
      (JSON.parse((await stream.read()).slice(1)) as string[]).map((text) => text[0]).join('')
    expect(await texts(first)).toBe('abcde')
    expect(await first.read()).toBe('')
    await expect.poll(() => wire.sent).toBe(5 * 1_003)
    const second = await Stream.open(`${at}/xhr_streaming`)
    await second.read()
    expect(await texts(second)).toBe('fgh')
    await expect.poll(() => wire.buffered).toBe(0)
  })

  test('a request behind another on its connection is no receiver', async () => {
    const { url, port } = await serve()
    const path = new URL(await session(url)).pathname
    const socket = connect(port, '127.0.0.1')
    const head = (to: string): string => `POST ${to}/xhr HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`
    socket.write(head(path) + head(`${path}2`))
    await expect.poll(() => poll(`${url.replace(/\/sockjs$/, '')}${path}`)).toMatch(/^c\[2010/)
    // Its session was not opened.
    expect(await poll(`${url.replace(/\/sockjs$/, '')}${path}2`)).toBe('o\n')
    socket.destroy()
  })

  test('disposing of the listener ends the sessions, with and without a request', async () => {
    const { url, notes, dispose } = await serve()
    await begin(`${url}/0/s/xhr_streaming`)
    await session(url)
    await dispose()
    await expect.poll(() => notes.map(({ closings }) => closings.map(({ code }) => code))).toEqual([[1006], [1006]])
  })
})
