/**
 * The load generator's process, one for each measurement, so that none inherits another's heap. It takes a Job as its first message,
 * answers with a Measurement and ends; on any fault it ends with a stack trace on stderr.
 */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Target } from '../peers/peer.ts'
import { scenarios } from '../scenarios/index.ts'
import type { Tally } from '../scenarios/scenario.ts'
import { atRest, cpuNs } from './cpu.ts'

export interface Job {
  readonly scenario: string
  readonly target: Target
  readonly warmUpMs: number
  readonly measureMs: number
}

/** What was lost or disordered in the warm-up counts too. */
export interface Measurement extends Tally {
  /** From the first frame to the last. */
  readonly elapsedMs: number
  /** By role, `generator` among them. */
  readonly cpuNs: Readonly<Record<string, number>>
}

/** Acks under way and buffers to be freed belong to what was measured. */
const AFTERMATH_MS = 100

async function measure({ scenario: name, target, warmUpMs, measureMs }: Job): Promise<Measurement> {
  const scenario = scenarios.find((known) => known.name === name)
  if (scenario === undefined) throw new Error(`no scenario ${name}`)
  const roles = { ...target.processes, generator: process.pid }
  const used = () => Object.fromEntries(Object.entries(roles).map(([role, pid]) => [role, cpuNs(pid)]))
  using load = await scenario.open(target, `bench-${randomUUID()}`)
  const warmUp = await load.run(warmUpMs)
  await atRest(Object.values(target.processes))
  const before = used()
  const start = performance.now()
  const tally = await load.run(measureMs)
  const elapsedMs = performance.now() - start
  await sleep(AFTERMATH_MS)
  const after = used()
  const spent = Object.entries(after).map(([role, now]) => [role, now - before[role]!])
  return {
    units: tally.units,
    lost: warmUp.lost + tally.lost,
    disordered: warmUp.disordered + tally.disordered,
    elapsedMs,
    cpuNs: Object.fromEntries(spent),
  }
}

const [job] = (await once(process, 'message')) as [Job]
process.send!(await measure(job))
process.disconnect()
