/** The report as Markdown tables, padded so that they also read well in a terminal. Knows no figures but those it is given. */
import type { Ratio, Row, Spread } from './report.ts'
import type { Verdict } from './targets.ts'

/** A heading and two tables for each group of scenarios: what was measured, and how the bridges compare. */
export function groupTables(rows: readonly Row[]): string {
  const groups = [...Map.groupBy(rows, ({ group }) => group)]
  return groups
    .map(([group, ofGroup]) =>
      [`## ${capital(group)}`, figureTable(ofGroup), ratioTable(ofGroup)].filter(Boolean).join('\n\n'),
    )
    .join('\n\n')
}

export function targetTable(verdicts: readonly Verdict[]): string {
  const head = ['target', 'scenario', 'measure', 'bound', 'measured', '']
  const body = verdicts.map(({ aim, scenario, measure, bound, measured, met }, at) => [
    verdicts[at - 1]?.aim === aim ? '' : aim,
    scenario,
    measure,
    bound,
    measured === undefined ? 'failed' : range(measured),
    met === undefined ? '' : met ? 'met' : '**NOT met**',
  ])
  return table(head, body)
}

interface Column {
  readonly head: string
  cell(row: Row): string
}

const COLUMNS: readonly Column[] = [
  { head: 'peer', cell: ({ peer }) => peer },
  { head: 'per second', cell: ({ rate }) => whole(rate.median) },
  { head: 'CPU µs each', cell: ({ cpu }) => range(cpu) },
  { head: 'of which', cell: ({ roles }) => (Object.keys(roles).length > 1 ? named(roles, digits) : '') },
  {
    head: 'p50 / p99 / p99.9 µs',
    cell: ({ latency }) =>
      latency === undefined
        ? ''
        : [latency.p50, latency.p99, latency.p999].map(({ median }) => digits(median)).join(' / '),
  },
  { head: 'RSS MiB', cell: ({ memory }) => perRole(memory, ({ before, open, after }) => mib([before, open, after])) },
  { head: 'KiB a connection', cell: ({ perConnection = {} }) => perRole(perConnection, range) },
  { head: 'also', cell: ({ extra }) => named(extra, range) },
  { head: 'generator µs', cell: ({ generator }) => digits(generator) },
  { head: 'lost', cell: faults },
]

/** Columns that no row has anything for are left out. */
function figureTable(rows: readonly Row[]): string {
  const columns = COLUMNS.filter(({ cell }) => rows.some((row) => cell(row) !== ''))
  const body = rows.map((row, at) => [title(rows, at), ...columns.map(({ cell }) => cell(row))])
  return table(['scenario', ...columns.map(({ head }) => head)], body)
}

/** One row for each bridge, one column for each peer. */
function ratioTable(rows: readonly Row[]): string {
  const ours = rows.filter(({ ratios }) => Object.keys(ratios).length > 0)
  if (ours.length === 0) return ''
  const others = [...new Set(rows.map(({ peer }) => peer))].filter((peer) => ours.some(({ ratios }) => peer in ratios))
  const body = ours.map((row, at) => [title(ours, at), row.peer, ...others.map((other) => quotient(row.ratios[other]))])
  const head = ['CPU × · rate × of', 'by', ...others]
  return table(head, body)
}

/** A scenario's name stands in the first of its rows only. */
function title(rows: readonly Row[], at: number): string {
  const { scenario, unit } = rows[at]!
  return rows[at - 1]?.scenario === scenario ? '' : `${scenario} (${unit})`
}

function table(head: readonly string[], body: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(3, ...[head, ...body].map((cells) => cells[column]!.length)))
  const line = (cells: readonly string[]) => `| ${cells.map((cell, at) => cell.padEnd(widths[at]!)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n')
}

function faults({ lost, disordered, failures }: Row): string {
  const more = [
    disordered > 0 ? `${disordered} out of order` : '',
    failures.length > 0 ? `${failures.length} failed` : '',
  ]
  return [String(lost), ...more].filter(Boolean).join(', ')
}

/** Of a peer with one process, the figure alone. */
function perRole<Value>(values: Readonly<Record<string, Value>>, tell: (value: Value) => string): string {
  const [only, ...more] = Object.values(values)
  return only !== undefined && more.length === 0 ? tell(only) : named(values, tell)
}

function named<Value>(values: Readonly<Record<string, Value>>, tell: (value: Value) => string): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${tell(value)}`)
    .join(', ')
}

function quotient(ratio: Ratio | undefined): string {
  return ratio === undefined ? '' : `${range(ratio.cpu)} · ${range(ratio.rate)}`
}

/** Without the range when that would say nothing. */
function range({ median, min, max }: Spread): string {
  const [middle, low, high] = [digits(median), digits(min), digits(max)]
  return low === high ? middle : `${middle} (${low} to ${high})`
}

/** Three significant digits, no exponents. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return '–'
  return Math.abs(value) >= 100 ? whole(value) : String(Number(value.toPrecision(3)))
}

const whole = (value: number): string =>
  Number.isFinite(value) ? value.toLocaleString('en', { maximumFractionDigits: 0 }) : '–'
const mib = (kib: readonly number[]): string => kib.map((value) => whole(value / 1024)).join(' → ')
const capital = (text: string): string => text[0]!.toUpperCase() + text.slice(1)
