/**
 * The names of a memory broker: how a route's templates make targets and take them apart again, and what a wildcard delivery is called.
 *
 *   name     = word *( ( "." / "/" ) word )      both separators mean the same: `price.stock` and `price/stock` are one topic
 *   pattern  = a name in which the word `*` stands for one word and `#` for any number, none included; both may stand anywhere
 *
 * With `ant` the words are the segments of a path instead, and patterns are Spring's: see broker/ant.ts.
 * Only topics have words; the name of a queue is taken as it is. A pattern can be subscribed to, never published to: the adapter refuses
 * that with `bad-destination` instead of keeping a message which no exact subscriber could ask for.
 */
import { type AntFilter, antTemplate } from '../../broker/ant.ts'
import type { InnerOptions, InnerPurpose, Route } from '../../broker/broker.ts'
import { BrokerError, FieldError } from '../../broker/errors.ts'
import { innerKey, innerVariables } from '../../broker/inner.ts'
import { ANYTHING, plainNames, type Space, wordNames } from '../../broker/space.ts'
import { compileTemplate } from '../../broker/template.ts'
import { readRoute } from './fields.ts'

/** Characters of a name: AMQP's bound, so that what works here works there. */
export const MAX_NAME = 255

const SEPARATOR = /[./]/

/** inner: of the bridge's own namespace, where no wildcard reaches. */
export type MemoryKind = 'topic' | 'queue' | 'inner'

/** What a target says beside its name. */
interface TargetRule {
  readonly deadLetter?: string | undefined
  readonly mandatory?: boolean
  readonly filter?: AntFilter | undefined
}

export class MemoryTarget {
  readonly kind: MemoryKind
  /** As it was rendered, separators included. */
  readonly name: string
  /** Of a topic, and of an inner name; of a queue empty. */
  readonly words: readonly string[]
  /** A pattern that names many topics. */
  readonly wildcard: boolean
  /** The queue for what is rejected; undefined = drop it. */
  readonly deadLetter: string | undefined
  /** A publish without a subscriber is refused. */
  readonly mandatory: boolean
  /** What an Ant pattern wants beyond what its words say. */
  readonly filter: AntFilter | undefined

  /** @throws BrokerError `bad-destination` for a name that is empty or too long */
  constructor(kind: MemoryKind, name: string, { deadLetter, mandatory = false, filter }: TargetRule = {}) {
    if (name === '' || name.length > MAX_NAME) {
      throw new BrokerError(
        'bad-destination',
        `the name of a ${kind} has 1 to ${MAX_NAME} characters, not ${name.length}`,
      )
    }
    this.kind = kind
    this.name = name
    this.words = kind === 'queue' ? [] : kind === 'topic' ? name.split(SEPARATOR) : name.split('.')
    this.wildcard = kind === 'topic' && (this.words.includes('*') || this.words.includes('#'))
    this.deadLetter = deadLetter
    this.mandatory = mandatory
    this.filter = filter
  }

  /** Whether a subscription to this pattern wants what was published to a name that its words cover. */
  wants({ name }: MemoryTarget): boolean {
    return this.filter?.accepts?.(name) ?? true
  }

  /** Equal keys of one kind get equal messages, by equal names. */
  get key(): string {
    return this.filter === undefined ? this.name : `${this.name}\0${this.filter.source}`
  }
}

/** What a SEND to a pattern is refused with. */
export function namesMany({ name }: MemoryTarget): BrokerError {
  return new BrokerError('bad-destination', `"${name}" names many topics: it can be subscribed to, not sent to`)
}

/**
 * @param names the variables of the route's destination pattern
 * @throws FieldError
 */
export function compileRoute(
  options: Readonly<Record<string, unknown>>,
  names: readonly string[],
): Route<MemoryTarget> {
  const { kind, source, deadLetter, ant } = readRoute(options)
  const template = compileTemplate(source, [kind], names)
  const absent = names.find((name) => !template.names.includes(name))
  if (absent !== undefined) {
    throw new FieldError([kind], `{${absent}} of the destination is missing: a delivery could not find its way back`)
  }
  const dead = deadLetter === undefined ? undefined : compileTemplate(deadLetter, ['deadLetter'], names)
  const paths = ant === undefined ? undefined : antTemplate(template, ant, [kind])
  const { match } = paths ?? template
  return {
    target(variables) {
      const { name, filter } = paths?.place(variables) ?? { name: template.render(variables), filter: undefined }
      return new MemoryTarget(kind, name, { deadLetter: dead?.render(variables), filter })
    },
    variables: (target) => (target.kind === kind ? match(target.name) : undefined),
    space: spaceOf({ kind, name: source }),
    spaceOf,
    special: kind === 'queue' ? '' : (paths?.special ?? './*#'),
    arguments: [],
    summary: placeText(kind, source, deadLetter),
    describe(target, verb) {
      if (verb === 'send' && target.wildcard) throw namesMany(target)
      return placeText(target.kind, target.name, target.deadLetter) + filterText(target)
    },
    receipt: receiptText,
  }
}

/** `Broker.inner`. */
export function innerRoute(purpose: InnerPurpose, { mandatory }: InnerOptions): Route<MemoryTarget> {
  return {
    target: (variables) => new MemoryTarget('inner', innerKey(purpose, variables), { mandatory }),
    variables: ({ kind, name }) => (kind === 'inner' ? innerVariables(purpose, name) : undefined),
    space: { kind: 'inner', parts: [ANYTHING] },
    spaceOf: ({ name }) => ({ kind: 'inner', parts: [[[name]]] }),
    special: '',
    arguments: [],
    summary: purpose === 'user' ? 'inside the bridge, user.{name}.{path}' : 'inside the bridge, sessions',
    describe: ({ name }) => `inside the bridge, ${name}`,
    receipt: () =>
      `it was given to all who listen, in memory; if nobody does ${mandatory ? 'ERROR user-absent' : 'it is dropped'}`,
  }
}

function placeText(kind: string, name: string, deadLetter: string | undefined): string {
  return `${kind} ${name}${deadLetter === undefined ? '' : `, rejected to queue ${deadLetter}`}`
}

function filterText({ filter }: MemoryTarget): string {
  return filter?.accepts === undefined ? '' : `, of which what ${filter.source} matches`
}

function receiptText({ kind }: MemoryTarget): string {
  const taken = 'it is queued for everybody who must get it, in memory: it survives nothing'
  return kind === 'topic' ? `${taken}; without a subscriber it is dropped` : `${taken}; without a subscriber it is kept`
}

function spaceOf({ kind, name }: Pick<MemoryTarget, 'kind' | 'name'>): Space {
  const isTopic = kind === 'topic'
  return { kind, parts: [isTopic ? wordNames(dotted(name), { one: '*', many: '#' }, '.') : plainNames(name)] }
}

/** Both separators mean the same. */
function dotted(name: string): string {
  return name.replaceAll('/', '.')
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
