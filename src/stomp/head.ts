/**
 * The text of a head into headers. Half of parser.ts: it finds where a head ends and decodes it, this file reads it. Knows no octets and
 * no limits, and throws nothing: what is wrong is a value, because only the parser can make the error and stop.
 */
import { Buffer } from 'node:buffer'
import type { ProtocolErrorCode } from './errors.ts'
import { CR, isEscaped, SPACE, unescapeHeader } from './grammar.ts'
import type { Version } from './version.ts'

interface Fault {
  readonly code: ProtocolErrorCode
  readonly rule: string
}

/**
 * Heads up to this many characters give out slices of one string. V8 keeps the whole string alive for as long as one slice of it lives,
 * so of a longer head every piece is copied: a subscription's id must not hold on to 100 KiB of other headers.
 */
const SLICED_HEAD = 4096

/**
 * name, value, name, value …, unescaped; or what is wrong with them: 'bad-header' or 'bad-escape'.
 *
 * @param head the whole head, with the blank line that ends it
 * @param start where its first header line begins
 */
export function readHeaders(command: string, version: Version, head: string, start: number): string[] | Fault {
  const escaped = version !== '1.0' && head.includes('\\') && isEscaped(command, version) ? version : undefined
  const trimmed = isTrimmed(command, version, head)
  const headers: string[] = []
  for (let from = start; ; ) {
    const lf = head.indexOf('\n', from)
    const end = endOfLine(head, from, lf)
    if (end === from) break
    const colon = head.indexOf(':', from)
    if (colon === -1 || colon >= end) return { code: 'bad-header', rule: 'a header line has no colon' }
    if (colon === from) return { code: 'bad-header', rule: 'a header line has no name' }
    headers.push(head.slice(from, colon), head.slice(trimmed ? skipSpaces(head, colon + 1) : colon + 1, end))
    from = lf + 1
  }
  if (escaped !== undefined && !unescapeAll(headers, escaped)) {
    return { code: 'bad-escape', rule: `a header holds a backslash sequence that STOMP ${escaped} does not define` }
  }
  return head.length > SLICED_HEAD ? headers.map(copy) : headers
}

/** In place; false when there is a sequence that the version does not define. */
function unescapeAll(headers: string[], version: '1.1' | '1.2'): boolean {
  for (const [index, text] of headers.entries()) {
    const plain = unescapeHeader(text, version)
    if (plain === undefined) return false
    headers[index] = plain
  }
  return true
}

/**
 * The `receipt` header of a frame that is broken; undefined when it has none, an empty one, or one that cannot be read itself.
 *
 * @param lines those lines of the head that are complete, the command's among them; what was not UTF-8 is U+FFFD
 */
export function receiptIn(lines: string, version: Version): string | undefined {
  const [, ...headers] = lines.split(/\r?\n/)
  const value = headers.find((line) => line.startsWith('receipt:'))?.slice('receipt:'.length)
  if (value === undefined || value.includes('\ufffd')) return undefined
  const receipt = version === '1.0' ? value.trimStart() : unescapeHeader(value, version)
  return receipt ? copy(receipt) : undefined
}

/**
 * Are spaces before the values of this frame dropped? Deviation 4: they are in 1.0, and a CONNECT is of 1.0 when it does not say otherwise.
 *
 * @param head the whole head
 */
function isTrimmed(command: string, version: Version, head: string): boolean {
  if (command === 'CONNECT' || command === 'STOMP') return !head.includes('\naccept-version:')
  return version === '1.0' && command !== 'CONNECTED'
}

/** The index of the first character from `from` on that is no space. */
function skipSpaces(text: string, from: number): number {
  let at = from
  while (text.charCodeAt(at) === SPACE) at++
  return at
}

/** Where the text of the line that begins at `from` ends, given the index of its LF: EOL is [CR] LF. */
export function endOfLine(text: string, from: number, lf: number): number {
  return lf > from && text.charCodeAt(lf - 1) === CR ? lf - 1 : lf
}

/** The same text, sharing no memory with the string it was cut from. */
function copy(text: string): string {
  return Buffer.from(text).toString()
}
