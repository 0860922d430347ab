/** The ledger behind deferred PUBACKs: order, credit, release, and what a lost connection leaves. */
import { describe, expect, test } from 'vitest'
import { type Held, InFlight } from '../../src/adapters/mqtt/inflight.ts'

const CAP = { messages: 100, bytes: 1_000 }

/** With `count` messages of one byte, all of them out. */
function filled(count: number, cap = CAP): { ledger: InFlight<string>; held: Held<string>[] } {
  const ledger = new InFlight<string>(cap)
  for (let number = 1; number <= count; number++) ledger.arrived(`m${number}`, 1, false)
  const held = Array.from({ length: count }, () => ledger.next(0)!)
  return { ledger, held }
}

const settle = (ledger: InFlight<string>, tag: number): string[] => {
  ledger.settled(ledger.take(tag)!)
  return ledger.flush().map(({ packet }) => packet)
}

describe('PUBACKs leave in the order of arrival', () => {
  test('one that is settled behind an older one waits for it, and says so', () => {
    const { ledger } = filled(3)
    expect(settle(ledger, 2)).toEqual([])
    expect(settle(ledger, 3)).toEqual([])
    expect([1, 2, 3].map((tag) => ledger.isDeferred(tag))).toEqual([false, true, true])
    expect(settle(ledger, 1)).toEqual(['m1', 'm2', 'm3'])
    expect([1, 2, 3].map((tag) => ledger.isDeferred(tag))).toEqual([false, false, false])
    expect(ledger.size).toBe(0)
  })

  test('what is released keeps its place, under a new tag', () => {
    const { ledger } = filled(3)
    ledger.putBack(ledger.take(2)!)
    ledger.putBack(ledger.take(1)!)
    const again = [ledger.next(0)!, ledger.next(0)!]
    expect(again.map(({ packet, tag, redelivered }) => [packet, tag, redelivered])).toEqual([
      ['m1', 4, true],
      ['m2', 5, true],
    ])
    expect(settle(ledger, 3)).toEqual([])
    expect(settle(ledger, 4)).toEqual(['m1'])
    expect(settle(ledger, 5)).toEqual(['m2', 'm3'])
  })
})

describe('a tag', () => {
  test('is taken once', () => {
    const { ledger } = filled(1)
    expect(ledger.take(1)).toBeDefined()
    expect(ledger.take(1)).toBeUndefined()
    expect(ledger.take(7)).toBeUndefined()
  })

  test('is stale when the connection has gone; later ones go on counting', () => {
    const { ledger, held } = filled(2)
    const leaving = ledger.take(2)!
    ledger.clear()
    expect(ledger.take(1)).toBeUndefined()
    // a dead letter that was on its way is confirmed too late
    ledger.settled(leaving)
    ledger.putBack(held[0]!)
    expect([ledger.isDeferred(2), ledger.flush(), ledger.next(0)]).toEqual([false, [], undefined])
    ledger.arrived('again', 1, true)
    expect(ledger.next(0)).toMatchObject({ packet: 'again', tag: 3, redelivered: true })
  })
})

describe('the cap', () => {
  test('in messages counts what waits, is out, or is deferred', () => {
    const { ledger } = filled(3, { messages: 3, bytes: 1_000 })
    expect(ledger.arrived('m4', 1, false)).toBe(false)
    settle(ledger, 2)
    expect(ledger.arrived('m4', 1, false)).toBe(false)
    settle(ledger, 1)
    expect(ledger.arrived('m4', 1, false)).toBe(true)
  })

  test('in bytes lets one message through, whatever its size', () => {
    const ledger = new InFlight<string>({ messages: 10, bytes: 10 })
    expect(ledger.arrived('large', 50, false)).toBe(true)
    expect(ledger.arrived('small', 1, false)).toBe(false)
    settle(ledger, ledger.next(0)!.tag)
    expect(ledger.arrived('small', 1, false)).toBe(true)
  })
})
