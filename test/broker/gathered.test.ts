/** A body out of its chunks: the same bytes, and no more memory for many small ones than for a few large ones. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Gathered } from '../../src/broker/gathered.ts'

const gathered = (chunks: readonly Buffer[]): Gathered => {
  const body = new Gathered()
  for (const chunk of chunks) body.add(chunk)
  return body
}

describe('a body', () => {
  test('is what its chunks were, which stay as they are', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (parts) => {
        const chunks = parts.map((part) => Buffer.from(part))
        const body = gathered(chunks)
        expect(body.length).toBe(Buffer.concat(chunks).length)
        expect(body.take()).toEqual(Buffer.concat(parts))
        expect(chunks).toEqual(parts.map((part) => Buffer.from(part)))
      }),
    )
  })

  test('of one chunk is that chunk', () => {
    const chunk = Buffer.from('all')
    expect(gathered([chunk]).take().buffer).toBe(chunk.buffer)
  })

  test('of a million chunks takes no more than twice its bytes', () => {
    const body = gathered(Array(1_000_000).fill(Buffer.from('x')))
    expect(body.length).toBe(1_000_000)
    expect(body.take().buffer.byteLength).toBeLessThanOrEqual(2_000_000)
  })

  test('that was taken is gone', () => {
    const body = gathered([Buffer.from('a'), Buffer.from('b')])
    body.take()
    body.add(Buffer.from('c'))
    expect(body.take().toString()).toBe('c')
    expect(body.take()).toHaveLength(0)
  })
})
