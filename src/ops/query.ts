/** Parameters and bodies of requests, read strictly: what is not known is refused with a line that says what is. */
import type { IncomingMessage } from 'node:http'
import { Gathered } from '../broker/gathered.ts'
import { OpsError } from './errors.ts'
import type { Ask, Listing } from './list.ts'

const PAGE = {
  limit: { least: 1, most: 1_000, standard: 100 },
  offset: { least: 0, most: 10_000, standard: 0 },
} as const
/** Bytes of a request's body, where nothing else is said: the largest one that makes sense has a few hundred. */
const BODY_BYTES = 16 * 1024

/** Each of `known` may stand there once, others not. @throws OpsError `bad-query` */
export function readParameters(query: string, known: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(query)) {
    if (!known.includes(name)) throw new OpsError('bad-query', `no parameter ${brief(name)}; ${thereIs(known)}`)
    if (found.has(name)) throw new OpsError('bad-query', `${name} stands there twice`)
    found.set(name, value)
  }
  return found
}

/** @throws OpsError `bad-query` */
export function readAsk(query: string, { sorts, filters }: Listing): Ask {
  const given = readParameters(query, ['limit', 'offset', 'sort', 'order', ...Object.keys(filters)])
  const [standard] = Object.keys(sorts)
  const sort = given.get('sort') ?? standard!
  if (!Object.hasOwn(sorts, sort)) throw new OpsError('bad-query', `sort must be ${listed(Object.keys(sorts))}`)
  const order = given.get('order') ?? sorts[sort]!.order
  if (order !== 'asc' && order !== 'desc') throw new OpsError('bad-query', 'order must be asc or desc')
  const wanted = [...given].filter(([name]) => Object.hasOwn(filters, name))
  return { limit: numberOf(given, 'limit'), offset: numberOf(given, 'offset'), sort, order, filters: wanted }
}

function numberOf(given: ReadonlyMap<string, string>, name: 'limit' | 'offset'): number {
  const { least, most, standard } = PAGE[name]
  const text = given.get(name)
  if (text === undefined) return standard
  if (/^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text)
  const hint = name === 'offset' ? ': what lies farther off is found by a filter' : ''
  throw new OpsError('bad-query', `${name} must be a whole number from ${least} to ${most}${hint}`)
}

/**
 * The body as a JSON object; {} when there is none.
 * @param most bytes that it may have
 * @throws OpsError `bad-body`, `media-type`, `too-large`
 */
export async function readBody(
  request: IncomingMessage,
  most = BODY_BYTES,
): Promise<Readonly<Record<string, unknown>>> {
  const bytes = await received(request, most)
  if (bytes.length === 0) return {}
  // A form of a foreign page can send any text, but not under this name.
  if (!/^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new OpsError('media-type', 'the body must be application/json')
  }
  const value = parsed(bytes.toString())
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new OpsError('bad-body', 'the body must be a JSON object')
}

/** Not as an async iterable: leaving one early drops the socket, and with it the answer that says why. */
function received(request: IncomingMessage, most: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const gathered = new Gathered()
    request.on('data', (chunk: Buffer) => {
      if (gathered.length + chunk.length <= most) gathered.add(chunk)
      else reject(new OpsError('too-large', `a body may have ${most} bytes`, { Connection: 'close' }))
    })
    request.once('end', () => resolve(gathered.take()))
    request.once('close', () => reject(new OpsError('bad-body', 'the body ends too early')))
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new OpsError('bad-body', 'the body is not JSON')
  }
}

/** A text of whoever asks, in a line that comes back to him. */
export function brief(text: string): string {
  return JSON.stringify(text.slice(0, 100))
}

function thereIs(known: readonly string[]): string {
  return known.length === 0 ? 'there is none' : `there is ${listed(known)}`
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
