/**
 * Routes that a destination nearly means, and what keeps them from it: at most a few, the nearest first. For operators; the router decides
 * without this.
 */
import { didYouMean } from '../broker/spelling.ts'
import { compilePattern, type Segment, segmentsOf } from './pattern.ts'
import type { Route } from './route.ts'

export interface NearMiss {
  readonly route: Route
  /** One line: `segment 2 is "order", here it must be "orders"`. */
  readonly reason: string
}

/** More would hide the one that was meant. */
const MOST = 5

/**
 * @param match the route that was found, which comes before all others that match; undefined = none
 * @returns those that match too, in the order of the configuration; then those that one slip keeps from it
 */
export function nearMisses(destination: string, routes: readonly Route[], match: Route | undefined): NearMiss[] {
  const shadowed: NearMiss[] = []
  const near: (NearMiss & { readonly distance: number })[] = []
  for (const route of routes) {
    if (route === match) continue
    if (compilePattern(route.pattern, [], route.reading).match(destination) !== undefined) {
      shadowed.push({ route, reason: `matches too, but ${match?.pattern ?? 'another route'} comes first` })
    } else {
      const slip = slipOf(destination.split('/'), segmentsOf(route.pattern))
      if (slip !== undefined) near.push({ route, ...slip })
    }
  }
  // Where something was found, only what looks like a slip of the pen is of interest.
  const nearest = near
    .filter(({ distance }) => match === undefined || distance === 0)
    .sort((one, other) => one.distance - other.distance || one.route.index - other.route.index)
  return [...shadowed, ...nearest.map(({ route, reason }) => ({ route, reason }))].slice(0, MOST)
}

interface Slip {
  readonly reason: string
  /** Smaller is nearer. */
  readonly distance: number
}

/** What is wrong, if it is one thing, and something else is right. */
function slipOf(parts: readonly string[], segments: readonly Segment[]): Slip | undefined {
  const slips: string[] = []
  const many = segments.findIndex((segment) => segment.many)
  const extra = parts.length - segments.length
  // The segments behind a {name+} are counted from the end.
  const at = (index: number): string | undefined => parts[many >= 0 && index > many ? index + extra : index]
  const leads = (segments[0]?.before === '') === (parts[0] === '')
  if (!leads) return withoutSlash(parts, segments)
  const first = segments[0]?.before === '' ? 1 : 0
  let agreed = 0
  let alike = false
  for (const [index, segment] of segments.entries()) {
    const part = at(index)
    if (index < first || part === undefined || segment.many) continue
    const rule = fault(part, segment)
    if (rule === undefined) agreed += segment.before + segment.after === '' ? 0 : 1
    else {
      slips.push(`segment ${index + 1 - first} is "${part}", here it ${rule}`)
      alike ||= segment.name === undefined && didYouMean(part, [segment.before]) !== ''
    }
  }
  if (many >= 0 ? extra < 0 : extra !== 0) slips.push(lengthText(parts.length - first, segments.length - first, many))
  if (many >= 0 && slips.length === 0) slips.push('a segment is empty')
  if (slips.length !== 1 || (agreed === 0 && !alike)) return undefined
  return { reason: slips[0]!, distance: alike ? 0 : 1 + Math.abs(extra) }
}

function fault(part: string, { before, name, after }: Segment): string | undefined {
  if (name === undefined) return part === before ? undefined : `must be "${before}"`
  const fits = part.length > before.length + after.length && part.startsWith(before) && part.endsWith(after)
  if (fits) return undefined
  return before + after === '' ? `must not be empty` : `must be like "${before}{${name}}${after}"`
}

function lengthText(has: number, wants: number, many: number): string {
  const count = (number: number): string => `${number} segment${number === 1 ? '' : 's'}`
  if (many >= 0) return `the destination has ${count(has)}, here at least ${wants} are wanted`
  const hint = has > wants ? '; {name} is one segment, {name+} one or more' : ''
  return `the destination has ${count(has)}, here ${wants === 1 ? '1 is' : `${wants} are`} wanted${hint}`
}

/** `topic/x` for `/topic/{name}`, or the other way round. */
function withoutSlash(parts: readonly string[], segments: readonly Segment[]): Slip | undefined {
  const isMissing = parts[0] !== ''
  const others = isMissing ? ['', ...parts] : parts.slice(1)
  const first = segments.find(({ before }) => before !== '')
  if (first === undefined || first.name !== undefined || others[isMissing ? 1 : 0] !== first.before) return undefined
  return { reason: `the destination ${isMissing ? 'must begin' : 'must not begin'} with /`, distance: 0 }
}
