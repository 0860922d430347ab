/** Things at a pace: when each of them happens, to the millisecond. */
import { describe, expect, test } from 'vitest'
import { Pace } from '../../src/session/pace.ts'
import { FakeClock } from '../support/clock.ts'

function scene(overMs: number, count: number, random?: () => number) {
  const clock = new FakeClock(0)
  const happened: [thing: number, at: number][] = []
  const pace = new Pace<number>(clock, { overMs, count, ...(random && { random }) }, (thing) =>
    happened.push([thing, clock.now()]),
  )
  const adds = (...things: number[]): void => {
    for (const thing of things) pace.add(thing)
  }
  return { clock, pace, happened, adds }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at)

/** How many happened in each tenth of the time. */
function tenths(happened: readonly [number, number][], from: number, overMs: number): number[] {
  return numbers(10).map((tenth) => {
    const begin = from + (tenth * overMs) / 10
    return happened.filter(([, at]) => at >= begin && at < begin + overMs / 10).length
  })
}

test('a thousand over two seconds: a hundred in each tenth, in their order, each at a random point of its slot', () => {
  const { clock, happened, adds } = scene(2_000, 1_000)
  adds(...numbers(1_000))
  expect(happened).toEqual([])
  clock.advance(2_000)
  expect(happened.map(([thing]) => thing)).toEqual(numbers(1_000))
  expect(tenths(happened, 0, 2_000)).toEqual(numbers(10).map(() => 100))
  expect(new Set(happened.map(([, at]) => at % 2)).size).toBeGreaterThan(100)
  expect(clock.pending).toBe(0)
})

test('those that get ready late are no faster, and are through when the same time has passed again', () => {
  const { clock, happened, adds } = scene(2_000, 1_000)
  adds(...numbers(10))
  clock.advance(5_000)
  expect(happened).toHaveLength(10)
  adds(...numbers(1_000).slice(10))
  clock.advance(2_000)
  expect(happened).toHaveLength(1_000)
  expect(Math.max(...tenths(happened, 5_000, 2_000))).toBeLessThanOrEqual(101)
})

test('a slot that nobody was ready for is open for the first who is', () => {
  const { clock, happened, adds } = scene(1_000, 2, () => 0.5)
  clock.advance(700)
  adds(1, 2)
  clock.advance(0)
  clock.advance(10_000)
  expect(happened).toEqual([
    [1, 700],
    [2, 1_450],
  ])
})

test('a few do not use up all the time', () => {
  const { clock, happened, adds } = scene(60_000, 3)
  adds(1, 2, 3)
  clock.advance(3_000)
  expect(happened).toHaveLength(3)
})

test('without time all happen at once, but not before add returns', () => {
  const { clock, happened, adds } = scene(0, 3)
  adds(1, 2, 3)
  expect(happened).toEqual([])
  clock.advance(0)
  expect(happened).toHaveLength(3)
})

test('who is deleted makes room for the next, and nothing is left behind', () => {
  const { clock, pace, happened, adds } = scene(1_000, 2, () => 0)
  adds(1, 2)
  pace.delete(1)
  clock.advance(0)
  expect(happened).toEqual([[2, 0]])
  adds(3)
  pace.delete(3)
  expect(clock.pending).toBe(0)
})

test('slots shorter than a millisecond are taken together', () => {
  const { clock, happened, adds } = scene(100, 50_000)
  adds(...numbers(50_000))
  clock.advance(100)
  expect(happened).toHaveLength(50_000)
})

test('what happens may make others ready, or undo them', () => {
  const clock = new FakeClock(0)
  const happened: number[] = []
  const pace: Pace<number> = new Pace<number>(clock, { overMs: 0, count: 3 }, (thing) => {
    happened.push(thing)
    if (thing === 1) pace.delete(2)
    if (thing === 1) pace.add(3)
  })
  pace.add(1)
  pace.add(2)
  clock.advance(0)
  expect([happened, clock.pending]).toEqual([[1, 3], 0])
})

describe('somebody sets the clock', () => {
  test('back by an hour: it takes longer, not an hour', () => {
    let now = 3_600_000
    const alarms: { at: number; run: () => void }[] = []
    const clock = {
      now: () => now,
      ticks: () => 0,
      after: (ms: number, run: () => void) => {
        alarms.push({ at: ms, run })
        return { cancel() {} }
      },
    }
    const happened: number[] = []
    const pace = new Pace<number>(clock, { overMs: 1_000, count: 10 }, (thing) => happened.push(thing))
    for (const thing of numbers(10)) pace.add(thing)
    now = 0
    let passed = 0
    for (let alarm = alarms.shift(); alarm !== undefined; alarm = alarms.shift()) {
      passed += alarm.at
      now += alarm.at
      alarm.run()
    }
    expect(happened).toHaveLength(10)
    expect(passed).toBeLessThanOrEqual(2_000)
  })
})
