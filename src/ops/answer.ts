/** Answers of the ops port: made by its endpoints as data, written in one place. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { OpsError } from './errors.ts'
import { harmless } from './log.ts'
import type { Json } from './parts.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** The whole text; or what writes it piece by piece, and ends it. */
  readonly body: string | ((response: ServerResponse) => void)
}

export function text(status: number, body: string): Answer {
  return { status, headers: { 'Content-Type': 'text/plain; charset=utf-8' }, body: `${body}\n` }
}

/** One line of JSON that may be shown on a terminal, with no secret in it. */
export function json(value: Json, status = 200, headers: Readonly<Record<string, string>> = {}): Answer {
  const type = { 'Content-Type': 'application/json; charset=utf-8' }
  return { status, headers: { ...type, ...headers }, body: `${harmless(JSON.stringify(value))}\n` }
}

/** @param error anything that was thrown; what is none of ours is an internal error to whoever asks */
export function errorAnswer(error: unknown): Answer {
  const { code, message, status, headers } =
    error instanceof OpsError ? error : new OpsError('internal', 'internal error: see the log')
  return json({ error: code, message }, status, headers)
}

/** Never stored, never framed, never guessed at. */
const ALWAYS = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
} as const

/** Milliseconds without progress. */
const UNREAD_MS = 10_000

/** @param last the connection is closed behind it */
export function write(request: IncomingMessage, response: ServerResponse, answer: Answer, last: boolean): void {
  const { status, headers, body } = answer
  // RFC 9110 §9.3.2, HEAD: "identical to GET except that the server MUST NOT send content in the response"
  const isHead = request.method === 'HEAD'
  const length = typeof body === 'string' ? { 'Content-Length': String(Buffer.byteLength(body)) } : {}
  response.writeHead(status, { ...ALWAYS, ...length, ...headers, ...(last ? { Connection: 'close' } : {}) })
  if (typeof body !== 'string' && !isHead) {
    body(response)
    return
  }
  // Who does not read its answer keeps it in memory no longer. What is written piece by piece may be silent for as long as it likes.
  response.setTimeout(UNREAD_MS, () => request.socket.destroy())
  response.end(isHead ? undefined : body)
}
