/** The values that count as a YAML file: each with its origin as a comment beside it. Loads again, but for the secrets. */
import { stringify } from 'yaml'
import type { Entry } from './effective.ts'

interface Branch {
  readonly isList: boolean
  readonly parts: Map<string | number, Branch | Entry>
}

/** @param entries in the order in which they shall stand; no path is empty */
export function listing(entries: readonly Entry[]): string {
  const root: Branch = { isList: false, parts: new Map() }
  for (const entry of entries) grow(root, entry)
  return `${linesOf(root, '').join('\n')}\n`
}

function grow(root: Branch, entry: Entry): void {
  let branch = root
  for (const [depth, step] of entry.path.slice(0, -1).entries()) {
    let next = branch.parts.get(step)
    if (next === undefined || !('parts' in next)) {
      next = { isList: typeof entry.path[depth + 1] === 'number', parts: new Map() }
      branch.parts.set(step, next)
    }
    branch = next
  }
  branch.parts.set(entry.path.at(-1)!, entry)
}

function linesOf({ isList, parts }: Branch, indent: string): string[] {
  return [...parts].flatMap(([step, part]) => {
    const head = isList ? '-' : `${textOf(step)}:`
    if (!('parts' in part)) return [`${indent}${head} ${textOf(part.value)} # ${part.origin}`]
    const below = linesOf(part, `${indent}  `)
    if (!isList) return [`${indent}${head}`, ...below]
    return [`${indent}- ${below[0]!.trimStart()}`, ...below.slice(1)]
  })
}

/** On one line. */
function textOf(value: unknown): string {
  const text = stringify(value, { lineWidth: 0 }).trimEnd()
  return text.includes('\n') ? JSON.stringify(value) : text
}
