/** A token bucket, with time as an argument. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TokenBucket } from '../../src/broker/bucket.ts'

describe('what can be refused', () => {
  test('a burst, then the rate', () => {
    const bucket = new TokenBucket(10, 3, 0)
    expect([bucket.take(0), bucket.take(0), bucket.take(0), bucket.take(0)]).toEqual([true, true, true, false])
    expect([bucket.take(99), bucket.take(100), bucket.take(100), bucket.take(200)]).toEqual([false, true, false, true])
  })

  test('it never holds more than its burst', () => {
    const bucket = new TokenBucket(10, 2, 0)
    expect(bucket.isFull(0)).toBe(true)
    const taken = Array.from({ length: 5 }, () => bucket.take(1_000_000)).filter(Boolean)
    expect(taken).toHaveLength(2)
    expect([bucket.isFull(1_000_199), bucket.isFull(1_000_200)]).toEqual([false, true])
  })

  test('a clock that is set back gives nothing and takes nothing', () => {
    const bucket = new TokenBucket(1, 1, 10_000)
    expect(bucket.take(10_000)).toBe(true)
    expect([bucket.take(1_000), bucket.take(1_999), bucket.take(2_000)]).toEqual([false, false, true])
  })
})

describe('what has happened already', () => {
  test('goes into debt, and tells how long', () => {
    const bucket = new TokenBucket(1_000, 500, 0)
    expect([bucket.spend(500, 0), bucket.spend(250, 0), bucket.spend(0, 100), bucket.spend(0, 250)]).toEqual([
      0, 250, 150, 0,
    ])
  })

  test('not even where sevenths of a token do not add up', () => {
    const bucket = new TokenBucket(7, 4, 0)
    let now = 0
    for (const size of [3293, 985, 1875, 2895]) {
      now += bucket.spend(size, now)
      expect(bucket.quote(0, now)).toBe(0)
    }
  })

  test('what would have to be waited can be asked before, and costs nothing', () => {
    const bucket = new TokenBucket(10, 10, 0)
    expect(bucket.quote(15, 0)).toBe(500)
    expect(bucket.level(0)).toBe(10)
    expect(bucket.spend(15, 0)).toBe(500)
  })

  test('whoever waits as told has no debt', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 5_000 }), { maxLength: 50 })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000 }),
        fc.integer({ min: 1, max: 1_000 }),
        sizes,
        (rate, burst, list) => {
          const bucket = new TokenBucket(rate, burst, 0)
          let now = 0
          let total = 0
          for (const size of list) {
            now += bucket.spend(size, now)
            total += size
            expect(bucket.spend(0, now)).toBe(0)
          }
          // Rounding up each wait by less than a millisecond is all it may lose.
          expect(now).toBeGreaterThanOrEqual(Math.floor(((total - burst) / rate) * 1000))
        },
      ),
    )
  })
})
