/**
 * The grammar of STOMP frames, shared by parser and encoder: octets, commands and escapes. From the specification of STOMP 1.2,
 * "Augmented BNF":
 *
 *     NULL                = <US-ASCII null (octet 0)>
 *     LF                  = <US-ASCII line feed (aka newline) (octet 10)>
 *     CR                  = <US-ASCII carriage return (octet 13)>
 *     EOL                 = [CR] LF
 *     OCTET               = <any 8-bit sequence of data>
 *
 *     frame-stream        = 1*frame
 *     frame               = command EOL *( header EOL ) EOL *OCTET NULL *( EOL )
 *     command             = client-command | server-command
 *     header              = header-name ":" header-value
 *     header-name         = 1*<any OCTET except CR or LF or ":">
 *     header-value        = *<any OCTET except CR or LF or ":">
 *
 * Where what is read here differs from that:
 *
 *  1. EOL is `[CR] LF` in all versions; 1.0 and 1.1 know LF only. So a header of theirs that ends with CR loses it.
 *  2. A header value may hold ":" as it is (the first colon ends the name) and, except before LF, CR: common clients write
 *     `destination:a:b`. In 1.0 and 1.1 a name may hold CR too.
 *  3. Between frames any run of LF, CR and NUL is skipped, before the first frame too: it is how RabbitMQ reads them, and no command
 *     begins with one of these.
 *  4. Spaces before a value are dropped in 1.0 (its own examples write `login: <username>`), and in a CONNECT without `accept-version`,
 *     which only a client of 1.0 sends. In 1.1 and 1.2 they belong to the value.
 *  5. Heads are UTF-8 in all versions; 1.0 does not say what they are. Anything else is refused ('bad-header') and not decoded with
 *     U+FFFD: two destinations must not become one.
 *  6. None, but worth knowing: NUL may stand in a header. A frame without its blank line therefore runs on into the next one.
 *  7. Of several `content-length` headers the first counts, as for every repeated header.
 *
 * And where what is written differs:
 *
 *  8. What cannot be expressed (1.0, CONNECT, CONNECTED: CR or LF anywhere, ":" in a name) is written as a space. Left as it is, it would
 *     let the author of a message write headers, or frames, of his own.
 *  9. Headers without a name are left out: there is no way to write them.
 */
import type { Version } from './version.ts'

export const NUL = 0
export const LF = 10
export const CR = 13
export const SPACE = 32

/** Octets of the longest command line that is read to its end. The longest command, UNSUBSCRIBE, has 11; RabbitMQ allows 32 as well. */
export const COMMAND_BYTES = 32

/** Every command of STOMP 1.0, 1.1 and 1.2, of clients and of servers. Commands are case-sensitive. */
export const commands: ReadonlySet<string> = new Set([
  ...['CONNECT', 'STOMP', 'SEND', 'SUBSCRIBE', 'UNSUBSCRIBE', 'ACK', 'NACK', 'BEGIN', 'COMMIT', 'ABORT', 'DISCONNECT'],
  ...['CONNECTED', 'MESSAGE', 'RECEIPT', 'ERROR'],
])

/**
 * Are the headers of this frame escaped?
 *
 * STOMP 1.2, Value Encoding: "All frames except the CONNECT and CONNECTED frames will also escape any carriage return, line feed or colon
 * found in the resulting UTF-8 encoded headers." 1.0 has no escapes. STOMP is another word for CONNECT, sent before a version is agreed on.
 */
export function isEscaped(command: string, version: Version): boolean {
  return version !== '1.0' && command !== 'CONNECT' && command !== 'CONNECTED' && command !== 'STOMP'
}

const SPECIAL = /[\\\r\n:]/
const EOLS = /[\r\n]/g
const EOLS_AND_COLONS = /[\r\n:]/g

/**
 * A header name or value as it is written in an escaped frame of 1.1 or 1.2.
 *
 * STOMP 1.2: `\r` (octet 92 and 114) is carriage return, `\n` line feed, `\c` colon, `\\` backslash. STOMP 1.1 lacks `\r`; there CR is
 * an ordinary octet.
 */
export function escapeHeader(text: string, version: '1.1' | '1.2'): string {
  if (!SPECIAL.test(text)) return text
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll(':', '\\c')
  return version === '1.2' ? escaped.replaceAll('\r', '\\r') : escaped
}

/** A header name as it is written in a frame without escapes: deviation 8. */
export function plainName(text: string): string {
  return SPECIAL.test(text) ? text.replace(EOLS_AND_COLONS, ' ') : text
}

/** A header value as it is written in a frame without escapes: deviation 8. */
export function plainValue(text: string): string {
  return SPECIAL.test(text) ? text.replace(EOLS, ' ') : text
}

/**
 * The way back of {@link escapeHeader}; undefined for a sequence that the version does not define.
 *
 * STOMP 1.2, Value Encoding: "Undefined escape sequences such as \t (octet 92 and 116) MUST be treated as a fatal protocol error." 1.1 says
 * the same, with \r as its example.
 */
export function unescapeHeader(text: string, version: '1.1' | '1.2'): string | undefined {
  let at = text.indexOf('\\')
  if (at === -1) return text
  let plain = ''
  let from = 0
  for (; at !== -1; at = text.indexOf('\\', from)) {
    const octet = unescapeLetter(text[at + 1], version)
    if (octet === undefined) return undefined
    plain += text.slice(from, at) + octet
    from = at + 2
  }
  return plain + text.slice(from)
}

function unescapeLetter(letter: string | undefined, version: '1.1' | '1.2'): string | undefined {
  if (letter === 'n') return '\n'
  if (letter === 'c') return ':'
  if (letter === '\\') return '\\'
  return letter === 'r' && version === '1.2' ? '\r' : undefined
}
