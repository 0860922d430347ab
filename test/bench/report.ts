/** From measurements to medians, ratios and tables. Knows nothing of how they came about. */
import type { Measurement } from './generator/main.ts'

/** One measurement, or why there is none. */
export interface Cell {
  readonly scenario: string
  readonly unit: string
  readonly peer: string
  /** From 1. */
  readonly round: number
  readonly result: Measurement | { readonly error: string }
}

/** Of one scenario and peer, over all rounds; the ratios are to the first peer. */
export interface Row {
  readonly scenario: string
  readonly unit: string
  readonly peer: string
  /** Units per second. */
  readonly rate: Spread
  /** CPU microseconds per unit: of the servers together, each of them, and the generator. */
  readonly cpu: Spread
  readonly roles: Readonly<Record<string, number>>
  readonly generator: number
  /** Peer by first peer, round by round: what disturbs a round disturbs both. */
  readonly rateRatio: Spread
  readonly cpuRatio: Spread
  readonly lost: number
  readonly disordered: number
  readonly failed: number
}

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

interface Figures {
  readonly round: number
  readonly rate: number
  readonly cpu: number
  readonly roles: Readonly<Record<string, number>>
  readonly lost: number
  readonly disordered: number
}

/** In the order in which scenarios and peers first appear. */
export function summarise(cells: readonly Cell[]): Row[] {
  const scenarios = Map.groupBy(cells, ({ scenario }) => scenario)
  return [...scenarios].flatMap(([scenario, ofScenario]) => {
    const byPeer = [...Map.groupBy(ofScenario, ({ peer }) => peer)]
    const reference = figuresOf(byPeer[0]![1])
    return byPeer.map(([peer, ofPeer]) => ({
      scenario,
      unit: ofPeer[0]!.unit,
      peer,
      ...rowOf(figuresOf(ofPeer), reference),
      failed: ofPeer.filter(({ result }) => 'error' in result).length,
    }))
  })
}

function figuresOf(cells: readonly Cell[]): Figures[] {
  return cells.flatMap(({ round, result }) => {
    if ('error' in result) return []
    const { units, elapsedMs, cpuNs, lost, disordered } = result
    const roles = Object.fromEntries(Object.entries(cpuNs).map(([role, ns]) => [role, ns / 1000 / units]))
    const cpu = Object.entries(roles).reduce((sum, [role, micros]) => (role === 'generator' ? sum : sum + micros), 0)
    return [{ round, rate: (1000 * units) / elapsedMs, cpu, roles, lost, disordered }]
  })
}

function rowOf(figures: readonly Figures[], reference: readonly Figures[]) {
  const pairs = figures.flatMap((figure) => {
    const other = reference.find(({ round }) => round === figure.round)
    return other === undefined ? [] : [{ rate: figure.rate / other.rate, cpu: figure.cpu / other.cpu }]
  })
  const roleNames = Object.keys(figures[0]?.roles ?? {})
  const medians = roleNames.map((role) => [role, spread(figures.map(({ roles }) => roles[role]!)).median] as const)
  return {
    rate: spread(figures.map(({ rate }) => rate)),
    cpu: spread(figures.map(({ cpu }) => cpu)),
    roles: Object.fromEntries(medians.filter(([role]) => role !== 'generator')),
    generator: medians.find(([role]) => role === 'generator')?.[1] ?? Number.NaN,
    rateRatio: spread(pairs.map(({ rate }) => rate)),
    cpuRatio: spread(pairs.map(({ cpu }) => cpu)),
    lost: figures.reduce((sum, { lost }) => sum + lost, 0),
    disordered: figures.reduce((sum, { disordered }) => sum + disordered, 0),
  }
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle) - 1]!) / 2
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN }
}

const HEAD = ['scenario', 'peer', 'per second', 'rate ×', 'CPU µs each', 'of which', 'CPU ×', 'generator µs', 'lost']

/** A Markdown table, aligned so that it also reads well in a terminal. */
export function table(rows: readonly Row[]): string {
  const body = rows.map((row) => [
    `${row.scenario} (${row.unit})`,
    row.peer,
    whole(row.rate.median),
    ratio(row.rateRatio),
    micros(row.cpu.median),
    Object.entries(row.roles)
      .map(([role, value]) => `${role} ${micros(value)}`)
      .join(', '),
    ratio(row.cpuRatio),
    micros(row.generator),
    faults(row),
  ])
  const widths = HEAD.map((_, column) => Math.max(...[HEAD, ...body].map((cells) => cells[column]!.length)))
  const line = (cells: readonly string[]) => `| ${cells.map((cell, at) => cell.padEnd(widths[at]!)).join(' | ')} |`
  return [line(HEAD), line(widths.map((width) => '-'.repeat(width))), ...body.map(line), ''].join('\n')
}

function faults({ lost, disordered, failed }: Row): string {
  const words = [disordered > 0 ? `${disordered} out of order` : '', failed > 0 ? `${failed} failed` : '']
  return [String(lost), ...words].filter(Boolean).join(', ')
}

const whole = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 0 })
const micros = (value: number): string => value.toFixed(value < 10 ? 2 : 1)
const ratio = ({ median, min, max }: Spread): string =>
  min === 1 && max === 1 ? '1' : `${median.toFixed(2)} (${min.toFixed(2)}-${max.toFixed(2)})`
