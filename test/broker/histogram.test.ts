import { describe, expect, test } from 'vitest'
import { elapsed } from '../../src/broker/clock.ts'
import { BODY_BYTES, Histogram, MICROSECONDS } from '../../src/broker/histogram.ts'
import { TrafficBook } from '../../src/broker/traffic.ts'

describe('a histogram', () => {
  test('puts a value under the first bound that is not less', () => {
    const histogram = new Histogram([10, 20])
    for (const value of [0, 10, 11, 20, 21, 1_000]) histogram.observe(value)
    expect([0, 1, 2].map((index) => histogram.countOf(index))).toEqual([2, 2, 2])
    expect(histogram.sum).toBe(1_062)
  })

  test('counts beyond 32 bits', () => {
    const histogram = new Histogram([1])
    for (let count = 0; count < 3; count++) histogram.observe(2 ** 32)
    expect([histogram.sum, histogram.countOf(1)]).toEqual([3 * 2 ** 32, 3])
  })

  test.each([[MICROSECONDS], [BODY_BYTES]])('has bounds that ascend', (bounds) => {
    expect(bounds.every((bound, index) => index === 0 || bound > bounds[index - 1]!)).toBe(true)
  })
})

test('ticks may pass the end of 32 bits between two readings', () => {
  expect(elapsed(5, 12)).toBe(7)
  expect(elapsed(2 ** 31 - 3, -(2 ** 31) + 4)).toBe(7)
  expect(elapsed(-5, 2)).toBe(7)
})

test('the traffic of a route goes on under its name, whoever asks for it again', () => {
  const book = new TrafficBook()
  const route = book.route('main', '/queue/{name}')
  route.publishes(3)
  expect(book.route('main', '/queue/{name}')).toBe(route)
  expect(book.route('other', '/queue/{name}')).not.toBe(route)
  expect(book.broker('main').published.sum).toBe(3)
  expect([...book.brokers].map(({ name }) => name)).toEqual(['main', 'other'])
})
