/** Near misses: what somebody may have meant who wrote a word that does not exist. For operators only; knows no word by itself. */

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
