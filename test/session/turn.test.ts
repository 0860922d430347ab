/** The real turn: one flush for each who was marked, in the order of marking, after the turn and not in it. */
import { expect, test } from 'vitest'
import { systemClock } from '../../src/broker/clock.ts'
import { ImmediateTurn } from '../../src/session/turn.ts'

test('everybody who was marked is flushed once, at the end of the turn', async () => {
  const turn = new ImmediateTurn(systemClock)
  const flushed: string[] = []
  const named = (name: string) => ({ flush: () => void flushed.push(name) })
  turn.mark(named('a'))
  turn.mark(named('b'))
  expect(flushed).toEqual([])
  await new Promise((resolve) => setImmediate(resolve))
  expect(flushed).toEqual(['a', 'b'])
})

test('who is marked while others are flushed has the next turn', async () => {
  const turn = new ImmediateTurn(systemClock)
  const flushed: string[] = []
  const again = { flush: () => void flushed.push('again') }
  turn.mark({
    flush() {
      flushed.push('first')
      turn.mark(again)
    },
  })
  await new Promise((resolve) => setImmediate(resolve))
  expect(flushed).toEqual(['first'])
  await new Promise((resolve) => setImmediate(resolve))
  expect(flushed).toEqual(['first', 'again'])
})

test('within a turn the clock is read once, from the first mark to the flush', async () => {
  let now = 0
  const turn = new ImmediateTurn({ ticks: () => ++now })
  const seen = [turn.ticks(), turn.ticks()]
  turn.mark({ flush: () => void seen.push(turn.ticks(), turn.ticks()) })
  seen.push(turn.ticks(), turn.ticks())
  await new Promise((resolve) => setImmediate(resolve))
  expect(seen).toEqual([1, 2, 3, 3, 4, 5])
})
