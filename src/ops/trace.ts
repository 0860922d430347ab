/**
 * What one client, one user or one address says and hears, for as long as an operator has asked for it: frames as lines of JSON, the newest ones
 * in bounded memory. Whose sessions they are, and when it is over, is known to whoever fills it (src/bridge/traces.ts).
 */
import { isUtf8 } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { canonical } from '../broker/address.ts'
import type { Direction } from '../session/tap.ts'
import type { Frame } from '../stomp/frame.ts'
import { OpsError } from './errors.ts'
import { harmless, maskUrl } from './log.ts'
import { isSecretBody, maskedHeaders } from './mask.ts'
import type { Row } from './parts.ts'

/** Whose frames. */
export interface TraceTarget {
  readonly kind: 'connection' | 'user' | 'remote'
  /** The id of a connection, the name of a user, or an IP address in its shortest form. */
  readonly value: string
}

export interface TraceOrder {
  readonly target: TraceTarget
  readonly minutes: number
  /** Bodies are shown, up to BODY_BYTES of each; else only how long they are. */
  readonly bodies: boolean
  /** Of the lines that are kept; the oldest make room. */
  readonly maxFrames: number
  readonly maxBytes: number
}

const BOUNDS = {
  minutes: { least: 1, most: 60, standard: 10 },
  maxFrames: { least: 1, most: 10_000, standard: 1_000 },
  maxBytes: { least: 64 * 1024, most: 16 * 1024 * 1024, standard: 1024 * 1024 },
} as const
const KINDS = ['connection', 'user', 'remote'] as const
const KNOWN: readonly string[] = [...KINDS, ...Object.keys(BOUNDS), 'bodies']
/** Of one body. */
const BODY_BYTES = 16 * 1024

/** @throws OpsError `bad-body` */
export function readOrder(body: Readonly<Record<string, unknown>>): TraceOrder {
  const stranger = Object.keys(body).find((name) => !KNOWN.includes(name))
  if (stranger !== undefined) throw refusal(`no field ${JSON.stringify(stranger.slice(0, 100))}; ${KNOWN.join(', ')}`)
  const kinds = KINDS.filter((kind) => body[kind] !== undefined)
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1) throw refusal('one of connection, user and remote says whose frames')
  const { bodies = false } = body
  if (typeof bodies !== 'boolean') throw refusal('bodies must be true or false')
  return {
    target: { kind, value: targetOf(kind, body[kind]) },
    minutes: numberOf(body, 'minutes'),
    bodies,
    maxFrames: numberOf(body, 'maxFrames'),
    maxBytes: numberOf(body, 'maxBytes'),
  }
}

function targetOf(kind: TraceTarget['kind'], value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.length > 255) {
    throw refusal(`${kind} must be a text of 1 to 255 characters`)
  }
  const known = kind === 'remote' ? canonical(value) : value
  if (known === undefined) throw refusal('remote must be an IP address')
  return known
}

function numberOf(body: Readonly<Record<string, unknown>>, name: keyof typeof BOUNDS): number {
  const { least, most, standard } = BOUNDS[name]
  const value = body[name] ?? standard
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
  throw refusal(`${name} must be a whole number from ${least} to ${most}`)
}

function refusal(rule: string): OpsError {
  return new OpsError('bad-body', rule)
}

/** Who hears lines as they come. None of it throws. */
export interface Follower {
  /** Without its line feed. */
  line(text: string): void
  end(): void
}

export class Trace {
  readonly id = randomBytes(6).toString('hex')
  readonly order: TraceOrder
  readonly #startedAt: number
  readonly #followers = new Set<Follower>()
  #endedAt: number | undefined
  #lines: string[] = []
  /** Lines before it were pushed out. */
  #first = 0
  #bytes = 0
  #frames = 0
  #connections = 0
  #leftOut = 0

  /** @param now milliseconds since 1970 */
  constructor(order: TraceOrder, now: number) {
    this.order = order
    this.#startedAt = now
  }

  get isRunning(): boolean {
    return this.#endedAt === undefined
  }

  /** A connection is looked at from now on. @param room false: it should be, but too many are already */
  joined(room: boolean): void {
    if (room) this.#connections++
    else this.#leftOut++
  }

  /** @param connection its id, as the log has it */
  frame(connection: string, direction: Direction, frame: Frame, now: number): void {
    if (!this.isRunning) return
    const { command, headers, body } = frame
    const at = new Date(now).toISOString()
    const entry = { at, connection, direction, command, headers: maskedHeaders(command, headers) }
    this.#keep(harmless(JSON.stringify({ ...entry, bodyBytes: body.length, ...this.#bodyOf(frame) })))
  }

  /** What it keeps, oldest first, without line feeds. */
  lines(): readonly string[] {
    return this.#lines.slice(this.#first)
  }

  /** `follower` hears every line from now on, and the end; at once when it is over already. @returns stops it */
  follow(follower: Follower): () => void {
    if (this.isRunning) this.#followers.add(follower)
    else follower.end()
    return () => void this.#followers.delete(follower)
  }

  /** Nothing more comes; what there is stays. Idempotent. */
  end(now: number): void {
    if (!this.isRunning) return
    this.#endedAt = now
    for (const follower of this.#followers) follower.end()
    this.#followers.clear()
  }

  /** For the list of traces. */
  row(): Row {
    const { target, minutes, bodies } = this.order
    const endsAt = this.#endedAt ?? this.#startedAt + minutes * 60_000
    return {
      id: this.id,
      [target.kind]: target.value,
      state: this.isRunning ? 'running' : 'ended',
      startedAt: new Date(this.#startedAt).toISOString(),
      endsAt: new Date(endsAt).toISOString(),
      bodies,
      connections: this.#connections,
      connectionsLeftOut: this.#leftOut,
      frames: this.#frames,
      framesDropped: this.#frames - (this.#lines.length - this.#first),
    }
  }

  #bodyOf({ command, headers, body }: Frame): Row {
    if (!this.order.bodies || body.length === 0) return {}
    if (isSecretBody(command, headers)) return { body: '***' }
    const shown = body.subarray(0, BODY_BYTES)
    const cut = shown.length < body.length ? { bodyCut: true } : {}
    // Cut within a character it is still text.
    return isUtf8(body) ? { body: maskUrl(shown.toString()), ...cut } : { bodyBase64: shown.toString('base64'), ...cut }
  }

  #keep(line: string): void {
    const { maxFrames, maxBytes } = this.order
    this.#frames++
    this.#lines.push(line)
    this.#bytes += line.length
    while (
      this.#lines.length - this.#first > 1 &&
      (this.#lines.length - this.#first > maxFrames || this.#bytes > maxBytes)
    ) {
      this.#bytes -= this.#lines[this.#first]!.length
      this.#lines[this.#first++] = ''
    }
    if (this.#first > maxFrames) {
      this.#lines = this.#lines.slice(this.#first)
      this.#first = 0
    }
    for (const follower of this.#followers) follower.line(line)
  }
}
