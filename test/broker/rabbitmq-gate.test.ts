/** What leaves an AMQP connection: in one piece per turn, in the order it was written, byte for byte, however the memory grows or the socket stalls. */
import { Writable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import type { ChannelModel, ConfirmChannel } from 'amqplib'
import { describe, expect, it } from 'vitest'
import { Gate } from '../../src/adapters/rabbitmq/gate.ts'
import { Outbound } from '../../src/adapters/rabbitmq/properties.ts'

/** As much of amqplib's connection as the gate looks at, on a socket that notes each system call. */
class Connection {
  readonly calls: Buffer[] = []
  readonly channels: { buffer: { write(frame: Buffer): boolean } }[]
  readonly stream: Writable
  readonly gate: Gate
  #stalled: (() => void)[] | undefined

  constructor(frameMax = 131_072) {
    // The kernel copies what it takes when it takes it.
    const take = (views: Buffer[], done: () => void): void => {
      const copy = (): void => {
        this.calls.push(Buffer.concat(views))
        done()
      }
      if (this.#stalled === undefined) copy()
      else this.#stalled.push(copy)
    }
    this.stream = new Writable({
      decodeStrings: false,
      write: (chunk, _, done) => take([chunk], done),
      writev: (chunks, done) => {
        const views = chunks.map(({ chunk }) => chunk as Buffer)
        take(views, done)
      },
    })
    this.channels = [{ buffer: this.stream }]
    const muxer = { pipeFrom: (_: Writable): void => {} }
    this.gate = new Gate({
      connection: { stream: this.stream, muxer, channels: this.channels, frameMax },
    } as unknown as ChannelModel)
    this.open = () => {
      const frames = new Writable()
      muxer.pipeFrom(frames)
      return (text: string) => frames.write(Buffer.from(text))
    }
  }

  /** A channel, as amqplib opens one: what it calls to write a frame. */
  readonly open: () => (frame: string) => void

  stall(): void {
    this.#stalled = []
  }

  goOn(): void {
    const stalled = this.#stalled ?? []
    this.#stalled = undefined
    for (const copy of stalled) copy()
  }

  get sent(): string {
    return Buffer.concat(this.calls).toString('latin1')
  }

  publish(channel: number, body: Buffer): void {
    const properties = new Outbound([])
    this.gate.publish({ ch: channel } as unknown as ConfirmChannel, { exchange: 'e', key: 'k', properties }, body)
  }
}

/** Type, channel and payload of every frame. */
function framesIn(text: string): { type: number; channel: number; payload: Buffer }[] {
  const bytes = Buffer.from(text, 'latin1')
  const frames = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 7 + bytes.readUInt32BE(at + 3)
    expect(bytes[end]).toBe(206)
    frames.push({ type: bytes[at]!, channel: bytes.readUInt16BE(at + 1), payload: bytes.subarray(at + 7, end) })
    at = end + 1
  }
  return frames
}

describe('the gate of a connection', () => {
  it('lets all frames of a turn go in one call, in their order, whatever their channel', async () => {
    const connection = new Connection()
    const [one, two] = [connection.open(), connection.open()]
    one('a')
    two('b')
    one('c')
    expect(connection.calls).toEqual([])
    await turn()
    expect(connection.calls.map(String)).toEqual(['abc'])
    two('d')
    await turn()
    expect(connection.calls.map(String)).toEqual(['abc', 'd'])
  })

  it('lets nothing that belongs to the connection itself overtake', async () => {
    const connection = new Connection()
    connection.open()('ack')
    connection.channels[0]!.buffer.write(Buffer.from(' close'))
    expect(connection.sent).toBe('ack close')
    await turn()
    expect(connection.sent).toBe('ack close')
  })

  it('asks at the end of the turn what else there is to write', async () => {
    const connection = new Connection()
    const write = connection.open()
    connection.gate.atTheEnd(() => write('late'))
    write('early ')
    await turn()
    await turn()
    expect(connection.calls.map(String)).toEqual(['early late'])
  })

  it.each([0, 1, 4_088, 4_089, 8_192, 300_000])(
    'publishes a body of %i bytes as it is, in frames that are not too long',
    async (size) => {
      const connection = new Connection(8_192)
      const body = Buffer.alloc(size, 'body')
      connection.publish(3, body)
      connection.publish(4, Buffer.from('next'))
      await turn()
      expect(connection.calls).toHaveLength(1)
      const frames = framesIn(connection.sent)
      const bodies = frames.filter(({ type, channel }) => type === 3 && channel === 3)
      expect(Buffer.concat(bodies.map(({ payload }) => payload)).equals(body)).toBe(true)
      for (const { payload } of bodies) expect(payload.length).toBeLessThanOrEqual(8_192 - 8)
      expect(frames.at(-1)).toMatchObject({ type: 3, channel: 4, payload: Buffer.from('next') })
    },
  )

  it('writes over nothing that the socket has not taken', async () => {
    const connection = new Connection()
    connection.stall()
    const write = connection.open()
    const expected: string[] = []
    for (let number = 0; number < 3_000; number++) {
      const frame = `frame ${number} `.padEnd(100, '.')
      expected.push(frame)
      write(frame)
      if (number % 7 === 0) await turn()
      if (number === 2_000) connection.goOn()
    }
    await turn()
    expect(connection.sent === expected.join('')).toBe(true)
  })

  it('is silent when the connection has ended under it', async () => {
    const connection = new Connection()
    connection.open()('too late')
    connection.stream.destroy()
    await turn()
    expect(connection.calls).toEqual([])
  })

  it('refuses an amqplib that it does not know', () => {
    expect(() => new Gate({ connection: {} } as unknown as ChannelModel)).toThrow()
  })
})
