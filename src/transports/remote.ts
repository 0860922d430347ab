/**
 * Who is at the other end of a request: the client's address, the host it asked for, and whether it is known to speak TLS. Behind a reverse
 * proxy that is what the proxy says, and what anybody else says about himself is nothing.
 *
 * X-Forwarded-For grows to the right: each proxy appends the address it was called from. So only the right end is to be believed, and only
 * as far as the hops are proxies that the operator has named.
 */
import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'
import { canonical } from '../broker/address.ts'

export interface Peer {
  /** The client's IP address in its shortest form, an IPv4-mapped IPv6 one as IPv4; '' when the socket is closed already. */
  readonly remote: string
  /** Name and port that the client has asked for: Host, or what a trusted proxy says it was. */
  readonly host: string | undefined
  /** The client surely speaks TLS: with us, or, as a trusted proxy says, with it. False when that is not known. */
  readonly secure: boolean
}

/**
 * The proxies that an operator trusts.
 * @param networks `10.0.0.0/8`, `2001:db8::/32`, single addresses, and `loopback` for 127.0.0.0/8 and ::1
 * @throws Node's ERR_INVALID_ADDRESS or ERR_OUT_OF_RANGE: config/ has checked them
 */
export function trusting(networks: readonly string[]): (request: IncomingMessage, tls: boolean) => Peer {
  const list = new BlockList()
  for (const network of networks.flatMap((each) => (each === 'loopback' ? ['127.0.0.0/8', '::1'] : [each]))) {
    const [address = '', bits] = network.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    list.addSubnet(address, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family)
  }
  const isTrusted = (address: string): boolean => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  return (request, tls) => peerOf(request, tls, isTrusted)
}

function peerOf(request: IncomingMessage, tls: boolean, isTrusted: (address: string) => boolean): Peer {
  const { headers, socket } = request
  const nearest = canonical(socket.remoteAddress ?? '') ?? ''
  if (nearest === '' || !isTrusted(nearest)) return { remote: nearest, host: headers.host, secure: tls }
  return {
    remote: client(headers['x-forwarded-for'], nearest, isTrusted),
    host: last(headers['x-forwarded-host']) ?? headers.host,
    secure: tls || /^(?:https|wss)$/i.test(last(headers['x-forwarded-proto']) ?? ''),
  }
}

/** From the right, until a hop is nobody's proxy; at what is no address (`unknown`, a name, an attempt) the last hop that was one. */
function client(forwarded: string | string[] | undefined, nearest: string, trusts: (hop: string) => boolean): string {
  let hop = nearest
  for (const entry of String(forwarded ?? '')
    .split(',')
    .reverse()) {
    const earlier = canonical(entry.trim())
    if (earlier === undefined) return hop
    hop = earlier
    if (!trusts(hop)) return hop
  }
  return hop
}

/** Of a list the entry of the nearest proxy, for the same reason. */
function last(header: string | string[] | undefined): string | undefined {
  const text = String(header ?? '')
    .split(',')
    .at(-1)
    ?.trim()
  return text === '' ? undefined : text
}

/** Only programs of this machine. */
export function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}
