/**
 * Pages of long lists, made at the moment of asking. Memory is bounded by the page and what lies before it, not by the list; the work is done in
 * slices, so that nobody's messages wait for an operator's question. What comes or goes meanwhile may be on the page or not.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Json, Row } from './parts.ts'

/** How a list is sorted; equal keys stay in the order of the list. */
export interface Sort<T> {
  /** What comes first when nothing is said: what an operator looks for. */
  readonly order: 'asc' | 'desc'
  /** Numbers, or texts, of all entries. */
  key(entry: T): number | string
}

/** T is what the list is made of. The methods are called for one entry at a time. */
export interface ListingOf<T> {
  /** May be long, and may change while it is gone through. */
  entries(): Iterable<T>
  /** By their names; the first one is the standard. */
  readonly sorts: Readonly<Record<string, Sort<T>>>
  /** By their names: whether an entry has this value. */
  readonly filters: Readonly<Record<string, (entry: T, value: string) => boolean>>
  row(entry: T): Row
}

/** A listing whose entries are nobody's business. */
export interface Listing {
  readonly sorts: Readonly<Record<string, { readonly order: 'asc' | 'desc' }>>
  readonly filters: Readonly<Record<string, unknown>>
  page(ask: Ask): Promise<Page>
}

export interface Ask {
  readonly limit: number
  readonly offset: number
  /** One of the listing's sorts. */
  readonly sort: string
  readonly order: 'asc' | 'desc'
  /** Filters of the listing, each with the value that an entry must have. */
  readonly filters: readonly (readonly [name: string, value: string])[]
}

export type Page = {
  /** Entries that the filters let pass, on all pages. */
  readonly total: number
  readonly limit: number
  readonly offset: number
  readonly sort: string
  readonly order: string
  readonly items: readonly Row[]
} & { readonly [name: string]: Json }

/** Entries that are looked at in one turn of the event loop: a millisecond or two. */
const SLICE = 2_000

export function listing<T>(list: ListingOf<T>): Listing {
  return { sorts: list.sorts, filters: list.filters, page: (ask) => pageOf(list, ask) }
}

interface Found<T> {
  readonly entry: T
  readonly key: number | string
  /** Its place in the list. */
  readonly place: number
}

async function pageOf<T>(list: ListingOf<T>, { limit, offset, sort, order, filters }: Ask): Promise<Page> {
  const { key } = list.sorts[sort]!
  const compare = order === 'asc' ? ascending<T> : descending<T>
  const wanted = filters.map(([name, value]) => [list.filters[name]!, value] as const)
  const most = offset + limit
  let found: Found<T>[] = []
  let total = 0
  let seen = 0
  for (const entry of list.entries()) {
    if (++seen % SLICE === 0) await nextTurn()
    if (!wanted.every(([has, value]) => has(entry, value))) continue
    found.push({ entry, key: key(entry), place: total++ })
    // Sorted once for as many new ones as are kept: the work for one entry does not grow with the list.
    if (found.length >= 2 * most + SLICE) found = found.sort(compare).slice(0, most)
  }
  const items = found
    .sort(compare)
    .slice(offset, most)
    .map(({ entry }) => list.row(entry))
  return { total, limit, offset, sort, order, items }
}

function ascending<T>(a: Found<T>, b: Found<T>): number {
  if (a.key === b.key) return a.place - b.place
  return a.key < b.key ? -1 : 1
}

function descending<T>(a: Found<T>, b: Found<T>): number {
  if (a.key === b.key) return a.place - b.place
  return a.key < b.key ? 1 : -1
}
