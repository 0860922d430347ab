import { describe, expect, it } from 'vitest'
import { OutageWatch } from '../../src/broker/outage.ts'
import { FakeClock } from '../support/clock.ts'

function watch(maxOutageMs: number) {
  const clock = new FakeClock()
  const tooLong: string[] = []
  const outages = new OutageWatch(clock, maxOutageMs, (broker) => tooLong.push(broker))
  outages.expect({ name: 'rabbit', health: { state: 'connecting' } })
  return { clock, outages, tooLong }
}

describe('an outage', () => {
  it('is one from the start until the broker was up once', () => {
    const { outages } = watch(0)
    expect(outages.isMissing('rabbit')).toBe(true)
    outages.health('rabbit', { state: 'up' })
    expect(outages.isMissing('rabbit')).toBe(false)
  })

  it('does not make a broker missing while it is short', () => {
    const { clock, outages, tooLong } = watch(5_000)
    outages.health('rabbit', { state: 'up' })
    outages.health('rabbit', { state: 'down' })
    clock.advance(4_999)
    expect(outages.isMissing('rabbit')).toBe(false)
    outages.health('rabbit', { state: 'up' })
    clock.advance(5_000)
    expect(tooLong).toEqual([])
  })

  it('is told once when it is over its bound, however often the broker is tried meanwhile', () => {
    const { clock, outages, tooLong } = watch(5_000)
    outages.health('rabbit', { state: 'up' })
    outages.health('rabbit', { state: 'down' })
    outages.health('rabbit', { state: 'connecting' })
    clock.advance(5_000)
    outages.health('rabbit', { state: 'down' })
    clock.advance(60_000)
    expect(tooLong).toEqual(['rabbit'])
    expect(outages.isMissing('rabbit')).toBe(true)
    outages.health('rabbit', { state: 'up' })
    expect(outages.isMissing('rabbit')).toBe(false)
  })

  it('may last for ever without a bound, and is none while the broker only pushes back', () => {
    const unbounded = watch(0)
    unbounded.outages.health('rabbit', { state: 'up' })
    unbounded.outages.health('rabbit', { state: 'down' })
    unbounded.clock.advance(86_400_000)
    expect(unbounded.outages.isMissing('rabbit')).toBe(false)

    const pushed = watch(1_000)
    pushed.outages.health('rabbit', { state: 'up' })
    pushed.outages.health('rabbit', { state: 'blocked' })
    pushed.clock.advance(60_000)
    expect(pushed.tooLong).toEqual([])
  })

  it('may get another bound while it lasts: the time that has passed counts', () => {
    const { clock, outages, tooLong } = watch(0)
    outages.health('rabbit', { state: 'up' })
    outages.health('rabbit', { state: 'down' })
    clock.advance(4_000)
    outages.maxOutageMs = 10_000
    clock.advance(5_999)
    expect(tooLong).toEqual([])
    clock.advance(1)
    expect(tooLong).toEqual(['rabbit'])
  })

  it('is over at once when the new bound has passed', () => {
    const { clock, outages, tooLong } = watch(60_000)
    outages.health('rabbit', { state: 'up' })
    outages.health('rabbit', { state: 'down' })
    clock.advance(5_000)
    outages.maxOutageMs = 1_000
    clock.advance(0)
    expect(tooLong).toEqual(['rabbit'])
  })

  it('of a broker that is no longer configured is none', () => {
    const { clock, outages, tooLong } = watch(1_000)
    outages.forget('rabbit')
    expect(outages.isMissing('rabbit')).toBe(false)
    clock.advance(5_000)
    expect(tooLong).toEqual([])
    expect(clock.pending).toBe(0)
  })

  it('leaves no timer behind', async () => {
    const { clock, outages, tooLong } = watch(1_000)
    outages.health('rabbit', { state: 'up' })
    outages.health('rabbit', { state: 'down' })
    await outages[Symbol.asyncDispose]()
    clock.advance(2_000)
    expect(tooLong).toEqual([])
  })
})
