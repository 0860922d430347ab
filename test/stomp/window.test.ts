import { Buffer } from 'node:buffer'
import { expect, it } from 'vitest'
import { Window } from '../../src/stomp/window.ts'

const held = (window: Window) => window.bytes.toString('latin1', window.start, window.end)

it('adopts a chunk when it holds nothing', () => {
  const window = new Window()
  const chunk = Buffer.from('abc')
  window.push(chunk, 0)
  expect(window.bytes).toBe(chunk)
  expect(window.length).toBe(3)
})

it('appends in memory of its own, and not in the chunk', () => {
  const window = new Window()
  const memory = Buffer.from('abcdefgh')
  window.push(memory.subarray(0, 3), 0)
  window.push(Buffer.from('XY'), 0)
  expect(held(window)).toBe('abcXY')
  expect(memory.toString()).toBe('abcdefgh')
})

it('keeps the order of many chunks while some is consumed', () => {
  const window = new Window()
  const text = Array.from({ length: 500 }, (_, index) => `${index},`)
  let taken = ''
  for (const [index, piece] of text.entries()) {
    window.push(Buffer.from(piece), 0)
    if (index % 7 !== 0) continue
    taken += window.bytes.toString('latin1', window.start, window.start + 2)
    window.consume(window.start + 2)
  }
  expect(taken + held(window)).toBe(text.join(''))
})

it('grows to what is wanted and no further', () => {
  const window = new Window()
  for (let size = 0; size < 1000; size += 100) window.push(Buffer.alloc(100), 1000)
  expect(window.length).toBe(1000)
  expect(window.bytes).toHaveLength(1000)
})

it('takes at most twice what it holds', () => {
  const window = new Window()
  for (let size = 1; size <= 5000; size++) {
    window.push(Buffer.alloc(1), 0)
    expect(window.bytes.length).toBeLessThanOrEqual(Math.max(2 * size, 256))
  }
})

it('lets go of the memory with the last octet', () => {
  const window = new Window()
  window.push(Buffer.alloc(1000), 0)
  window.push(Buffer.alloc(1000), 0)
  window.consume(window.end)
  expect(window.bytes).toHaveLength(0)
  window.push(Buffer.alloc(1000), 0)
  window.clear()
  expect(window.bytes).toHaveLength(0)
  expect(window.length).toBe(0)
})
