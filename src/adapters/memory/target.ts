/**
 * The names of a memory broker: how a route's templates make targets and take them apart again, and what a wildcard delivery is called.
 *
 *   name     = word *( ( "." / "/" ) word )      both separators mean the same: `price.stock` and `price/stock` are one topic
 *   pattern  = a name in which the word `*` stands for one word and `#` for any number, none included; both may stand anywhere
 *
 * Only topics have words; the name of a queue is taken as it is. A pattern can be subscribed to, never published to: the adapter refuses
 * that with `bad-destination` instead of keeping a message which no exact subscriber could ask for.
 */
import type { Route } from '../../broker/broker.ts'
import { BrokerError, FieldError } from '../../broker/errors.ts'
import { plainNames, type Space, wordNames } from '../../broker/space.ts'
import { compileTemplate, type Template, type Variables } from '../../broker/template.ts'
import { readRoute } from './fields.ts'

/** Characters of a name: AMQP's bound, so that what works here works there. */
export const MAX_NAME = 255

const SEPARATOR = /[./]/

export class MemoryTarget {
  readonly kind: 'topic' | 'queue'
  /** As it was rendered, separators included. */
  readonly name: string
  /** Of a topic; of a queue empty. */
  readonly words: readonly string[]
  /** A pattern that names many topics. */
  readonly wildcard: boolean
  /** The queue for what is rejected; undefined = drop it. */
  readonly deadLetter: string | undefined

  /** @throws BrokerError `bad-destination` for a name that is empty or too long */
  constructor(kind: 'topic' | 'queue', name: string, deadLetter?: string) {
    if (name === '' || name.length > MAX_NAME) {
      throw new BrokerError(
        'bad-destination',
        `the name of a ${kind} has 1 to ${MAX_NAME} characters, not ${name.length}`,
      )
    }
    this.kind = kind
    this.name = name
    this.words = kind === 'topic' ? name.split(SEPARATOR) : []
    this.wildcard = this.words.includes('*') || this.words.includes('#')
    this.deadLetter = deadLetter
  }
}

/**
 * @param names the variables of the route's destination pattern
 * @throws FieldError
 */
export function compileRoute(
  options: Readonly<Record<string, unknown>>,
  names: readonly string[],
): Route<MemoryTarget> {
  const { kind, source, deadLetter } = readRoute(options)
  const template = compileTemplate(source, [kind], names)
  const absent = names.find((name) => !template.names.includes(name))
  if (absent !== undefined) {
    throw new FieldError([kind], `{${absent}} of the destination is missing: a delivery could not find its way back`)
  }
  const dead = deadLetter === undefined ? undefined : compileTemplate(deadLetter, ['deadLetter'], names)
  return {
    target: (variables) => new MemoryTarget(kind, template.render(variables), deadName(dead, variables)),
    variables: (target) => (target.kind === kind ? template.match(target.name) : undefined),
    space: spaceOf({ kind, name: source }),
    spaceOf,
    special: kind === 'topic' ? './*#' : '',
    arguments: [],
    summary: `${kind} ${source}${deadLetter === undefined ? '' : `, rejected to queue ${deadLetter}`}`,
  }
}

function spaceOf({ kind, name }: Pick<MemoryTarget, 'kind' | 'name'>): Space {
  const isTopic = kind === 'topic'
  return { kind, parts: [isTopic ? wordNames(dotted(name), { one: '*', many: '#' }, '.') : plainNames(name)] }
}

/** Both separators mean the same. */
function dotted(name: string): string {
  return name.replaceAll('/', '.')
}

function deadName(template: Template | undefined, variables: Variables): string | undefined {
  return template?.render(variables)
}

/**
 * The topic `published` as a subscriber to `pattern` would write it: PROMISES §2, "in the separator that the subscriber wrote". Before
 * the first `#` and after the last one each separator is the pattern's own; what a `#` stands for is joined by the separator next to it.
 */
export function concrete(pattern: MemoryTarget, published: MemoryTarget): MemoryTarget {
  const { words } = published
  const own = separators(pattern.name)
  const first = pattern.words.indexOf('#')
  const after = first < 0 ? 0 : pattern.words.length - 1 - pattern.words.lastIndexOf('#')
  const beside = own[first - 1] ?? own[first]
  const theirs = beside === undefined ? separators(published.name) : []
  let name = words[0]!
  for (let gap = 0; gap < words.length - 1; gap++) {
    const fromEnd = words.length - 1 - gap
    if (first < 0 || gap < first) name += own[gap]
    else if (fromEnd <= after) name += own[own.length - fromEnd]
    else name += beside ?? theirs[gap]
    name += words[gap + 1]
  }
  return new MemoryTarget('topic', name)
}

/** The separators of a name, in order: one fewer than its words. */
function separators(name: string): readonly string[] {
  return name.match(/[./]/g) ?? []
}
