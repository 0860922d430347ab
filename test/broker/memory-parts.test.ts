/** The parts of the memory adapter that are pure: words and wildcards, the trie, the FIFO and the heap, each against a plain model. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Fifo } from '../../src/adapters/memory/fifo.ts'
import { Heap } from '../../src/adapters/memory/heap.ts'
import { concrete, MAX_NAME, MemoryTarget } from '../../src/adapters/memory/target.ts'
import { Trie } from '../../src/adapters/memory/trie.ts'

/** The definition of a match, exponential and obvious. */
function matches([head, ...tail]: readonly string[], words: readonly string[]): boolean {
  if (head === undefined) return words.length === 0
  if (head === '#') return matches(tail, words) || (words.length > 0 && matches([head, ...tail], words.slice(1)))
  return words.length > 0 && (head === '*' || head === words[0]) && matches(tail, words.slice(1))
}

function found(patterns: readonly string[], name: string): string[] {
  const trie = new Trie<string>()
  for (const pattern of patterns) trie.add(pattern.split('.'), pattern)
  return trie.match(name.split('.')).sort()
}

describe('the trie', () => {
  it.each([
    ['a.b', 'a.b', true],
    ['a.b', 'a', false],
    ['a.b', 'a.b.c', false],
    ['*', 'a', true],
    ['*', 'a.b', false],
    ['a.*', 'a', false],
    ['a.*.c', 'a.b.c', true],
    ['#', 'a.b.c', true],
    ['a.#', 'a', true],
    ['a.#', 'a.b.c', true],
    ['#.c', 'c', true],
    ['#.c', 'a.b.c', true],
    ['#.c', 'a.c.b', false],
    ['a.#.c', 'a.c', true],
    ['#.b.#', 'a.b.c', true],
    ['#.*', 'a', true],
    ['*.#', '', true],
    ['#.#', 'a', true],
    ['a*', 'a', false],
  ])('%s and %s: %o', (pattern, name, expected) => {
    expect(found([pattern], name)).toEqual(expected ? [pattern] : [])
  })

  it('finds each value once, however many ways lead to it', () => {
    expect(found(['#', '#.#', '#.a.#', 'a.#', '*.*', 'b'], 'a.a')).toEqual(['#', '#.#', '#.a.#', '*.*', 'a.#'])
  })

  it('agrees with the definition, also after some were removed', () => {
    const pattern = fc.array(fc.constantFrom('a', 'b', '*', '#'), { minLength: 1, maxLength: 5 })
    const words = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 12 }), fc.nat(6), words, (patterns, removed, name) => {
        const trie = new Trie<number>()
        for (const [index, each] of patterns.entries()) trie.add(each, index)
        for (const [index, each] of patterns.entries()) if (index < removed) trie.remove(each, index)
        const left = patterns.map((_, index) => index).slice(removed)
        expect(trie.size).toBe(left.length)
        expect(trie.match(name).sort()).toEqual(left.filter((index) => matches(patterns[index]!, name)).sort())
        for (const index of left) trie.remove(patterns[index]!, index)
        expect([trie.size, trie.match(name)]).toEqual([0, []])
      }),
      { numRuns: 500 },
    )
  })

  it('removes what is not there without harm', () => {
    const trie = new Trie<number>()
    trie.add(['a', 'b'], 1)
    trie.remove(['a'], 1)
    trie.remove(['a', 'b', 'c'], 1)
    trie.remove(['a', 'b'], 2)
    expect(trie.match(['a', 'b'])).toEqual([1])
  })

  it('is not slowed down by a hostile pattern', () => {
    // Backtracking would need more steps than there are atoms.
    const pattern = '#.a.'.repeat(60).concat('b').split('.')
    const trie = new Trie<number>()
    trie.add(pattern, 1)
    expect(trie.match('a.'.repeat(120).concat('c').split('.'))).toEqual([])
    expect(trie.match('a.'.repeat(120).concat('b').split('.'))).toEqual([1])
  })
})

