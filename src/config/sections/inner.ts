/**
 * `user:` and `events:`, what the bridge serves beside the routes: messages to users, and what happens to sessions; and `unmapped:`, what becomes of
 * the rest.
 */
import { HOUR, leaf, MANY, MIB, SECOND } from '../leaf.ts'
import { duration, integer, list, oneOf, size, text } from '../read.ts'

const broker = text(/^[^\s]*$/, 'a name from brokers:')
const who = list(
  /^(?:anyone|authenticated|nobody|(?:user|role):.+)$/,
  'anyone, authenticated, nobody, user:NAME or role:NAME',
)

export const user = {
  broker: leaf('', broker, 'where messages to users travel, a rabbitmq or memory broker; empty = /user is closed'),
  absent: leaf(
    'ignore',
    oneOf('ignore', 'error'),
    'error: a SEND to a user who has not subscribed is ERROR user-absent',
  ),
  permit: {
    send: leaf('nobody', who, 'who may SEND to /user/{name}/…: anyone, authenticated, nobody, user:NAME, role:NAME'),
    subscribe: leaf('anyone', who, 'who may SUBSCRIBE to his own /user/…; without a name a session is its own user'),
  },
  errors: leaf('close', oneOf('close', 'keep'), 'as of a route, and so the next three'),
  onGap: leaf('mark', oneOf('mark', 'close'), 'mark, or close'),
  identity: leaf('backend', oneOf('backend', 'public', 'off'), 'who sees stomp-user and stomp-session'),
  hold: leaf('30s', duration(0, 24 * HOUR), 'how long SEND and SUBSCRIBE wait for a broker that is away'),
} as const

export const events = {
  broker: leaf('', broker, 'where events of sessions go, to /topic/bridge.sessions; empty = nowhere'),
  permit: {
    subscribe: leaf('nobody', who, 'who may SUBSCRIBE to /topic/bridge.sessions'),
  },
  alive: leaf('10s', duration(SECOND, HOUR), 'how often the bridge says that it lives, and with how many sessions'),
  queue: leaf(
    '10000',
    integer(1, MANY),
    'events that wait for the broker, and for the hook; more are dropped, and counted',
  ),
  http: {
    url: leaf(
      '',
      text(/^(?:https?:\/\/[^\s/?#@]+(?:[/?#][^\s]*)?)?$/, 'an http or https URL without a login'),
      'gets events by POST; empty = none does',
    ),
    token: leaf('', text(/^[^\s]*$/, 'a bearer token'), 'shown as a bearer token'),
    timeout: leaf('5s', duration(100, HOUR), 'for one answer'),
    retries: leaf('5', integer(0, 1_000), 'after no answer, 429 or 5xx; the wait doubles from 1s to 30s'),
    batchBytes: leaf('256KiB', size(1024, 16 * MIB), 'of one POST, which holds what has come since the last one'),
  },
} as const

export const unmapped = leaf(
  'error',
  oneOf('error', 'ignore'),
  'a SEND or SUBSCRIBE that no route has: error (no-route), or ignore it as Spring does; one with a receipt is always answered',
)
