/**
 * What every transport owes a session (src/transports/wire.ts), as cases that any Wire can be put through. A harness says how to open a
 * connection and what its peer sees; it knows the transport, the cases do not.
 */
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Wire } from '../../src/transports/wire.ts'
import { Notes, type Peer, type TransportHarness } from './transport.harness.ts'

const MIB = 1024 * 1024

export function transportContract(name: string, start: () => Promise<TransportHarness>): void {
  describe(`${name} keeps the transport contract`, () => {
    async function started(): Promise<TransportHarness> {
      const harness = await start()
      onTestFinished(() => harness[Symbol.asyncDispose]())
      return harness
    }

    async function connected(): Promise<{ wire: Wire; notes: Notes; peer: Peer; closes: boolean; textOnly: boolean }> {
      const harness = await started()
      return { ...(await joined(harness)), closes: harness.closes, textOnly: harness.textOnly }
    }

    test('what the peer sends arrives byte for byte, whatever the octets', async () => {
      const { notes, peer, textOnly } = await connected()
      const every = everyOctet(textOnly)
      const large = Buffer.alloc(MIB, every)
      peer.send(every)
      peer.send(Buffer.from('\n'))
      peer.send(large)
      const all = Buffer.concat([every, Buffer.from('\n'), large])
      await expect.poll(() => notes.bytes.length).toBe(all.length)
      expect(notes.bytes.equals(all)).toBe(true)
    })

    test('frames arrive byte for byte and in the order of their writes, over many turns', async () => {
      const { wire, peer, textOnly } = await connected()
      const frames = [
        Buffer.from('text\0'),
        everyOctet(textOnly),
        Buffer.from('\n'),
        ...[125, 126, 127, 65_535, 65_536, MIB].map(text),
      ]
      for (const frame of frames.slice(0, 4)) wire.write(wire.framing.pack(frame))
      wire.flush()
      for (const frame of frames.slice(4)) {
        await turn()
        wire.write(wire.framing.pack(frame))
        wire.flush()
      }
      const all = Buffer.concat(frames)
      await expect.poll(() => Buffer.concat(peer.received).length).toBe(all.length)
      expect(Buffer.concat(peer.received).equals(all)).toBe(true)
    })

    test('joined frames arrive like others', async () => {
      const { wire, peer, textOnly } = await connected()
      const tails = [Buffer.from('1\0'), everyOctet(textOnly), text(100_000)]
      const head = Buffer.from('"head" ü\n')
      const joined = wire.framing.join(
        head,
        tails.map((bytes) => wire.framing.tail(bytes)),
        0,
        1,
      )
      for (const bytes of joined) wire.write(bytes)
      wire.flush()
      const all = Buffer.concat(tails.flatMap((tail) => [head, tail]))
      await expect.poll(() => Buffer.concat(peer.received).length).toBe(all.length)
      expect(Buffer.concat(peer.received).equals(all)).toBe(true)
    })

    test('two wires of one kind share one framing, so that a group packs once', async () => {
      const harness = await started()
      const one = await joined(harness)
      const two = await joined(harness)
      expect(one.wire.framing).toBe(two.wire.framing)
      expect(one.wire.id).not.toBe(two.wire.id)
      const packed = one.wire.framing.pack(Buffer.from('for both\0'))
      for (const { wire } of [one, two]) {
        wire.write(packed)
        wire.flush()
      }
      for (const { peer } of [one, two]) {
        await expect.poll(() => Buffer.concat(peer.received).toString()).toBe('for both\0')
      }
    })

    test('written counts packed bytes, sent follows, buffered is what lies between', async () => {
      const { wire, notes } = await connected()
      expect([wire.written, wire.sent, wire.buffered]).toEqual([0, 0, 0])
      const packed = wire.framing.pack(Buffer.from('counted\0'))
      wire.write(packed)
      wire.write(packed)
      expect(wire.written).toBe(2 * packed.length)
      expect(wire.buffered).toBe(wire.written - wire.sent)
      wire.flush()
      await expect.poll(() => notes.totals.at(-1)).toBe(wire.written)
      expect([wire.sent, wire.buffered]).toEqual([wire.written, 0])
    })

    test('a turn of many frames is told as sent at most once', async () => {
      const { wire, notes, peer } = await connected()
      const packed = wire.framing.pack(Buffer.from('one of many\0'))
      for (let count = 0; count < 100; count++) wire.write(packed)
      wire.flush()
      wire.flush()
      await expect.poll(() => notes.totals.at(-1)).toBe(100 * packed.length)
      await expect.poll(() => Buffer.concat(peer.received).length).toBe(100 * 'one of many\0'.length)
      expect(notes.totals.length).toBeLessThanOrEqual(2)
      expect(notes.totals).toEqual([...new Set(notes.totals)].sort((a, b) => a - b))
    })

    test('a peer that stops reading is seen in `buffered`, and gets everything once it reads again', async () => {
      const { wire, notes, peer } = await connected()
      peer.stall()
      const frame = Buffer.alloc(MIB, 'slow ')
      const packed = wire.framing.pack(frame)
      let written = 0
      while (wire.buffered < 4 * MIB && written < 64) {
        wire.write(packed)
        wire.flush()
        written++
        await turn()
      }
      expect(wire.buffered).toBeGreaterThanOrEqual(4 * MIB)
      expect(notes.totals.at(-1) ?? 0).toBeLessThan(wire.written)
      peer.proceed()
      await expect.poll(() => wire.buffered, { timeout: 10_000 }).toBe(0)
      await expect.poll(() => total(peer.received), { timeout: 10_000 }).toBe(written * MIB)
      expect(notes.totals.at(-1)).toBe(wire.written)
    })

    test('pause stops reading, but for the rest of a chunk; resume loses nothing and keeps the order', async () => {
      const { wire, notes, peer } = await connected()
      wire.pause()
      const sent = Buffer.alloc(32 * MIB, '0123456789abcdef')
      for (let from = 0; from < sent.length; from += MIB / 2) peer.send(sent.subarray(from, from + MIB / 2))
      await turns(50)
      expect(notes.bytes.length).toBeLessThanOrEqual(MIB)
      wire.resume()
      await expect.poll(() => total(notes.chunks), { timeout: 10_000 }).toBe(sent.length)
      expect(notes.bytes.equals(sent)).toBe(true)
    })

    test('close writes first what was written before it, flushed or not', async () => {
      const { wire, notes, peer, closes } = await connected()
      wire.write(wire.framing.pack(Buffer.from('flushed\0')))
      wire.flush()
      wire.write(wire.framing.pack(Buffer.from('not flushed\0')))
      wire.close(1008, 'policy')
      await expect.poll(() => peer.closed).toEqual(closes ? { code: 1008, reason: 'policy' } : expect.anything())
      expect(Buffer.concat(peer.received).toString()).toBe('flushed\0not flushed\0')
      await expect.poll(() => notes.closings).toHaveLength(1)
      if (closes) expect(notes.closings[0]?.code).toBe(1008)
    })

    test('a reason that is too long is cut between two characters', async () => {
      const { wire, peer, closes } = await connected()
      wire.close(1011, `x${'ü'.repeat(200)}`)
      await expect.poll(() => peer.closed).toBeDefined()
      if (closes) expect(peer.closed).toEqual({ code: 1011, reason: `x${'ü'.repeat(61)}` })
    })

    test('after close nothing more goes out and nothing more comes in', async () => {
      const { wire, notes, peer } = await connected()
      wire.close(1000, '')
      const { written } = wire
      peer.send(Buffer.from('too late\0'))
      wire.write(wire.framing.pack(Buffer.from('never\0')))
      wire.flush()
      wire.pause()
      wire.close(1011, 'again')
      await expect.poll(() => notes.closings).toHaveLength(1)
      expect(wire.written).toBe(written)
      expect(notes.chunks).toEqual([])
      expect(peer.received).toEqual([])
    })

    test('terminate drops the connection at once, with what is buffered', async () => {
      const { wire, notes, peer } = await connected()
      wire.write(wire.framing.pack(Buffer.from('dropped\0')))
      wire.terminate()
      await expect.poll(() => peer.closed?.code).toBe(1006)
      await expect.poll(() => notes.closings.map(({ code }) => code)).toEqual([1006])
      expect(peer.received).toEqual([])
    })

    test('close to a peer that takes nothing ends by itself', async () => {
      const { wire, notes, peer } = await connected()
      peer.stall()
      const packed = wire.framing.pack(Buffer.alloc(MIB))
      while (wire.buffered < 4 * MIB) {
        wire.write(packed)
        wire.flush()
        await turn()
      }
      wire.close(1008, 'too slow')
      await expect.poll(() => notes.closings.map(({ code }) => code)).toEqual([1006])
    })

    test('closed is the last event and comes once, however the connection ends', async () => {
      const ends: ((wire: Wire, peer: Peer) => void)[] = [
        (wire) => wire.close(1001, 'going away'),
        (wire) => wire.terminate(),
        (_, peer) => peer.vanish(),
        (_, peer) => peer.leave(),
        (wire, peer) => {
          wire.close(1001, 'crossing')
          peer.leave()
        },
        (wire, peer) => {
          peer.vanish()
          wire.close(1001, 'nobody there')
          wire.terminate()
        },
      ]
      const harness = await started()
      for (const end of ends) {
        const { wire, notes, peer } = await joined(harness)
        peer.send(Buffer.from('a'))
        wire.write(wire.framing.pack(Buffer.from('b')))
        wire.flush()
        end(wire, peer)
        await expect.poll(() => notes.closings).toHaveLength(1)
        await turns(20)
        expect(notes.log.indexOf('closed')).toBe(notes.log.length - 1)
      }
    })

    test('a peer that vanishes is told as 1006', async () => {
      const { notes, peer } = await connected()
      peer.vanish()
      await expect.poll(() => notes.closings.map(({ code }) => code)).toEqual([1006])
    })

    test('a ping is answered as a sign of life', async () => {
      const { wire, notes, closes } = await connected()
      const { alives } = notes
      wire.ping()
      if (closes) await expect.poll(() => notes.alives).toBeGreaterThan(alives)
    })
  })
}

/** All octets that there are, or, where only text passes, characters of all lengths and kinds. */
function everyOctet(textOnly: boolean): Buffer {
  const octets = Array.from({ length: 256 }, (_, octet) => octet)
  return textOnly
    ? Buffer.from(`${String.fromCharCode(...octets)}%25 \u200f\u2028\ufeff\uffff €😀`)
    : Buffer.from(octets)
}

/** So many octets, the last of whole characters. */
function text(size: number): Buffer {
  const all = Buffer.alloc(size, 'grüße ')
  all.fill('.', size - (size % 8))
  return all
}

async function joined(harness: TransportHarness): Promise<{ wire: Wire; notes: Notes; peer: Peer }> {
  const notes = new Notes()
  const { promise, resolve } = Promise.withResolvers<Wire>()
  const peer = await harness.open((wire) => {
    resolve(wire)
    return notes
  })
  return { wire: await promise, notes, peer }
}

function total(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0)
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

async function turns(count: number): Promise<void> {
  for (let each = 0; each < count; each++) await turn()
}
