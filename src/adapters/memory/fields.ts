/**
 * What an operator may write for a memory broker and its routes: as data, for documentation and "did you mean", and as checks. Unknown
 * fields are refused. The fields that the bridge itself owns (`adapter`, `destination`, `broker` …) are taken out before this sees them.
 */
import type { AntSeparator } from '../../broker/ant.ts'
import { FieldError } from '../../broker/errors.ts'
import type { Field } from '../../broker/schema.ts'

export const brokerFields: readonly Field[] = [
  {
    name: 'maxMessages',
    default: 100_000,
    description: 'messages kept in all, unsettled ones included, each copy counted; over it a SEND is refused',
  },
  {
    name: 'maxBytes',
    default: 134_217_728,
    unit: 'bytes',
    description:
      'bytes of kept bodies and headers, a message counted once for all its copies; over it a SEND is refused',
  },
  {
    name: 'maxDurables',
    default: 1_000,
    description: 'durable topic subscriptions, present or away; over it a new one is refused',
  },
]

export const routeFields: readonly Field[] = [
  {
    name: 'topic',
    shape: 'text',
    default: undefined,
    description: 'template of a topic: every subscriber gets a copy; words between . or /, * is one word, # any number',
  },
  {
    name: 'ant',
    values: ['/', '.'],
    default: undefined,
    description:
      "with topic: Spring's names; segments between / (a dot is a character) or between dots, ? * ** {x} in SUBSCRIBE",
  },
  {
    name: 'queue',
    shape: 'text',
    default: undefined,
    description: 'template of a queue: each message goes to one subscriber, and waits for one',
  },
  {
    name: 'deadLetter',
    shape: 'text',
    default: undefined,
    description: 'template of the queue that rejected messages of this queue go to; without it they are dropped',
  },
]

/** The bounds of one memory broker, checked. */
export interface Bounds {
  readonly maxMessages: number
  readonly maxBytes: number
  readonly maxDurables: number
}

/** @throws FieldError for an unknown field or a value that is no positive integer */
export function readBounds(options: unknown): Bounds {
  const given = record(options)
  refuseUnknown(given, brokerFields)
  const bound = (name: keyof Bounds): number => {
    const value = given[name] ?? brokerFields.find((field) => field.name === name)?.default
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) {
      throw new FieldError([name], `must be a whole number of 1 or more, and is ${JSON.stringify(value)}`)
    }
    return value
  }
  return { maxMessages: bound('maxMessages'), maxBytes: bound('maxBytes'), maxDurables: bound('maxDurables') }
}

/** A route's own fields, checked one by one; that the templates fit the destination is seen where they are compiled. */
export interface RouteOptions {
  readonly kind: 'topic' | 'queue'
  readonly source: string
  readonly deadLetter: string | undefined
  /** Of a topic: its words are the segments of a path, and patterns are Spring's. */
  readonly ant: AntSeparator | undefined
}

/** @throws FieldError */
export function readRoute(options: Readonly<Record<string, unknown>>): RouteOptions {
  refuseUnknown(options, routeFields)
  const topic = template(options, 'topic')
  const queue = template(options, 'queue')
  const deadLetter = template(options, 'deadLetter')
  const { ant } = options
  if (ant !== undefined && ant !== '/' && ant !== '.') throw new FieldError(['ant'], 'must be / or .')
  if (topic !== undefined && queue !== undefined)
    throw new FieldError(['queue'], 'a route has a topic or a queue, not both')
  if (topic !== undefined) {
    if (deadLetter !== undefined) throw new FieldError(['deadLetter'], 'only a queue has dead letters')
    return { kind: 'topic', source: topic, deadLetter: undefined, ant }
  }
  if (queue === undefined) throw new FieldError([], 'a route to a memory broker needs "topic" or "queue"')
  if (deadLetter === queue) throw new FieldError(['deadLetter'], 'a queue cannot be its own dead letter queue')
  if (ant !== undefined) throw new FieldError(['ant'], 'only topics have patterns')
  return { kind: 'queue', source: queue, deadLetter, ant }
}

function template(options: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = options[name]
  if (value === undefined) return undefined
  if (typeof value !== 'string' || value === '') {
    throw new FieldError([name], `must be a template, e.g. "orders.{name}", and is ${JSON.stringify(value)}`)
  }
  return value
}

function refuseUnknown(given: Readonly<Record<string, unknown>>, fields: readonly Field[]): void {
  for (const name of Object.keys(given)) {
    if (fields.some((field) => field.name === name)) continue
    throw new FieldError([name], `unknown field; there are ${fields.map((field) => field.name).join(', ')}`)
  }
}

function record(options: unknown): Readonly<Record<string, unknown>> {
  if (options === undefined || options === null) return {}
  if (typeof options !== 'object' || Array.isArray(options)) throw new FieldError([], 'must be a mapping of fields')
  return { ...options }
}
