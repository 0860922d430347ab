/**
 * Where a client may have put its token. Only finds texts; what they are worth is not known here.
 *
 * A browser cannot set headers of an upgrade request, which is why tokens travel in CONNECT, in cookies, or in the query, where they end up in
 * the logs of every proxy: the last is used only when the configuration names it.
 */
import type { Attempt } from '../authenticator.ts'
import { cookieOf } from '../cookie.ts'
import { looksLikeToken } from '../token.ts'

export interface Source {
  /** As in the configuration. */
  readonly text: string
  /** For people: `the cookie "session"`. */
  readonly title: string
  /** undefined: there is none. '' and anything else that is there is to be refused, not overlooked. */
  find(attempt: Attempt): string | undefined
}

const FIXED: Readonly<Record<string, Omit<Source, 'text'>>> = {
  authorization: {
    title: 'the header Authorization of CONNECT',
    find: (attempt) => bearer(attempt.header('authorization')),
  },
  'auth-token': { title: 'the header auth-token', find: (attempt) => attempt.header('auth-token') },
  passcode: {
    title: 'passcode',
    find(attempt) {
      // A password is nothing of ours; it may be another authenticator's.
      const passcode = attempt.credentials?.passcode ?? attempt.header('passcode')
      return passcode !== undefined && looksLikeToken(passcode) ? passcode : undefined
    },
  },
  upgrade: {
    title: 'Authorization of the upgrade request',
    find: ({ request }) => bearer(one(request.headers.authorization)),
  },
}

/** @returns undefined for a text that names no place */
export function readSource(text: string): Source | undefined {
  if (Object.hasOwn(FIXED, text)) return { text, ...FIXED[text]! }
  // RFC 6265 §4.1.1: a cookie's name is a token; a query parameter may be held to the same.
  const [, kind, name] = /^(cookie|query):([!#$%&'*+.^_`|~0-9A-Za-z-]+)$/.exec(text) ?? []
  if (name === undefined) return undefined
  if (kind === 'cookie') {
    return { text, title: `the cookie "${name}"`, find: ({ request }) => cookieOf(request.headers.cookie, name) }
  }
  return { text, title: `"${name}" in the query`, find: ({ request }) => query(request.url, name) }
}

/** RFC 6750 §2.1; other schemes are nothing of ours. */
function bearer(value: string | undefined): string | undefined {
  const found = /^Bearer(?: +(.*))?$/is.exec(value?.trim() ?? '')
  return found === null ? undefined : (found[1] ?? '')
}

function query(url: string, name: string): string | undefined {
  const at = url.indexOf('?')
  return at === -1 ? undefined : (new URLSearchParams(url.slice(at + 1)).get(name) ?? undefined)
}

function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}
