/**
 * The one place where a log is made: lines of JSON, or readable ones on a terminal, and no secret in either.
 *
 * Secrets are kept out twice: fields of known names are replaced, and every finished line is searched for signed tokens and for URLs that carry
 * a password, whatever field, message or stack trace they hide in. Nothing is logged per message, so the search costs nothing that counts.
 */
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino'
import { prettyFactory } from 'pino-pretty'

export type { Logger }

export interface LogOptions {
  readonly level: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'
  /** auto: pretty when standard output is a terminal, else json. */
  readonly format: 'auto' | 'pretty' | 'json'
}

/** Field names whose values nobody may read, in this case and at the first two levels of an entry. */
const SECRET_FIELDS = ['passcode', 'password', 'authorization', 'token', 'secret', 'cookie']

/** @param to where the lines go, each with its line feed; standard output when left out */
export function createLog(options: LogOptions, to: DestinationStream = destination({ fd: 1, sync: true })): Logger {
  const terminal = process.stdout.isTTY === true
  const readable = options.format === 'pretty' || (options.format === 'auto' && terminal)
  const pretty = prettyFactory({ translateTime: 'SYS:HH:MM:ss.l', colorize: terminal })
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '***' },
    },
    { write: (line: string) => void to.write(readable ? pretty(tamed(maskUrl(line))) : harmless(line)) },
  )
}

// What is searched is a client's, megabytes of it while he is traced: no pattern may look at the same text more than a few times, whatever it is.
// So each takes a whole run of what it could be about, and the run is cut behind the last place where what is looked for could end.

/** From a `://` on as far as one URL may go, or several that nothing parts. */
const URLS = /:\/\/[^\s"']*/g
/** `//user:password@` at the end of it; up to the last `@`, since people forget to encode one. A port before a path or a query is no password. */
const USERINFO = /(:\/\/[^:/?#@]*):(?!\d+[/?#]).*@$/

function withoutPassword(urls: string): string {
  const end = urls.lastIndexOf('@') + 1
  return urls.slice(0, end).replace(USERINFO, '$1:***@') + urls.slice(end)
}

/**
 * Query parameters that carry secrets in practice. In a line of JSON `\"` is a quote of the client's own: without its backslash it would end the
 * field, and what follows would be fields of the client's making.
 */
const QUERY = /([?&](?:access_token|token|jwt|passcode|password|secret|api_key|key)=)(?:[^\s&#"'\\]|\\[^"'])*/gi

/** Words with dots between them. */
const DOTTED = /(?<![\w-])[\w-]+(?:\.[\w-]*)+/g
/** RFC 7519 §3, and the beginning of one that was cut: base64url of `{"`, then further parts. Nobody has meant to put one into a path or a name. */
const TOKEN = /\beyJ[\w-]{6,}\./

/** RFC 6750 §2.1, wherever it was put; what is shorter is a word behind a word. */
const BEARER = /\b(Bearer +)[\w.~+/=-]{16,}/gi

function withoutToken(words: string): string {
  const at = words.slice(0, words.lastIndexOf('.') + 1).search(TOKEN)
  return at === -1 ? words : `${words.slice(0, at)}***`
}

/**
 * The same text with `***` for every password and token in the URLs it holds, and for signed and bearer tokens anywhere. For anything an operator
 * may see.
 */
export function maskUrl(text: string): string {
  return text
    .replace(URLS, withoutPassword)
    .replace(QUERY, '$1***')
    .replace(DOTTED, withoutToken)
    .replace(BEARER, '$1***')
}

/**
 * What JSON leaves as it is, and what does something when it is shown: DEL and C1 (to some terminals U+009B is ESC [), separators of lines, and
 * the controls that turn text around.
 */
const UNRULY = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** A line of JSON as an operator may see it: no secrets, and nothing that a terminal would obey. */
export function harmless(line: string): string {
  return bare(maskUrl(line))
}

/** Clients choose close reasons, destinations and names: a line of JSON has all their control characters escaped, since somebody will `cat` it. */
function bare(line: string): string {
  return line.replace(UNRULY, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** A terminal must not obey them either: escaped ones stay escaped when the line is unpacked. */
function tamed(line: string): string {
  return line.replace(/\\u00(?=[01][0-9a-f])/gi, '\\\\u00').replace(UNRULY, '?')
}
