/** docs/promises.md says of itself that it has every error code. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { failureCodes } from '../../src/session/failure.ts'
import { root } from './pages.ts'

test('the tables of error codes name each code once, and nothing else', () => {
  const lines = readFileSync(join(root, 'docs/promises.md'), 'utf8').split('\n')
  const rows = lines.filter((line, index) => line.startsWith('|') && isBelow(lines, index, '| `bridge-code` of errors'))
  const named = rows.flatMap((row) => [...row.split('|')[1]!.matchAll(/`([a-z-]+)`/g)].map((found) => found[1]))
  expect(named.sort()).toEqual([...failureCodes].sort())
})

/** A row of the table that begins so: only rows stand between. */
function isBelow(lines: readonly string[], index: number, head: string): boolean {
  for (let at = index - 1; at >= 0 && lines[at]!.startsWith('|'); at--) if (lines[at]!.startsWith(head)) return true
  return false
}
