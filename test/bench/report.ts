/**
 * From measurements to figures: per unit, over the rounds as median and range, and as quotients of what was measured in the same round. Knows
 * nothing of how the measurements came about, nor of how they are shown.
 */
import type { Measurement } from './generator/main.ts'
import type { Peer } from './peers/peer.ts'
import type { Group, Scenario } from './scenarios/scenario.ts'

/** One measurement, or why there is none. */
export interface Cell {
  readonly scenario: Scenario
  readonly peer: Peer
  /** From 1. */
  readonly round: number
  readonly result: Measurement | { readonly error: string }
}

/** Over the rounds; NaN where nothing was measured. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** Resident memory: before the generator connected, with all connected and subscribed, and after the measurement. */
export interface Memory<Value = number> {
  readonly before: Value
  readonly open: Value
  readonly after: Value
}

/** Of one measurement. */
export interface Figures {
  readonly round: number
  /** Units per second. */
  readonly rate: number
  /** CPU microseconds per unit: of the servers together, and of each process, the generator's among them. */
  readonly cpu: number
  readonly roles: Readonly<Record<string, number>>
  /** KiB, by role; the generator's is not in it. */
  readonly memory: Readonly<Record<string, Memory>>
  /** Microseconds. */
  readonly latency: { readonly p50: number; readonly p99: number; readonly p999: number } | undefined
  readonly extra: Readonly<Record<string, number>>
  readonly units: number
  readonly lost: number
  readonly disordered: number
}

/** Of one scenario and peer, over all rounds. */
export interface Row {
  readonly scenario: string
  readonly group: Group
  readonly unit: string
  readonly peer: string
  readonly rate: Spread
  readonly cpu: Spread
  /** Medians of CPU microseconds per unit. */
  readonly roles: Readonly<Record<string, number>>
  readonly generator: number
  /** Medians, KiB. */
  readonly memory: Readonly<Record<string, Memory>>
  /** KiB that each connection added, by role; where the scenario does nothing but hold connections. */
  readonly perConnection: Readonly<Record<string, Spread>> | undefined
  readonly latency: { readonly p50: Spread; readonly p99: Spread; readonly p999: Spread } | undefined
  readonly extra: Readonly<Record<string, Spread>>
  /** To each other peer of the scenario, when this one is a bridge of ours. */
  readonly ratios: Readonly<Record<string, Ratio>>
  readonly lost: number
  readonly disordered: number
  /** Why a measurement failed, for each that did. */
  readonly failures: readonly string[]
}

/** This peer by the other, round by round: what disturbs a round disturbs both. */
export interface Ratio {
  readonly rate: Spread
  readonly cpu: Spread
}

export class Report {
  /** In the order in which scenarios and peers are given. */
  readonly rows: readonly Row[]
  /** No measurement of a bridge of ours failed, and it lost nothing, nor any order. What others do is told, and is their affair. */
  readonly isSound: boolean
  readonly #figures = new Map<string, readonly Figures[]>()

