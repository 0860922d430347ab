/**
 * What client and server agree on in the `heart-beat` headers. Arithmetic only: the timers, and how much lateness is forgiven, are
 * session/'s affair.
 */
import { ProtocolError } from './errors.ts'

/** Milliseconds between two signs of life, 0 = none: as an offer, or as what was agreed. */
export interface Heartbeat {
  /** From the server to the client. */
  readonly outgoingMs: number
  /** From the client to the server. */
  readonly incomingMs: number
}

/** The longest period, about eight days: three of them still fit a timer of Node (2^31 - 1 ms). Longer ones are taken for this. */
export const LONGEST_MS = 715_827_882

const FORM = /^([0-9]+),([0-9]+)$/

/**
 * The `heart-beat` header of CONNECT: what the client can send and what it wants to get, in milliseconds, each 0 to {@link LONGEST_MS}.
 *
 * STOMP 1.2, Heart-beating: "the heart-beat header MUST contain two positive integers separated by a comma"; "A missing heart-beat header
 * MUST be treated the same way as a "heart-beat:0,0" header".
 *
 * @throws ProtocolError 'bad-value'
 */
export function parseHeartbeat(value: string | undefined): readonly [number, number] {
  if (value === undefined) return [0, 0]
  const found = FORM.exec(value)
  if (found === null)
    throw new ProtocolError('bad-value', 'heart-beat must be two numbers, as in heart-beat:10000,10000')
  return [Math.min(Number(found[1]), LONGEST_MS), Math.min(Number(found[2]), LONGEST_MS)]
}

/**
 * What both sides keep to, to the millisecond.
 *
 * STOMP 1.2, Heart-beating: "if <cx> is 0 (the client cannot send heart-beats) or <sy> is 0 (the server does not want to receive
 * heart-beats) then there will be none; otherwise, there will be heart-beats every MAX(<cx>,<sy>) milliseconds". The other way likewise.
 *
 * @param client what {@link parseHeartbeat} returned
 * @param server what the server can send and wants to get
 */
export function negotiateHeartbeat(client: readonly [number, number], server: Heartbeat): Heartbeat {
  const [sends, wants] = client
  return { outgoingMs: agree(server.outgoingMs, wants), incomingMs: agree(sends, server.incomingMs) }
}

function agree(sends: number, wants: number): number {
  return sends === 0 || wants === 0 ? 0 : Math.max(sends, wants)
}
