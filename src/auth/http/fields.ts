/** What an operator may write for `authenticator: http`: as data for documentation, and as checks. */
import type { Field } from '../../broker/schema.ts'
import { Options } from '../options.ts'

export const fields: readonly Field[] = [
  {
    name: 'url',
    shape: 'text',
    default: undefined,
    description: 'where CONNECT is POSTed as JSON; https, or http on loopback',
  },
  {
    name: 'plain',
    default: false,
    description: 'http:// to other machines too: what clients show travels unencrypted',
  },
  { name: 'headers', default: ['authorization'], description: 'headers of CONNECT that are sent on' },
  {
    name: 'cookies',
    default: [],
    description: 'cookies of the upgrade request that are sent on; needs listen.origins',
  },
  { name: 'timeout', default: 2_000, unit: 'ms', description: 'for one answer' },
  {
    name: 'cache',
    default: 30_000,
    unit: 'ms',
    description: 'how long yes counts for equal headers from the same address; 0 = ask always',
  },
  { name: 'cacheRefusals', default: 5_000, unit: 'ms', description: 'how long no counts' },
  {
    name: 'onError',
    values: ['deny', 'allow'],
    default: undefined,
    description: 'deny | allow, when there is no answer; allow lets everybody in, without name and roles',
  },
  { name: 'concurrency', default: 32, description: 'requests at one time' },
  { name: 'queue', default: 1_000, description: 'more that may wait; over it clients are told to come back' },
  {
    name: 'failuresPerAddress',
    default: 60,
    description: 'refusals a minute from one address (IPv6: from one /64); over it none is asked for',
  },
]

export interface HttpOptions {
  readonly url: URL
  /** Lower case. */
  readonly headers: readonly string[]
  readonly cookies: readonly string[]
  readonly timeoutMs: number
  readonly cacheMs: number
  readonly cacheRefusalsMs: number
  readonly onError: 'deny' | 'allow'
  readonly concurrency: number
  readonly queue: number
  readonly failuresPerAddress: number
}

/** @throws FieldError */
export function readHttp(options: Readonly<Record<string, unknown>>): HttpOptions {
  const given: Options = new Options(options, fields)
  const headers = given.texts('headers').map((name) => name.toLowerCase())
  const cookies = given.texts('cookies')
  if (headers.length + cookies.length === 0)
    given.fail(['headers'], 'must name at least one header, or cookies one cookie')
  return {
    url: given.url('url', { plain: given.flag('plain') }),
    headers,
    cookies,
    timeoutMs: given.count('timeout', 10, 60_000),
    cacheMs: given.count('cache', 0, 3_600_000),
    cacheRefusalsMs: given.count('cacheRefusals', 0, 3_600_000),
    onError: given.oneOf('onError', 'deny', 'allow'),
    concurrency: given.count('concurrency', 1, 1_000),
    queue: given.count('queue', 0, 100_000),
    failuresPerAddress: given.count('failuresPerAddress', 1, 1_000_000),
  }
}

/** See jwt/fields.ts: a browser shows cookies by itself. */
export function needsOrigins({ cookies }: Readonly<Record<string, unknown>>): boolean {
  return [cookies].flat().some((name) => typeof name === 'string' && name !== '')
}
