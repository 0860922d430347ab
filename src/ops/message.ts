/** What `POST /api/messages` was asked for: read strictly, and nothing done about it here. */
import { OpsError } from './errors.ts'

/** As a SEND. */
export interface MessageOrder {
  readonly destination: string
  /** Name, value, name, value … */
  readonly headers: readonly string[]
  readonly body: Buffer
}

/** Of the request: the largest body of a SEND by default (4 MiB), and base64 takes a third more. */
export const MESSAGE_BYTES = 6 * 1024 * 1024

const KNOWN = ['destination', 'headers', 'body', 'base64']

/** @throws OpsError `bad-body` */
export function readMessage(given: Readonly<Record<string, unknown>>): MessageOrder {
  const stranger = Object.keys(given).find((name) => !KNOWN.includes(name))
  if (stranger !== undefined) throw refusal(`no field ${JSON.stringify(stranger.slice(0, 100))}; ${KNOWN.join(', ')}`)
  const { destination, headers = {} } = given
  if (typeof destination !== 'string' || destination === '') throw refusal('destination must be a text like /topic/a')
  return { destination, headers: headersOf(headers), body: bodyOf(given) }
}

function headersOf(value: unknown): string[] {
  const rule = 'headers must be a mapping of names to texts'
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refusal(rule)
  return Object.entries(value).flatMap(([name, text]) => {
    if (name !== '' && typeof text === 'string') return [name, text]
    throw refusal(rule)
  })
}

function bodyOf({ body, base64 }: Readonly<Record<string, unknown>>): Buffer {
  if (body !== undefined && base64 !== undefined) throw refusal('body and base64 say the same: one of them')
  if (base64 === undefined) {
    if (typeof (body ?? '') === 'string') return Buffer.from((body as string | undefined) ?? '')
    throw refusal('body must be a text; octets are base64')
  }
  const octets = typeof base64 === 'string' ? Buffer.from(base64, 'base64') : undefined
  // Node leaves out what it cannot read: what comes back shows it.
  if (octets !== undefined && octets.toString('base64') === base64) return octets
  throw refusal('base64 must be base64 with its padding (RFC 4648 §4)')
}

function refusal(rule: string): OpsError {
  return new OpsError('bad-body', rule)
}
