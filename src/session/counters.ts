/**
 * What sessions count, for metrics: plain numbers that only grow, read when somebody asks. One object per bridge. What is counted for every frame
 * or chunk is an element of a preallocated array. MESSAGEs of routes are counted with their routes (broker/traffic.ts).
 */
import type { SlowPolicy } from '../routing/route.ts'

/** Commands of clients, in the order of `SessionCounters.heard`. */
export const COMMANDS = [
  'CONNECT',
  'STOMP',
  'SEND',
  'SUBSCRIBE',
  'UNSUBSCRIBE',
  'ACK',
  'NACK',
  'BEGIN',
  'COMMIT',
  'ABORT',
  'DISCONNECT',
] as const

export type Command = (typeof COMMANDS)[number]

/** Places in `SessionCounters.said` of what a session says beside the MESSAGEs of its subscriptions. */
export const SAID = { connected: 0, receipt: 1, error: 2, heartbeat: 3, reply: 4 } as const

export type Said = (typeof SAID)[keyof typeof SAID]

/** Times for each policy of a route with slow clients. */
export type SlowCounts = Record<SlowPolicy['kind'], number>

export class SessionCounters {
  /** Wires that were accepted. */
  opened = 0
  /** Frames of clients that came when and as they may, by command. */
  readonly heard = new Float64Array(COMMANDS.length)
  /** Frames to clients, by `SAID`. */
  readonly said = new Float64Array(Object.keys(SAID).length)
  /** 0: bytes read from clients, as the parser gets them · 1: bytes written to those that are gone; the wires of others know theirs. */
  readonly bytes = new Float64Array(2)
  /** Frames to destinations that no route has, with `unmapped: ignore`. */
  ignored = 0
  /** Open at the moment. */
  transactions = 0
  /** Times that a session fell so far behind that its deliveries had to wait, by the policy of the first of them. */
  readonly lags = none()
  /** MESSAGEs left out for clients that read too slowly, those that a newer one replaced included, by policy. */
  readonly drops = none()
  /** Sessions ended because they read too slowly. */
  disconnected = 0

  /** All frames, by direction and command. @param messages MESSAGEs that subscriptions have brought */
  frames(messages: number): (readonly [direction: 'in' | 'out', command: string, count: number])[] {
    const { said } = this
    return [
      ...COMMANDS.map((command, index) => ['in', command, this.heard[index]!] as const),
      ['out', 'CONNECTED', said[SAID.connected]!],
      ['out', 'MESSAGE', said[SAID.reply]! + messages],
      ['out', 'RECEIPT', said[SAID.receipt]!],
      ['out', 'ERROR', said[SAID.error]!],
      ['out', 'heart-beat', said[SAID.heartbeat]!],
    ]
  }

  get lagging(): number {
    return total(this.lags)
  }

  get dropped(): number {
    return total(this.drops)
  }
}

function none(): SlowCounts {
  return { pause: 0, 'drop-oldest': 0, 'drop-newest': 0, conflate: 0, disconnect: 0 }
}

function total(counts: SlowCounts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}
