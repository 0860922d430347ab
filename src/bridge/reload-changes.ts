/** Two configurations compared: what is new, in words for the log and never with a value; and what of it only a restart can bring. */
import { isDeepStrictEqual } from 'node:util'
import type { Fault } from '../config/errors.ts'
import type { Config } from '../config/schema.ts'

/** What an entry of `limits:` and so on is called in the file, where the program has another name for it. */
function written(name: string): string {
  return name.replace(/Ms$/, '')
}

/**
 * Bound to the port, to the process or to the log when the bridge starts. All else can change while it runs; so what a later version adds and
 * cannot change belongs here.
 */
const BOUND: readonly (readonly [section: keyof Config, keys: readonly string[] | 'all'])[] = [
  ['listen', ['host', 'port', 'websocket', 'sockjs', 'tls']],
  ['ops', ['enabled', 'host', 'port']],
  ['limits', ['handshakeTimeoutMs']],
  ['events', ['aliveMs']],
  ['tracing', 'all'],
  ['log', ['format']],
]

/** @returns a fault for each option that has changed and needs a restart, where it stands in the file of `after` */
export function needRestart(before: Config, after: Config): Fault[] {
  return BOUND.flatMap(([section, keys]) =>
    changedLeaves(before[section], after[section], [section])
      .filter(([, key]) => keys === 'all' || keys.includes(String(key)))
      .map((path) => ({ path: path.map((step) => written(String(step))), message: 'needs a restart' })),
  )
}

/** `routes +1 -1`, `brokers +mqtt ~rabbit -old`, `auth.chain`, `limits.sendRate`: all that is different. */
export function changesOf(before: Config, after: Config): string[] {
  const { brokers, routes, tests, ...rest } = after
  return [
    ...countText('routes', before.routes, routes),
    ...namesText('brokers', before.brokers, brokers),
    ...Object.entries(rest).flatMap(([section, value]) =>
      changedLeaves(before[section as keyof Config], value, [section]).map((path) => path.map(written).join('.')),
    ),
    ...(isDeepStrictEqual(before.tests, tests) ? [] : ['tests']),
  ]
}

/** Paths of the values that differ; a list is one value, and so is what one side does not have. */
function changedLeaves(before: unknown, after: unknown, path: readonly string[]): (readonly string[])[] {
  if (isDeepStrictEqual(before, after)) return []
  if (!isMapping(before) || !isMapping(after)) return [path]
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...names].flatMap((name) => changedLeaves(before[name], after[name], [...path, name]))
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function countText(what: string, before: readonly unknown[], after: readonly unknown[]): string[] {
  const left = before.map((entry) => JSON.stringify(entry))
  let added = 0
  for (const entry of after) {
    const at = left.indexOf(JSON.stringify(entry))
    if (at === -1) added++
    else left.splice(at, 1)
  }
  if (added > 0 || left.length > 0) {
    return [[what, added > 0 && `+${added}`, left.length > 0 && `-${left.length}`].filter(Boolean).join(' ')]
  }
  return isDeepStrictEqual(before, after) ? [] : [`${what} in another order`]
}

function namesText(
  what: string,
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): string[] {
  const words = [
    ...Object.keys(after)
      .filter((name) => !Object.hasOwn(before, name))
      .map((name) => `+${name}`),
    ...Object.keys(after)
      .filter((name) => Object.hasOwn(before, name) && !isDeepStrictEqual(before[name], after[name]))
      .map((name) => `~${name}`),
    ...Object.keys(before)
      .filter((name) => !Object.hasOwn(after, name))
      .map((name) => `-${name}`),
  ]
  return words.length === 0 ? [] : [`${what} ${words.join(' ')}`]
}
