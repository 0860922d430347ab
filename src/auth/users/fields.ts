/** What an operator may write for `authenticator: users`: as data for documentation, and as checks. */
import type { Field } from '../../broker/schema.ts'
import { isName, NAME_RULE, rolesOf } from '../identity.ts'
import { isMapping, Options } from '../options.ts'
import { HASH_RULE, type Hash, readHash } from './phc.ts'

export const fields: readonly Field[] = [
  {
    name: 'users',
    default: undefined,
    description: 'by login: { password: "$scrypt$…", roles: [admin] }; stomp-bridge passwd makes the hash',
  },
  {
    name: 'concurrency',
    default: 2,
    description: 'passwords checked at one time: each takes a core and 32 MiB for a quarter of a second',
  },
  { name: 'queue', default: 100, description: 'more that may wait for it' },
  {
    name: 'failuresPerLogin',
    default: 20,
    description: 'wrong passwords for one login a minute; over it none is tried',
  },
  { name: 'failuresPerAddress', default: 60, description: '… from one address (IPv6: from one /64)' },
]

const USER: readonly Field[] = [
  { name: 'password', default: undefined, description: 'scrypt hash' },
  { name: 'roles', default: [], description: 'list of roles' },
]

export interface Account {
  readonly hash: Hash
  readonly roles: ReadonlySet<string>
}

export interface UsersOptions {
  readonly accounts: ReadonlyMap<string, Account>
  readonly concurrency: number
  readonly queue: number
  readonly failuresPerLogin: number
  readonly failuresPerAddress: number
}

/** @throws FieldError */
export function readUsers(options: Readonly<Record<string, unknown>>): UsersOptions {
  const given: Options = new Options(options, fields)
  const users = given.raw('users')
  if (!isMapping(users) || Object.keys(users).length === 0) {
    given.fail(['users'], 'must be users by login, like alice: { password: "$scrypt$…", roles: [admin] }')
  }
  return {
    accounts: new Map(Object.entries(users).map(([login, entry]) => [login, readAccount(login, entry)] as const)),
    concurrency: given.count('concurrency', 1, 64),
    queue: given.count('queue', 0, 100_000),
    failuresPerLogin: given.count('failuresPerLogin', 1, 1_000_000),
    failuresPerAddress: given.count('failuresPerAddress', 1, 1_000_000),
  }
}

function readAccount(login: string, entry: unknown): Account {
  const own: Options = new Options(entry, USER, ['users', login])
  if (!isName(login)) own.fail([], `a login ${NAME_RULE}`)
  const roles = rolesOf(own.raw('roles'))
  return {
    hash: readHash(own.text('password', HASH_RULE)) ?? own.fail(['password'], HASH_RULE),
    roles: roles ?? own.fail(['roles'], `must be a list; each role ${NAME_RULE}`),
  }
}
