/** The settle-once ledger, against the plainest model of it: a Map. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Unsettled } from '../../src/broker/unsettled.ts'

function filled(count: number): Unsettled<string> {
  const ledger = new Unsettled<string>()
  for (let n = 1; n <= count; n++) ledger.add(`m${n}`)
  return ledger
}

describe('the unsettled ledger', () => {
  it('gives the tags 1, 2, 3', () => {
    const ledger = new Unsettled<string>()
    expect([ledger.add('a'), ledger.add('b'), ledger.add('c')]).toEqual([1, 2, 3])
    expect([ledger.size, ledger.oldest]).toEqual([3, 1])
  })

  it('finds a delivery once', () => {
    const ledger = filled(3)
    expect([ledger.take(2), ledger.take(2), ledger.size]).toEqual(['m2', undefined, 2])
  })

  it('knows no tag that it has not given', () => {
    const ledger = filled(2)
    expect([0, -1, 3, 17, 1.5, Number.NaN, Number.POSITIVE_INFINITY].map((tag) => ledger.take(tag))).toEqual(
      Array(7).fill(undefined),
    )
    expect(ledger.size).toBe(2)
  })

  it('knows the oldest that is out, or the next to come', () => {
    const ledger = filled(3)
    ledger.take(2)
    expect(ledger.oldest).toBe(1)
    ledger.take(1)
    expect(ledger.oldest).toBe(3)
    ledger.take(3)
    expect([ledger.oldest, ledger.add('m4')]).toEqual([4, 4])
  })

  it('forgets everything at once, oldest first, and goes on counting', () => {
    const ledger = filled(20)
    ledger.take(1)
    ledger.take(7)
    const left = ledger.clear()
    expect(left).toHaveLength(18)
    expect([left[0], left[5], left.at(-1)]).toEqual(['m2', 'm8', 'm20'])
    expect([ledger.size, ledger.take(2), ledger.clear()]).toEqual([0, undefined, []])
    expect(ledger.add('m21')).toBe(21)
    expect(ledger.take(21)).toBe('m21')
  })

  it.each([15, 16, 17, 32, 33, 1_000])('grows to %i deliveries out at once', (count) => {
    const ledger = filled(count)
    expect(ledger.size).toBe(count)
    for (let tag = count; tag >= 1; tag--) expect(ledger.take(tag)).toBe(`m${tag}`)
    expect(ledger.oldest).toBe(count + 1)
  })

  it('behaves as a Map of tags would, in whatever order things happen', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.constant('add' as const) },
      { weight: 4, arbitrary: fc.nat(60) },
      { weight: 1, arbitrary: fc.constant('clear' as const) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const ledger = new Unsettled<string>()
        const model = new Map<number, string>()
        let given = 0
        for (const each of steps) {
          if (each === 'add') {
            model.set(++given, `m${given}`)
            expect(ledger.add(`m${given}`)).toBe(given)
          } else if (each === 'clear') {
            expect(ledger.clear()).toEqual([...model.values()])
            model.clear()
          } else {
            expect(ledger.take(each)).toBe(model.get(each))
            model.delete(each)
          }
          expect(ledger.size).toBe(model.size)
          expect(ledger.oldest).toBe(model.keys().next().value ?? given + 1)
        }
      }),
    )
  })
})
