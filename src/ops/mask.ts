/**
 * Frames as an operator may see them: what logs a client in is never among it. By a list of what is harmless where secrets are expected (CONNECT),
 * by names and by the looks of a value everywhere else.
 */
import { maskUrl } from './log.ts'

const MASK = '***'
/** Of CONNECT and STOMP nothing else: authenticators look at headers of any name. */
const SHOWN_OF_CONNECT = new Set([
  'accept-version',
  'host',
  'heart-beat',
  'login',
  'client-id',
  'receipt',
  'content-type',
  'content-length',
])
const SECRET =
  /pass(?:code|word|wd|phrase)|secret|token|auth(?!or(?!i[sz]))|bearer|jwt|cookie|credential|(?:api|access|session)[-_]?key|private|signature/i
/** Characters of one value; the head of a frame may have megabytes. */
const LONGEST = 2_048

/** @param headers name, value, name, value …  @returns the same in pairs, in the same order */
export function maskedHeaders(command: string, headers: readonly string[]): readonly (readonly [string, string])[] {
  const isLogin = command === 'CONNECT' || command === 'STOMP'
  const pairs: (readonly [string, string])[] = []
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index]!
    const hidden = isLogin ? !SHOWN_OF_CONNECT.has(name) : SECRET.test(name)
    pairs.push([name, hidden ? MASK : shortened(maskUrl(headers[index + 1]!))])
  }
  return pairs
}

/** Destinations of the bridge itself take tokens as bodies; and a trace is asked for when a client has misspelt one. */
const OWN = /^[\s\\/]*bridge(?:\/|\\|%2f)/i

/** @param headers name, value, name, value … Any of them may be what its client took for the destination. */
export function isSecretBody(command: string, headers: readonly string[]): boolean {
  return (
    command === 'CONNECT' || command === 'STOMP' || headers.some((text, index) => index % 2 === 1 && OWN.test(text))
  )
}

function shortened(value: string): string {
  return value.length <= LONGEST ? value : `${value.slice(0, LONGEST)}…`
}
