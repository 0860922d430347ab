/**
 * `allow:`, the list of what clients may choose on a route. A broker that checks each client's own rights (`credentials: client`) needs no such
 * list: there the default is everything. With a service account the broker sees one trusted user, so the bridge has to say no.
 *
 *   topic queue temp-queue exchange amq-queue reply-queue     a preset's destination form; for temp-queue: as `reply-to`
 *   x-arguments                                               every `x-` header of SUBSCRIBE and SEND but x-queue-name
 *   x-queue-name  auto-delete  x-message-ttl …                one argument header, by its name
 *   all                                                       everything
 *
 * `durable`, `persistent`, `exclusive` and `retain` need no word: a durable subscription belongs to the user's identity, what exclusive may not be
 * is refused by the adapter, and so is `retain:true` where the route does not say `retain: true`.
 */
import { FieldError } from '../broker/errors.ts'
import { didYouMean } from '../broker/spelling.ts'

const FREE: ReadonlySet<string> = new Set(['durable', 'persistent', 'exclusive', 'retain'])

/** The words of one route, or everything. */
export type Grant = 'all' | ReadonlySet<string>

/**
 * @param value of `allow`; undefined = not given
 * @param fallback the default
 * @throws FieldError below `['allow']` when it is no list of words
 */
export function readAllow(value: unknown, fallback: Grant): Grant {
  if (value === undefined) return fallback
  if (value === 'all') return 'all'
  if (!Array.isArray(value)) throw new FieldError(['allow'], 'must be a list of words, or all')
  const bad = value.findIndex((word) => typeof word !== 'string')
  if (bad >= 0) throw new FieldError(['allow', bad], 'must be a word')
  return value.includes('all') ? 'all' : new Set<string>(value)
}

/**
 * @param forms the destination forms of the preset; none for a plain route
 * @param headers the argument headers that the adapter knows
 * @throws FieldError below `['allow', position]` for a word that opens nothing
 */
export function checkWords(grant: Grant, forms: ReadonlySet<string>, headers: ReadonlySet<string>): void {
  if (grant === 'all') return
  for (const [index, word] of [...grant].entries()) {
    if (forms.has(word) || headers.has(word) || word === 'x-arguments') continue
    const known = [...forms, 'x-arguments', ...[...headers].filter((name) => !FREE.has(name)), 'all']
    const hint = didYouMean(word, known)
    throw new FieldError(['allow', index], `"${word}" opens nothing here; words are ${known.join(', ')}${hint}`)
  }
}

/** Whether a destination form is open. */
export function opens(grant: Grant, word: string | undefined): boolean {
  return word === undefined || grant === 'all' || grant.has(word)
}

/** The argument headers that clients may set, of those that the adapter knows. */
export function allowedArguments(grant: Grant, headers: readonly string[]): 'all' | ReadonlySet<string> {
  if (grant === 'all') return 'all'
  const isOpen = (name: string): boolean =>
    FREE.has(name) || grant.has(name) || (name.startsWith('x-') && name !== 'x-queue-name' && grant.has('x-arguments'))
  return new Set(headers.filter(isOpen))
}
