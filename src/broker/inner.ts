/**
 * Names in the bridge's own namespace (`Broker.inner`): the same text for every kind of broker, so that one page of documentation serves all.
 *
 *   user.<name>.<segment of the path>.<segment>…      sessions
 *
 * In the name and in the segments `.`, `*`, `#`, `%` and control characters are percent-encoded: a dot always parts words, and none is a wildcard.
 */
import type { InnerPurpose } from './broker.ts'
import { BrokerError } from './errors.ts'
import type { Variables } from './template.ts'

/** AMQP 0-9-1 §4.2.5.3, short string; the same bound everywhere, so that what works with one broker works with the next. */
const MOST_BYTES = 255
const SPECIAL = /[.*#%\u0000-\u001f\u007f]/g

/** @throws BrokerError `bad-destination` over 255 bytes */
export function innerKey(purpose: InnerPurpose, { name = '', path = '' }: Variables): string {
  if (purpose === 'sessions') return purpose
  const key = [purpose, name, ...path.split('/')].map(encode).join('.')
  if (Buffer.byteLength(key) <= MOST_BYTES) return key
  throw new BrokerError('bad-destination', `a user's name and the path have ${MOST_BYTES} bytes together, not more`)
}

/** The way back; undefined: no such key. */
export function innerVariables(purpose: InnerPurpose, key: string): Variables | undefined {
  const [first, name, ...path] = key.split('.').map(decode)
  if (purpose === 'sessions') return key === purpose ? Object.create(null) : undefined
  if (first !== purpose || name === undefined || path.length === 0) return undefined
  return Object.assign(Object.create(null), { name, path: path.join('/') })
}

function encode(word: string): string {
  return word.replace(SPECIAL, (special) => `%${special.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}

function decode(word: string): string {
  return word.replace(/%([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
}
