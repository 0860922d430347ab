/** The fake clock that other tests rely on, and the real one where they must agree. */
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/broker/clock.ts'
import { FakeClock } from '../support/clock.ts'

describe('the fake clock', () => {
  it('stands still until it is moved', () => {
    const clock = new FakeClock(1_000)
    clock.advance(250)
    expect([clock.now(), clock.now()]).toEqual([1_250, 1_250])
  })

  it('runs what falls due, in the order of its time, each at its own time', () => {
    const clock = new FakeClock(0)
    const ran: string[] = []
    const note = (name: string) => () => void ran.push(`${name}@${clock.now()}`)
    clock.after(20, note('second'))
    clock.after(10, note('first'))
    clock.after(20, note('third'))
    clock.after(31, note('never'))
    clock.advance(30)
    expect(ran).toEqual(['first@10', 'second@20', 'third@20'])
    expect([clock.now(), clock.pending]).toEqual([30, 1])
  })

  it('runs what a timer sets within the same span', () => {
    const clock = new FakeClock(0)
    let beats = 0
    const beat = (): void => {
      beats++
      clock.after(10, beat)
    }
    clock.after(10, beat)
    clock.advance(35)
    expect(beats).toBe(3)
  })

  it('forgets a cancelled timer', () => {
    const clock = new FakeClock()
    let ran = false
    const timer = clock.after(10, () => {
      ran = true
    })
    timer.cancel()
    timer.cancel()
    clock.advance(100)
    expect([ran, clock.pending]).toEqual([false, 0])
  })
})

describe('the system clock', () => {
  it('tells the time of day and calls back', async () => {
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(60_000)
    await new Promise<void>((resolve) => void systemClock.after(1, resolve))
    systemClock.after(1, () => expect.unreachable('cancelled')).cancel()
  })
})
