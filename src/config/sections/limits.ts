/** `limits:`, the bounds of the listener and of one session. 0 is no bound, where the comment says so. */
import { GIB, HOUR, KIB, leaf, MANY, MIB } from '../leaf.ts'
import { duration, integer, orAuto, size, truth } from '../read.ts'

export const limits = {
  dryRun: leaf('false', truth, 'count what is over the limits of connecting and of SEND rates, and let it in'),
  connections: leaf('20000', integer(0, MANY), 'connections at one time; the next one gets 503; 0 = no limit'),
  connectionsPerIp: leaf(
    'auto',
    orAuto(integer(0, MANY)),
    'of one IPv4 address or IPv6 /64, an office or a mobile network; the next gets 429; 0 = no limit; auto = 1000, none on loopback',
  ),
  connectionsPerUser: leaf('0', integer(0, MANY), 'of one user, over all addresses; 0 = no limit'),
  connectRate: leaf('1000', integer(0, MANY), 'new connections in a second; more get 503; 0 = no limit'),
  connectBurst: leaf('5000', integer(1, MANY), 'new connections at once, before connectRate counts'),
  connectRatePerIp: leaf(
    'auto',
    orAuto(integer(0, MANY)),
    'new connections in a second of one address, once connectionsPerIp came at once; 0 = no limit; auto = 100, none on loopback',
  ),
  handshakes: leaf(
    '8192',
    integer(0, MANY),
    'sockets that are not through their handshake; one more drops the oldest; 0 = no limit',
  ),
  handshakeTimeout: leaf('10s', duration(100, HOUR), 'for a TLS handshake, and for the head of a request'),
  frameBytes: leaf('4MiB', size(KIB, GIB), 'body of a frame'),
  headerBytes: leaf('16KiB', size(256, MIB), 'one header line'),
  headerCount: leaf('100', integer(8, 10_000), 'header lines of a frame'),
  connectBytes: leaf('64KiB', size(KIB, MIB), 'a whole frame before CONNECT has succeeded'),
  connectTimeout: leaf('10s', duration(100, HOUR), 'until CONNECT must have succeeded'),
  subscriptions: leaf('1000', integer(1, 1_000_000), 'of one session'),
  unacked: leaf('1000000', integer(1, MANY), 'unacknowledged messages of one session, over all its subscriptions'),
  session: leaf('0', duration(0, 24 * HOUR), 'the longest session, then the client must connect again; 0 = no end'),
  sendRate: leaf('0', integer(0, MANY), 'SENDs a second of one user; over it the user is not read; 0 = no limit'),
  sendBytesRate: leaf('0', size(0, GIB), 'bodies of SENDs a second of one user, the same way; 0 = no limit'),
  sendPatience: leaf(
    '30s',
    duration(0, HOUR),
    'who would have to wait longer, for his own rate or for that of a route, gets ERROR rate-limit',
  ),
  transactions: leaf('16', integer(0, 10_000), 'open at one time in one session'),
  transactionFrames: leaf('1024', integer(1, 1_000_000), 'frames of one transaction'),
  transactionBytes: leaf('4MiB', size(KIB, GIB), 'bodies of one transaction'),
  pendingFrames: leaf('256', integer(1, 1_000_000), 'SENDs waiting for the broker; over it the client is not read'),
  pendingBytes: leaf('1MiB', size(KIB, GIB), 'bodies of those; over it the client is not read'),
  outboundBytes: leaf(
    '1MiB',
    size(64 * KIB, GIB),
    "waiting for one client; over it, it is too slow: see a route's slow",
  ),
  outboundAge: leaf('10s', duration(100, HOUR), 'how long a message may wait for a client that reads too slowly'),
  prefetchAuto: leaf('200', integer(1, 65_535), 'messages under way to a subscription with ack:auto'),
  prefetchClient: leaf('1000', integer(1, 65_535), 'unacknowledged messages of a subscription with ack:client'),
  prefetchBytes: leaf('8MiB', size(KIB, GIB), 'bodies of either'),
  unsubscribeGrace: leaf('10s', duration(0, HOUR), 'how long a message may be acknowledged after UNSUBSCRIBE'),
} as const
