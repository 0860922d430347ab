/** CPU time of processes, to the nanosecond: the scheduler's own account of each thread. Linux only. */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Share of one core that a server at rest may use, and how long to wait for it. */
const REST = { share: 0.1, windowMs: 100, atMostMs: 5_000 }

/** CPU time that the process and its children have used, in nanoseconds; threads and children that have ended are not in it. */
export function cpuNs(pid: number): number {
  let total = 0
  for (const thread of list(`/proc/${pid}/task`)) {
    const folder = `/proc/${pid}/task/${thread}`
    total += Number(text(`${folder}/schedstat`).split(' ')[0])
    for (const child of text(`${folder}/children`).split(' ')) if (child !== '') total += cpuNs(Number(child))
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
