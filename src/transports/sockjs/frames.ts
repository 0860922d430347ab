/**
 * What SockJS writes and reads instead of WebSocket messages: frames `o h a[…] c[…]` to the client, arrays of JSON strings from it
 * (sockjs-protocol 0.3.3, "Protocol and framing", "JSON Unicode Encoding"). Knows no transport and no session.
 */
import { Buffer } from 'node:buffer'

/** "Every time a new session is established, the server must immediately send the open frame". */
export const OPEN = 'o'
/** "In order to keep connections from breaking, the server must send a heartbeat frame every now and then". */
export const HEARTBEAT = 'h'

/**
 * What JSON lets pass and must be escaped all the same: the protocol's `escapable_by_server`, which browsers have mangled on one transport or
 * another; and the percent sign, since sockjs-client puts whatever an EventSource brings through `decodeURI`.
 */
const FRAGILE = /[%\u200c-\u200f\u2028-\u202f\u2060-\u206f\ufff0-\uffff]/
const ALL_FRAGILE = new RegExp(FRAGILE, 'g')

/** The inside of a JSON string: without the quotes. A lone surrogate becomes its escape. */
export function escaped(text: string): string {
  const json = JSON.stringify(text)
  const inside = json.slice(1, -1)
  return FRAGILE.test(inside) ? inside.replace(ALL_FRAGILE, escapeOf) : inside
}

function escapeOf(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** `c[3000,"Go away!"]` */
export function closeFrame(code: number, reason: string): string {
  return `c[${code},"${escaped(reason)}"]`
}

/** Why nothing can be read from what a client has sent; as sockjs-protocol wants it in the answer. */
export type Unreadable = 'Broken JSON encoding.' | 'Payload expected.'

/** The messages in a body or in a WebSocket message: "either single json-encoded messages or an array of json-encoded messages". */
export function messagesOf(text: string): readonly string[] | Unreadable {
  if (text === '') return 'Payload expected.'
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'Broken JSON encoding.'
  }
  if (typeof value === 'string') return [value]
  return Array.isArray(value) && value.every((each) => typeof each === 'string') ? value : 'Payload expected.'
}

/** How many octets of JSON a client's library may make of one octet of UTF-8: `\u0e38` is three of them. Control characters take more. */
export const JSON_GROWTH = 3

/**
 * Texts into the octets of UTF-8, one after another: STOMP does not care where a message ends. A character may be cut in two by a client that cuts
 * its frames by length, and is put together again.
 */
export class Octets {
  readonly #most: number
  #half = ''

  /** @param most octets of one message */
  constructor(most: number) {
    this.#most = most
  }

  /** @returns undefined: one of the messages is too large */
  of(messages: readonly string[]): Buffer | undefined {
    let text = this.#half + messages.join('')
    this.#half = ''
    const last = text.charCodeAt(text.length - 1)
    if (last >= 0xd800 && last <= 0xdbff) {
      this.#half = text.slice(-1)
      text = text.slice(0, -1)
    }
    const octets = Buffer.from(text)
    const isLarge = octets.length > this.#most && messages.some((each) => Buffer.byteLength(each) > this.#most)
    return isLarge ? undefined : octets
  }
}
