/**
 * W3C Trace Context as it stands in the headers of a message: `traceparent` says which trace the message belongs to. It is read and never
 * changed, and neither are `tracestate` and `baggage`, which the bridge does not look into. Clients write what they like here: what breaks the
 * grammar is no context, whatever its length.
 */
import { firstOf } from '../stomp/frame.ts'

/** Where a message was made, as its maker's tracer names the place. */
export interface TraceContext {
  /** 32 hexadecimal digits, lower case, not all zero. */
  readonly traceId: string
  /** 16 of them. */
  readonly spanId: string
  /** Of `trace-flags` the one that every version has: its maker records this trace. */
  readonly sampled: boolean
  /** `tracestate` as it is, unchecked; undefined = none. */
  readonly state: string | undefined
}

/** W3C Trace Context §3.2.2: "version "-" trace-id "-" parent-id "-" trace-flags", in lower case. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/
const LENGTH = 55
/** §3.2.2.3, §3.2.2.4: "All bytes as zero … is considered an invalid value". */
const ZERO = /^0+$/

/**
 * The context that a message was made in, of its headers (name, value …); undefined = none, or none that can be read.
 *
 * §4.2: "If the vendor failed to parse traceparent, it MUST NOT attempt to parse tracestate."
 */
export function traceContextOf(headers: readonly string[]): TraceContext | undefined {
  const text = firstOf(headers, 'traceparent')
  if (text === undefined || text.length < LENGTH) return undefined
  const found = TRACEPARENT.exec(text.slice(0, LENGTH))
  if (found === null) return undefined
  const [, version, traceId = '', spanId = '', flags = ''] = found
  // §3.2.2.1: "Version ff is invalid"; §4.3: a later version may go on, behind a dash.
  if (version === 'ff') return undefined
  if (text.length > LENGTH && (version === '00' || text[LENGTH] !== '-')) return undefined
  if (ZERO.test(traceId) || ZERO.test(spanId)) return undefined
  const sampled = (Number.parseInt(flags, 16) & 1) === 1
  return { traceId, spanId, sampled, state: firstOf(headers, 'tracestate') }
}
