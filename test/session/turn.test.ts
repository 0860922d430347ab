/** The real turn: one flush for each who was marked, in the order of marking, after the turn and not in it. */
import { expect, test } from 'vitest'
import { ImmediateTurn } from '../../src/session/turn.ts'

test('everybody who was marked is flushed once, at the end of the turn', async () => {
  const turn = new ImmediateTurn()
  const flushed: string[] = []
  const named = (name: string) => ({ flush: () => void flushed.push(name) })
  turn.mark(named('a'))
  turn.mark(named('b'))
  expect(flushed).toEqual([])
  await new Promise((resolve) => setImmediate(resolve))
  expect(flushed).toEqual(['a', 'b'])
})

test('who is marked while others are flushed has the next turn', async () => {
  const turn = new ImmediateTurn()
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
