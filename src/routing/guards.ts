/**
 * Keys of a route that say who may use it and what may be sent there: `permit`, `except`, `origins`, `maxBytes`, `contentTypes`. Reads and
 * checks them; what they come to at a frame is the session's affair.
 */
import { FieldError } from '../broker/errors.ts'
import type { Field } from '../broker/schema.ts'
import { type Permit, readPermit } from './permit.ts'
import type { PayloadRule, RoutePolicy } from './route.ts'

export type Guards = Pick<RoutePolicy, 'permit' | 'except' | 'welcomes' | 'payload' | 'sendRate' | 'sendBytesRate'>

export const guardFields: readonly Field[] = [
  {
    name: 'permit',
    default: undefined,
    description:
      'who may: { send: …, subscribe: … } of anyone, authenticated, nobody, user:NAME, role:NAME, { where: … }',
  },
  {
    name: 'except',
    shape: 'texts',
    default: undefined,
    description: 'destinations of other routes, as written there: what they mean is theirs, and their permit decides',
  },
  {
    name: 'origins',
    shape: 'texts',
    default: undefined,
    description: 'whose pages may use it, of those that may connect; not given: all',
  },
  {
    name: 'sendRate',
    default: 0,
    description: 'SENDs a second, of all users together; over it they wait; 0 = no bound',
  },
  {
    name: 'sendBytesRate',
    default: 0,
    unit: 'bytes',
    description: 'bodies of SENDs a second, the same way; 0 = no bound',
  },
  { name: 'maxBytes', default: undefined, unit: 'bytes', description: 'the largest body of a SEND' },
  {
    name: 'contentTypes',
    shape: 'texts',
    default: undefined,
    description: 'what a SEND may carry, like [application/json, text/*]; its content-type header must then say so',
  },
]

/** What a route has that says nothing, and how lists of origins are read. */
export interface Standard {
  readonly permit: Permit
  readonly originMatcher: (list: readonly string[]) => (origin: string) => boolean
}

type Entry = Readonly<Record<string, unknown>>

/**
 * @param names the variables of the route's pattern
 * @throws FieldError
 */
export function readGuards(entry: Entry, names: readonly string[], { permit, originMatcher }: Standard): Guards {
  const origins = texts(entry, 'origins', ORIGIN)
  return {
    permit: readPermit(entry.permit, names, permit),
    except: texts(entry, 'except', /^./) ?? [],
    welcomes: origins === undefined ? undefined : originMatcher(origins),
    payload: readPayload(entry),
    sendRate: integer(entry, 'sendRate'),
    sendBytesRate: integer(entry, 'sendBytesRate'),
  }
}

function integer(entry: Entry, name: string): number {
  const value = entry[name] ?? 0
  if (Number.isInteger(value) && (value as number) >= 0) return value as number
  throw new FieldError([name], 'must be a whole number; 0 = no bound')
}

/** As browsers write them; `*.` stands for one or more labels of a host name. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/(?:\*\.)?[^/\s*]+$/
/** RFC 9110 §8.3.1: type "/" subtype, both tokens. */
const MEDIA_TYPE = /^[a-z0-9!#$&^_.+-]+\/(?:\*|[a-z0-9!#$&^_.+-]+)$/

function readPayload(entry: Entry): PayloadRule | undefined {
  const { maxBytes } = entry
  if (maxBytes !== undefined && !(Number.isInteger(maxBytes) && (maxBytes as number) >= 0)) {
    throw new FieldError(['maxBytes'], 'must be a size like 64KiB')
  }
  const contentTypes = texts(entry, 'contentTypes', MEDIA_TYPE)
  if (maxBytes === undefined && contentTypes === undefined) return undefined
  return { maxBytes: maxBytes as number | undefined, contentTypes }
}

function texts(entry: Entry, name: string, form: RegExp): readonly string[] | undefined {
  const value = entry[name]
  if (value === undefined) return undefined
  if (!Array.isArray(value) || value.length === 0) throw new FieldError([name], 'must be a list')
  const bad = value.findIndex((each) => typeof each !== 'string' || !form.test(each))
  if (bad >= 0) throw new FieldError([name, bad], EXAMPLES[name] ?? 'must be a text')
  return value as string[]
}

const EXAMPLES: Readonly<Record<string, string>> = {
  except: 'must be the destination of another route, as it is written there',
  origins: 'must be an origin like https://app.example.com or https://*.example.com',
  contentTypes: 'must be a media type like application/json or text/*, lower case, without parameters',
}
