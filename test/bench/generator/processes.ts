/** What processes use: CPU time to the nanosecond, the scheduler's own account of each thread, and memory. Linux only. */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Share of one core that a server at rest may use, and how long to wait for it. */
const REST = { share: 0.1, windowMs: 100, atMostMs: 20_000 }

const RESIDENT = /^VmRSS:\s+(\d+) kB$/m

/** CPU time that the process and its children have used, in nanoseconds; threads and children that have ended are not in it. */
export function cpuNs(pid: number): number {
  let total = 0
  for (const process of family(pid)) {
    for (const thread of list(`/proc/${process}/task`)) {
      total += Number(text(`/proc/${process}/task/${thread}/schedstat`).split(' ')[0])
    }
  }
  return total
}

/** Resident memory of the process and its children, in bytes; a page that two of them share counts twice. */
export function rssBytes(pid: number): number {
  let total = 0
  for (const process of family(pid)) {
    const [, kibibytes = 0] = RESIDENT.exec(text(`/proc/${process}/status`)) ?? []
    total += 1024 * Number(kibibytes)
  }
  return total
}

/** Resolves when these processes have little to do: a server may still be clearing up after the last measurement. */
export async function atRest(pids: readonly number[]): Promise<void> {
  const used = (): number => pids.reduce((sum, pid) => sum + cpuNs(pid), 0)
  for (let waited = 0; waited < REST.atMostMs; waited += REST.windowMs) {
    const before = used()
    await sleep(REST.windowMs)
    if (used() - before < REST.share * REST.windowMs * 1e6) return
  }
}

/** Itself first, then its children and theirs. */
function* family(pid: number): Generator<number> {
  yield pid
  for (const thread of list(`/proc/${pid}/task`)) {
    for (const child of text(`/proc/${pid}/task/${thread}/children`).split(' ')) {
      if (child !== '') yield* family(Number(child))
    }
  }
}

// A thread or a child may end between the listing and the reading.
function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function text(file: string): string {
  try {
    return readFileSync(file, 'latin1').trim()
  } catch {
    return ''
  }
}
