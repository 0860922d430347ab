/**
 * The one place where a log is made: lines of JSON, or readable ones on a terminal, and no secret in either.
 *
 * Secrets are kept out twice: fields of known names are replaced, and every finished line is searched for URLs that carry a password or
 * a token, whatever field, message or stack trace they hide in. Nothing is logged per message, so the search costs nothing that counts.
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
    { write: (line: string) => void to.write(readable ? pretty(tamed(maskUrl(line))) : maskUrl(line)) },
  )
}

/** `scheme://user:password@`; up to the last `@`, since people forget to encode one. A port before a path or a query is no password. */
const USERINFO = /([a-z][a-z0-9+.-]*:\/\/[^\s:/?#@"']*):(?!\d+[/?#])[^\s"']*@/gi
/** Query parameters that carry secrets in practice. */
const QUERY = /([?&](?:access_token|token|jwt|passcode|password|secret|api_key|key)=)[^\s&#"']*/gi

/** The same text with `***` for every password and token in the URLs it holds. For anything an operator may see. */
export function maskUrl(text: string): string {
  return text.replace(USERINFO, '$1:***@').replace(QUERY, '$1***')
}

/** Clients choose close reasons, origins and names: in a line of JSON their control characters stay escaped, a terminal must not obey them either. */
function tamed(line: string): string {
  return line.replace(/\\u00(?=[01][0-9a-f])/gi, '\\\\u00').replace(/[\u007f-\u009f]/g, '?')
}
