/**
 * Frames out. The counterpart of parser.ts, over the same grammar: what is written here is read there as the same frame, in every
 * version. Knows no session: which headers a frame carries is its caller's affair, that none of them can break out of its line is its own.
 *
 * Cost: one string for the head, one allocation for the frame, one copy of the body.
 */
import { Buffer } from 'node:buffer'
import { EMPTY } from './frame.ts'
import { escapeHeader, isEscaped, NUL, plainName, plainValue } from './grammar.ts'
import type { Version } from './version.ts'

/** The EOL that says "still here". One object for all connections: never write to it. */
export const HEARTBEAT: Buffer = Buffer.from('\n')

/**
 * One whole frame.
 *
 * @param headers name, value, name, value …, unescaped, written in this order. `content-length` among them is ignored: it is the
 *   encoder's own, last, and there if and only if there is a body (STOMP 1.2, Header content-length: "If a frame body is present, the
 *   SEND, MESSAGE and ERROR frames SHOULD include a content-length header")
 * @param version how to escape; that CONNECT and CONNECTED never are is known here
 */
export function encodeFrame(
  command: string,
  headers: readonly string[],
  body: Buffer | undefined,
  version: Version,
): Buffer {
  const escaped = isEscaped(command, version) ? version : '1.0'
  return join(`${command}\n${headerLines(headers, escaped)}`, body ?? EMPTY)
}

/**
 * A MESSAGE whose first lines were made before: the fast path, for many messages with the same beginning.
 *
 * @param prefix `MESSAGE\n` and lines of {@link headerLine} for the same version. They come first, so of repeated names they count
 * @param headers name, value …, unescaped; `content-length` is treated as in {@link encodeFrame}
 */
export function encodeMessage(prefix: string, headers: readonly string[], body: Buffer, version: Version): Buffer {
  return join(prefix + headerLines(headers, version), body)
}

/**
 * `name:value\n`, escaped as in every frame of this version but CONNECT and CONNECTED; '' for an empty name (deviation 9). What 1.0
 * cannot express becomes a space (deviation 8): no name or value can end its line.
 */
export function headerLine(name: string, value: string, version: Version): string {
  if (name === '') return ''
  if (version === '1.0') return `${plainName(name)}:${plainValue(value)}\n`
  return `${escapeHeader(name, version)}:${escapeHeader(value, version)}\n`
}

function headerLines(headers: readonly string[], version: Version): string {
  let lines = ''
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index]!
    if (name !== 'content-length') lines += headerLine(name, headers[index + 1]!, version)
  }
  return lines
}

function join(lines: string, body: Buffer): Buffer {
  const head = body.length === 0 ? `${lines}\n` : `${lines}content-length:${body.length}\n\n`
  const headBytes = Buffer.byteLength(head)
  const frame = Buffer.allocUnsafe(headBytes + body.length + 1)
  if (headBytes === head.length) frame.write(head, 'latin1')
  else frame.write(head, 'utf8')
  frame.set(body, headBytes)
  frame[headBytes + body.length] = NUL
  return frame
}
