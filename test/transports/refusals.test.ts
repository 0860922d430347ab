/** Counters of refusals, and a log that nobody can flood. */
import { describe, expect, test } from 'vitest'
import { type RefusalNote, Refusals } from '../../src/transports/refusals.ts'
import { FakeClock } from '../support/clock.ts'

function desk() {
  const clock = new FakeClock()
  const notes: RefusalNote[] = []
  const refusals = new Refusals((note) => notes.push(note), clock)
  return { clock, notes, refusals }
}

describe('notes', () => {
  test('the first at once, the others together when a second has passed', () => {
    const { clock, notes, refusals } = desk()
    for (let count = 0; count < 5; count++) refusals.add('origin', '192.0.2.1', `page ${count}`)
    expect(notes).toEqual([{ reason: 'origin', remote: '192.0.2.1', hint: 'page 0', times: 1, enforced: true }])
    clock.advance(1_000)
    expect(notes.slice(1)).toEqual([
      { reason: 'origin', remote: '192.0.2.1', hint: 'page 4', times: 4, enforced: true },
    ])
    expect(refusals.counts.origin).toBe(5)
  })

  test('a flood is one line a second, and no refusal is lost in it', () => {
    const { clock, notes, refusals } = desk()
    for (let ms = 0; ms < 10_000; ms++) {
      refusals.add('connectRate', '192.0.2.1', '')
      clock.advance(1)
    }
    clock.advance(1_000)
    expect(notes.length).toBeLessThanOrEqual(12)
    expect(notes.reduce((sum, { times }) => sum + times, 0)).toBe(10_000)
  })

  test('other reasons and other addresses have their own', () => {
    const { notes, refusals } = desk()
    refusals.add('origin', '192.0.2.1', '')
    refusals.add('host', '192.0.2.1', '')
    refusals.add('origin', '192.0.2.2', '')
    expect(notes).toHaveLength(3)
  })

  test('of very many addresses at once the rest are one line', () => {
    const { clock, notes, refusals } = desk()
    for (let count = 0; count < 10_000; count++) refusals.add('path', `10.0.${count >> 8}.${count & 255}`, '')
    clock.advance(1_000)
    expect(notes.length).toBeLessThan(300)
    expect(notes.at(-1)).toMatchObject({ reason: 'path', remote: 'many' })
    expect(notes.reduce((sum, { times }) => sum + times, 0)).toBe(10_000)
  })

  test('who was quiet is told at once again, and nothing is left behind', () => {
    const { clock, notes, refusals } = desk()
    refusals.add('path', '192.0.2.1', '')
    clock.advance(2_000)
    expect(clock.pending).toBe(0)
    refusals.add('path', '192.0.2.1', '')
    expect(notes.map(({ times }) => times)).toEqual([1, 1])
  })

  test('disposed, it tells what it has kept back, and sets no timer', () => {
    const { clock, notes, refusals } = desk()
    refusals.add('path', '192.0.2.1', '')
    refusals.add('path', '192.0.2.1', '')
    refusals[Symbol.dispose]()
    expect(notes.map(({ times }) => times)).toEqual([1, 1])
    expect(clock.pending).toBe(0)
  })
})
