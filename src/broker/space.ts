/**
 * Which names a route, or one target, can mean in its broker, so far as anybody must know who compares two of them: whether what goes to one
 * can be seen by the other. Adapters say it, routing/ compares. It errs on one side only: two that share a name always meet.
 */

/** Literals, between each two of which anything may stand, nothing included: `['site.', '.temp']` is `site.` + anything + `.temp`. */
export type Glob = readonly string[]

export interface Space {
  /** What kind of thing is named: names of different kinds never meet. */
  readonly kind: string
  /** All must meet. */
  readonly parts: readonly Glob[]
}

/** Anything at all. */
export const ANYTHING: Glob = Object.freeze(['', ''])

/** What a template can render: its literals, each variable being anything. */
export function templateGlob({ source }: { readonly source: string }): Glob {
  return source.split(/\{[^{}]*\}/)
}

/**
 * What a name with wildcards can match. A wildcard of many words takes its separators with it, for it may stand for no word: `a.#` matches `a`.
 * @param name of words
 * @param wildcards the words that are no literals: one word, any number of words
 * @param separators every character that parts words
 */
export function wildcardGlob(name: string, wildcards: { one: string; many: string }, separators: string): Glob {
  const literals = ['']
  for (const part of parts(name, separators)) {
    if (part === wildcards.many) {
      const before = literals.at(-1)!
      const isParted = before !== '' && separators.includes(before.at(-1)!)
      literals[literals.length - 1] = isParted ? before.slice(0, -1) : before
      literals.push('')
    } else if (part === wildcards.one) {
      literals.push('')
    } else if (!(literals.length > 1 && literals.at(-1) === '' && separators.includes(part))) {
      literals[literals.length - 1] += part
    }
  }
  return literals
}

/** Words and separators, in turn. */
function parts(name: string, separators: string): string[] {
  const all: string[] = []
  let word = ''
  for (const character of name) {
    if (!separators.includes(character)) {
      word += character
      continue
    }
    all.push(word, character)
    word = ''
  }
  return [...all, word]
}

/** Whether something can be in both. */
export function meets(one: Space, other: Space): boolean {
  if (one.kind !== other.kind || one.parts.length !== other.parts.length) return false
  return one.parts.every((part, index) => globsMeet(part, other.parts[index]!))
}

/** One cell per pair of positions: at most the product of the two lengths, whatever stands in them. */
function globsMeet(one: Glob, other: Glob): boolean {
  const left = symbols(one)
  const right = symbols(other)
  // reachable[j]: the first i symbols of `left` and the first j of `right` can be the same text
  let reachable = right.map(() => false)
  reachable = [true, ...reachable]
  for (let j = 0; j < right.length; j++) reachable[j + 1] = reachable[j]! && right[j] === undefined
  for (const symbol of left) {
    const next: boolean[] = [reachable[0]! && symbol === undefined]
    for (let j = 0; j < right.length; j++) {
      const isAny = symbol === undefined || right[j] === undefined
      const same = reachable[j]! && (isAny || symbol === right[j])
      const skip = isAny && (reachable[j + 1]! || next[j]!)
      next.push(same || skip)
    }
    reachable = next
  }
  return reachable.at(-1)!
}

/** Characters; undefined stands for anything. */
function symbols(glob: Glob): (string | undefined)[] {
  return glob.flatMap((literal, index) => (index === 0 ? [...literal] : [undefined, ...literal]))
}
