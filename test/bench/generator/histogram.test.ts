import { expect, test } from 'vitest'
import { Histogram } from './histogram.ts'

test('every quantile is right to 1 %, from a microsecond to minutes', () => {
  for (const unit of [1, 37.5, 1_000, 250_000, 100_000_000]) {
    const histogram = new Histogram()
    const values = Array.from({ length: 1_000 }, (_, index) => (unit * (index + 1)) / 1_000)
    for (const value of values) histogram.record(value)
    for (const [share, index] of [
      [0.5, 499] as const,
      [0.99, 989] as const,
      [0.999, 998] as const,
      [1, 999] as const,
    ]) {
      // half a tick of 0.1 µs is lost by rounding
      const error = Math.abs(histogram.quantile(share) - values[index]!)
      expect(error).toBeLessThanOrEqual(0.01 * values[index]! + 0.05)
    }
  }
})

test('what is negative counts as nothing, what is too long as the longest', () => {
  const histogram = new Histogram()
  histogram.record(-5)
  histogram.record(1e12)
  expect(histogram.quantile(0.5)).toBe(0)
  expect(histogram.quantile(1)).toBeGreaterThan(200e6)
  expect(histogram.size).toBe(2)
})

test('nothing recorded has no summary, and so has what was cleared', () => {
  const histogram = new Histogram()
  expect(histogram.summary()).toBeUndefined()
  histogram.record(10)
  expect(histogram.summary()).toEqual({ p50: 10, p99: 10, p999: 10 })
  histogram.clear()
  expect(histogram.summary()).toBeUndefined()
  expect(histogram.quantile(0.5)).toBeNaN()
})
