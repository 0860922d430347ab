/** The order in which a bridge goes, and that each step has an end. */
import { expect, test } from 'vitest'
import { Departure } from '../../src/bridge/departure.ts'
import { FakeClock } from '../support/clock.ts'

const TIMES = { delayMs: 3_000, graceMs: 10_000, spreadMs: 5_000 }

function scene(times = TIMES) {
  const clock = new FakeClock(0)
  const happened: [string, number][] = []
  const drained = Promise.withResolvers<void>()
  const empty = Promise.withResolvers<void>()
  const state = { draining: false }
  const note = (what: string): void => void happened.push([what, clock.now()])
  const departure = new Departure({
    state,
    clock,
    times: () => times,
    log: { info: (_: object, text: string) => note(text.split(':')[0]!) },
    listener: {
      stopAccepting: () => note('nobody new'),
      whenEmpty: () => empty.promise,
    },
    sessions: {
      size: 2,
      async drain({ graceMs, spreadMs }) {
        note(`sessions go within ${graceMs} + ${spreadMs}`)
        await drained.promise
        return { sessions: 2, unsettled: 0 }
      },
    },
  })
  void departure.over.then(() => note('over'))
  const passes = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { clock, departure, state, happened, drained, empty, passes }
}

test('not ready at once, nobody new after the delay, over when the last has said goodbye', async () => {
  const { departure, state, happened, drained, empty, passes } = scene()
  void departure.begin('SIGTERM')
  expect(state.draining).toBe(true)
  await passes(2_999)
  expect(happened).toEqual([['draining', 0]])
  await passes(1)
  expect(happened.slice(1)).toEqual([
    ['nobody new', 3_000],
    ['sessions go within 10000 + 5000', 3_000],
  ])
  await passes(4_000)
  drained.resolve()
  await passes(500)
  expect(happened).toHaveLength(3)
  empty.resolve()
  await passes(0)
  expect(happened.slice(3)).toEqual([
    ['drained', 7_500],
    ['over', 7_500],
  ])
})

test('without a delay nobody comes in any more from the same moment on', async () => {
  const { departure, happened, passes } = scene({ ...TIMES, delayMs: 0 })
  void departure.begin('SIGTERM')
  await passes(0)
  expect(happened.map(([what]) => what)).toEqual(['draining', 'nobody new', 'sessions go within 10000 + 5000'])
})

test('who does not say goodbye is waited for a second', async () => {
  const { departure, happened, drained, passes } = scene({ ...TIMES, delayMs: 0 })
  void departure.begin('SIGTERM')
  drained.resolve()
  await passes(0)
  await passes(1_000)
  expect(happened.at(-1)).toEqual(['over', 1_000])
})

test('asked twice it goes once, and both hear of the end', async () => {
  const { departure, happened, drained, empty, passes } = scene()
  const both = Promise.all([departure.begin('192.0.2.1'), departure.begin('SIGTERM')])
  await passes(3_000)
  drained.resolve()
  empty.resolve()
  await both
  expect(happened.filter(([what]) => what === 'draining')).toHaveLength(1)
})