  /** @param cells in any order; scenarios are reported in the order in which they first appear */
  constructor(cells: readonly Cell[]) {
    const scenarios = Map.groupBy(cells, ({ scenario }) => scenario)
    for (const [{ name }, ofScenario] of scenarios) {
      for (const [peer, ofPeer] of Map.groupBy(ofScenario, ({ peer }) => peer)) {
        this.#figures.set(key(name, peer.name), ofPeer.flatMap(figuresOf))
      }
    }
    this.rows = [...scenarios].flatMap(([scenario, ofScenario]) => this.#rowsOf(scenario, ofScenario))
    this.isSound = cells.every(({ peer, result }) => {
      return !peer.isOurs || (!('error' in result) && result.lost + result.disordered === 0)
    })
  }

  /** Whether the peer met the scenario, with whatever outcome. */
  has(scenario: string, peer: string): boolean {
    return this.#figures.has(key(scenario, peer))
  }

  /** What was measured, one for each round in which it did not fail. */
  figures(scenario: string, peer: string): readonly Figures[] {
    return this.#figures.get(key(scenario, peer)) ?? []
  }

  /** A quantity of two peers or scenarios, over the rounds that both of them have. */
  paired(some: readonly Figures[], others: readonly Figures[], of: (a: Figures, b: Figures) => number): Spread {
    const values = some.flatMap((figures) => {
      const other = others.find(({ round }) => round === figures.round)
      return other === undefined ? [] : [of(figures, other)]
    })
    return spread(values)
  }

  #rowsOf(scenario: Scenario, cells: readonly Cell[]): Row[] {
    // The order of the first round is that of the peers.
    const byPeer = [...Map.groupBy(cells, ({ peer }) => peer)]
    const peers = byPeer.map(([peer]) => peer)
    return byPeer.map(([peer, ofPeer]) => {
      const figures = this.figures(scenario.name, peer.name)
      const others = peer.isOurs ? peers.filter((other) => other !== peer) : []
      const ratios = others.map((other) => [other.name, this.#ratio(scenario, figures, other)] as const)
      return {
        scenario: scenario.name,
        group: scenario.group,
        unit: scenario.unit,
        peer: peer.name,
        ...rowOf(figures, scenario.group),
        ratios: Object.fromEntries(ratios),
        failures: ofPeer.flatMap(({ result }) => ('error' in result ? [result.error] : [])),
      }
    })
  }

  #ratio({ name }: Scenario, figures: readonly Figures[], other: Peer): Ratio {
    const others = this.figures(name, other.name)
    return {
      rate: this.paired(figures, others, (a, b) => a.rate / b.rate),
      cpu: this.paired(figures, others, (a, b) => a.cpu / b.cpu),
    }
  }
}

/** Median and range. */
function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle) - 1]!) / 2
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN }
}

const key = (scenario: string, peer: string): string => `${scenario}\n${peer}`

function figuresOf({ round, result }: Cell): Figures[] {
  if ('error' in result) return []
  const { units, elapsedMs, cpuNs, rssBytes, latency, extra = {}, lost, disordered } = result
  const roles = mapped(cpuNs, (ns) => ns / 1000 / units)
  const cpu = Object.entries(roles).reduce((sum, [role, micros]) => (role === 'generator' ? sum : sum + micros), 0)
  const { generator: _, ...servers } = rssBytes
  const memory = mapped(servers, (bytes) => memoryOf((moment) => bytes[moment] / 1024))
  return [{ round, rate: (1000 * units) / elapsedMs, cpu, roles, memory, latency, extra, units, lost, disordered }]
}

function rowOf(all: readonly Figures[], group: Group) {
  const first = all[0]
  const over = (value: (figures: Figures) => number): Spread => spread(all.map(value))
  const median = (value: (figures: Figures) => number): number => over(value).median
  const { generator = Number.NaN, ...roles } = mapped(first?.roles ?? {}, (_, role) => median((of) => of.roles[role]!))
  const memoryOfRoles = first?.memory ?? {}
  const quantile = (name: 'p50' | 'p99' | 'p999') => over(({ latency }) => latency?.[name] ?? Number.NaN)
  return {
    rate: over(({ rate }) => rate),
    cpu: over(({ cpu }) => cpu),
    roles,
    generator,
    memory: mapped(memoryOfRoles, (_, role) => memoryOf((moment) => median((of) => of.memory[role]![moment]))),
    perConnection:
      group === 'idle' ? mapped(memoryOfRoles, (_, role) => over((of) => kibPerUnit(of, role))) : undefined,
    latency:
      first?.latency === undefined ? undefined : { p50: quantile('p50'), p99: quantile('p99'), p999: quantile('p999') },
    extra: mapped(first?.extra ?? {}, (_, name) => over(({ extra }) => extra[name] ?? Number.NaN)),
    lost: all.reduce((sum, { lost }) => sum + lost, 0),
    disordered: all.reduce((sum, { disordered }) => sum + disordered, 0),
  }
}

/** Memory that came with the connections, by the number of units. */
export function kibPerUnit({ memory, units }: Figures, role: string): number {
  const { before, open } = memory[role] ?? { before: Number.NaN, open: Number.NaN }
  return (open - before) / units
}

function mapped<In, Out>(
  record: Readonly<Record<string, In>>,
  to: (value: In, name: string) => Out,
): Record<string, Out> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, to(value, name)]))
}

function memoryOf(value: (moment: keyof Memory) => number): Memory {
  return { before: value('before'), open: value('open'), after: value('after') }
}
