/**
 * Sharing is invisible. The same schedule is played twice, once where subscriptions are shared and once where each subscriber has his own, and
 * every client must have been told the same. One that reads too slowly may be told less; how much less, and where, is told too.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { SlowPolicy } from '../../src/routing/route.ts'
import { heavySchedule, schedule, withSpeaker } from './sharing.schedules.ts'
import { ENDED, play, type Rules, type Told } from './sharing.stage.ts'

/** Schedules of one law. */
const RUNS = 40
/** Within the time of a test a counterexample is made as small as may be, and told. */
const CHECK = { numRuns: RUNS, interruptAfterTimeLimit: 5000 }

/** Nobody is too slow. */
const ROOMY: Rules['limits'] = { outboundBytes: 1e9, outboundAgeMs: 1e9 }
const ALONE: Rules = { shares: false, limits: ROOMY }

/** The subscription that a MESSAGE is of. Without an id it goes by its destination. */
function nameOf({ headers }: Told): string {
  return headers.subscription ?? headers.destination!
}

function isMessage({ command }: Told): boolean {
  return command === 'MESSAGE'
}

function isEnded(told: readonly Told[]): boolean {
  return told.includes(ENDED)
}

describe('who keeps up is told what he would have been told alone, in the same order', () => {
  test.each<[string, Rules['policy']]>([
    ['turn by turn', {}],
    ['collected for a while', { batch: { delayMs: 50, bytes: 500 } }],
  ])('%s', async (_, policy) => {
    let told = 0
    await fc.assert(
      fc.asyncProperty(schedule, async (schedule) => {
        const alone = await play(schedule, ALONE)
        const together = await play(schedule, { shares: true, limits: ROOMY, policy })
        expect(together.map(inOrder)).toEqual(alone.map(inOrder))
        told += alone.flat().filter(isMessage).length
      }),
      CHECK,
    )
    // Else it would have been said of nothing.
    expect(told).toBeGreaterThan(RUNS)
  })
})

/** Copies of one message for several subscriptions of one client come in any order, but together. */
function inOrder(told: readonly Told[]): Told[][] {
  const order: Told[][] = []
  for (const each of told) {
    const last = order.at(-1)
    if (isMessage(each) && last !== undefined && isMessage(last[0]!) && last[0]!.body === each.body) last.push(each)
    else order.push([each])
  }
  return order.map((copies) => copies.toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1)))
}

/** From a quarter of it on a client is behind. */
const NARROW: Rules['limits'] = { outboundBytes: 8000, outboundAgeMs: 10_000 }

describe('who is too slow is told how many are missing, and where', () => {
  test.each<SlowPolicy>([
    { kind: 'drop-oldest' },
    { kind: 'drop-newest' },
    { kind: 'conflate', header: 'destination' },
  ])('$kind', async (slow) => {
    let missing = 0
    await fc.assert(
      fc.asyncProperty(heavySchedule, async (schedule) => {
        const alone = await play(schedule, ALONE)
        const together = await play(schedule, { shares: true, limits: NARROW, policy: { slow } })
        expect(together.map(isEnded)).toEqual(alone.map(isEnded))
        for (const [player, told] of together.entries()) missing += accounts(told, alone[player]!)
      }),
      CHECK,
    )
    expect(missing).toBeGreaterThan(0)
  })

  test('disconnect: until he is sent away, he and everybody else are told everything', async () => {
    let sentAway = 0
    await fc.assert(
      fc.asyncProperty(heavySchedule.map(withSpeaker), async (schedule) => {
        const alone = await play(schedule, ALONE)
        const together = await play(schedule, {
          shares: true,
          limits: NARROW,
          policy: { slow: { kind: 'disconnect' } },
        })
        for (const [player, told] of together.entries()) expect(accounts(told, alone[player]!)).toBe(0)
        sentAway += together.filter(isEnded).length
      }),
      CHECK,
    )
    expect(sentAway).toBeGreaterThan(0)
  })
})

/**
 * Each MESSAGE tells how many are missing before it: so what was told and what was told to be missing are together what would have been told
 * alone. What waited at UNSUBSCRIBE, or when the connection ended, is nobody's business. @returns how many were missing
 */
function accounts(told: readonly Told[], toldAlone: readonly Told[]): number {
  const alone = stays(toldAlone)
  const all = stays(told)
  const names = [...alone.keys()]
  expect([...all.keys()]).toEqual(isEnded(told) ? names.slice(0, all.size) : names)
  return [...all].reduce((missing, [name, stay]) => missing + compare(stay, alone.get(name)!), 0)
}

/** A subscription from its RECEIPT to the one of its UNSUBSCRIBE. */
interface Stay {
  readonly messages: Told[]
  isOver: boolean
}

/** By the RECEIPT of the SUBSCRIBE. MESSAGEs that are of none of them are a fault. */
function stays(told: readonly Told[]): Map<string, Stay> {
  const all = new Map<string, Stay>()
  const open = new Map<string, Stay>()
  for (const each of told) {
    const receipt = each.headers['receipt-id']
    const [word, name] = receipt?.split(' ') ?? []
    if (isMessage(each)) open.get(nameOf(each))!.messages.push(each)
    else if (each.command === 'RECEIPT' && word === 'on') {
      open.set(name!, { messages: [], isOver: false })
      all.set(receipt!, open.get(name!)!)
    } else if (each.command === 'RECEIPT' && word === 'off') {
      open.get(name!)!.isOver = true
      open.delete(name!)
    } else if (word === 'left' || each.command === 'ERROR' || each === ENDED)
      for (const stay of open.values()) stay.isOver = true
  }
  return all
}

/** @returns how many were missing */
function compare(stay: Stay, alone: Stay): number {
  let at = 0
  let missing = 0
  for (const { headers, body } of stay.messages) {
    const { 'bridge-dropped': dropped = '0', ...others } = headers
    const before = alone.messages.slice(at, at + Number(dropped))
    missing += before.length
    at += before.length
    // A gap is told with the next message that is told.
    const gap = before.some((each) => each.headers['bridge-gap'] === 'true') ? { 'bridge-gap': 'true' } : {}
    const expected = alone.messages[at++]
    expect({ headers: others, body }).toEqual({ headers: { ...expected?.headers, ...gap }, body: expected?.body })
  }
  if (!stay.isOver) expect(at).toBe(alone.messages.length)
  return missing
}
