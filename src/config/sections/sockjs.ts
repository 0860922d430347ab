/** `listen.sockjs:` of a configuration, and what it becomes for the program. */
import { HOUR, KIB, leaf, MIB, SECOND, type Values } from '../leaf.ts'
import { duration, size, text, truth } from '../read.ts'

export const sockjs = {
  path: leaf(
    '',
    text(/^(?:\/[^\s?#]*[^\s?#/])?$/, 'a path that begins with / and does not end with it, or nothing'),
    "where sockjs-client connects, as to a Spring endpoint with withSockJS(); may be websocket's path; empty = nowhere",
  ),
  websocket: leaf('true', truth, 'WebSockets below it; false leaves the fallbacks over HTTP'),
  heartbeat: leaf(
    '25s',
    duration(0, HOUR),
    'of silence before an h frame, where STOMP itself sends no heart-beats; 0 = never',
  ),
  disconnectDelay: leaf(
    '5s',
    duration(100, 60 * SECOND),
    'without a request that could carry messages, then the client is gone',
  ),
  streamBytes: leaf(
    '128KiB',
    size(4 * KIB, 64 * MIB),
    'of one response, then the client asks for the next: it keeps all of it in memory',
  ),
  sticky: leaf('true', truth, 'sets the cookie JSESSIONID, by which load balancers keep a client here'),
  clientUrl: leaf(
    'https://cdn.jsdelivr.net/npm/sockjs-client@1.6.1/dist/sockjs.min.js',
    text(/^(?:(?:https?:\/)?\/[^\s"<>]*)?$/, 'a URL, or nothing'),
    'sockjs-client for its iframe page, in the version that your pages load; empty = no such page',
  ),
} as const

export interface SockjsConfig {
  readonly path: string
  readonly websocket: boolean
  readonly heartbeatMs: number
  readonly disconnectDelayMs: number
  readonly streamBytes: number
  readonly sticky: boolean
  readonly clientUrl: string
}

/** @returns undefined: there is none */
export function toSockjs({ heartbeat, disconnectDelay, ...sameName }: Values<typeof sockjs>): SockjsConfig | undefined {
  if (sameName.path === '') return undefined
  return { ...sameName, heartbeatMs: heartbeat, disconnectDelayMs: disconnectDelay }
}
