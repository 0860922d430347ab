/** What a run leaves behind: results.md to read, results.json to compute with, cpu.svg to look at. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Machine } from './machine.ts'
import { groupTables, targetTable } from './markdown.ts'
import type { Options } from './options.ts'
import { plot } from './plot.ts'
import type { Memory, Report, Spread } from './report.ts'
import { judge } from './targets.ts'

const SIGNIFICANT = 3

export interface Run {
  /** ISO 8601. */
  readonly started: string
  readonly machine: Machine
  readonly options: Options
  readonly report: Report
}

/** Writes all three into `folder`, which exists, and returns the Markdown. */
export async function writeResults(folder: string, run: Run): Promise<string> {
  const text = markdown(run)
  await writeFile(join(folder, 'results.md'), text)
  await writeFile(join(folder, 'results.json'), json(run))
  await writeFile(join(folder, 'cpu.svg'), plot(run.report.rows))
  return text
}

function markdown(run: Run): string {
  const { report } = run
  const verdicts = judge(report)
  const failures = report.rows.flatMap(({ scenario, peer, failures }) =>
    failures.map((failure) => `- ${scenario}, ${peer}: ${failure.trim().split('\n')[0]}`),
  )
  return `${[
    '# Measured',
    describe(run),
    'How to read this, and what is not equal between the peers: `test/bench/README.md`. CPU time by scenario: [cpu.svg](cpu.svg).',
    ...(verdicts.length === 0 ? [] : ['## Targets', targetTable(verdicts)]),
    groupTables(report.rows),
    ...(failures.length === 0 ? [] : ['## Failed', failures.join('\n')]),
  ].join('\n\n')}\n`
}

function describe({ started, machine, options }: Run): string {
  const { cpu, cores, memoryGiB, kernel, loadBefore, versions } = machine
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return [
    `${started}: ${cores} × ${cpu}, ${memoryGiB} GiB, ${kernel}, load ${loadBefore.toFixed(2)} before the run.`,
    `${programs.join(', ')}.`,
    `Medians (and range) of ${options.rounds} ${options.rounds === 1 ? 'round' : 'rounds'} of ${options.measureMs / 1000} s after ${options.warmUpMs / 1000} s of warm-up.`,
  ].join('\n')
}

/** A line for each row, so that two runs can be compared by their lines; a median with its range, and memory, are three numbers. */
function json({ started, machine, options, report }: Run): string {
  const { rounds, measureMs, warmUpMs } = options
  const head = JSON.stringify({ started, machine, options: { rounds, measureMs, warmUpMs } })
  const rows = report.rows.map((row) => JSON.stringify(row, compact))
  const targets = judge(report).map((verdict) => JSON.stringify(verdict, compact))
  return `${head.slice(0, -1)},\n"targets":[\n${targets.join(',\n')}\n],\n"rows":[\n${rows.join(',\n')}\n]}\n`
}

function compact(_: string, value: unknown): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? Number(value.toPrecision(SIGNIFICANT)) : null
  if (typeof value !== 'object' || value === null) return value
  const { median, min, max, before, open, after } = value as Partial<Spread & Memory>
  if (median !== undefined) return [median, min, max]
  return before === undefined ? value : [before, open, after].map((kib) => Math.round(kib!))
}
