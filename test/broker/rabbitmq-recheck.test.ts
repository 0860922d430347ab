/** Logins tried again in the course of time, without a broker: when, how many at once, what follows, and what is left when they are stopped. */
import { describe, expect, it } from 'vitest'
import { type Knock, Recheck, type Watch } from '../../src/adapters/rabbitmq/recheck.ts'
import { FakeClock } from '../support/clock.ts'

const EVERY_MS = 300_000
/** As amqplib words it. */
const REFUSED = new Error('Handshake terminated by server: 403 (ACCESS-REFUSED) with message "ACCESS_REFUSED"')
const AWAY = new Error('connect ECONNREFUSED 127.0.0.1:5672')
const OTHER = new Error('Expected ConnectionOpenOk; got <ConnectionClose channel:0>')

class FakeKnock implements Knock {
  readonly #outcome = Promise.withResolvers<Error | undefined>()
  isDisposed = false

  start(): Promise<Error | undefined> {
    return this.#outcome.promise
  }

  /** Lets in, or not, and what follows from it happen. */
  async answers(cause: Error | undefined): Promise<void> {
    this.#outcome.resolve(cause)
    await turn()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isDisposed = true
    this.#outcome.resolve(new Error('given up'))
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function scene(everyMs = EVERY_MS) {
  const clock = new FakeClock()
  const recheck = new Recheck(everyMs, clock)
  const knocks: FakeKnock[] = []
  const refused: Error[] = []
  const state = { isUp: true }
  const watch = (): Watch =>
    recheck.watch({
      knock: () => {
        const knock = new FakeKnock()
        knocks.push(knock)
        return knock
      },
      isUp: () => state.isUp,
      refused: (cause) => refused.push(cause),
    })
  return { clock, knocks, refused, state, watch }
}

describe('the credentials of those who are in', () => {
  it('are tried in the second half of each interval, counted from the end of the last try', async () => {
    const { clock, knocks, watch } = scene()
    watch()
    for (let round = 1; round <= 3; round++) {
      clock.advance(EVERY_MS / 2 - 1)
      expect(knocks.length).toBe(round - 1)
      clock.advance(EVERY_MS / 2 + 1)
      expect(knocks.length).toBe(round)
      await knocks.at(-1)!.answers(undefined)
      expect(knocks.at(-1)!.isDisposed).toBe(true)
    }
  })

  it('of a thousand users who came together: a few at once, and in the end all of them', async () => {
    const { clock, knocks, watch } = scene()
    for (let user = 0; user < 1_000; user++) watch()
    clock.advance(EVERY_MS)
    expect(knocks.length).toBe(4)
    for (let answered = 0; answered < knocks.length; answered++) {
      await knocks[answered]!.answers(undefined)
      expect(knocks.length - answered - 1).toBeLessThanOrEqual(4)
    }
    expect(knocks.length).toBe(1_000)
    expect(clock.pending).toBe(1_000)
  })

  it('of a thousand users do not fall due in one tick', () => {
    const { clock, knocks, watch, state } = scene()
    let asked = 0
    Object.defineProperty(state, 'isUp', { get: () => ++asked > 1e9 })
    for (let user = 0; user < 1_000; user++) watch()
    clock.advance(EVERY_MS * 0.6)
    expect(knocks.length).toBe(0)
    expect(asked).toBeGreaterThan(0)
    expect(asked).toBeLessThan(500)
  })

  it('refused: told once, and not tried again', async () => {
    const { clock, knocks, refused, watch } = scene()
    watch()
    clock.advance(EVERY_MS)
    await knocks[0]!.answers(REFUSED)
    expect(refused).toEqual([REFUSED])
    clock.advance(10 * EVERY_MS)
    expect([knocks.length, refused.length, clock.pending]).toEqual([1, 1, 0])
  })

  it.each([
    ['a broker that cannot be reached', AWAY],
    ['a refusal after the login', OTHER],
  ])('%s changes nothing', async (_, cause) => {
    const { clock, knocks, refused, watch } = scene()
    watch()
    clock.advance(EVERY_MS)
    await knocks[0]!.answers(cause)
    clock.advance(EVERY_MS)
    expect([knocks.length, refused.length]).toEqual([2, 0])
  })

  it('are not tried while the broker is away', async () => {
    const { clock, knocks, state, watch } = scene()
    watch()
    state.isUp = false
    clock.advance(EVERY_MS)
    await turn()
    expect(knocks.length).toBe(0)
    state.isUp = true
    clock.advance(EVERY_MS)
    expect(knocks.length).toBe(1)
  })

  it('are never tried with an interval of 0', () => {
    const { clock, watch } = scene(0)
    watch()
    expect(clock.pending).toBe(0)
  })

  it('are not tried when their owner has gone: neither those to come, nor those that wait, nor those under way', async () => {
    const { clock, knocks, refused, watch } = scene()
    const watches = Array.from({ length: 6 }, watch)
    clock.advance(EVERY_MS)
    const late = watch()
    await Promise.all([...watches, late].map((each) => each.stop()))
    await turn()
    expect(knocks.map((knock) => knock.isDisposed)).toEqual([true, true, true, true])
    expect([refused.length, clock.pending]).toEqual([0, 0])
    watch()
    clock.advance(EVERY_MS)
    expect(knocks.length).toBe(5)
  })
})
