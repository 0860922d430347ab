/**
 * IP addresses as texts: one text for one address, and what counts as one client where something is limited per address. Pure; knows neither
 * sockets nor headers.
 */
import { isIP } from 'node:net'

/** Groups of an IPv6 address that are one subscriber's: RFC 6177 gives an end site a /64 at least, all of whose addresses it may use. */
const SITE_GROUPS = 4
/** `1.2.3.4:5678` and `[2001:db8::1]:5678`, as some proxies write; what is no address is found out by isIP. */
const WITH_PORT = /^(?:\[([^\]]*)\]|([^:[\]]+))(?::\d{1,5})?$/

/**
 * One text for one address: the shortest, an IPv4-mapped IPv6 address as IPv4.
 * @returns undefined for what is none; zone identifiers and ports are left out
 */
export function canonical(text: string): string | undefined {
  const address = isIP(text) === 0 ? portless(text) : text
  if (isIP(address) === 4) return address
  if (isIP(address) !== 6) return undefined
  const bare = address.replace(/%.*$/, '')
  const groups = groupsOf(bare)
  // RFC 4291 §2.5.5.2, IPv4-mapped: 80 bits of 0, 16 bits of 1
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 0xff])
      .join('.')
  }
  return shortest(bare)
}

/**
 * What counts as one client of limits per address: an IPv4 address, or the /64 of an IPv6 address, whose owner has 2^64 of them.
 * @param address in any of its spellings; what is none (a closed socket has '') counts as it is
 */
export function siteOf(address: string): string {
  const known = canonical(address) ?? address
  if (isIP(known) !== 6) return known
  return `${groupsOf(known)
    .slice(0, SITE_GROUPS)
    .map((group) => group.toString(16))
    .join(':')}::/64`
}

function portless(text: string): string {
  const parts = WITH_PORT.exec(text)
  return parts?.[1] ?? parts?.[2] ?? ''
}

/** @param address a valid IPv6 address without zone */
function groupsOf(address: string): number[] {
  const [left = '', right] = shortest(address).split('::')
  const read = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))
  if (right === undefined) return read(left)
  const [before, after] = [read(left), read(right)]
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after]
}

/** RFC 5952; URLs have the one IPv6 serializer that Node shows. An IPv4 tail becomes two groups. */
function shortest(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1)
}
