/**
 * The load generator's process, one for each measurement, so that none inherits another's heap. It takes a Job as its first message,
 * answers with a Measurement and ends; on any fault it ends with a stack trace on stderr.
 */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Target } from '../peers/peer.ts'
import { scenarios } from '../scenarios/index.ts'
import type { Load, Tally } from '../scenarios/scenario.ts'
import { atRest, cpuNs, rssBytes } from './processes.ts'

export interface Job {
  readonly scenario: string
  readonly target: Target
  readonly warmUpMs: number
  readonly measureMs: number
}

/** What was lost or disordered in the warm-up counts too. By role: `generator` is among them. */
export interface Measurement extends Tally {
  /** From the first frame to the last. */
  readonly elapsedMs: number
  readonly cpuNs: ByRole<number>
  readonly rssBytes: ByRole<Residence>
}

export type ByRole<T> = Readonly<Record<string, T>>

export interface Residence {
  /** No connection yet. */
  readonly before: number
  /** All connected and subscribed, and nothing to do. */
  readonly open: number
  /** All still connected, at rest after the load. */
  readonly after: number
}

/** Acks under way and buffers to be freed belong to what was measured. */
const AFTERMATH_MS = 100

const NOTHING: Tally = { units: 0, lost: 0, disordered: 0 }

async function measure({ scenario: name, target, warmUpMs, measureMs }: Job): Promise<Measurement> {
  const scenario = scenarios.find((known) => known.name === name)
  if (scenario === undefined) throw new Error(`no scenario ${name}`)
  const roles = { ...target.processes, generator: process.pid }
  const rest = () => atRest(Object.values(target.processes))
  await rest()
  const before = ofEach(roles, rssBytes)
  using load = await scenario.open(target, `bench-${randomUUID()}`)
  await rest()
  let open = ofEach(roles, rssBytes)
  const warmUp = scenario.opening === true ? NOTHING : await (load.warmUp?.(warmUpMs) ?? load.run(warmUpMs))
  await rest()
  const used = ofEach(roles, cpuNs)
  const start = performance.now()
  const tally = await load.run(measureMs)
  const elapsedMs = performance.now() - start
  await (isEvent(load, scenario.opening) ? rest() : sleep(AFTERMATH_MS))
  const spent = ofEach(roles, (pid, role) => cpuNs(pid) - used[role]!)
  await rest()
  const after = ofEach(roles, rssBytes)
  if (scenario.opening === true) open = after
  return {
    ...tally,
    lost: warmUp.lost + tally.lost,
    disordered: warmUp.disordered + tally.disordered,
    elapsedMs,
    cpuNs: spent,
    rssBytes: ofEach(roles, (_, role) => ({ before: before[role]!, open: open[role]!, after: after[role]! })),
  }
}

/** Something that happens once, and whose consequences are the point: they are waited for. */
function isEvent(load: Load, opening = false): boolean {
  return opening || load.warmUp !== undefined
}

function ofEach<T>(roles: ByRole<number>, figure: (pid: number, role: string) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(roles).map(([role, pid]) => [role, figure(pid, role)]))
}

const [job] = (await once(process, 'message')) as [Job]
process.send!(await measure(job))
process.disconnect()