describe('a wildcard delivery is named as its subscriber writes', () => {
  it.each([
    ['a.*', 'a/b', 'a.b'],
    ['a/*', 'a.b', 'a/b'],
    ['site/a.*', 'site.a/b', 'site/a.b'],
    ['a/#', 'a.b.c', 'a/b/c'],
    ['a.#', 'a', 'a'],
    ['a.#.z', 'a/z', 'a.z'],
    ['a.#/z', 'a/b/c/z', 'a.b.c/z'],
    ['#/z', 'a.b.z', 'a/b/z'],
    ['#', 'a.b/c', 'a.b/c'],
    ['*', 'a', 'a'],
    ['a/#.#.b', 'a.x.y.b', 'a/x/y.b'],
  ])('to %s, %s is %s', (pattern, published, name) => {
    const target = concrete(new MemoryTarget('topic', pattern), new MemoryTarget('topic', published))
    expect([target.name, target.wildcard]).toEqual([name, false])
  })
})

describe('a target', () => {
  it('is of the length of a name, and not longer', () => {
    expect(new MemoryTarget('queue', 'q'.repeat(MAX_NAME)).name).toHaveLength(255)
    for (const name of ['', 'q'.repeat(MAX_NAME + 1)]) {
      expect(() => new MemoryTarget('queue', name)).toThrow(expect.objectContaining({ code: 'bad-destination' }))
    }
  })

  it('is a wildcard by whole words of a topic only', () => {
    const wild = (kind: 'topic' | 'queue', name: string): boolean => new MemoryTarget(kind, name).wildcard
    expect([wild('topic', 'a/*'), wild('topic', '#'), wild('topic', 'a*.b#'), wild('queue', 'a.*')]).toEqual([
      true,
      true,
      false,
      false,
    ])
  })
})

describe('the FIFO and the heap', () => {
  it('the FIFO behaves as an array would', () => {
    const step = fc.oneof({ weight: 3, arbitrary: fc.nat(99) }, { weight: 2, arbitrary: fc.constant('shift' as const) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const fifo = new Fifo<number>()
        const model: number[] = []
        for (const each of steps) {
          if (each !== 'shift') {
            fifo.push(each)
            model.push(each)
          } else expect(fifo.shift()).toBe(model.shift())
          expect([fifo.length, fifo.peek()]).toEqual([model.length, model[0]])
        }
        fifo.retain((each) => each % 2 === 0)
        const even = model.filter((each) => each % 2 === 0)
        expect(Array.from({ length: fifo.length }, () => fifo.shift())).toEqual(even)
      }),
    )
  })

  it('the FIFO keeps its order across many thousands', () => {
    const fifo = new Fifo<number>()
    for (let n = 0; n < 10_000; n++) fifo.push(n)
    for (let n = 0; n < 9_000; n++) expect(fifo.shift()).toBe(n)
    for (let n = 10_000; n < 12_000; n++) fifo.push(n)
    expect(Array.from({ length: 3_000 }, () => fifo.shift())).toEqual(
      Array.from({ length: 3_000 }, (_, n) => n + 9_000),
    )
    expect([fifo.shift(), fifo.peek(), fifo.length]).toEqual([undefined, undefined, 0])
  })

  it('the heap gives the least first', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.array(fc.integer()), (first, second) => {
        const heap = new Heap<number>((left, right) => left - right)
        const model = [...first]
        for (const each of first) heap.push(each)
        model.sort((left, right) => left - right)
        expect(heap.shift()).toBe(model.shift())
        heap.retain((each) => each % 3 !== 0)
        for (const each of second) heap.push(each)
        const left = [...model.filter((each) => each % 3 !== 0), ...second].sort((a, b) => a - b)
        expect(heap.peek()).toBe(left[0])
        expect(Array.from({ length: heap.length }, () => heap.shift())).toEqual(left)
      }),
    )
  })
})
