/**
 * What is wrong with a configuration: faults, each at a path, collected so that an operator sees all of them at once. Imports nothing; where
 * in a file a path stands is known to source.ts.
 */

export type Path = readonly (string | number)[]

/** One mistake. A FieldError of the port is one too. */
export interface Fault {
  /** From the root of the configuration: `['routes', 3, 'routingKey']`. */
  readonly path: Path
  /** One line: the rule that is broken. Never holds a value that may be secret. */
  readonly message: string
  /** The key itself is wrong, not its value. */
  readonly key?: boolean
  /** Position in the file's text, where the path does not tell it: bad YAML, a `${VAR}` that is not set. */
  readonly offset?: number
}

/** The configuration cannot be used; nothing was started. The process exits with 78 (EX_CONFIG of sysexits.h). */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly faults: readonly Fault[]

  constructor(faults: readonly Fault[]) {
    super(faults.map((fault) => `${pathText(fault.path)}: ${fault.message}`).join('\n'))
    this.faults = faults
  }
}

/** `routes[3].routingKey`; the root is the empty string. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`
    return text === '' ? step : `${text}.${step}`
  }, '')
}

/** ` (did you mean exchange?)` when one of the known words is near enough to `word`, else ''. */
export function didYouMean(word: string, known: Iterable<string>): string {
  let best: string | undefined
  // Two slips, or a third of a long word; in three letters one slip is already much.
  let least = (word.length <= 3 ? 1 : Math.max(2, Math.floor(word.length / 3))) + 1
  for (const candidate of known) {
    const distance = edits(word.toLowerCase(), candidate.toLowerCase())
    if (distance < least) {
      best = candidate
      least = distance
    }
  }
  return best === undefined ? '' : ` (did you mean ${best}?)`
}

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`; both are cut at 64 characters. */
function edits(a: string, b: string): number {
  const [from, to] = [a.slice(0, 64), b.slice(0, 64)]
  let before: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1] ? 0 : 1
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + same)
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        row[j] = Math.min(row[j]!, before[j - 2]! + 1)
      }
    }
    before = last
    last = row
  }
  return last[to.length]!
}
