/** What the benchmark makes of its measurements: medians, quotients within a round, verdicts, a plot. No server is started. */
import { describe, expect, test } from 'vitest'
import { peers } from './peers/index.ts'
import { plot } from './plot.ts'
import { type Cell, Report } from './report.ts'
import { scenarios } from './scenarios/index.ts'
import { judge, TARGETS } from './targets.ts'

const LOCK_STEP = 'fan-out 1 → 1000, 128 B, lock-step'

describe('the report', () => {
  test('is of medians and ranges, per unit', () => {
    const [row] = new Report([cell('plugin', 1, 40), cell('plugin', 2, 60), cell('plugin', 3, 50)]).rows
    expect(row).toMatchObject({ scenario: LOCK_STEP, peer: 'plugin', cpu: { median: 50, min: 40, max: 60 } })
    expect(row!.rate.median).toBe(500)
    expect(row!.generator).toBe(1)
  })

  test('compares within a round, and leaves out a round that one of the two failed', () => {
    const cells = [cell('plugin', 1, 40), cell('bridge', 1, 10), cell('bridge', 2, 99), failed('plugin', 2)]
    const [plugin, bridge] = new Report(cells).rows
    expect(bridge!.ratios.plugin!.cpu).toEqual({ median: 0.25, min: 0.25, max: 0.25 })
    expect(plugin!.ratios).toEqual({})
    expect(plugin!.failures).toEqual(['gone'])
  })

  test('holds a bridge to what it lost, and nobody else', () => {
    expect(new Report([cell('bridge', 1, 10, 1)]).isSound).toBe(false)
    expect(new Report([failed('bridge', 1)]).isSound).toBe(false)
    expect(new Report([cell('plugin', 1, 10, 1), failed('floor', 1), cell('bridge', 1, 10)]).isSound).toBe(true)
  })
})

describe('the targets', () => {
  test.each(TARGETS)('$aim: $quantity of $scenario is of a scenario that both have', ({ scenario, peer, to }) => {
    for (const [name, who] of [
      [scenario, peer],
      [to.scenario ?? scenario, to.peer ?? peer],
    ]) {
      const features = peers.find((known) => known.name === who)?.features
      const needs = scenarios.find((known) => known.name === name)?.needs
      expect(needs?.filter((need) => !features?.has(need))).toEqual([])
    }
  })

  test('are judged by the median, and only where both took part', () => {
    const met = judge(new Report([cell('plugin', 1, 80), cell('bridge', 1, 10)]))
    expect(met).toMatchObject([{ measure: 'bridge: CPU × plugin', bound: '≤ 1/8', met: true }])
    const missed = judge(new Report([cell('plugin', 1, 80), cell('bridge', 1, 10.1)]))
    expect(missed).toMatchObject([{ met: false }])
    expect(judge(new Report([cell('bridge', 1, 10)]))).toEqual([])
  })

  test('are not met by what failed', () => {
    expect(judge(new Report([failed('plugin', 1), cell('bridge', 1, 10)]))).toMatchObject([
      { measured: undefined, met: undefined },
    ])
  })
})

test('the plot is the same for the same figures, without what failed', () => {
  const draw = () => plot(new Report([cell('plugin', 1, 80), cell('bridge', 1, 10), failed('floor', 1)]).rows)
  expect(draw()).toBe(draw())
  expect(draw()).toMatch(/^<svg .*>bridge<.*<\/svg>\n$/s)
  expect(draw()).not.toContain('>floor<')
})

/** So many CPU microseconds a unit, 500 units a second. */
function cell(peer: string, round: number, cpu: number, lost = 0): Cell {
  const units = 1_000
  const cpuNs = { [peer]: cpu * 1_000 * units, generator: 1_000 * units }
  const rssBytes = { [peer]: { before: 1, open: 2, after: 3 } }
  return { ...meeting(peer, round), result: { units, lost, disordered: 0, elapsedMs: 2_000, cpuNs, rssBytes } }
}

function failed(peer: string, round: number): Cell {
  return { ...meeting(peer, round), result: { error: 'gone' } }
}

function meeting(peer: string, round: number) {
  return { scenario: named(scenarios, LOCK_STEP), peer: named(peers, peer), round }
}

function named<T extends { readonly name: string }>(all: readonly T[], name: string): T {
  const found = all.find((each) => each.name === name)
  if (found === undefined) throw new Error(`there is no ${name}`)
  return found
}
