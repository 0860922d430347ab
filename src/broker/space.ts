/**
 * Which names a route, or one target, can mean in its broker, so far as anybody must know who compares two of them: whether what goes to one
 * can be seen by the other. Adapters say it, routing/ compares. It errs on one side only: two that share a name always meet.
 */

/** Literals, between each two of which anything may stand, nothing included: `['site.', '.temp']` is `site.` + anything + `.temp`. */
export type Glob = readonly string[]

/** Names that are in any of them. */
export type Names = readonly Glob[]

export interface Space {
  /** What kind of thing is named: names of different kinds never meet. */
  readonly kind: string
  /** All must meet. */
  readonly parts: readonly Names[]
}

/** Anything at all. */
export const ANYTHING: Names = [['', '']]

/** `{name}` in a template; the same as in template.ts, which refuses all other braces. */
const VARIABLE = /\{[^{}]*\}/g

/** What a name without wildcards means; of a template, its literals and anything for each variable. */
export function plainNames(source: string): Names {
  return [source.split(VARIABLE)]
}

/** A client writes as many as he likes; with more of them a name may mean anything. */
const MOST_MANY = 4

/**
 * What a name or a template with wildcards means. One that stands for any number of words may stand for none, and its separator goes with it:
 * `a.#` is `a`, or `a.` and anything. A variable that is a whole word may have such a wildcard as its value.
 * @param wildcards the words that are no literals: one word, any number of words
 * @param separator what parts words
 */
export function wordNames(source: string, wildcards: { one: string; many: string }, separator: string): Names {
  const { one, many } = wildcards
  const words = source.split(separator).map((word) => (/^\{[^{}]*\}$/.test(word) ? many : word))
  if (words.filter((word) => word === many).length > MOST_MANY) return ANYTHING
  const any = (word: string): string => (word === one || word === many ? ANY : word.replaceAll(VARIABLE, ANY))
  return withoutSome(words, many).map((left) => left.map(any).join(separator).split(ANY))
}

/** Stands in no name: AMQP, MQTT and STOMP refuse it. */
const ANY = '\0'

/** The words, with each of `many` there or left out. */
function withoutSome(words: readonly string[], many: string): string[][] {
  return words.reduce<string[][]>(
    (lists, word) => lists.flatMap((list) => (word === many ? [[...list, word], list] : [[...list, word]])),
    [[]],
  )
}

/** Whether something can be in both. */
export function meets(one: Space, other: Space): boolean {
  if (one.kind !== other.kind || one.parts.length !== other.parts.length) return false
  return one.parts.every((names, index) =>
    names.some((left) => other.parts[index]!.some((right) => globsMeet(left, right))),
  )
}

/** One cell per pair of positions: at most the product of the two lengths, whatever stands in them. */
function globsMeet(one: Glob, other: Glob): boolean {
  const left = symbols(one)
  const right = symbols(other)
  // reachable[j]: the first i symbols of `left` and the first j of `right` can be the same text
  let reachable = [true, ...right.map(() => false)]
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
