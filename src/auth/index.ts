/**
 * The registry: which kinds of authenticator there are, and how a configuration becomes a chain of them. What each tells about its options is here
 * at once; its code (and jose) is loaded when a configuration names it. Deleting a kind takes one line from this file.
 */
import { FieldError } from '../broker/errors.ts'
import type { Field } from '../broker/schema.ts'
import * as anonymous from './anonymous.ts'
import type { Authenticator } from './authenticator.ts'
import { Chain } from './chain.ts'
import type { AuthContext, AuthFactory } from './context.ts'
import * as http from './http/fields.ts'
import * as jwt from './jwt/fields.ts'
import * as passthrough from './passthrough.ts'
import * as users from './users/fields.ts'

export interface AuthKind {
  /** The options of an entry, without `authenticator`. */
  readonly fields: readonly Field[]
  /**
   * Whether, with these options, a browser would show the credentials by itself, whatever page made it connect (cookies): then a list of origins
   * must say which pages may. Looks at nothing else and throws nothing.
   */
  needsOrigins(options: Readonly<Record<string, unknown>>): boolean
  load(): Promise<AuthFactory>
}

const never = (): boolean => false

/** By the value of `authenticator`. */
export const authenticators: ReadonlyMap<string, AuthKind> = new Map<string, AuthKind>([
  ['anonymous', { fields: anonymous.fields, needsOrigins: never, load: async () => anonymous.createAnonymous }],
  [
    'users',
    { fields: users.fields, needsOrigins: never, load: async () => (await import('./users/index.ts')).createUsers },
  ],
  [
    'jwt',
    {
      fields: jwt.fields,
      needsOrigins: jwt.needsOrigins,
      load: async () => (await import('./jwt/index.ts')).createJwt,
    },
  ],
  [
    'http',
    {
      fields: http.fields,
      needsOrigins: http.needsOrigins,
      load: async () => (await import('./http/index.ts')).createHttp,
    },
  ],
  ['passthrough', { fields: passthrough.fields, needsOrigins: never, load: async () => passthrough.createPassthrough }],
])

/** One of `auth.chain`: `authenticator`, and what only that kind understands, durations and sizes as numbers. */
export type AuthEntry = Readonly<Record<string, unknown>> & { readonly authenticator: string }

/** A chain and what it was made of. */
export interface Made {
  readonly entries: readonly AuthEntry[]
  readonly chain: Chain
}

/**
 * The chain of a configuration. Does no I/O; the caller disposes of it.
 * @param before where there was one: members whose entry and name are the same are taken over, with all that they remember
 * @throws AggregateError of FieldErrors with paths below the list: `[1, 'keys', 0, 'pem']`
 */
export async function createChain(
  entries: readonly AuthEntry[],
  context: Omit<AuthContext, 'name'>,
  before?: Made,
): Promise<Chain> {
  const faults: FieldError[] = []
  const members: Authenticator[] = []
  const seen = new Map<string, number>()
  for (const [index, { authenticator: kind, ...options }] of entries.entries()) {
    const count = (seen.get(kind) ?? 0) + 1
    seen.set(kind, count)
    try {
      const factory = await authenticators.get(kind)?.load()
      if (factory === undefined)
        throw new FieldError(['authenticator'], `there is ${[...authenticators.keys()].join(', ')}`)
      const name = count === 1 ? kind : `${kind}-${count}`
      members.push(successor(name, entries[index]!, before) ?? factory(options, { ...context, name }))
      if (kind === 'anonymous' && index < entries.length - 1) {
        throw new FieldError(['authenticator'], 'anonymous lets everybody in: what comes after it is never asked')
      }
    } catch (error) {
      if (!(error instanceof FieldError)) throw error
      faults.push(new FieldError([index, ...error.path], error.message))
    }
  }
  if (faults.length > 0) throw new AggregateError(faults, 'the chain of authenticators cannot be made')
  const isSame = before?.chain.members.length === members.length
  if (isSame && members.every((member, index) => member === before.chain.members[index])) return before.chain
  return new Chain(members, context.observer)
}

function successor(name: string, entry: AuthEntry, before: Made | undefined): Authenticator | undefined {
  const at = before?.chain.members.findIndex((member) => member.name === name) ?? -1
  return JSON.stringify(before?.entries[at]) === JSON.stringify(entry) ? before?.chain.members[at] : undefined
}
