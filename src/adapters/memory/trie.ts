/**
 * Which subscriptions match a topic: a tree with one level per word of the patterns. Knows words and values, nothing of messages.
 *
 * Matching walks all branches side by side, word by word, and enters each node at most once per word. So a topic without wildcards costs
 * as many steps as it has words, however many thousand subscriptions there are, and no pattern (`#.a.#.a.#`) makes it exponential.
 */

class Node<V> {
  readonly parent: Node<V> | undefined
  /** The word that leads here from the parent. */
  readonly word: string
  readonly children = new Map<string, Node<V>>()
  readonly values = new Set<V>()
  star: Node<V> | undefined = undefined
  hash: Node<V> | undefined = undefined
  /** The step of the walk that entered it last. */
  step = 0

  constructor(parent: Node<V> | undefined, word: string) {
    this.parent = parent
    this.word = word
  }

  get isEmpty(): boolean {
    return this.values.size === 0 && this.children.size === 0 && this.star === undefined && this.hash === undefined
  }
}

export class Trie<V> {
  readonly #root = new Node<V>(undefined, '')
  #step = 0
  #size = 0

  /** @param pattern words, of which `*` and `#` are wildcards */
  add(pattern: readonly string[], value: V): void {
    let node = this.#root
    for (const word of pattern) node = child(node, word) ?? grow(node, word)
    if (!node.values.has(value)) this.#size++
    node.values.add(value)
  }

  /** Takes back what `add` was given, and the branch that led only there. Nothing when it is not there. */
  remove(pattern: readonly string[], value: V): void {
    let node: Node<V> | undefined = this.#root
    for (const word of pattern) {
      node = child(node, word)
      if (node === undefined) return
    }
    if (node.values.delete(value)) this.#size--
    for (let bare = node; bare.parent !== undefined && bare.isEmpty; bare = bare.parent) prune(bare.parent, bare.word)
  }

  /** The values of all patterns that match, each once. @param words of a concrete topic */
  match(words: readonly string[]): V[] {
    this.#step++
    let active: Node<V>[] = []
    this.#enter(this.#root, active)
    for (const word of words) {
      this.#step++
      const next: Node<V>[] = []
      for (const node of active) {
        // `#` stands for any number of words: this one too.
        if (node.word === '#') this.#enter(node, next)
        this.#enter(node.star, next)
        this.#enter(node.children.get(word), next)
      }
      if (next.length === 0) return []
      active = next
    }
    return active.flatMap((node) => [...node.values])
  }

  /** How many values are held. */
  get size(): number {
    return this.#size
  }

  /** `#` stands for no word as well, so whoever is at a node is at its `#` too. */
  #enter(node: Node<V> | undefined, into: Node<V>[]): void {
    for (let each = node; each !== undefined && each.step !== this.#step; each = each.hash) {
      each.step = this.#step
      into.push(each)
    }
  }
}

function child<V>(node: Node<V>, word: string): Node<V> | undefined {
  if (word === '*') return node.star
  return word === '#' ? node.hash : node.children.get(word)
}

function grow<V>(node: Node<V>, word: string): Node<V> {
  const made = new Node(node, word)
  if (word === '*') node.star = made
  else if (word === '#') node.hash = made
  else node.children.set(word, made)
  return made
}

function prune<V>(node: Node<V>, word: string): void {
  if (word === '*') node.star = undefined
  else if (word === '#') node.hash = undefined
  else node.children.delete(word)
}
